"""A service's cap: what may be drawn, what has been, and when anything could change.

Everything here is arithmetic on plain values. The order of a step is always: `settle_pending`, then `turn` where time has
passed a boundary, then `book` new usage, then `refresh`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from capstan.caps.rules.words import DRAW_PRIORITY, LIMITED_KINDS, Beyond, BucketKind, CapState, Limit
from capstan.catalog.rules import AtCap, Counting, Terms, is_free, next_edge
from capstan.values.period import day_at, week_at

CAPPED_BELOW = 1_000_000  # bytes: too little to lend out as a quota, so it counts as used up
NEVER = 1 << 62  # a counter value that is not reached


@dataclass(slots=True)
class Lot:
    """A bucket with what is left of it. `left` changes while a step is worked out; the rest is the grant."""

    id: int
    kind: BucketKind
    starts_at: datetime
    expires_at: datetime
    granted_at: datetime
    left: int

    def in_force(self, moment: datetime) -> bool:
        return self.starts_at <= moment < self.expires_at

    @property
    def limited(self) -> bool:
        return self.kind in LIMITED_KINDS


def draw_order(lot: Lot) -> tuple[int, datetime, datetime, int]:
    """The one total order in which buckets are drawn: kind, earliest expiry, earliest grant, id."""
    return DRAW_PRIORITY[lot.kind], lot.expires_at, lot.granted_at, lot.id


@dataclass(slots=True)
class CapRow:
    """The cap row as plain values; see models.Cap for what each means."""

    service_id: int
    version_id: int
    state: CapState
    cycle_start: datetime
    cycle_end: datetime
    counted: int
    settled: int
    check_at: int
    steady_from: datetime
    changes_at: datetime
    weight_up: int
    weight_down: int
    sink: int | None
    sessions_from: int
    drawn: int
    remaining: int
    overshoot: int
    overage: int
    day_start: datetime | None
    day_bytes: int
    week_start: datetime | None
    week_bytes: int
    arming: int
    crossed_cycle: int
    crossed_day: int
    crossed_week: int
    earlier: dict[tuple[Limit, datetime], int] = field(default_factory=dict)
    """Drawn in days and weeks before the running ones, by their start: usage may come late. Kept in models.LimitTally."""


def first_row(service_id: int, version_id: int, start: datetime, end: datetime, now: datetime) -> CapRow:
    """The row a service begins with, in the running cycle: due at once, so that the first settlement works it out."""
    return CapRow(
        service_id=service_id, version_id=version_id, state=CapState.OPEN, cycle_start=start, cycle_end=end,
        counted=0, settled=0, check_at=0, steady_from=start, changes_at=now, weight_up=1, weight_down=1, sink=None,
        sessions_from=0, drawn=0, remaining=0, overshoot=0, overage=0, day_start=None, day_bytes=0,
        week_start=None, week_bytes=0, arming=0, crossed_cycle=0, crossed_day=0, crossed_week=0,
    )  # fmt: skip


class Standpoint(NamedTuple):
    """What decides about a service besides its cap row: the terms in force, and the provider's zone."""

    terms: Terms
    zone: ZoneInfo
    is_uncapped: bool  # by the version in force, or by the one the cycle began with
    has_consent: bool  # to overage charges
    next_package_change: datetime | None


class Crossing(NamedTuple):
    limit: Limit
    period_start: datetime
    percent: int
    arming: int
    at: datetime
    drawn: int
    remaining: int


def beyond_kind(point: Standpoint) -> Beyond:
    """What bytes beyond every bucket are: allowed by the package, or spent between the cap and the cut."""
    at_cap = point.terms.at_cap
    if point.is_uncapped or at_cap in (AtCap.THROTTLE, AtCap.OPEN):
        return Beyond.OVERAGE
    return Beyond.OVERAGE if at_cap == AtCap.OVERAGE and point.has_consent else Beyond.OVERSHOOT


def state_at_cap(terms: Terms, has_consent: bool) -> CapState:
    """What a capped line of this package becomes."""
    match terms.at_cap:
        case AtCap.THROTTLE:
            return CapState.THROTTLED
        case AtCap.WALL:
            return CapState.WALLED
        case AtCap.OPEN:
            return CapState.OPEN
        case AtCap.OVERAGE:
            return CapState.OPEN if has_consent else CapState.BLOCKED
        case _:
            return CapState.BLOCKED


def weights(terms: Terms, zone: ZoneInfo, moment: datetime) -> tuple[int, int]:
    """(up, down): 1 where a byte of this direction counts at this moment, else 0."""
    if is_free(terms.free_windows, zone, moment):
        return 0, 0
    return int(terms.counting != Counting.DOWN), int(terms.counting != Counting.UP)


def settle_pending(
    cap: CapRow, lots: Sequence[Lot], point: Standpoint
) -> tuple[int, int | None, Beyond | None]:
    """Book what was counted since the last time: (bytes, bucket, beyond). All of it belongs to one sink."""
    pending = cap.counted - cap.settled
    cap.settled = cap.counted
    if cap.sink is None:
        kind = beyond_kind(point)
        _add_beyond(cap, kind, pending)
        return pending, None, kind
    lot = next(lot for lot in lots if lot.id == cap.sink)
    lot.left -= pending
    cap.drawn += pending
    if lot.limited:
        cap.day_bytes += pending if point.terms.day_limit_bytes is not None else 0
        cap.week_bytes += pending if point.terms.week_limit_bytes is not None else 0
    return pending, lot.id, None


