"""Quota: the slice of what is left that a session is lent, so that the router cuts at the byte and not an interim
later.

A limit is session-absolute: what the router has already counted in the session, plus the slice. As the session moves
bytes, its slice and what is left shrink together, so a right limit stays right until something else changes: a grant,
a new cycle, another session, a bucket that expires.

Rules, in the order they are asked:

- only where the cap cuts the line (blocks or walls it): a throttle is a CoA without a drop, an open line is never cut;
- only on routers that we act upon, that can be told a limit and whose counters don't wrap;
- none in a free window or within `WINDOW_MARGIN_SECONDS` of a boundary where one could start;
- only when the line could reach the cap before its next boundary at line rate;
- where no CoA can raise the limit again, only within `NEAR_CAP_INTERVALS` interims of the cap, as every grant then
  costs a new login;
- never less than `CAPPED_BELOW`: below that a line counts as capped, and a limit of 0 would mean none.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from capstan.caps.rules.cap import CAPPED_BELOW
from capstan.catalog.rules import Counting

WINDOW_MARGIN_SECONDS = 900
NEAR_CAP_INTERVALS = 4

# What a line of unknown speed is taken to move: the common uplink of an access router.
_UNKNOWN_RATE_KBPS = 10_000_000


class Quota(NamedTuple):
    """Byte limits from the session's start; None: that direction is not limited. See `quota_of`."""

    bytes_total: int | None
    bytes_up: int | None
    bytes_down: int | None


class Budget(NamedTuple):
    """What a service has left and when that changes by itself."""

    remaining_bytes: int | None  # in buckets that may be drawn now; None: uncapped
    cuts: bool  # at the cap the line is blocked or walled
    counting: Counting
    free_now: bool  # a free window: nothing counts
    has_free_windows: bool
    seconds_to_boundary: int
    rate_up_kbps: int | None
    rate_down_kbps: int | None


class Router(NamedTuple):
    """What a session's router lets us do."""

    acted_upon: bool  # registered and not observe-only
    can_limit: bool
    can_raise: bool  # by CoA, for this counting rule
    lacks_gigawords: bool
    interim_seconds: int


class OpenSession(NamedTuple):
    """A live session as quota sees it. `counted_bytes` is the router's own counter in the counted direction."""

    router: Router
    counted_bytes: int
    limit_bytes: int | None  # what the router was told last; None: no limit


class Way(StrEnum):
    """How a session gets to its quota."""

    KEEP = "keep"
    COA = "coa"
    LOGIN = "login"  # only a new login can lift the limit it has


class Lent(NamedTuple):
    limit_bytes: int | None
    way: Way


def quota_of(counting: Counting, limit_bytes: int | None) -> Quota | None:
    """The limit put on the direction that uses up data."""
    if limit_bytes is None:
        return None
    return Quota(
        bytes_total=limit_bytes if counting == Counting.BOTH else None,
        bytes_up=limit_bytes if counting == Counting.UP else None,
        bytes_down=limit_bytes if counting == Counting.DOWN else None,
    )


def counted_bytes(counting: Counting, bytes_up: int, bytes_down: int) -> int:
    """A session's router counters, as far as this rule counts them."""
    return (0 if counting == Counting.DOWN else bytes_up) + (0 if counting == Counting.UP else bytes_down)


