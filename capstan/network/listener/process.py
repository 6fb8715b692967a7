"""The listener process: one thread takes packets and answers them, never waiting for anything but events."""

import gc
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import psycopg
import structlog
from django.conf import settings
from psycopg.errors import LockNotAvailable

from capstan.db.connection import connect
from capstan.metering.actions.packet_log import ensure_partitions
from capstan.network.listener.accounting import Accounting
from capstan.network.listener.authentication import Authentication
from capstan.network.listener.chores import Chores
from capstan.network.listener.pipe import Pipe
from capstan.network.listener.quarantine import Quarantine, unhandled
from capstan.network.listener.sockets import Arrival, UdpSocket
from capstan.network.listener.upkeep import Upkeep
from capstan.values import clock

_TURN_SECONDS = 0.25
_RETRY_FIRST, _RETRY_LAST = 0.25, 5.0
_STUCK_SECONDS = 30.0
_STOP_SECONDS = 5.0
_GARBAGE_EVERY = 50_000  # objects: a burst makes many tuples and no cycles
_SWITCH_SECONDS = 0.0005  # a chore that computes must not hold up a burst packet by packet

log = structlog.get_logger()

Half = Accounting | Authentication


def run(*, logins_only: bool = False) -> None:
    """Listen on every configured address until SIGTERM or SIGINT. A database that is away is waited for.

    `logins_only` leaves accounting to another process. Ends with a message when an address can't be bound.
    """
    options = settings.OPTIONS
    gc.set_threshold(_GARBAGE_EVERY, 20, 50)
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        listener = Listener(
            options.radius_hosts, options.radius_auth_port, options.radius_acct_port, logins_only=logins_only
        )
    except OSError as error:
        raise SystemExit(f"capstan radius: {error}") from error
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: listener.stop())
    listener.run()


class Link:
    """One half of the listener with its sockets and its connection: when packets are taken, when to connect again."""

    def __init__(self, name: str, half: Half, sockets: Sequence[UdpSocket]) -> None:
        self.name = name
        self.half = half
        self.sockets = sockets
        self.is_taking = False
        self.retry_at = 0.0
        self.retry_seconds = _RETRY_FIRST
        self.flying_since: float | None = None
        self.fd: int | None = None  # of the connection; kept, as a broken one can't be asked any more


