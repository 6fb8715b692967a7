"""When to look again whether a line is back after a top-up, and what to say about it. Free of storage."""

from datetime import datetime, timedelta
from typing import NamedTuple

from capstan.topups.rules.words import Restore

LATE_AFTER = timedelta(seconds=60)
"""A line that isn't back by then needs a person, and its customer a second message."""

GIVE_UP_AFTER = timedelta(days=7)

_PACES = (
    (timedelta(seconds=5), timedelta(milliseconds=250)),
    (timedelta(minutes=2), timedelta(seconds=1)),
    (timedelta(minutes=30), timedelta(seconds=5)),
    (timedelta(hours=6), timedelta(seconds=60)),
)


class SessionFacts(NamedTuple):
    """A live session of the line beside what it should have."""

    has_right_access: bool
    confirmed_at: datetime | None
    last_seen_at: datetime


class Followed(NamedTuple):
    """Where an order's line is."""

    restore: Restore
    confirmed_at: datetime | None
    proved_at: datetime | None


def follow(
    restore: Restore,
    granted_at: datetime,
    confirmed_at: datetime | None,
    sessions: list[SessionFacts],
    now: datetime,
) -> Followed:
    """Where the line is now. `sessions` are its live ones on routers that are acted upon.

    Confirmed is when the last of them got its right access; proved is a packet of one of them after that.
    """
    right = [one for one in sessions if one.has_right_access and one.confirmed_at is not None]
    if confirmed_at is None:
        if restore == Restore.ALREADY_OPEN:
            confirmed_at = granted_at
        elif sessions and len(right) == len(sessions):
            confirmed_at = max(granted_at, *(one.confirmed_at for one in right if one.confirmed_at))
    if confirmed_at is not None:
        seen = [one.last_seen_at for one in right if one.last_seen_at > confirmed_at]
        return Followed(_done(restore, granted_at, confirmed_at), confirmed_at, min(seen, default=None))
    if restore == Restore.NEXT_LOGIN and not sessions:
        return Followed(Restore.NEXT_LOGIN, None, None)
    is_late = now - granted_at >= LATE_AFTER
    return Followed(Restore.LATE if is_late else Restore.PENDING, None, None)


def _done(restore: Restore, granted_at: datetime, confirmed_at: datetime) -> Restore:
    """A router that redials by itself is back as soon as it may; who switches it on an hour later wasn't waited for."""
    if restore == Restore.ALREADY_OPEN:
        return restore
    was_away = restore in (Restore.NEXT_LOGIN, Restore.AT_LOGIN) and confirmed_at - granted_at >= LATE_AFTER
    return Restore.AT_LOGIN if was_away else Restore.DONE


def next_look(granted_at: datetime, now: datetime) -> datetime | None:
    """When to look again: soon at first, then less and less often; None: never again."""
    age = now - granted_at
    if age >= GIVE_UP_AFTER:
        return None
    pace = next((pace for until, pace in _PACES if age < until), timedelta(minutes=10))
    return now + pace
