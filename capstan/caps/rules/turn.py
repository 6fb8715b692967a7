"""The turn of a cycle, and which terms hold when."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from capstan.caps.rules.cap import CapRow, Standpoint
from capstan.caps.rules.words import NO_EXPIRY
from capstan.catalog.rules import Terms
from capstan.values.period import Period, cycle_at

SEAL_AFTER = timedelta(hours=1)


class Closing(NamedTuple):
    """The figures of a cycle that has just ended; late usage may still add to them until it is sealed."""

    start: datetime
    end: datetime
    version_id: int
    drawn: int
    overshoot: int
    overage: int


class Allowance(NamedTuple):
    """A cycle's allowance, to be granted."""

    start: datetime
    end: datetime
    size: int
    rollover_left: int


class Release(NamedTuple):
    """Cycles of a held line that begin in these dates have their allowance; `until`: no longer than that."""

    starts_at: datetime
    ends_at: datetime
    until: datetime | None = None


class Contract(NamedTuple):
    """What a service has agreed to over time. `changes` and each package's `versions` are in order of their date."""

    activated_at: datetime
    is_held: bool  # a cycle has its allowance only when that is released: when it is paid
    releases: Sequence[Release]
    has_consent: bool
    changes: Sequence[tuple[datetime, int]]  # (from, package)
    versions: dict[int, Sequence[tuple[datetime, int]]]  # package -> (from, version)
    terms: dict[int, Terms]  # by version

    def version_at(self, cycle_start: datetime, moment: datetime) -> int:
        """The version in force: that of the cycle's start, or of a package change inside the cycle."""
        since, package_id = _latest(self.changes, moment)
        return _latest(self.versions[package_id], max(since, cycle_start))[1]

    @property
    def is_simple(self) -> bool:
        """Whether one version has held all along, so that nobody has to ask which."""
        return len(self.changes) == 1 and len(self.versions[self.changes[0][1]]) == 1

    def next_change(self, moment: datetime) -> datetime | None:
        """When the package changes next, or a release that was only for some days ends."""
        changes = [start for start, _ in self.changes if start > moment]
        ends = [one.until for one in self.releases if self.is_held and one.until and one.until > moment]
        return min([*changes, *ends], default=None)

    def has_until(self, cycle: Period) -> datetime | None:
        """Until when this cycle has its allowance: to its end unless the line is held; None: it waits to be released.

        A line counts from its first moment, so that the cycle it came into belongs to the days it came in.
        """
        if not self.is_held:
            return cycle.end
        begins = max(cycle.start, self.activated_at)
        found = [one.until or cycle.end for one in self.releases if one.starts_at <= begins < one.ends_at]
        return min(cycle.end, max(found)) if found else None

    def waits(self, cycle_start: datetime, moment: datetime) -> bool:
        """Whether the cycle's allowance is held back at this moment."""
        if not self.is_held:
            return False
        until = self.has_until(Period(cycle_start, NO_EXPIRY))
        return until is None or until <= moment

    def cycle(self, version_id: int, zone: ZoneInfo, moment: datetime) -> Period:
        terms = self.terms[version_id]
        return cycle_at(terms.cycle_kind, terms.cycle_anchor, self.activated_at, zone, moment)


def _latest(dated: Sequence[tuple[datetime, int]], moment: datetime) -> tuple[datetime, int]:
    """The last entry that has begun; before the first, the first: a line must have some terms."""
    return next((entry for entry in reversed(dated) if entry[0] <= moment), dated[0])


def turn(
    cap: CapRow, contract: Contract, zone: ZoneInfo, now: datetime
) -> tuple[list[Closing], list[Allowance]]:
    """Bring the row over every cycle end and package change that has passed. Pending bytes must be settled before."""
    closings: list[Closing] = []
    allowances: list[Allowance] = []
    while now >= cap.cycle_end:
        closings.append(
            Closing(cap.cycle_start, cap.cycle_end, cap.version_id, cap.drawn, cap.overshoot, cap.overage)
        )
        start = cap.cycle_end
        version_id = contract.version_at(start, start)
        cap.cycle_start, cap.cycle_end = start, contract.cycle(version_id, zone, start).end
        cap.drawn = cap.overshoot = cap.overage = cap.crossed_cycle = 0
        allowances += allowance(contract, version_id, cap.cycle_start, cap.cycle_end)
    cap.version_id = contract.version_at(cap.cycle_start, now)
    cap.steady_from = now
    return closings, allowances


def allowance(contract: Contract, version_id: int, start: datetime, end: datetime) -> list[Allowance]:
    """The allowance that a cycle begins with: none for an uncapped package, and none while it is held back.

    One that was released only for some days doesn't roll over.
    """
    terms = contract.terms[version_id]
    until = contract.has_until(Period(start, end))
    if not terms.allowance_bytes or until is None or until <= start:
        return []
    rolls = terms.rollover_allowance_cycles if until == end else 0
    return [Allowance(start, until, terms.allowance_bytes, rolls)]


def standpoint(
    contract: Contract, version_id: int, cycle_start: datetime, zone: ZoneInfo, now: datetime
) -> Standpoint:
    """What decides at this moment. A package changed inside the cycle brings its allowance with the next one: until then a
    line that was uncapped stays so, and one that becomes uncapped is so at once. While its allowance is held back, no line is
    uncapped."""
    first = contract.terms[contract.version_at(cycle_start, cycle_start)]
    terms = contract.terms[version_id]
    is_uncapped = terms.allowance_bytes is None or first.allowance_bytes is None
    is_uncapped = is_uncapped and not contract.waits(cycle_start, now)
    return Standpoint(terms, zone, is_uncapped, contract.has_consent, contract.next_change(now))
