"""What is old goes, with all that belongs to it; what isn't stays."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from psycopg.errors import LockNotAvailable

from capstan.caps.models import Bucket, BucketTally, Cap, Drawdown, SessionMark
from capstan.db.connection import connect
from capstan.metering.actions.packet_log import drop_streams, open_stream
from capstan.metering.models import Fault, MeterPosition, Quarantine, RadiusSession, Stream
from capstan.metering.rules.state import CAUSE_SILENT
from capstan.network.models import Command, LoginFailure, SessionAccess
from capstan.values import clock
from capstan.worker.steps import housekeeping
from tests.network.enforce.lab import START, WALLED, Provider, close

pytestmark = pytest.mark.django_db(transaction=True)

NOW = clock.now()


@pytest.fixture
def provider(transactional_db: None) -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


def step(name: str) -> Callable[[datetime], int]:
    return next(step.do for step in housekeeping() if step.name == name)


def told(provider: Provider) -> RadiusSession:
    """An ended session that got a command, drew from a bucket and left a fault behind."""
    service = provider.service()
    session = provider.session(service, provider.router(), got=WALLED)
    provider.wake(service)
    provider.settle()
    bucket = Bucket.objects.filter(service=service).first()
    Drawdown.objects.create(service=service, session=session, bucket=bucket, cycle_start=START, bytes=5)
    SessionMark.objects.create(session=session, service=service, bytes_up=0, bytes_down=5)
    Fault.objects.create(
        kind="rate", nas=session.nas, session=session, first_at=START, last_at=START, detail="too fast"
    )
    close(session, provider.now)
    Cap.objects.update(sessions_from=session.pk + 1)
    return session


def test_an_old_session_goes_with_all_that_belongs_to_it(provider: Provider) -> None:
    old = told(provider)
    live = provider.session(old.service, old.nas, got=WALLED)  # type: ignore[arg-type]
    assert Command.objects.filter(session=old).exists()
    do = step("retention of sessions")
    do(provider.now + timedelta(days=1099))
    assert RadiusSession.objects.count() == 2
    do(provider.now + timedelta(days=1101))
    assert list(RadiusSession.objects.values_list("pk", flat=True)) == [live.pk]
    for model in (Command, SessionAccess, Drawdown, SessionMark, Fault):
        assert not model.objects.exists(), model
    assert Bucket.objects.count() == BucketTally.objects.count() == 1


def test_the_access_of_an_ended_session_is_forgotten_after_a_day(provider: Provider) -> None:
    ended = told(provider)
    live = provider.session(ended.service, ended.nas, got=WALLED)  # type: ignore[arg-type]
    provider.wake(ended.service)  # type: ignore[arg-type]
    provider.settle()
    assert SessionAccess.objects.count() == 2
    do = step("retention")
    do(provider.now + timedelta(hours=23))
    assert SessionAccess.objects.count() == 2
    do(provider.now + timedelta(hours=25))
    assert SessionAccess.objects.get().session_id == live.pk
    assert Command.objects.filter(session=ended).exists()


def test_a_session_that_was_closed_for_silence_keeps_what_it_was_told(provider: Provider) -> None:
    silent = told(provider)
    RadiusSession.objects.update(terminate_cause=CAUSE_SILENT)
    step("retention")(provider.now + timedelta(days=30))
    assert SessionAccess.objects.get().session_id == silent.pk


def test_a_session_whose_bytes_are_not_attributed_yet_stays(provider: Provider) -> None:
    old = told(provider)
    Cap.objects.update(sessions_from=old.pk)
    do = step("retention of sessions")
    do(provider.now + timedelta(days=1101))
    assert RadiusSession.objects.filter(pk=old.pk).exists()
    Cap.objects.update(sessions_from=old.pk + 1)
    do(provider.now + timedelta(days=1101))
    assert not RadiusSession.objects.exists()


def test_sessions_behind_long_lived_ones_are_found(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capstan.worker.steps._SESSIONS_AT_ONCE", 2)
    service, nas = provider.service(), provider.router()
    long_lived = [provider.session(service, nas) for _ in range(5)]
    ended = provider.session(service, nas)
    close(ended, provider.now)
    Cap.objects.update(sessions_from=ended.pk + 1)
    do = step("retention of sessions")
    while do(provider.now + timedelta(days=1101)):
        pass
    assert set(RadiusSession.objects.all()) == set(long_lived)


def test_old_refusals_make_room(provider: Provider) -> None:
    for age, name in ((91, "old"), (89, "new")):
        at = NOW - timedelta(days=age)
        Quarantine.objects.create(
            source=name, port="accounting", reason="x", first_at=at, last_at=at, sample=b""
        )
        LoginFailure.objects.create(username=name, reason="x", hour=1, first_at=at, last_at=at)
    step("retention")(NOW)
    assert Quarantine.objects.get().source == "new"
    assert LoginFailure.objects.get().username == "new"


def test_only_drained_streams_without_rows_go(transactional_db: None) -> None:
    with connect() as conn:
        drained, closed = (open_stream(conn, writer=name, now=START) for name in ("drained", "closed"))
        for stream, is_drained in ((drained, True), (closed, False)):
            stream.close(now=START)
            MeterPosition.objects.create(stream_id=stream.stream_id, day=START.date(), drained=is_drained)
        assert drop_streams(conn, now=START + timedelta(days=91), keep_days=90) == 0
        assert drop_streams(conn, now=START + timedelta(days=93), keep_days=90) == 1
    assert Stream.objects.get().writer == "closed"


def test_a_locked_table_is_no_database_that_is_away(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object, **__: object) -> list[str]:
        raise LockNotAvailable

    locked.__name__ = "ensure_months"
    monkeypatch.setattr("capstan.worker.steps.ensure_months", locked)
    assert step("partitions ahead")(NOW) >= 0
