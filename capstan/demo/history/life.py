"""Lives the demo provider's past, step by step with a clock of its own, by the product's own rules.

All lines are lived on for a step, their records are folded, and time is turned and sealed as the worker does. Where something
follows of a line – it is capped, or its user buys more – everything is folded up to that very moment, its router is told,
and what it does in the rest of the step follows from that.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import structlog
from django.db import connection, transaction

from capstan.caps.actions.cap import open_caps, roll_due, seal_due
from capstan.caps.rules.turn import SEAL_AFTER
from capstan.caps.rules.words import CapState
from capstan.catalog.rules import Terms
from capstan.demo.history import failures, topups
from capstan.demo.history.deeds import Deed, deeds_of
from capstan.demo.history.enforcement import PastEnforcement
from capstan.demo.history.journal import LOG_DAYS, Journal, Received
from capstan.demo.history.line import Event, PastLine, Standing
from capstan.demo.history.packets import Place, record_of
from capstan.demo.history.plan import plan_of, visits
from capstan.demo.history.rhythm import Rhythm, hours_between
from capstan.demo.history.standings import standings
from capstan.demo.history.steps import LATE_DAYS, Step, midnights, steps
from capstan.metering.actions.usage_days import roll_up_days
from capstan.network.actions.login_failures import add_login_failures
from capstan.network.vendors.registry import profile
from capstan.topups.actions.follow import follow_due
from capstan.values.micros import from_micros, to_micros

_LONGEST_CYCLE = timedelta(days=32)
_TELL_SECONDS = 2.0
_SECOND = timedelta(seconds=1)
_ALL = 100_000

log = structlog.get_logger("capstan.demo")


@dataclass(frozen=True)
class Newcomer:
    """A line that is entered at a moment of the past: `enter` does so and says where it is plugged in."""

    at: datetime
    enter: Callable[[datetime], tuple[Place, Terms]]


@dataclass(frozen=True)
class Setting:
    """Between which instants, where and for whom the past is lived."""

    since: datetime
    now: datetime
    zone: ZoneInfo
    actor: str
    strangers: bool
    """Whether those whom nobody knows have tried to log in."""


class Life:
    """One past, on a connection of Django's that nobody else uses meanwhile."""

    def __init__(self, conn: "psycopg.Connection[Any]", setting: Setting) -> None:
        self._conn = conn
        self._at = setting
        self._journal = Journal(conn, logs_from=setting.now - timedelta(days=LOG_DAYS))
        self._enforcement = PastEnforcement()
        self._midnights = midnights(setting.since, setting.now, setting.zone)
        self._hours = hours_between(setting.since, setting.now + _LONGEST_CYCLE, setting.zone)
        self._lines: dict[int, PastLine] = {}
        self._places: dict[int, Place] = {}
        self._waiting: list[Received] = []
        self._stand: dict[int, Standing] = {}
        self._states: dict[int, CapState] = {}  # in which enforcement has seen them last
        self._ahead: dict[int, int] = {}  # when some buy whatever they have left
        self._deeds: list[tuple[Deed, PastLine]] = []
        self._told_at = time.monotonic()

    def live(self, newcomers: Sequence[Newcomer], is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Enter these lines, each in its time, and live them all up to now. Raises RuntimeError once nobody wants it any
        more."""
        at = self._at
        waiting = sorted(newcomers, key=lambda one: one.at, reverse=True)
        for step in steps(at.since, at.now, at.zone):
            if not is_wanted():
                raise RuntimeError("nobody waits any more for the demo provider's past")
            with transaction.atomic():
                arrived = []
                while waiting and waiting[-1].at <= step.start:
                    arrived.append(waiting.pop())
                self._enter(arrived, step.start)
                if step.opens_day:
                    self._seal(step.start + SEAL_AFTER)
                self._do_deeds(step.start)
                self._step(step)
            self._tell(step.end)
        with transaction.atomic():
            self._enter(waiting[::-1], at.now)
            self._do_deeds(at.now)
            self._fold(until=at.now + timedelta(minutes=1))
            self._journal.close(now=at.now)
            self._enforcement.rest(now=at.now)
            days = (at.now - at.since).days + 1
            roll_up_days(self._conn, zone=at.zone, now=at.now, days_back=days)

    def _enter(self, newcomers: Sequence[Newcomer], now: datetime) -> None:
        """Enter lines, and begin to meter them."""
        if not newcomers:
            return
        entered = [self._line(newcomer) for newcomer in newcomers]
        with connection.cursor() as cursor:
            open_caps(cursor, [line.service_id for line in entered], zone=self._at.zone, now=now)
        roll_due(now=now, limit=_ALL)
        known = standings([line.service_id for line in entered])
        self._stand |= known
        self._states |= {one: standing.state for one, standing in known.items()}
        self._deeds.sort(key=lambda one: one[0].at, reverse=True)

    def _line(self, newcomer: Newcomer) -> PastLine:
        at = self._at
        place, terms = newcomer.enter(newcomer.at)
        one, plan = place.one, plan_of(place.one)
        chance = Random(f"rhythm {one.line.seed}")
        line = PastLine(
            one, place.service_id, terms, plan=plan,
            rhythm=Rhythm(self._hours, plan.hours, busy_share=plan.busy_share, weekend=plan.weekend, chance=chance),
            visits=visits(one, plan, newcomer.at, at.now, at.zone),
            rejects=profile(place.site.profile).rejects,
            midnights=self._midnights,
            late_from=int((at.now - timedelta(days=LATE_DAYS)).timestamp()), end=int(at.now.timestamp()),
        )  # fmt: skip
        self._lines[place.service_id], self._places[place.service_id] = line, place
        self._deeds += [(deed, line) for deed in deeds_of(one, actor=at.actor, now=at.now)]
        ahead = topups.bought_ahead(one, terms, zone=at.zone, now=at.now)
        if ahead is not None:
            self._ahead[place.service_id] = int(ahead.timestamp())
        return line

    def _do_deeds(self, now: datetime) -> None:
        while self._deeds and self._deeds[-1][0].at <= now:
            deed, line = self._deeds.pop()
            self._report(line, deed.do(line, now))
            self._enforce([line.service_id], "decided by staff", now + _SECOND)

    def _step(self, step: Step) -> None:
        until = int(step.end.timestamp())
        alone: list[tuple[int, int]] = []
        for line in self._lines.values():
            self._live_on(line, until, alone)
        while alone:
            second, service_id = heappop(alone)
            moment = datetime.fromtimestamp(second, tz=UTC) + _SECOND
            self._fold(until=moment)
            self._look_at(self._lines[service_id], moment)
            self._live_on(self._lines[service_id], until, alone)
        self._fold(until=step.end)
        self._turn(step)

    def _live_on(self, line: PastLine, until: int, alone: list[tuple[int, int]]) -> None:
        """Live a line on, to the end of the step or to the moment at which something follows of it."""
        if line.buys_at is None and self._ahead.get(line.service_id, until) < until:
            line.buys_at = self._ahead.pop(line.service_id)
        stop = until if line.buys_at is None else min(until, line.buys_at)
        self._report(line, line.advance(stop, self._stand[line.service_id]))
        if line.looks_at is not None or stop < until:
            heappush(alone, (line.looks_at or stop, line.service_id))

    def _look_at(self, line: PastLine, now: datetime) -> None:
        """What follows at this moment of what the product now says of a line."""
        standing = self._read(line)
        if line.buys_at is not None and line.buys_at <= now.timestamp():
            line.buys_at = None
            self._buys(line, now)
            self._enforce([line.service_id], "granted a top-up", now)
            follow_due(now=now + _SECOND, limit=_ALL)
            line.come_back(int(now.timestamp()))
            return
        if line.buys_at is None:
            buys_at = topups.decides(line, standing, now=now)
            line.buys_at = None if buys_at is None else int(buys_at.timestamp())
        line.note_told(standing.cycle_start)
        if standing.state != CapState.OPEN:
            self._enforce([line.service_id], f"cap: {CapState.OPEN} → {standing.state}", now)

    def _buys(self, line: PastLine, now: datetime) -> None:
        topups.buy(line, self._read(line), now=now)
        self._read(line)

    def _read(self, line: PastLine) -> Standing:
        """What the product says of it now."""
        self._stand.update(standings([line.service_id]))
        standing = self._stand[line.service_id]
        self._states[line.service_id] = standing.state
        return standing

    def _seal(self, now: datetime) -> None:
        """What ended at midnight is closed. The last bytes before it have been reported: see `line.REPORTED_AT`."""
        seal_due(now=now, limit=_ALL)
        self._take_in("rolled over", now)

    def _turn(self, step: Step) -> None:
        """The worker's part: cycles, windows and expiries; and the listener's: refused logins."""
        roll_due(now=step.end, limit=_ALL)
        self._take_in("a new cycle began", step.end + _SECOND)
        self._enforcement.prove(now=step.end)
        follow_due(now=step.end, limit=_ALL)
        refused = [
            failed
            for line in self._lines.values()
            if line.refused
            for failed in failures.of_line(line, self._places[line.service_id])
        ]
        if step.ends_day:
            yesterday = step.end - timedelta(days=1)
            refused += failures.slips(self._places.values(), yesterday)
            refused += failures.of_strangers(self._places.values(), yesterday) if self._at.strangers else []
        if refused:
            add_login_failures(self._conn, refused)

    def _take_in(self, cause: str, now: datetime) -> None:
        """How all lines stand now; those that stand otherwise than their routers know are enforced."""
        self._stand = standings(self._lines)
        changed = [one for one, standing in self._stand.items() if standing.state != self._states[one]]
        self._states = {one: standing.state for one, standing in self._stand.items()}
        self._enforce(changed, cause, now)

    def _enforce(self, service_ids: Collection[int], cause: str, now: datetime) -> None:
        for service_id in self._enforcement.enforce(service_ids, cause=cause, now=now):
            line = self._lines[service_id]
            self._report(line, line.cut(int(now.timestamp()) + 1))

    def _report(self, line: PastLine, events: list[Event]) -> None:
        """What its router sends waits until it is its turn to be folded."""
        place = self._places[line.service_id]
        way = place.one.line.seed * 4_001  # microseconds, so that no two arrive together
        self._waiting += [(event.at * 1_000_000 + way, record_of(place, event)) for event in events]

    def _fold(self, *, until: datetime) -> None:
        """Fold what has been received by then."""
        received = [one for one in self._waiting if one[0] <= to_micros(until)]
        if received:
            self._waiting = [one for one in self._waiting if one[0] > to_micros(until)]
            self._journal.fold(received, now=from_micros(max(micros for micros, _ in received)))

    def _tell(self, until: datetime) -> None:
        if time.monotonic() - self._told_at >= _TELL_SECONDS:
            self._told_at = time.monotonic()
            days, of = (until - self._at.since).days, (self._at.now - self._at.since).days
            log.info("living the demo provider's past", day=days, of=of, records=self._journal.records)
