"""Following a line after its top-up: what its sessions say, and when to look again."""

from datetime import UTC, datetime, timedelta

import pytest

from capstan.topups.rules.follow import (
    GIVE_UP_AFTER,
    LATE_AFTER,
    Followed,
    SessionFacts,
    follow,
    next_look,
)
from capstan.topups.rules.words import Restore

GRANTED = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return GRANTED + timedelta(seconds=seconds)


def session(
    *, right: bool = True, confirmed: float | None = 1, seen: float = 0, before: float | None = None
) -> SessionFacts:
    """A session; times are seconds after the grant."""
    confirmed_at = None if confirmed is None else at(confirmed)
    return SessionFacts(right, confirmed_at, at(seen if before is None else -before))


def look(
    restore: Restore, *sessions: SessionFacts, confirmed: float | None = None, now: float = 2
) -> Followed:
    confirmed_at = None if confirmed is None else at(confirmed)
    return follow(restore, GRANTED, confirmed_at, list(sessions), at(now))


def test_it_is_confirmed_when_its_router_is_and_proved_by_a_packet_after_that() -> None:
    assert look(Restore.PENDING, session(right=False)) == Followed(Restore.PENDING, None, None)
    assert look(Restore.PENDING, session(confirmed=1, seen=0)) == Followed(Restore.DONE, at(1), None)
    assert look(Restore.PENDING, session(confirmed=1, seen=1)) == Followed(Restore.DONE, at(1), None)
    assert look(Restore.PENDING, session(confirmed=1, seen=1.5)) == Followed(Restore.DONE, at(1), at(1.5))


def test_of_several_sessions_the_last_to_get_its_access_counts_and_the_first_packet_proves() -> None:
    one, two = session(confirmed=1, seen=9), session(confirmed=3, seen=5)
    assert look(Restore.PENDING, one, session(right=False), now=10).confirmed_at is None
    assert look(Restore.PENDING, one, two, now=10) == Followed(Restore.DONE, at(3), at(5))


def test_an_access_that_it_had_before_the_grant_is_confirmed_at_the_grant() -> None:
    assert look(Restore.PENDING, session(confirmed=-50, seen=3)) == Followed(Restore.DONE, at(0), at(3))


def test_a_line_that_was_open_is_proved_by_its_next_packet() -> None:
    assert look(Restore.ALREADY_OPEN) == Followed(Restore.ALREADY_OPEN, at(0), None)
    assert look(Restore.ALREADY_OPEN, session(confirmed=-50, before=3)).proved_at is None
    assert look(Restore.ALREADY_OPEN, session(confirmed=-50, seen=4)).proved_at == at(4)


@pytest.mark.parametrize(("came", "restore"), [(8, Restore.DONE), (59, Restore.DONE), (60, Restore.AT_LOGIN)])
def test_who_was_away_and_logs_in_later_was_not_waited_for(came: int, restore: Restore) -> None:
    away = look(Restore.NEXT_LOGIN, now=came - 1)
    assert away == Followed(Restore.NEXT_LOGIN, None, None)
    assert look(Restore.NEXT_LOGIN, session(confirmed=came, seen=came), now=came) == Followed(
        restore, at(came), None
    )


def test_after_a_minute_it_is_late_and_after_that_it_may_still_come_back() -> None:
    wrong = session(right=False)
    late = LATE_AFTER.total_seconds()
    assert look(Restore.PENDING, wrong, now=late - 0.1).restore == Restore.PENDING
    assert look(Restore.PENDING, wrong, now=late).restore == Restore.LATE
    assert look(Restore.NEXT_LOGIN, wrong, now=late).restore == Restore.LATE
    assert look(Restore.LATE, session(confirmed=200), now=201).restore == Restore.DONE


def test_the_session_that_was_confirmed_has_gone_and_the_next_one_proves() -> None:
    assert look(Restore.DONE, confirmed=1) == Followed(Restore.DONE, at(1), None)
    assert look(Restore.DONE, session(confirmed=7, seen=8), confirmed=1) == Followed(
        Restore.DONE, at(1), at(8)
    )


def test_it_is_looked_at_often_at_first_then_less_and_at_last_not_at_all() -> None:
    looks, now = 0, GRANTED
    waits = []
    while (following := next_look(GRANTED, now)) is not None:
        waits.append(following - now)
        looks, now = looks + 1, following
    assert waits == sorted(waits)
    assert waits[0] <= timedelta(milliseconds=250)
    assert GIVE_UP_AFTER <= now - GRANTED < GIVE_UP_AFTER + timedelta(hours=1)
    assert looks < 2_500
