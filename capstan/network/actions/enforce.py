"""Bring sessions to the access they should have.

One pass claims services that are due, compares their live sessions with what they should have *now*, writes down what
it is going to send, sends it, and takes in the answers of earlier passes. A service is done with when every CoA it needed is
acknowledged and nobody has raised it since; any other answer makes it due again, so that it is compared once more.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import django.db
import psycopg
import structlog
from django.db import transaction

from capstan.caps.actions.cap import roll
from capstan.metering.actions.control import close_sessions
from capstan.network.actions import commands, due
from capstan.network.actions.commands import Sent
from capstan.network.actions.due import Due, Later
from capstan.network.actions.windows import Windows
from capstan.network.coa.client import CoaClient, Outcome, Request
from capstan.network.coa.identify import identify
from capstan.network.coa.pace import Pace
from capstan.network.coa.packet import COA_REQUEST, DISCONNECT_REQUEST
from capstan.network.queries import lines
from capstan.network.radius.avp import Avp
from capstan.network.rules.compare import Compared, LineFacts
from capstan.network.rules.enforcement import UNSUITABLE, ErrorCause, Step, next_step, retry_after
from capstan.network.rules.quota import quota_of
from capstan.network.rules.words import CommandKind, CommandState
from capstan.services.rules import Urgency
from capstan.values.refused import Refused

log = structlog.get_logger(__name__)

ACTOR = "enforcement"
CLAIM_MAX = 200
_AWAY = (django.db.OperationalError, django.db.InterfaceError, psycopg.OperationalError)
IN_FLIGHT_MAX = 2_000
_CROWD_IN_FLIGHT_MAX = IN_FLIGHT_MAX // 2  # the rest is kept for lines that somebody waits for
# The listener notes a router's address a moment after its first packet.
_UNREACHABLE_RETRY = timedelta(seconds=5)

Planned = tuple[Due, Compared, CommandKind]


@dataclass(slots=True)
class _Work:
    """A service with commands on their way."""

    due: Due
    outstanding: int
    wait: timedelta
    attempts: int
    is_all: (
        bool  # acknowledged CoAs are all that it takes: no disconnect to be watched, nothing left for later
    )


@dataclass(slots=True)
class _Pass:
    """What one pass decided about the services it claimed."""

    planned: list[Planned] = field(default_factory=list)
    work: dict[int, _Work] = field(default_factory=dict)
    done: list[Due] = field(default_factory=list)
    later: list[Later] = field(default_factory=list)


class Enforcer:
    """The enforce lane's state: what is on its way, and how fast each router may be told things. One per thread."""

    def __init__(self, client: CoaClient | None = None, pace: Pace | None = None) -> None:
        self.client = client or CoaClient()
        self._pace = pace or Pace()
        self._windows = Windows()
        self._sent: dict[int, Sent] = {}
        self._unsendable: list[Outcome] = []
        self._work: dict[int, _Work] = {}
        self._answered: list[tuple[Sent, Outcome]] = []  # not written yet, like what is next:
        self._released: list[Later] = []
        self._finished: list[Due] = []
        self._next_at: datetime | None = None
        self.totals: dict[str, int] = defaultdict(int)

    def step(self, *, now: datetime) -> int:
        """One pass; returns how many services and answers it dealt with."""
        outcomes = [*self._unsendable, *self.client.collect(now=now.timestamp())]
        self._unsendable = []
        self._take_in(outcomes, now)
        self._windows.close_ended(now)
        return len(outcomes) + self._look(now)

    def stop(self, *, now: datetime) -> None:
        """Let go of what is on its way, so that another worker need not wait for our leases to end."""
        self.client.close()
        with transaction.atomic():
            commands.settle(self._answered, now=now)
            commands.abandon([sent.compared.session.id for sent in self._sent.values()], now=now)
            at_once = [Later(work.due, now, work.attempts) for work in self._work.values()]
            due.let_go(later=at_once + self._released, done=self._finished)
        self._sent.clear()
        self._work.clear()

    def share_pace(self, workers: int) -> None:
        """So many workers tell routers things: together they keep to each router's pace."""
        self._pace.shares = workers

    def next_at(self) -> datetime | None:
        """When there is something to do again although nobody wakes us: a router's next turn, a window's end."""
        return min(filter(None, (self._next_at, self._windows.look_at)), default=None)

    def figures(self, now: datetime) -> dict[str, float]:
        """Counters for the sign of life."""
        return {
            "coa_in_flight": self.client.in_flight,
            "coa_routers_silent": len(self._pace.silent(now.timestamp())),
            "coa_strays": self.client.strays,
            **{f"coa_{name}": count for name, count in self.totals.items()},
        }

    # --- out

    def _look(self, now: datetime) -> int:
        room = min(CLAIM_MAX, IN_FLIGHT_MAX - self.client.in_flight)
        at_least = Urgency.CROWD if self.client.in_flight < _CROWD_IN_FLIGHT_MAX else Urgency.USAGE
        claimed = due.claim_due(now=now, limit=room, at_least=at_least) if room > 0 else []
        # Our own lease may have run out while answers were awaited: those services are let go of when they have come.
        dues = [one for one in claimed if one.service_id not in self._work]
        if not dues:
            return 0
        try:
            self._deal_with(dues, now)
        except _AWAY:
            self._released += [Later(one, now, one.attempts) for one in dues]
            raise
        return len(dues)

    def _deal_with(self, dues: list[Due], now: datetime) -> None:
        # Whoever was raised last gets a router's next turn: somebody is waiting for it, a mass change is not.
        dues.sort(key=lambda one: one.raised_at, reverse=True)
        dues.sort(key=lambda one: one.urgency)
        this = _Pass()
        known = self._up_to_date(dues, this, now)
        fit = [one for one in dues if one.service_id in known]
        found = lines.compared_lines(known, now=now)
        try:
            with transaction.atomic():
                self._abandon_orphans(found, now)
                commands.confirm_logins([one for mine in found.values() for one in mine])
                for one in fit:
                    self._plan(one, found.get(one.service_id, ()), this, now)
                sent = commands.intend(this.planned, now=now)
                due.let_go(later=this.later, done=this.done)
        except BaseException:
            for _, each, _ in this.planned:
                self._pace.cancel(each.nas.id)
            raise
        self._work.update(this.work)
        ahead = [later.due_at for later in this.later]
        ahead += [self._next_at] if self._next_at is not None and self._next_at > now else []
        self._next_at = min(ahead, default=None)
        for each_sent in sent:
            self._send(each_sent, now)

    def _up_to_date(self, dues: Sequence[Due], this: _Pass, now: datetime) -> dict[int, LineFacts]:
        """The claimed services, caps rolled whose time has come. One that can't be rolled is put off by itself."""
        known = lines.lines([one.service_id for one in dues])
        stale = [
            one for one in dues if one.service_id not in known or known[one.service_id].changes_at <= now
        ]
        rolled = []
        for one in stale:
            known.pop(one.service_id, None)
            try:
                roll(one.service_id, now=now)
                rolled.append(one.service_id)
            except (Refused, ArithmeticError, LookupError, AssertionError):
                log.exception("cap of a service could not be brought up to date", service=one.service_id)
                self.totals["alarms"] += 1
                wait = retry_after(CommandKind.DISCONNECT, None, one.attempts + 1)
                this.later.append(Later(one, now + wait, one.attempts + 1))
        return {**known, **lines.lines(rolled)} if rolled else known

    def _abandon_orphans(self, found: Mapping[int, Sequence[Compared]], now: datetime) -> None:
        """Commands that somebody who had the lease before us left unanswered."""
        ours = {sent.compared.session.id for sent in self._sent.values()}
        orphans = [
            one.session.id
            for mine in found.values()
            for one in mine
            if one.session.last is not None
            and one.session.last.state == CommandState.SENDING
            and one.session.id not in ours
        ]
        if orphans:
            self.totals["abandoned"] += commands.abandon(orphans, now=now)

    def _plan(self, one: Due, sessions: Sequence[Compared], this: _Pass, now: datetime) -> None:
        """Which commands go out for a service now, and when it is looked at again if they can't."""
        steps = [(each, next_step(each.case, now)) for each in sessions if each.case is not None]
        wanted = [(each, CommandKind(step.value)) for each, step in steps if step != Step.NONE]
        if not wanted:
            this.done.append(one)
            return
        waits: list[timedelta] = []
        attempts, planned = one.attempts, 0
        for each, kind in _lowered_first(wanted):
            if each.nas.address is None:
                if one.attempts:
                    self._alarm("router has never been heard of, so it can't be told anything", one, each)
                attempts = one.attempts + 1
                waits.append(_UNREACHABLE_RETRY)
                continue
            seconds = self._pace.admit(
                each.nas.id,
                each.nas.coa_per_second,
                now.timestamp(),
                urgent=one.urgency == Urgency.AWAITED,
            )
            if seconds:
                waits.append(timedelta(seconds=seconds))
            else:
                this.planned.append((one, each, kind))
                planned += 1
        wait = min(waits, default=timedelta(0))
        if planned:
            coas = sum(kind == CommandKind.COA for _, kind in wanted)
            this.work[one.service_id] = _Work(
                one, planned, wait, attempts, is_all=coas == planned == len(wanted)
            )
        else:
            this.later.append(Later(one, now + wait, attempts))

    def _send(self, sent: Sent, now: datetime) -> None:
        nas, session = sent.compared.nas, sent.compared.session
        assert nas.address is not None
        request = Request(
            key=sent.command_id,
            nas_id=nas.id,
            address=nas.address,
            port=nas.port,
            secret=nas.secret,
            code=COA_REQUEST if sent.kind == CommandKind.COA else DISCONNECT_REQUEST,
            avps=[*identify(session, nas), *_orders(sent)],
        )
        self._sent[sent.command_id] = sent
        try:
            self.client.send(request, now=now.timestamp())
            self.totals[f"{sent.kind}_sent"] += 1
        except ValueError as error:
            refusal = Outcome(sent.command_id, nas.id, CommandState.NAK, None, now.timestamp(), str(error))
            self._unsendable.append(refusal)

    # --- in

    def _take_in(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Reckon with answers. What a database that goes away keeps from being written is written at the next pass."""
        answered = [(self._sent.pop(outcome.key), outcome) for outcome in outcomes]
        for sent, outcome in answered:
            was_answered = outcome.state != CommandState.TIMEOUT
            self._pace.done(sent.compared.nas.id, answered=was_answered, now=now.timestamp())
            self.totals[f"{sent.kind}_{outcome.state}"] += 1
        self._answered += answered
        for sent, outcome in answered:
            self._reckon(sent, outcome, now)
        if not self._answered and not self._released:
            return
        gone = [sent.compared.session.id for sent, outcome in self._answered if _is_gone(sent, outcome)]
        if gone:
            close_sessions(gone, actor=ACTOR, reason="its router does not know the session any more", now=now)
        with transaction.atomic():
            commands.settle(self._answered, now=now)
            due.let_go(later=self._released, done=self._finished)
        self._answered.clear()
        self._released.clear()
        self._finished.clear()

    def _reckon(self, sent: Sent, outcome: Outcome, now: datetime) -> None:
        """Reckon with one answer; the service is let go of when all its commands have theirs."""
        work = self._work[sent.due.service_id]
        work.outstanding -= 1
        gone = (
            sent.kind == CommandKind.DISCONNECT
            and outcome.error_cause == ErrorCause.SESSION_CONTEXT_NOT_FOUND
        )
        if outcome.state != CommandState.ACK and not gone:
            if sent.kind == CommandKind.DISCONNECT:
                work.attempts += 1
                self._alarm("line can't be brought to its access", sent.due, sent.compared, outcome)
            elif outcome.error_cause in UNSUITABLE:
                self._alarm("router finds our CoA unsuitable", sent.due, sent.compared, outcome)
            work.wait = max(work.wait, retry_after(sent.kind, outcome.error_cause, work.attempts))
            work.is_all = False
        if work.outstanding:
            return
        del self._work[sent.due.service_id]
        if work.is_all:
            self._finished.append(work.due)
        else:
            self._released.append(Later(work.due, now + work.wait, work.attempts))

    def _alarm(self, what: str, one: Due, each: Compared, outcome: Outcome | None = None) -> None:
        self.totals["alarms"] += 1
        log.error(
            what,
            service=one.service_id,
            session=each.session.id,
            router=each.nas.name,
            access=str(each.access.kind),
            cause=one.cause,
            answer=None if outcome is None else str(outcome.state),
            error_cause=None if outcome is None else outcome.error_cause,
            attempts=one.attempts,
        )


def _is_gone(sent: Sent, outcome: Outcome) -> bool:
    """The router was to end a session that it doesn't have: as good as an acknowledgement."""
    refused = sent.kind == CommandKind.DISCONNECT and outcome.state == CommandState.NAK
    return refused and outcome.error_cause == ErrorCause.SESSION_CONTEXT_NOT_FOUND


def _lowered_first(wanted: Sequence[tuple[Compared, CommandKind]]) -> list[tuple[Compared, CommandKind]]:
    """Without the limits that are only raised, as long as another of the service's has to come down.

    Once its router has agreed the service is compared again, so the sum of what is lent never exceeds what is left.
    """
    if any(kind == CommandKind.COA and _moves(each) < 0 for each, kind in wanted):
        return [(each, kind) for each, kind in wanted if _moves(each) <= 0]
    return list(wanted)


def _moves(one: Compared) -> int:
    """-1: the session's limit comes down or is new; 1: nothing but its limit goes up; 0: anything else."""
    assert one.case is not None
    had = one.case.given.limit_bytes if one.case.given is not None else None
    limit = one.case.lent.limit_bytes
    if limit is not None and (had is None or limit < had):
        return -1
    same = one.case.given is not None and one.case.given.access_hash == one.case.access_hash
    return int(same and limit != had)


def _orders(sent: Sent) -> list[Avp]:
    """A disconnect carries nothing but who is meant (RFC 5176 §3)."""
    if sent.kind == CommandKind.DISCONNECT:
        return []
    one = sent.compared
    assert one.case is not None
    quota = quota_of(one.counting, one.case.lent.limit_bytes)
    return one.nas.profile.coa_avps(one.access, quota=quota)