def _add_beyond(cap: CapRow, kind: Beyond, amount: int) -> None:
    if kind == Beyond.OVERAGE:
        cap.overage += amount
    else:
        cap.overshoot += amount


def draw(
    cap: CapRow, lots: Sequence[Lot], point: Standpoint, moment: datetime, amount: int
) -> list[tuple[int | None, int]]:
    """Take counted bytes of a moment from the buckets: [(bucket or None, bytes), …]. `lots` are in draw order.

    Only the buckets and the limits' tallies change; the figures of the cycle are the caller's (`add_to_cycle`), since the
    moment may lie in a cycle that has ended and isn't sealed yet.
    """
    taken: list[tuple[int | None, int]] = []
    for lot in lots:
        if amount == 0:
            break
        if lot.left <= 0 or not lot.in_force(moment):
            continue
        part = min(amount, lot.left, limited_left(cap, point, moment) if lot.limited else lot.left)
        if part > 0:
            lot.left -= part
            if lot.limited:
                _tally(cap, point, moment, part)
            taken.append((lot.id, part))
            amount -= part
    if amount:
        taken.append((None, amount))
    return taken


def add_to_cycle(cap: CapRow, point: Standpoint, taken: Sequence[tuple[int | None, int]]) -> None:
    """Add what `draw` took to the running cycle's figures."""
    for bucket, amount in taken:
        if bucket is None:
            _add_beyond(cap, beyond_kind(point), amount)
        else:
            cap.drawn += amount


def _tally(cap: CapRow, point: Standpoint, moment: datetime, amount: int) -> None:
    """Count bytes of limited kinds against the day and week they were used in, where a limit was in force then."""
    if point.terms.day_limit_bytes is not None:
        if cap.day_start is None or moment >= cap.day_start:
            cap.day_bytes += amount
        else:
            _add_earlier(cap, (Limit.DAY, day_at(point.zone, moment).start), amount)
    if point.terms.week_limit_bytes is not None:
        if cap.week_start is None or moment >= cap.week_start:
            cap.week_bytes += amount
        else:
            _add_earlier(cap, (Limit.WEEK, week_at(point.zone, moment).start), amount)


def _add_earlier(cap: CapRow, period: tuple[Limit, datetime], amount: int) -> None:
    if amount:
        cap.earlier[period] = cap.earlier.get(period, 0) + amount


def limited_left(cap: CapRow, point: Standpoint, moment: datetime) -> int:
    """What the day and week limits allow from the allowance and its rollover at a moment."""
    left = NEVER
    if point.terms.day_limit_bytes is not None:
        used = cap.day_bytes
        if cap.day_start is not None and moment < cap.day_start:
            used = cap.earlier.get((Limit.DAY, day_at(point.zone, moment).start), 0)
        left = min(left, point.terms.day_limit_bytes - used)
    if point.terms.week_limit_bytes is not None:
        used = cap.week_bytes
        if cap.week_start is not None and moment < cap.week_start:
            used = cap.earlier.get((Limit.WEEK, week_at(point.zone, moment).start), 0)
        left = min(left, point.terms.week_limit_bytes - used)
    return max(0, left)


def left_in_force(lots: Sequence[Lot], moment: datetime) -> int:
    """What is left in all buckets in force, limits not applied."""
    return sum(lot.left for lot in lots if lot.in_force(moment))


def drawable(cap: CapRow, lots: Sequence[Lot], point: Standpoint, moment: datetime) -> int:
    """What may be drawn now: buckets in force, limits applied."""
    held_back = sum(lot.left for lot in lots if lot.in_force(moment) and lot.limited)
    free = sum(lot.left for lot in lots if lot.in_force(moment) and not lot.limited)
    return min(held_back, limited_left(cap, point, moment)) + free


def crossings(
    cap: CapRow, lots: Sequence[Lot], point: Standpoint, *, at: datetime, now: datetime
) -> list[Crossing]:
    """Thresholds passed by usage of the moment `at`, measured against what is left now; once per arming each."""
    found: list[Crossing] = []
    terms = point.terms

    def look(limit: Limit, start: datetime | None, crossed: int, drawn: int, remaining: int) -> int:
        percent = _percent(drawn, remaining)
        for threshold in sorted(terms.thresholds):
            if crossed < threshold <= percent and start is not None:
                found.append(Crossing(limit, start, threshold, cap.arming, at, drawn, remaining))
                crossed = threshold
        return crossed

    if not point.is_uncapped:
        left = left_in_force(lots, now)
        cap.crossed_cycle = look(Limit.CYCLE, cap.cycle_start, cap.crossed_cycle, cap.drawn, left)
    if terms.day_limit_bytes is not None:
        rest = max(0, terms.day_limit_bytes - cap.day_bytes)
        cap.crossed_day = look(Limit.DAY, cap.day_start, cap.crossed_day, cap.day_bytes, rest)
    if terms.week_limit_bytes is not None:
        rest = max(0, terms.week_limit_bytes - cap.week_bytes)
        cap.crossed_week = look(Limit.WEEK, cap.week_start, cap.crossed_week, cap.week_bytes, rest)
    return found


