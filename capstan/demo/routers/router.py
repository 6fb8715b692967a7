"""A simulated router: it logs subscribers in, moves their traffic, accounts for it, and does what it is told."""

import asyncio
import math
from collections.abc import Callable, Collection, Coroutine, Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import structlog

from capstan.demo.routers import packets
from capstan.demo.routers.client import ACCOUNTING_RETRY, LOGIN_RETRY, Client, Figures, Retry
from capstan.demo.routers.codec import (
    ACCESS_ACCEPT,
    DISCONNECT_REQUEST,
    AcctStatus,
    Attribute,
    Cause,
    ErrorCause,
    first,
)
from capstan.demo.routers.dynamic import DynamicPort
from capstan.demo.routers.faults import FaultKind, Faults, Wire
from capstan.demo.routers.packets import Line, Moment, Setup
from capstan.demo.routers.pools import NoAddressError, Pools
from capstan.demo.routers.selection import find_sessions, unsupported
from capstan.demo.routers.session import Area, Orders, Session
from capstan.demo.routers.subscriber import Subscriber
from capstan.demo.routers.traffic import Appetite, DayClock

log = structlog.get_logger("capstan.demo.routers")


class Router:
    """One NAS with its own address, sockets and faults. Everything runs in the event loop that `start` is called in."""

    def __init__(
        self,
        setup: Setup,
        lines: Iterable[Line],
        *,
        unplugged: Collection[str] = (),
        day: DayClock,
        clock: Callable[[], datetime],
        seed: int = 0,
        login_retry: Retry = LOGIN_RETRY,
        accounting_retry: Retry = ACCOUNTING_RETRY,
    ) -> None:
        self.setup = setup
        self.faults = Faults()
        self.subscribers = [
            Subscriber(
                line,
                port,
                Appetite(line.habit, line.seed),
                dial_at=0.0,
                is_plugged_in=line.username not in unplugged,
            )
            for port, line in enumerate(lines, 1)
        ]
        self._chance = Random(seed)
        self.wire = Wire(self.faults, self._chance)
        self._day = day
        self._clock = clock
        self._login_retry = login_retry
        self._accounting_retry = accounting_retry
        self._pools = Pools(setup.pools)
        self._auth = Client(setup.address, (setup.server, setup.auth_port), self.wire, self._chance)
        self._acct = Client(setup.address, (setup.server, setup.acct_port), self.wire, self._chance)
        self._dynamic: DynamicPort | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._booted = clock()
        self._sessions_begun = 0

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self, *, announce: bool = True) -> None:
        """Open the sockets, say Accounting-On and let the lines dial in one after the other.

        Raises OSError when the address or the CoA port can't be had.
        """
        loop = asyncio.get_running_loop()
        self._booted, self._sessions_begun = self._clock(), 0
        _, self._dynamic = await loop.create_datagram_endpoint(
            lambda: DynamicPort(self.setup.secret, self.wire, self._decide),
            local_addr=(self.setup.address, self.setup.coa_port),
        )
        if announce:
            self._announce(AcctStatus.ON)
        self._let_dial(self.subscribers)
        self._spawn(self._run())

    async def stop(self, *, within_seconds: float = 2.0) -> None:
        """End all sessions with a Stop, say Accounting-Off, and wait no longer than this for the answers."""
        farewells = [self._end(one, Cause.ADMIN_REBOOT) for one in self.sessions()]
        for one in self.subscribers:
            one.dial_at = math.inf
            if one.dialing is not None:
                one.dialing.cancel()
        farewells.append(self._announce(AcctStatus.OFF))
        await asyncio.wait(farewells, timeout=within_seconds)
        self.power_off()

    def plug_in(self, usernames: Collection[str]) -> None:
        """Lines that weren't plugged in so far dial in now."""
        new = [one for one in self.subscribers if one.line.username in usernames and not one.is_plugged_in]
        for one in new:
            one.is_plugged_in = True
        self._let_dial(new)

    def _let_dial(self, subscribers: Iterable[Subscriber]) -> None:
        """One after the other."""
        now = asyncio.get_running_loop().time()
        for place, one in enumerate(subscribers, 1):
            one.dial_at = now + place * self.setup.dial_seconds if one.is_plugged_in else math.inf

    def power_off(self) -> None:
        """As when the plug is pulled: nothing more is sent, sessions are forgotten."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        if self._dynamic is not None:
            self._dynamic.close()
            self._dynamic = None
        self._auth.close()
        self._acct.close()
        for subscriber in self.subscribers:
            if subscriber.session is not None:
                self._pools.give_back(subscriber.session.addresses)
            subscriber.session = subscriber.dialing = subscriber.interim = None

    def reboot(self, *, announce: bool, down_seconds: float) -> "asyncio.Task[None]":
        """Lose power and come back; `announce` is whether it then says Accounting-On. The task ends when it is back."""

        async def come_back() -> None:
            await asyncio.sleep(down_seconds)
            await self.start(announce=announce)
            log.info("router is back", nas=self.setup.name, accounting_on=announce)

        log.info("router lost power", nas=self.setup.name, sessions=len(self.sessions()))
        self.power_off()
        return self._spawn(come_back())

    # -- faults -------------------------------------------------------------------------------------------------------

    def fault(self, kind: FaultKind, argument: str = "") -> None:
        """Start a fault (or end all of them: `heal`). Raises ValueError for an argument that doesn't fit."""
        if kind in (FaultKind.REBOOT, FaultKind.REBOOT_SILENT):
            self.reboot(announce=kind is FaultKind.REBOOT, down_seconds=float(argument or 2))
        elif kind is FaultKind.COUNTER_RESET:
            self._reset_counters(argument)
        else:
            self.faults.set(kind, argument)
        log.info("fault", nas=self.setup.name, kind=str(kind), argument=argument)

    def _reset_counters(self, username: str) -> None:
        chosen = [one for one in self.sessions() if username in ("", one.line.username)]
        if not chosen:
            raise ValueError(f"{self.setup.name} has no session of {username or 'anyone'}")
        for one in chosen:
            assert one.session is not None
            one.session.up = one.session.down = 0

    # -- what it looks like -------------------------------------------------------------------------------------------

    def sessions(self) -> list[Subscriber]:
        """The subscribers who are logged in."""
        return [one for one in self.subscribers if one.session is not None]

    @property
    def figures(self) -> tuple[Figures, Figures]:
        """Packets of authentication and of accounting."""
        return self._auth.figures, self._acct.figures

    @property
    def coa_port(self) -> int:
        """The port that takes CoA and disconnect; 0 while the power is off."""
        return self._dynamic.number if self._dynamic is not None else 0

    # -- logging in ---------------------------------------------------------------------------------------------------

    async def _dial(self, one: Subscriber) -> None:
        self._sessions_begun += 1
        session_id = packets.session_id(self.setup.vendor, self._booted, self._sessions_begun)
        request = packets.access(self.setup, one.line, one.port, session_id)
        answer = await self._auth.exchange(lambda _: request, self._login_retry)
        one.dialing = None
        if answer is None:
            self._refuse(one, "no answer")
        elif answer.code != ACCESS_ACCEPT:
            self._refuse(one, first(answer, "Reply-Message") or "refused")
        else:
            try:
                self._open(one, session_id, answer)
            except (ValueError, NoAddressError) as problem:
                self._refuse(one, f"Accept can't be carried out: {problem}")

    def _refuse(self, one: Subscriber, why: str) -> None:
        if why != one.refused:
            log.info("no login", nas=self.setup.name, user=one.line.username, why=why)
        one.refused = why
        one.dial_at = self._soon(self.setup.refused_seconds)

    def _open(self, one: Subscriber, session_id: str, accept: Any) -> None:
        orders = self.setup.vendor.read(accept, self.setup.areas)
        now = asyncio.get_running_loop().time()
        session = Session(session_id, now, self._pools.assign(accept), orders)
        if one.line.stay_seconds:
            session.leaves_at = now + self._chance.expovariate(1 / one.line.stay_seconds)
        one.session, one.refused, one.logins = session, "", one.logins + 1
        self._plan_interim(session, now)
        self._spawn(self._account(self._event(one, AcctStatus.START)))
        if session.area is not Area.INTERNET:
            log.info("logged in", nas=self.setup.name, user=one.line.username, area=session.area.value)

    # -- traffic and time ---------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.setup.tick_seconds)
            now = loop.time()
            for one in self.subscribers:
                if one.session is not None:
                    self._serve(one, one.session, now)
                elif one.dialing is None and now >= one.dial_at:
                    one.dialing = self._spawn(self._dial(one))

    def _serve(self, one: Subscriber, session: Session, now: float) -> None:
        self._move(one, session, now)
        cause = session.ends_now(now)
        if session.is_used_up:
            log.info(
                "quota used up", nas=self.setup.name, user=one.line.username, bytes=session.up + session.down
            )
            self._end(one, self.setup.vendor.quota_cause)
        elif cause is not None:
            self._end(one, cause)
        elif now >= session.next_interim:
            if one.interim is not None:
                one.interim.cancel()  # RFC 2869 §5.16: only the latest is worth sending
            one.interim = self._spawn(self._account(self._event(one, AcctStatus.INTERIM)))
            self._plan_interim(session, now)

    def _move(self, one: Subscriber, session: Session, now: float) -> None:
        wanted = one.appetite.at(self._day.seconds(now), self._day.speed)
        up, down = session.move(now, wanted.within(one.line.line_bps))
        one.moved_up += up
        one.moved_down += down

    def _plan_interim(self, session: Session, now: float) -> None:
        """The next interim, a little early by chance, so that a reboot doesn't line them all up (RFC 2869 §2.1)."""
        interval = session.orders.interim_seconds
        if interval:
            session.next_interim = now + interval * self._chance.uniform(0.9, 1.0)

    def _end(self, one: Subscriber, cause: Cause) -> "asyncio.Task[None]":
        """End the session with a Stop; the subscriber dials again after a pause."""
        session = one.session
        assert session is not None
        if one.interim is not None:
            one.interim.cancel()
        stop = self._event(one, AcctStatus.STOP, cause)
        one.session = one.interim = None
        one.dial_at = self._soon(self.setup.redial_seconds)
        if cause is Cause.USER_REQUEST and one.line.stay_seconds:
            one.dial_at += self._chance.expovariate(3 / one.line.stay_seconds)
        self._pools.give_back(session.addresses)
        return self._spawn(self._account(stop))

    # -- CoA and disconnect -------------------------------------------------------------------------------------------

    def _decide(self, order: Any) -> ErrorCause | None:
        """Carry out a CoA- or Disconnect-Request on every session it names, or on none (RFC 5176 §3.5)."""
        try:
            refusal = self._carry_out(order)
        except ValueError as problem:
            log.info("order can't be read", nas=self.setup.name, why=str(problem))
            return ErrorCause.INVALID_VALUE
        if refusal is not None:
            log.info("order refused", nas=self.setup.name, error_cause=refusal.name.lower())
        return refusal

    def _carry_out(self, order: Any) -> ErrorCause | None:
        chosen = find_sessions(order, self.setup, self.sessions())
        if isinstance(chosen, ErrorCause):
            return chosen
        if unsupported(order, self.setup.vendor):
            return ErrorCause.UNSUPPORTED_ATTRIBUTE
        if order.code == DISCONNECT_REQUEST:
            for one in chosen:
                log.info("disconnected", nas=self.setup.name, user=one.line.username)
                self._serve_until_now(one)
                self._end(one, Cause.ADMIN_RESET)
            return None
        orders = self.setup.vendor.read(order, self.setup.areas)
        for one in chosen:
            self._obey(one, orders)
        return None

    def _obey(self, one: Subscriber, orders: Orders) -> None:
        session = one.session
        assert session is not None
        self._serve_until_now(one)  # what came before still ran under the old orders
        session.obey(orders)
        if orders.interim_seconds:
            self._plan_interim(session, session.moved_until)
        told = {
            name: value for name, value in orders._asdict().items() if value is not None and name != "token"
        }
        log.info(
            "obeyed", nas=self.setup.name, user=one.line.username, **{**told, "area": session.area.value}
        )

    def _serve_until_now(self, one: Subscriber) -> None:
        assert one.session is not None
        self._move(one, one.session, asyncio.get_running_loop().time())

    # -- helpers ------------------------------------------------------------------------------------------------------

    def _event(self, one: Subscriber, status: AcctStatus, cause: Cause | None = None) -> list[Attribute]:
        assert one.session is not None
        return packets.session_event(
            self.setup,
            one.line,
            one.port,
            one.session,
            status,
            moment=self._moment(),
            gigawords=not self.faults.no_gigawords,
            cause=cause,
        )

    def _announce(self, status: AcctStatus) -> "asyncio.Task[None]":
        return self._spawn(self._account(packets.router_event(self.setup, status, moment=self._moment())))

    async def _account(self, attributes: list[Attribute]) -> None:
        """Send an accounting event until it is acknowledged."""
        await self._acct.exchange(
            lambda delay: packets.accounting(self.setup, attributes, delay),
            self._accounting_retry,
            anew=self.setup.vendor.tells_delay,
        )

    def _moment(self) -> Moment:
        ahead = timedelta(seconds=self.faults.clock_seconds)
        return Moment(asyncio.get_running_loop().time(), self._clock() + ahead)

    def _soon(self, seconds: tuple[float, float]) -> float:
        return asyncio.get_running_loop().time() + self._chance.uniform(*seconds)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("router task failed", nas=self.setup.name, exc_info=task.exception())