def login_quota(budget: Budget, router: Router, *, lent_bytes: int, shared: bool) -> int | None:
    """The limit for a session that is about to begin, or None.

    `lent_bytes` is the sum of the open slices of the service's other sessions that may go on; `shared` says that more
    sessions may follow. Then only half of what is unlent is given away; enforcement evens it out afterwards.
    """
    if not _wanted(budget, router):
        return None
    assert budget.remaining_bytes is not None
    unlent = budget.remaining_bytes - lent_bytes
    if unlent < CAPPED_BELOW:
        return None
    return max(unlent // 2, CAPPED_BELOW) if shared else unlent


def desired_quota(budget: Budget, sessions: Sequence[OpenSession]) -> list[Lent]:
    """What each live session of a service should be limited to, in the order given.

    All or none: when one of them can't be limited, the remainder can be used up behind the others' backs and limits
    would have to be lowered all the time. The sum of the open slices never exceeds what is left.
    """
    if not sessions:
        return []
    if all(session.router.can_raise for session in sessions):
        return _by_coa(budget, sessions)
    return [_by_login(budget, session, len(sessions)) for session in sessions]


def _by_coa(budget: Budget, sessions: Sequence[OpenSession]) -> list[Lent]:
    limited = all(session.limit_bytes is not None for session in sessions)
    if limited and _may_be_limited(budget) and _still_right(budget, sessions):
        return [Lent(session.limit_bytes, Way.KEEP) for session in sessions]
    if not all(_wanted(budget, session.router) for session in sessions):
        return [_move(session, None) for session in sessions]
    assert budget.remaining_bytes is not None
    share = budget.remaining_bytes // len(sessions)
    if share < CAPPED_BELOW:
        return [_move(session, None) for session in sessions]
    return [_move(session, session.counted_bytes + share) for session in sessions]


def _move(session: OpenSession, limit_bytes: int | None) -> Lent:
    return Lent(limit_bytes, Way.KEEP if limit_bytes == session.limit_bytes else Way.COA)


def _by_login(budget: Budget, session: OpenSession, sharers: int) -> Lent:
    """A limit that no CoA changes: kept unless it would cut the line although there is data left for it.

    One that is too high is kept as well: the meter finds the cap an interim later, which is better than a drop now.
    """
    if session.limit_bytes is None:
        return Lent(None, Way.KEEP)
    if session.router.can_raise:
        return Lent(None, Way.COA)
    slice_bytes = max(session.limit_bytes - session.counted_bytes, 0)
    if _may_be_limited(budget) and slice_bytes >= _thinnest(budget, sharers):
        return Lent(session.limit_bytes, Way.KEEP)
    return Lent(None, Way.LOGIN)


def _still_right(budget: Budget, sessions: Sequence[OpenSession]) -> bool:
    """Whether the limits as they are lend what is left, no more, and nobody's slice has become too thin."""
    assert budget.remaining_bytes is not None
    slices = [max((session.limit_bytes or 0) - session.counted_bytes, 0) for session in sessions]
    missing = budget.remaining_bytes - sum(slices)
    return 0 <= missing < CAPPED_BELOW and min(slices) >= _thinnest(budget, len(sessions))


def _thinnest(budget: Budget, sharers: int) -> int:
    """The smallest slice that is left as it is: sharers may drift to half of a fair share before it is evened out."""
    assert budget.remaining_bytes is not None
    fair = budget.remaining_bytes // sharers
    return fair - CAPPED_BELOW if sharers == 1 else min(fair // 2, fair - CAPPED_BELOW)


def _wanted(budget: Budget, router: Router) -> bool:
    """Whether a session on this router should have a limit at all."""
    if not (
        router.acted_upon and router.can_limit and not router.lacks_gigawords and _may_be_limited(budget)
    ):
        return False
    assert budget.remaining_bytes is not None
    horizon = budget.seconds_to_boundary
    if not router.can_raise:
        horizon = min(horizon, NEAR_CAP_INTERVALS * router.interim_seconds)
    return budget.remaining_bytes <= horizon * _bytes_per_second(budget)


def _may_be_limited(budget: Budget) -> bool:
    if budget.remaining_bytes is None or not budget.cuts or budget.remaining_bytes < CAPPED_BELOW:
        return False
    near_window = budget.has_free_windows and budget.seconds_to_boundary <= WINDOW_MARGIN_SECONDS
    return not budget.free_now and not near_window


def _bytes_per_second(budget: Budget) -> int:
    up = _UNKNOWN_RATE_KBPS if budget.rate_up_kbps is None else budget.rate_up_kbps
    down = _UNKNOWN_RATE_KBPS if budget.rate_down_kbps is None else budget.rate_down_kbps
    return counted_bytes(budget.counting, up, down) * 125
