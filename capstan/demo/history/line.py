"""A line's past as its router tells it: logins, counters, logouts. What the product says of the line meanwhile decides
what it may move, as it did then: an open line moves what its user wants, a capped one what its package leaves it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, NamedTuple

from capstan.caps.rules.cap import NEVER
from capstan.caps.rules.words import CapState
from capstan.catalog.rules import AtCap, Counting, Terms
from capstan.demo.history.plan import ADMIN_RESET, LOST_CARRIER, Plan, Visit
from capstan.demo.history.rhythm import Rhythm
from capstan.demo.roster import Subscription
from capstan.network.rules.access import Access, Line, desired_access
from capstan.network.rules.words import AccessKind
from capstan.services.rules import ServiceStatus

REPORTED_AT = (7, 16, 20, 24)
"""Hours of the day, by the provider's clock, at which the routers of the past report a running session: little goes through
at night, much in the evening, and a cycle that ends is reported whole."""

LATE_REPORTED_AT = tuple(range(2, 26, 2))
"""The same in its last days, which people look at hour by hour."""

_GARDEN_BYTES = 150_000  # somebody looks at the top-up page
_BYTES_A_DAY = 5_000_000_000  # of a line that has no allowance
_LINE_USE = 0.9  # nobody fills his line completely
_LEAST_LEFT = (
    600_000  # too little to go on with: the product takes a line with less than a megabyte for capped
)
_LEAST_SECONDS = 60  # between two reports
_RETRY_SECONDS = 3600  # a router that is refused tries all the time; here once for every hour of it
_ALMOST = 0.9  # the share at which a customer is told to think of a top-up


@dataclass(slots=True)
class Standing:
    """What the product says of a line at some moment: its running cycle, what it has used and what is left."""

    state: CapState
    cycle_start: datetime
    cycle_end: datetime
    used: int
    left: int
    weight_up: int
    weight_down: int

    @property
    def is_uncapped(self) -> bool:
        return self.left >= NEVER // 2

    @property
    def is_free(self) -> bool:
        """In a free window: nothing counts."""
        return not self.weight_up + self.weight_down


@dataclass(slots=True, eq=False)
class Connection:
    """One session on the router. `at` is when it last reported; `packet` keeps what all its packets say alike."""

    number: int
    start: int
    at: int
    access: Access
    mac: bytes
    up: int = 0
    down: int = 0
    packet: Any = None


class Event(NamedTuple):
    """What the router reports of a session: `kind` is start, interim or stop."""

    at: int
    kind: str
    connection: Connection
    seconds: int
    up: int
    down: int
    cause: int = 0


class Refused(NamedTuple):
    """A login that was refused; without an access, for its password."""

    at: int
    mac: bytes
    access: Access | None


class PastLine:
    """One line. `advance` lives it on; times are seconds since 1970."""

    def __init__(
        self,
        one: Subscription,
        service_id: int,
        terms: Terms,
        *,
        plan: Plan,
        rhythm: Rhythm,
        visits: Sequence[Visit],
        rejects: Callable[[Access], bool],
        midnights: Sequence[int],
        late_from: int,
        end: int,
    ) -> None:
        """`rejects` says which accesses its router can only be told by refusing the login, `midnights` begin the
        provider's days."""
        self.one = one
        self.service_id = service_id
        self.terms = terms
        self.plan = plan
        self.mac = bytes.fromhex(one.locked_to.replace(":", "")) or one.line.mac
        self.status = ServiceStatus.ACTIVE
        self.wrong_device = False
        self.knows_password = True
        self.looks_at: int | None = None  # the moment at which the product has to look at it
        self.buys_at: int | None = None
        self.refused: list[Refused] = []
        self.connection: Connection | None = None
        self._rhythm = rhythm
        self._rejects = rejects
        self._midnights = midnights
        self._late_from = late_from
        self._end = end
        self._chance = Random(f"past {one.line.seed}")
        self._visits: Iterator[Visit] = iter(visits)
        self._visit = next(self._visits, None)
        self._connections = 0
        self._interim_at = 0
        self._accesses: dict[tuple[CapState, ServiceStatus, bool], Access] = {}
        self._mood_of: tuple[datetime | None, float] = (None, 1.0)
        self._base_of: tuple[datetime | None, int] = (None, 0)
        self._bought: tuple[datetime | None, int] = (None, 0)
        self._was_told: tuple[datetime | None, int] = (None, 0)

    def bought_in(self, cycle_start: datetime) -> int:
        """How many top-ups its user has bought in this cycle."""
        return self._bought[1] if self._bought[0] == cycle_start else 0

    def note_bought(self, cycle_start: datetime) -> None:
        self._bought = cycle_start, self.bought_in(cycle_start) + 1

    def access(self, state: CapState) -> Access:
        """What the line should have in this state, by the product's own rule."""
        key = state, self.status, self.wrong_device
        if key not in self._accesses:
            terms = self.terms
            self._accesses[key] = desired_access(
                Line(
                    self.status, state, self.wrong_device, terms.rate_up_kbps, terms.rate_down_kbps,
                    terms.throttle_up_kbps, terms.throttle_down_kbps,
                )
            )  # fmt: skip
        return self._accesses[key]

    def advance(self, until: int, standing: Standing) -> list[Event]:
        """Everything that its router reports before `until`, or up to the moment at which the product has to look at it
        (`looks_at`): it has used up what it may, or nearly. `standing` is kept up to date meanwhile."""
        events: list[Event] = []
        self.looks_at = None
        while self._visit is not None and self.looks_at is None:
            visit = self._visit
            if self.connection is None:
                if visit.start >= until:
                    break
                self._log_in(visit, standing, events)
                continue
            at = min(self._interim_at, visit.end)
            if at >= until:
                break
            self._report(self.connection, at, visit, standing, events)
        return events

    def cut(self, at: int, cause: int = ADMIN_RESET) -> list[Event]:
        """Its session ends at this moment; it dials again at once."""
        connection, visit = self.connection, self._visit
        if connection is None or visit is None:
            return []
        self.connection = None
        self._come_again(visit, at + self._chance.randrange(5, 40))
        return [_event(connection, at, "stop", cause)]

    def lose_device(self, at: int, mac: bytes) -> list[Event]:
        """Its user plugs in another device."""
        events = self.cut(at, LOST_CARRIER)
        self.mac = mac
        return events

    def come_back(self, at: int) -> None:
        """Its user tries again now instead of later: he has just bought something."""
        if (
            self.connection is None
            and self._visit is not None
            and at < self._visit.start < at + _RETRY_SECONDS
        ):
            self._come_again(self._visit, at + 30)

    def _come_again(self, visit: Visit, start: int) -> None:
        fits = start + _LEAST_SECONDS < visit.end
        self._visit = visit._replace(start=start) if fits else next(self._visits, None)

    def _log_in(self, visit: Visit, standing: Standing, events: list[Event]) -> None:
        access = self.access(standing.state)
        if not self.knows_password or self._rejects(access):
            self.refused.append(Refused(visit.start, self.mac, access if self.knows_password else None))
            self._come_again(visit, (visit.start // _RETRY_SECONDS + 1) * _RETRY_SECONDS)
            return
        self._connections += 1
        self.connection = Connection(self._connections, visit.start, visit.start, access, self.mac)
        self._interim_at = self._next_interim(visit.start)
        events.append(_event(self.connection, visit.start, "start"))

    def _next_interim(self, at: int) -> int:
        early = 5 + self.one.line.seed % 50
        hours = LATE_REPORTED_AT if at >= self._late_from else REPORTED_AT
        day = bisect_right(self._midnights, at + early) - 1
        midnight, following = self._midnights[day : day + 2]
        times = (midnight + hour * 3600 - early for hour in hours[:-1])
        return next((then for then in times if then > at), following - early)

    def _report(
        self, connection: Connection, at: int, visit: Visit, standing: Standing, events: list[Event]
    ) -> None:
        wanted = self._wanted(connection.at, at, standing)
        counted = self._counted(wanted, standing)
        room = self._room(standing)
        if room is not None and counted >= room - _LEAST_LEFT:
            self.looks_at = reached = int(connection.at + (at - connection.at) * min(room / counted, 1.0))
            if reached + _LEAST_SECONDS < at:
                at = self.looks_at = max(reached, connection.at + _LEAST_SECONDS)
                wanted = int(wanted * room / counted) + 1
                counted = self._counted(wanted, standing)
        standing.used += counted
        standing.left -= counted
        up = int(wanted * self.plan.up_share)
        connection.up += up
        connection.down += wanted - up
        connection.at = at
        self._interim_at = self._next_interim(at)
        if at < visit.end:
            events.append(_event(connection, at, "interim"))
            return
        events.append(_event(connection, at, "stop", visit.cause))
        self.connection, self._visit = None, next(self._visits, None)

    def _counted(self, amount: int, standing: Standing) -> int:
        up = int(amount * self.plan.up_share)
        return up * standing.weight_up + (amount - up) * standing.weight_down

    def _room(self, standing: Standing) -> int | None:
        """Bytes until the product has to look at the line; None: it has not."""
        if standing.state != CapState.OPEN or self.terms.at_cap == AtCap.OPEN or standing.left <= 0:
            return None
        if standing.is_uncapped or standing.is_free:
            return None
        total = standing.used + standing.left
        is_limited = self.terms.day_limit_bytes or self.terms.week_limit_bytes
        is_short = (standing.cycle_end - standing.cycle_start).days < 2
        almost = int(total * _ALMOST) - standing.used
        key = standing.cycle_start, self.bought_in(standing.cycle_start)
        if almost <= _LEAST_LEFT or is_limited or is_short or self._was_told == key:
            return standing.left
        return almost + _LEAST_LEFT

    def _wanted(self, since: int, until: int, standing: Standing) -> int:
        """Bytes that go through the line in this time."""
        access = self.access(standing.state)
        if access.kind == AccessKind.BLOCKED:
            return 0
        if access.kind == AccessKind.WALLED:
            return int(_GARDEN_BYTES * self._chance.random())
        kbps = self.one.line.line_bps // 1000
        if access.rate_down_kbps is not None:
            kbps = min(kbps, access.rate_down_kbps)
        return min(int(kbps * 125 * (until - since) * _LINE_USE), self._appetite(since, until, standing))

    def _appetite(self, since: int, until: int, standing: Standing) -> int:
        """What its user would move, had he nothing but his plan: an equal share of the rest of his cycle's."""
        start, end = standing.cycle_start.timestamp(), standing.cycle_end.timestamp()
        wanted = self.plan.wanted * self._mood(standing.cycle_start)
        if self.terms.allowance_bytes is None:
            budget = _BYTES_A_DAY * wanted * (end - start) / 86_400
        else:
            most = self._base(self.terms.allowance_bytes, standing)
            if end > self._end:  # the running cycle
                wanted = min(wanted, self.plan.most_now)
                if self.plan.now is not None:
                    most = standing.used + standing.left
                    end, wanted = self._end, self.plan.now
            budget = most * wanted
        left = max(budget - standing.used, 0.0)
        before = self._rhythm.until(since)
        ahead = self._rhythm.until(end) - before
        if ahead <= 0:
            return 0
        share_down = 1 - self.plan.up_share if self.terms.counting == Counting.DOWN else 1.0
        return int(left * min((self._rhythm.until(until) - before) / ahead, 1.0) / share_down)

    def _base(self, allowance_bytes: int, standing: Standing) -> int:
        """What he has of his cycle without what he buys: his allowance and what rolled over."""
        known = self._base_of[1] if self._base_of[0] == standing.cycle_start else allowance_bytes
        if not standing.is_uncapped and not self.bought_in(standing.cycle_start):
            known = max(known, standing.used + standing.left)
        self._base_of = standing.cycle_start, known
        return known

    def _mood(self, cycle_start: datetime) -> float:
        """Some cycles bring more than others."""
        if self._mood_of[0] != cycle_start:
            chance = Random(f"cycle {self.one.line.seed} {cycle_start:%Y%m%d}")
            self._mood_of = cycle_start, 0.85 + 0.3 * chance.random()
        return self._mood_of[1]

    def note_told(self, cycle_start: datetime) -> None:
        """Its user knows that little is left, and is not asked again before he has bought something."""
        self._was_told = cycle_start, self.bought_in(cycle_start)


def _event(connection: Connection, at: int, kind: str, cause: int = 0) -> Event:
    return Event(at, kind, connection, at - connection.start, connection.up, connection.down, cause)