def _percent(drawn: int, left: int) -> int:
    """Share used, rounded down; the last megabyte can't be lent out and counts as used."""
    if drawn + left == 0:
        return 0
    return 100 if left < CAPPED_BELOW else drawn * 100 // (drawn + left)


def rearm(cap: CapRow, lots: Sequence[Lot], terms: Terms, now: datetime) -> None:
    """After a grant: thresholds that the new total puts back ahead are armed again, the others stay crossed."""
    percent = _percent(cap.drawn, left_in_force(lots, now))
    cap.arming += 1
    cap.crossed_cycle = max((t for t in terms.thresholds if t <= min(percent, cap.crossed_cycle)), default=0)


def refresh(cap: CapRow, lots: Sequence[Lot], point: Standpoint, now: datetime) -> list[Crossing]:
    """Work out everything that follows from the buckets: state, sink, weights, and when to look again."""
    terms = point.terms
    turn_limits(cap, point, now)
    found = crossings(cap, lots, point, at=now, now=now)
    cap.remaining = NEVER if point.is_uncapped else drawable(cap, lots, point, now)
    cap.state = state_at_cap(terms, point.has_consent) if cap.remaining < CAPPED_BELOW else CapState.OPEN
    cap.weight_up, cap.weight_down = weights(terms, point.zone, now)
    held_back = limited_left(cap, point, now)
    sink = next(
        (lot for lot in lots if lot.left > 0 and lot.in_force(now) and (held_back or not lot.limited)), None
    )
    cap.sink = sink.id if sink else None
    cap.check_at = cap.counted + _distance(cap, lots, point, now, sink)
    cap.changes_at = min(_boundaries(cap, lots, point, now))
    return found


def _distance(cap: CapRow, lots: Sequence[Lot], point: Standpoint, now: datetime, sink: Lot | None) -> int:
    """How many more counted bytes until something happens."""
    if sink is None:
        return NEVER
    terms = point.terms
    ways = [min(sink.left, limited_left(cap, point, now)) if sink.limited else sink.left]
    if not point.is_uncapped:
        left = left_in_force(lots, now)
        ways += _threshold_distances(terms.thresholds, cap.drawn, cap.drawn + left, cap.crossed_cycle)
        ways += [cap.remaining - CAPPED_BELOW + 1, left - CAPPED_BELOW + 1]
    if sink.limited:
        for limit, used, crossed in (
            (terms.day_limit_bytes, cap.day_bytes, cap.crossed_day),
            (terms.week_limit_bytes, cap.week_bytes, cap.crossed_week),
        ):
            if limit is not None:
                ways += _threshold_distances(terms.thresholds, used, limit, crossed)
                ways.append(limit - used - CAPPED_BELOW + 1)
    return min(way for way in ways if way > 0)


def _threshold_distances(thresholds: Sequence[int], drawn: int, total: int, crossed: int) -> list[int]:
    return [-(-percent * total // 100) - drawn for percent in thresholds if percent > crossed]


def _boundaries(cap: CapRow, lots: Sequence[Lot], point: Standpoint, now: datetime) -> list[datetime]:
    """When time alone changes something."""
    terms = point.terms
    ahead = [cap.cycle_end]
    if terms.day_limit_bytes is not None:
        ahead.append(day_at(point.zone, now).end)
    if terms.week_limit_bytes is not None:
        ahead.append(week_at(point.zone, now).end)
    edge = next_edge(terms.free_windows, point.zone, now)
    if edge is not None:
        ahead.append(edge)
    if point.next_package_change is not None:
        ahead.append(point.next_package_change)
    for lot in lots:
        if lot.left > 0:
            ahead += [moment for moment in (lot.starts_at, lot.expires_at) if moment > now]
    return ahead


def turn_limits(cap: CapRow, point: Standpoint, moment: datetime) -> None:
    """A new day or week begins with nothing drawn; those before are kept for usage that comes late.

    It only goes forward: a backlog is booked day by day, as it would have been in time.
    """
    zone = point.zone
    if point.terms.day_limit_bytes is not None:
        start = day_at(zone, moment).start
        if cap.day_start is None or cap.day_start < start:
            if cap.day_start is not None:
                _add_earlier(cap, (Limit.DAY, cap.day_start), cap.day_bytes)
            cap.day_start, cap.day_bytes, cap.crossed_day = start, 0, 0
    if point.terms.week_limit_bytes is not None:
        start = week_at(zone, moment).start
        if cap.week_start is None or cap.week_start < start:
            if cap.week_start is not None:
                _add_earlier(cap, (Limit.WEEK, cap.week_start), cap.week_bytes)
            cap.week_start, cap.week_bytes, cap.crossed_week = start, 0, 0
