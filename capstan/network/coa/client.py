"""The CoA client: many requests in flight over a few UDP sockets, without a thread and without waiting.

An Identifier is one byte, and a router may take a request that repeats one from the same source port within its
Event-Timestamp window for a retransmission (RFC 5176 §6.3). So identifiers per router are used oldest first, one is not
used again within `IDENTIFIER_REST_SECONDS`, and when 256 are not enough a further source port is opened. A
retransmission is the same bytes: same Identifier, same Event-Timestamp.
"""

import heapq
import select
import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count
from typing import NamedTuple

from capstan.network.coa.packet import encode_request, read_answer
from capstan.network.radius.avp import Avp
from capstan.network.radius.packet import Secret
from capstan.network.rules.words import CommandState

IDENTIFIER_REST_SECONDS = 300.0
SOURCE_PORTS_MAX = 64
RETRY_SECONDS = (2.0, 4.0, 8.0)
"""How long to wait for the answer to each sending, doubling (RFC 5080 §2.2.1); after the last the request is given
up."""

_RECEIVE_BYTES = 4096
_SOCKET_BUFFER_BYTES = 1 << 20


class Request(NamedTuple):
    """What is to be sent where. `key` comes back in the outcome."""

    key: int
    nas_id: int
    address: str
    port: int
    secret: Secret
    code: int
    avps: Sequence[Avp]


class Outcome(NamedTuple):
    key: int
    nas_id: int
    state: CommandState  # ACK, NAK or TIMEOUT
    error_cause: int | None
    at: float
    detail: str


@dataclass(slots=True, eq=False)
class _Pending:
    request: Request
    packet: bytes
    place: int  # source port number and identifier: place // 256, place % 256
    sent_at: float
    tries: int = 0
    trouble: str = ""
    over: bool = False


@dataclass(slots=True)
class _Identifiers:
    """One router's identifiers over all source ports."""

    fresh: int = 0
    resting: deque[tuple[float, int]] = field(default_factory=deque)  # (may be used again at, place)

    def take(self, now: float) -> int:
        if self.resting and self.resting[0][0] <= now:
            return self.resting.popleft()[1]
        if self.fresh < SOURCE_PORTS_MAX * 256:
            self.fresh += 1
            return self.fresh - 1
        # Over 16,000 requests to one router within the window: the one that has rested longest.
        return self.resting.popleft()[1]

    def give_back(self, place: int, now: float) -> None:
        self.resting.append((now + IDENTIFIER_REST_SECONDS, place))


class CoaClient:
    """Not for several threads. Times are seconds since 1970 and never read here."""

    def __init__(self, retry_seconds: Sequence[float] = RETRY_SECONDS) -> None:
        self._retry_seconds = tuple(retry_seconds)
        self._sockets: dict[tuple[int, int], socket.socket] = {}
        self._poll = select.poll()
        self._by_descriptor: dict[int, tuple[int, socket.socket]] = {}
        self._identifiers: dict[tuple[str, int], _Identifiers] = {}
        self._pending: dict[tuple[str, int, int], _Pending] = {}
        self._timers: list[tuple[float, int, _Pending]] = []
        self._order = count()
        self.strays = 0  # answers that fit no request, or were forged

    @property
    def in_flight(self) -> int:
        return len(self._pending)

    def send(self, request: Request, *, now: float) -> None:
        """Send it now. Its outcome comes out of `collect` once the router has answered or has been given up.

        Raises ValueError when its attributes don't fit into a packet. A network that refuses to send is retried as if
        the packet had been lost, and named in the outcome.
        """
        destination = (str(ip_address(request.address)), request.port)
        identifiers = self._identifiers.setdefault(destination, _Identifiers())
        place = identifiers.take(now)
        packet = encode_request(
            request.code, place % 256, request.avps, secret=request.secret, timestamp=int(now)
        )
        pending = _Pending(request, packet, place, sent_at=now)
        self._pending[(*destination, place)] = pending
        self._transmit(pending, now)

    def collect(self, *, now: float) -> list[Outcome]:
        """The outcomes there are by now. Also sends again what is due for it."""
        outcomes: list[Outcome] = []
        for descriptor, _ in self._poll.poll(0):
            number, source = self._by_descriptor[descriptor]
            self._drain(number, source, now, outcomes)
        while self._timers and self._timers[0][0] <= now:
            pending = heapq.heappop(self._timers)[2]
            if pending.over:
                continue
            if pending.tries < len(self._retry_seconds):
                self._transmit(pending, now)
            else:
                outcomes.append(self._finish(pending, CommandState.TIMEOUT, None, now))
        return outcomes

    def next_timer(self) -> float | None:
        """When `collect` has something to do even if nothing arrives."""
        while self._timers and self._timers[0][2].over:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def descriptors(self) -> list[int]:
        """What to wait on for answers."""
        return list(self._by_descriptor)

    def close(self) -> None:
        for source in self._sockets.values():
            source.close()
        self._sockets.clear()
        self._by_descriptor.clear()

    def _transmit(self, pending: _Pending, now: float) -> None:
        request = pending.request
        try:
            self._socket(pending).sendto(pending.packet, (request.address, request.port))
        except OSError as error:
            pending.trouble = f"could not be sent: {error.strerror}"
        heapq.heappush(self._timers, (now + self._retry_seconds[pending.tries], next(self._order), pending))
        pending.tries += 1

    def _socket(self, pending: _Pending) -> socket.socket:
        family = socket.AF_INET6 if ":" in pending.request.address else socket.AF_INET
        key = (family, pending.place // 256)
        if key not in self._sockets:
            source = socket.socket(family, socket.SOCK_DGRAM)
            source.setblocking(False)
            source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER_BYTES)
            self._sockets[key] = source
            self._by_descriptor[source.fileno()] = (key[1], source)
            self._poll.register(source, select.POLLIN)
        return self._sockets[key]

    def _drain(self, number: int, source: socket.socket, now: float, outcomes: list[Outcome]) -> None:
        while True:
            try:
                data, sender = source.recvfrom(_RECEIVE_BYTES)
            except BlockingIOError:
                return
            except OSError:  # an ICMP refusal of an earlier packet; the request is retried anyway
                continue
            place = number * 256 + data[1] if len(data) > 1 else -1
            pending = self._pending.get((str(ip_address(sender[0].partition("%")[0])), sender[1], place))
            if pending is None:
                self.strays += 1
                continue
            try:
                answer = read_answer(data, pending.packet, pending.request.secret)
            except ValueError as error:
                self.strays += 1
                pending.trouble = f"an answer was not accepted: {error}"
                continue
            state = CommandState.ACK if answer.acknowledged else CommandState.NAK
            outcomes.append(self._finish(pending, state, answer.error_cause, now))

    def _finish(self, pending: _Pending, state: CommandState, cause: int | None, now: float) -> Outcome:
        request = pending.request
        destination = (str(ip_address(request.address)), request.port)
        pending.over = True
        del self._pending[(*destination, pending.place)]
        self._identifiers[destination].give_back(pending.place, now)
        detail = pending.trouble if state == CommandState.TIMEOUT else ""
        return Outcome(request.key, request.nas_id, state, cause, now, detail)