class Listener:
    """Sockets, the two halves, and the loop. `now` is the clock, so that a test can set it."""

    def __init__(
        self,
        hosts: Sequence[str],
        auth_port: int,
        acct_port: int,
        *,
        logins_only: bool = False,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        """Bind everything. A port of 0 takes a free one: see `auth_port` and `acct_port`.

        Raises OSError, naming the address, when one can't be bound.
        """
        self.now = now
        auth_sockets: list[UdpSocket] = []
        acct_sockets: list[UdpSocket] = []
        try:
            for host in hosts:
                # All hosts get the same port, also when the first one was free to choose.
                auth_port = _bind(auth_sockets, host, auth_port)
                if not logins_only:
                    acct_port = _bind(acct_sockets, host, acct_port)
        except OSError:
            for sock in auth_sockets + acct_sockets:
                sock.close()
            raise
        self.auth_port, self.acct_port = auth_port, acct_port
        self.quarantine = Quarantine()
        self.accounting = Accounting(self.quarantine)
        self.authentication = Authentication(self.quarantine)
        logins = Link("authentication", self.authentication, auth_sockets)
        self._links = (
            (logins,) if logins_only else (Link("accounting", self.accounting, acct_sockets), logins)
        )
        self.kind = "radius-logins" if logins_only else "radius"
        self._writer = f"radius {socket.gethostname()} {os.getpid()}"
        self._selector = selectors.DefaultSelector()
        self._moment = now()  # of this turn of the loop
        self._stopping = False

    def stop(self) -> None:
        """End soon, cleanly. May be called from a signal handler or another thread."""
        self._stopping = True

    def run(self) -> None:
        chores = Chores()
        upkeep = Upkeep(
            self.kind, chores, self.accounting, self.authentication, self.quarantine, self.figures
        )
        self._selector.register(chores, selectors.EVENT_READ, chores.finish)
        log.info(
            "listening", hosts=[sock.host for sock in self._links[0].sockets],
            **{f"{link.name}_port": link.sockets[0].port for link in self._links},
        )  # fmt: skip
        try:
            while not self._stopping:
                events = self._selector.select(_TURN_SECONDS)
                self._moment, monotonic = self.now(), time.monotonic()
                for key, _ in events:
                    key.data()
                upkeep.run(monotonic, self._moment)
                if upkeep.is_ready:
                    for link in self._links:
                        self._look_after(link, monotonic)
            self._drain()
        finally:
            upkeep.finish(self.now())
            chores.stop(_STOP_SECONDS)
            for link in self._links:
                link.half.detach()
                for sock in link.sockets:
                    sock.close()
            self._selector.close()
            log.info("stopped listening")

    def figures(self) -> dict[str, float]:
        """Counters for `capstan status` and /metrics."""
        accounting, authentication = self.accounting, self.authentication
        return {
            "accounting_acknowledged_total": accounting.acknowledged,
            "accounting_bursts_total": accounting.bursts,
            "access_accepted_total": authentication.accepted,
            "access_rejected_total": authentication.failures.refused,
            "access_repeated_total": authentication.repeated,
            "refused_total": self.quarantine.refused,
            "answers_unsent_total": sum(sock.unsent for link in self._links for sock in link.sockets),
            "peers": accounting.directory.peers,
            "database_away": sum(link.half.pipe is None for link in self._links),
        }

    def _look_after(self, link: Link, monotonic: float) -> None:
        """Connect what isn't connected, send what was gathered, take packets only while they can be dealt with."""
        half = link.half
        try:
            if half.pipe is None:
                if monotonic < link.retry_at:
                    return
                self._connect(link)
            half.flush(self._moment)
            if not half.is_flying:
                link.flying_since = None
            elif link.flying_since is None:
                link.flying_since = monotonic
            elif monotonic - link.flying_since > _STUCK_SECONDS:
                raise psycopg.OperationalError(f"the database has not answered for {_STUCK_SECONDS:.0f} s")
        except psycopg.Error as error:
            self._lose(link, error)
        self._take_or_not(link, half.is_open)

    def _connect(self, link: Link) -> None:
        """Open the half's connection. Raises psycopg.Error when the database is away."""
        now, half = self._moment, link.half
        pipe = Pipe(connect(name=f"capstan radius {link.name}"))
        try:
            if isinstance(half, Accounting):
                _have_partitions(pipe, now)
                half.attach(pipe, writer=self._writer, now=now)
            else:
                half.attach(pipe)
        except psycopg.Error:
            pipe.close()
            raise
        link.fd = pipe.fileno()
        self._selector.register(link.fd, selectors.EVENT_READ, lambda: self._fetch(link))
        link.retry_seconds = _RETRY_FIRST
        log.info("connected to the database", half=link.name)

    def _fetch(self, link: Link) -> None:
        try:
            if link.half.fetch(self._moment):
                link.flying_since = None
                link.half.flush(self._moment)
        except psycopg.Error as error:
            self._lose(link, error)

    def _lose(self, link: Link, error: psycopg.Error) -> None:
        """The database is away, or won't have us: answer nothing, try again later, ever more slowly."""
        if link.fd is not None:
            self._selector.unregister(link.fd)
            link.fd = None
        link.half.detach()
        self._take_or_not(link, False)  # at once: not even Status-Server is answered now
        link.flying_since = None
        link.retry_at = time.monotonic() + link.retry_seconds
        link.retry_seconds = min(link.retry_seconds * 2, _RETRY_LAST)
        log.warning(
            "the database is away; nothing is acknowledged", half=link.name, problem=str(error).strip()
        )

    def _take_or_not(self, link: Link, take: bool) -> None:
        """Leave packets in the sockets' buffers while they can't be dealt with."""
        if take == link.is_taking:
            return
        link.is_taking = take
        for sock in link.sockets:
            if take:
                self._selector.register(sock, selectors.EVENT_READ, lambda sock=sock: self._take(link, sock))
            else:
                self._selector.unregister(sock)

    def _take(self, link: Link, sock: UdpSocket) -> None:
        arrivals = sock.receive()
        try:
            link.half.take(sock, arrivals, self._moment)
        except Exception:
            log.exception("a burst could not be handled; trying its packets one by one", port=sock.port)
            self._take_apart(link, sock, arrivals)

    def _take_apart(self, link: Link, sock: UdpSocket, arrivals: list[Arrival]) -> None:
        """No packet, whatever it holds, may stop the others. A record that is logged twice is counted once."""
        for arrival in arrivals:
            try:
                link.half.take(sock, [arrival], self._moment)
            except Exception as error:
                packet, address = arrival
                self.quarantine.add(
                    source=address[0],
                    port=link.name,
                    reason=unhandled(error),
                    packet=packet,
                    now=self._moment,
                )

    def _drain(self) -> None:
        """Acknowledge what was taken, then end the stream."""
        try:
            self.accounting.close(now=self.now())
        except psycopg.Error as error:
            log.warning(
                "stopped without the database; what was not acknowledged will be repeated", problem=str(error)
            )


def _bind(sockets: list[UdpSocket], host: str, port: int) -> int:
    try:
        sockets.append(UdpSocket(host, port))
    except OSError as error:
        raise OSError(f"can't listen on {host} port {port}/udp: {error.strerror}") from error
    return sockets[-1].port


def _have_partitions(pipe: Pipe, now: datetime) -> None:
    try:
        ensure_partitions(pipe.conn, now=now)
    except LockNotAvailable:
        log.warning("the packet log is locked; its coming days are made later")
