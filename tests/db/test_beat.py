"""The sign of life: one row a process, at most every two seconds, and no death by it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from capstan.db.beat import Beat
from capstan.db.models import ProcessBeat

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
def test_the_row_is_rewritten_at_most_every_two_seconds() -> None:
    beat = Beat("meter")
    assert beat.tick(NOW, {"lag_seconds": 0.5})
    assert not beat.tick(NOW + timedelta(seconds=1.9), {"lag_seconds": 9})
    assert beat.tick(NOW + timedelta(seconds=2), {"lag_seconds": 0.25})
    row = ProcessBeat.objects.get()
    assert (row.kind, row.started_at, row.beat_at) == ("meter", NOW, NOW + timedelta(seconds=2))
    assert row.figures == {"lag_seconds": 0.25}
    beat.stop()
    assert not ProcessBeat.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_living_processes_of_a_kind_are_counted() -> None:
    beat = Beat("worker")
    for kind, pid, age in (("worker", 1, 3), ("worker", 2, 60), ("meter", 3, 3)):
        at = NOW - timedelta(seconds=age)
        ProcessBeat.objects.create(kind=kind, host="192.0.2.7", pid=pid, started_at=at, beat_at=at)
    beat.tick(NOW, {})
    assert beat.peers(NOW) == 2
    beat.stop()


@pytest.mark.django_db(transaction=True)
def test_a_clock_set_back_does_not_silence_it() -> None:
    beat = Beat("meter")
    assert beat.tick(NOW, {})
    assert beat.tick(NOW - timedelta(hours=1), {})
    beat.stop()


@pytest.mark.django_db(transaction=True)
def test_rows_of_processes_killed_long_ago_go_but_recent_ones_stay() -> None:
    for pid, age in ((1, timedelta(days=2)), (2, timedelta(minutes=5))):
        ProcessBeat.objects.create(
            kind="meter", host="192.0.2.7", pid=pid, started_at=NOW - age, beat_at=NOW - age
        )
    beat = Beat("meter")
    beat.tick(NOW, {})
    assert set(ProcessBeat.objects.filter(host="192.0.2.7").values_list("pid", flat=True)) == {2}
    beat.stop()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    beat = Beat("radius")
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "/nonexistent")
        assert not beat.tick(NOW, {})
        beat.stop()
    assert beat.tick(NOW + timedelta(seconds=3), {})
    beat.stop()
