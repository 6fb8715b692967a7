"""What is said of a top-up until its line is back, and from when its time counts."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from capstan.topups.rules.describe import Facts, progress
from capstan.topups.rules.follow import SessionFacts, follow
from capstan.topups.rules.words import OrderState, Restore
from capstan.values.data import Units
from capstan.values.formats import Formats

FORMATS = Formats("en_ZA", "ZAR", ZoneInfo("Africa/Johannesburg"), Units.DECIMAL)
ORDERED = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)


def facts(restore: Restore | None, *, waited: float = 0, confirmed: float | None = None) -> Facts:
    """An order that was added after so many seconds, and confirmed so many after that."""
    added = ORDERED + timedelta(seconds=waited)
    back = None if confirmed is None else added + timedelta(seconds=confirmed)
    state = OrderState.GRANTED if back is None else OrderState.CONFIRMED
    return Facts(state, restore, ORDERED, added, back, None, "", None)


SAID = [
    (facts(Restore.PENDING), 1, "Added – restoring the line"),
    (facts(Restore.PENDING), 30, "Added – the line isn't back yet"),
    (facts(Restore.NEXT_LOGIN), 300, "Added – the line comes up at its next login"),
    (facts(Restore.ALREADY_OPEN), 1, "Added – the line was online all along"),
    (facts(Restore.DONE, confirmed=1.24), 2, "Back online – 1.2 s"),
    (facts(Restore.DONE, confirmed=75), 80, "Back online – 75 s"),
    (facts(Restore.AT_LOGIN, confirmed=7200), 7300, "Online again since its next login"),
]


@pytest.mark.parametrize(("known", "after", "headline"), SAID)
def test_what_is_said(known: Facts, after: float, headline: str) -> None:
    assert progress(known, ORDERED + timedelta(seconds=after), FORMATS).headline == headline


def test_what_an_order_waited_for_its_authorisation_is_not_the_lines_time() -> None:
    shown = progress(facts(Restore.DONE, waited=3600, confirmed=1.5), ORDERED + timedelta(hours=2), FORMATS)
    assert (shown.headline, shown.seconds) == ("Back online – 1.5 s", 1.5)


def session(confirmed_after: float | None) -> SessionFacts:
    at = None if confirmed_after is None else ORDERED + timedelta(seconds=confirmed_after)
    return SessionFacts(at is not None, at, ORDERED)


FOLLOWED = [
    # how it was when the data was added, sessions, what it is then
    (Restore.PENDING, [session(2)], Restore.DONE),
    (Restore.LATE, [session(90)], Restore.DONE),
    (Restore.NEXT_LOGIN, [], Restore.NEXT_LOGIN),
    (Restore.NEXT_LOGIN, [session(3600)], Restore.AT_LOGIN),
    (Restore.NEXT_LOGIN, [session(1.1)], Restore.DONE),  # its router redials by itself
    (Restore.ALREADY_OPEN, [], Restore.ALREADY_OPEN),
]


@pytest.mark.parametrize(("before", "sessions", "then"), FOLLOWED)
def test_a_line_that_waited_for_its_customer_is_told_apart(
    before: Restore, sessions: list[SessionFacts], then: Restore
) -> None:
    found = follow(before, ORDERED, None, sessions, ORDERED + timedelta(hours=1))
    assert found.restore == then
    later = follow(found.restore, ORDERED, found.confirmed_at, sessions, ORDERED + timedelta(hours=2))
    assert later.restore == then
