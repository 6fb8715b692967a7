"""The meter process's own loop."""

from threading import Event
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from capstan.caps.actions import meter
from capstan.caps.actions.fold import FoldResult


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_is_taken_again_at_once_and_not_called_an_absent_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop, steps = Event(), []

    def step(*_: Any, **__: Any) -> FoldResult:
        steps.append(1)
        if len(steps) == 1:
            raise psycopg.errors.DeadlockDetected("deadlock detected")
        stop.set()
        return FoldResult()

    monkeypatch.setattr(meter, "fold_step", step)
    with capture_logs() as logs:
        meter.Meter(stop).run()
    assert len(steps) == 2
    assert [one["event"] for one in logs] == ["this step met another writer and is taken again"]
