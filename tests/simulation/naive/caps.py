"""One service's cycles, buckets and limits, the slow way: plain lists, one piece of usage at a time.

Nothing here knows how the product does it: it is written from the text of the design ("Caps") and the requirements.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.simulation.naive.calendar import (
    cycle_around,
    full_hours,
    is_free,
    local_day,
    midnight,
    midnights,
    monday_of,
    window_edges,
)
from tests.simulation.naive.metering import Delta

CAPPED_BELOW = 1_000_000
SEAL_AFTER = timedelta(hours=1)
DRAW_ORDER = ["allowance", "rollover", "bonus", "goodwill", "topup"]
LIMITED = ("allowance", "rollover")


@dataclass(frozen=True)
class Terms:
    """What a package says from a date on."""

    valid_from: datetime
    allowance: int | None
    kind: str = "month"
    anchor: str = "calendar"
    day_limit: int | None = None
    week_limit: int | None = None
    counting: str = "both"
    at_cap: str = "block"
    overshoot: str = "forgive"
    windows: tuple[str, ...] = ()
    rollover_allowance: int = 0
    rollover_topup: int = 0
    thresholds: tuple[int, ...] = (50, 80, 90, 100)


@dataclass(frozen=True)
class Change:
    """From this instant on the service has the package with these dated terms."""

    starts_at: datetime
    versions: tuple[Terms, ...]


@dataclass(eq=False)
class Bucket:
    number: int
    kind: str
    size: int
    starts_at: datetime
    expires_at: datetime
    granted_at: datetime
    rollover_left: int = 0
    drawn: int = 0
    expired: int = 0
    moved: int = 0
    is_sealed: bool = False
    from_bucket: "Bucket | None" = None

    @property
    def left(self) -> int:
        return self.size - self.drawn - self.expired - self.moved

    def in_force(self, instant: datetime) -> bool:
        return self.starts_at <= instant < self.expires_at


@dataclass(eq=False)
class Cycle:
    start: datetime
    end: datetime
    terms: Terms
    drawn: int = 0
    overage: int = 0
    overshoot: int = 0
    paid: int = 0  # overshoot that a top-up has paid for
    sealed_at: datetime | None = None


@dataclass(frozen=True)
class Crossing:
    limit: str
    period_start: datetime
    percent: int
    arming: int


@dataclass
class Line:
    """A service: what it bought, and what became of its bytes."""

    zone: ZoneInfo
    activated_at: datetime
    changes: list[Change]
    prepaid: bool = False
    consents: bool = False  # to overage charges
    cycles: list[Cycle] = field(default_factory=list)
    buckets: list[Bucket] = field(default_factory=list)
    hours: dict[datetime, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    up: int = 0
    down: int = 0
    counted: int = 0
    overage: int = 0
    overshoot: int = 0
    days: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    weeks: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    arming: int = 0
    highest: dict[tuple[str, datetime], int] = field(default_factory=dict)  # percent crossed in this arming
    crossings: list[Crossing] = field(default_factory=list)
    # Reached by the buckets of the time of use, but no longer when the usage came: its period was over, or a grant
    # had put it back ahead. The text does not say whether these are crossings.
    may_have_crossed: set[Crossing] = field(default_factory=set)

    # What time does

    def open(self, now: datetime) -> None:
        terms = self._package_terms(now)
        start, end = cycle_around(now, terms.kind, terms.anchor, self.activated_at, self.zone)
        self._begin_cycle(start, end, terms)
        self.watch(now)

    def advance(self, now: datetime) -> None:
        """Begin the cycles that are due."""
        while self.cycles[-1].end <= now:
            start = self.cycles[-1].end
            self._begin_cycle(start, self._end_of_cycle_from(start), self._package_terms(start))

    def seal(self, now: datetime) -> None:
        """Close what ended or expired an hour ago or more: what is left moves or expires."""
        self.advance(now)
        for cycle in self.cycles:
            if cycle.sealed_at is None and cycle.end + SEAL_AFTER <= now:
                cycle.sealed_at = now
        for bucket in list(self.buckets):
            if not bucket.is_sealed and bucket.expires_at + SEAL_AFTER <= now:
                self._finish(bucket, now)
        self.watch(now)

    def next_seal(self) -> datetime:
        """When there is something to seal next."""
        ends = [cycle.end for cycle in self.cycles if cycle.sealed_at is None]
        ends += [bucket.expires_at for bucket in self.buckets if not bucket.is_sealed]
        return min(ends) + SEAL_AFTER

    def _finish(self, bucket: Bucket, now: datetime) -> None:
        bucket.is_sealed = True
        until = self._cycle_of(bucket.expires_at).end
        if bucket.left == 0:
            return
        if bucket.rollover_left == 0 or until <= now:
            bucket.expired += bucket.left
            return
        size = bucket.left
        bucket.moved += size
        self._add("rollover", size, now, until, now, bucket.rollover_left - 1, bucket)
        self._arm(now)

    def _end_of_cycle_from(self, start: datetime) -> datetime:
        terms = self._package_terms(start)
        return cycle_around(start, terms.kind, terms.anchor, self.activated_at, self.zone)[1]

    def _begin_cycle(self, start: datetime, end: datetime, terms: Terms) -> None:
        self.cycles.append(Cycle(start, end, terms))
        if terms.allowance and not self.prepaid:
            self._add("allowance", terms.allowance, start, end, start, terms.rollover_allowance)

    def _add(
        self,
        kind: str,
        size: int,
        starts_at: datetime,
        expires_at: datetime,
        granted_at: datetime,
        rollover_left: int,
        from_bucket: Bucket | None = None,
    ) -> Bucket:
        number = len(self.buckets) + 1
        bucket = Bucket(
            number, kind, size, starts_at, expires_at, granted_at, rollover_left, from_bucket=from_bucket
        )
        self.buckets.append(bucket)
        return bucket

    # What staff and customers do

    def grant(
        self,
        kind: str,
        size: int,
        now: datetime,
        starts_at: datetime | None = None,
        expires_at: datetime | None = None,
    ) -> Bucket:
        self.advance(now)
        cycle = self.cycles[-1]
        terms = self.terms(now)
        rolls = terms.rollover_topup if kind == "topup" else 0
        bucket = self._add(kind, size, starts_at or now, expires_at or cycle.end, now, rolls)
        if kind == "topup" and terms.overshoot == "carry":
            paid = min(size, cycle.overshoot)
            bucket.drawn += paid
            cycle.drawn += paid
            cycle.paid += paid
            cycle.overshoot -= paid
            self.overshoot -= paid
        self._arm(now)
        return bucket

    def _arm(self, now: datetime) -> None:
        """After a grant – rollover is one – the thresholds that it puts back ahead may be crossed again."""
        self.arming += 1
        self.highest = {
            (limit, start): max((p for p in self.terms(now).thresholds if _reaches(share, p)), default=0)
            for limit, start, share in self._shares(now)
        }

    # What usage does

    def book(self, deltas: list[Delta], now: datetime) -> None:
        """Count one step's new bytes, in the order in which they were used."""
        self.advance(now)
        pieces = []
        for delta in deltas:
            self.up += delta.up
            self.down += delta.down
            for begin, _, up, down in delta.spread(full_hours(delta.begin, delta.end)):
                hour = self.hours[begin.replace(minute=0, second=0, microsecond=0)]
                hour[0] += up
                hour[1] += down
            pieces += delta.spread(self._cuts(delta))
        for begin, _, up, down in sorted(pieces, key=lambda piece: piece[:2]):
            self._draw(begin, up, down)
        self.watch(now)

    def _cuts(self, delta: Delta) -> list[datetime]:
        """The instants inside the delta at which anything about counting or drawing may change."""
        cuts = full_hours(delta.begin, delta.end) + midnights(delta.begin, delta.end, self.zone)
        cuts += [cycle.start for cycle in self.cycles]
        cuts += [instant for bucket in self.buckets for instant in (bucket.starts_at, bucket.expires_at)]
        for change in self.changes:
            cuts.append(change.starts_at)
            for terms in change.versions:
                cuts += window_edges(delta.begin, delta.end, list(terms.windows), self.zone)
        return cuts

    def _draw(self, instant: datetime, up: int, down: int) -> None:
        instant = self._counted_at(instant)
        cycle = self._cycle_of(instant)
        terms = self.terms(instant)
        if is_free(instant, list(terms.windows), self.zone):
            return
        wanted = (up if terms.counting != "down" else 0) + (down if terms.counting != "up" else 0)
        self.counted += wanted
        for bucket in self._in_order(instant):
            taken = min(wanted, self._may_give(bucket, instant, terms))
            wanted -= taken
            bucket.drawn += taken
            cycle.drawn += taken
            if bucket.kind in LIMITED:
                day = local_day(instant, self.zone)
                self.days[day] += taken if terms.day_limit is not None else 0
                self.weeks[monday_of(day)] += taken if terms.week_limit is not None else 0
        if self._beyond_is_allowed(cycle, terms):
            cycle.overage += wanted
            self.overage += wanted
        else:
            cycle.overshoot += wanted
            self.overshoot += wanted
        self._watch_late(instant)

    def _counted_at(self, instant: datetime) -> datetime:
        """Usage of a sealed cycle, or from before the first, counts at the start of the running one."""
        holding = [cycle for cycle in self.cycles if cycle.start <= instant < cycle.end]
        if holding and holding[0].sealed_at is None:
            return instant
        return self.cycles[-1].start

    def _cycle_of(self, instant: datetime) -> Cycle:
        return next(cycle for cycle in self.cycles if cycle.start <= instant < cycle.end)

    def _in_order(self, instant: datetime) -> list[Bucket]:
        """The buckets in force, in the order in which they are drawn."""
        return sorted(
            (b for b in self.buckets if b.in_force(instant)),
            key=lambda b: (DRAW_ORDER.index(b.kind), b.expires_at, b.granted_at, b.number),
        )

    def _may_give(self, bucket: Bucket, instant: datetime, terms: Terms) -> int:
        return min(bucket.left, self._limit_left(instant, terms)) if bucket.kind in LIMITED else bucket.left

    def _limit_left(self, instant: datetime, terms: Terms) -> int:
        """What the day and week limits still allow to be drawn from limited kinds."""
        day = local_day(instant, self.zone)
        lefts = [sum(bucket.size for bucket in self.buckets)]
        if terms.day_limit is not None:
            lefts.append(terms.day_limit - self.days[day])
        if terms.week_limit is not None:
            lefts.append(terms.week_limit - self.weeks[monday_of(day)])
        return max(0, min(lefts))

    def _beyond_is_allowed(self, cycle: Cycle, terms: Terms) -> bool:
        if self._is_uncapped(cycle, terms) or terms.at_cap in ("throttle", "open"):
            return True
        return terms.at_cap == "overage" and self.consents

    def _is_uncapped(self, cycle: Cycle, terms: Terms) -> bool:
        """A change of package takes a cap away at once; it brings one with the next cycle. Prepaid has one."""
        return not self.prepaid and (cycle.terms.allowance is None or terms.allowance is None)

    # Which terms hold

    def _package_terms(self, instant: datetime) -> Terms:
        """The version in force of the package in force."""
        started = [change for change in self.changes if change.starts_at <= instant]
        change = max(started, key=lambda c: c.starts_at)
        return max((v for v in change.versions if v.valid_from <= instant), key=lambda v: v.valid_from)

    def terms(self, instant: datetime) -> Terms:
        """The cycle's version, unless the package was changed inside the cycle: then the new one from that moment."""
        cycle = self._cycle_of(instant)
        inside = [change.starts_at for change in self.changes if cycle.start < change.starts_at <= instant]
        return self._package_terms(max(inside)) if inside else cycle.terms

    # What people and the network see

    def remaining(self, now: datetime) -> int:
        """What may be drawn now, limits applied."""
        terms = self.terms(now)
        limited = sum(b.left for b in self._in_order(now) if b.kind in LIMITED)
        free = sum(b.left for b in self._in_order(now) if b.kind not in LIMITED)
        return min(limited, self._limit_left(now, terms)) + free

    def state(self, now: datetime) -> str:
        cycle = self._cycle_of(now)
        if self._is_uncapped(cycle, self.terms(now)) or self.remaining(now) >= CAPPED_BELOW:
            return "open"
        at_cap = self.terms(now).at_cap
        if at_cap == "overage":
            return "open" if self.consents else "blocked"
        return {"block": "blocked", "wall": "walled", "throttle": "throttled", "open": "open"}[at_cap]

    def _shares(self, instant: datetime) -> list[tuple[str, datetime, tuple[int, int]]]:
        """Of each limit that applies: its period's start and the share used, as a fraction."""
        cycle, terms = self._cycle_of(instant), self.terms(instant)
        shares = []
        left = sum(bucket.left for bucket in self._in_order(instant))
        if not self._is_uncapped(cycle, terms):
            is_capped = left < CAPPED_BELOW and cycle.drawn + left > 0
            shares.append(("cycle", cycle.start, (1, 1) if is_capped else (cycle.drawn, cycle.drawn + left)))
        day = local_day(instant, self.zone)
        if terms.day_limit is not None:
            shares.append(("day", midnight(day, self.zone), (self.days[day], terms.day_limit)))
        if terms.week_limit is not None:
            monday = monday_of(day)
            shares.append(("week", midnight(monday, self.zone), (self.weeks[monday], terms.week_limit)))
        return shares

    def watch(self, now: datetime) -> None:
        """Note the thresholds that are reached now: those above the highest that was."""
        for limit, start, share in self._shares(now):
            for percent in sorted(self.terms(now).thresholds):
                if _reaches(share, percent) and percent > self.highest.get((limit, start), 0):
                    self.highest[limit, start] = percent
                    self.crossings.append(Crossing(limit, start, percent, self.arming))

    def _watch_late(self, instant: datetime) -> None:
        """Note the thresholds that had been reached at an earlier instant."""
        for limit, start, share in self._shares(instant):
            for percent in self.terms(instant).thresholds:
                if _reaches(share, percent):
                    self.may_have_crossed.add(Crossing(limit, start, percent, self.arming))


def _reaches(share: tuple[int, int], percent: int) -> bool:
    used, whole = share
    return whole > 0 and used * 100 >= percent * whole
