"""A router's RADIUS client: requests over UDP, sent again with growing pauses until they are answered."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple, cast

from capstan.demo.routers.codec import read_answer
from capstan.demo.routers.faults import Wire

_IDENTIFIERS = 256
_KEPT_IDENTIFIERS = 4  # of one request made anew: an answer to an older one is no longer expected

Build = Callable[[int], Any]
"""Makes the packet, given how many seconds it has waited already (Acct-Delay-Time)."""


class Retry(NamedTuple):
    """When to send again (RFC 5080 §2.2.1), in seconds. `tries` 0: for ever, as accounting does."""

    first: float = 2.0
    longest: float = 16.0
    tries: int = 0


LOGIN_RETRY = Retry(tries=5)
ACCOUNTING_RETRY = Retry()


@dataclass(slots=True)
class Figures:
    """What the client has done so far, in packets."""

    sent: int = 0
    resent: int = 0
    answered: int = 0
    given_up: int = 0
    ignored: int = 0  # answers that were forged, late or meant for nobody


@dataclass(slots=True)
class _Slot:
    """An identifier in use on one socket: the request that went out with it, and who waits for its answer."""

    socket: "_Socket"
    identifier: int
    answer: "asyncio.Future[Any]"
    request: Any = None
    raw: bytes = b""


@dataclass(slots=True)
class Client:
    """Requests from `local` to one port of the RADIUS server; a further socket is opened when 256 are under way."""

    local: str
    server: tuple[str, int]
    wire: Wire
    chance: Random
    figures: Figures = field(default_factory=Figures)
    _sockets: list["_Socket"] = field(default_factory=list)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def exchange(self, build: Build, retry: Retry, *, anew: bool = False) -> Any | None:
        """The answer to the packet that `build` makes, or None when `retry` is used up.

        `anew`: a repetition is built again, so that its delay is true; it then has a new identifier (RFC 2866 §5.2).
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        began, wait, tries = loop.time(), self._stretch(retry.first, retry.first), 0
        slots: list[_Slot] = []
        try:
            while True:
                if anew or not slots:
                    slots.append(await self._claim(answer, build, int(loop.time() - began)))
                    if len(slots) > _KEPT_IDENTIFIERS:
                        oldest = slots.pop(0)
                        oldest.socket.free(oldest)
                self._send(slots[-1], again=tries > 0)
                tries += 1
                await asyncio.wait([answer], timeout=wait)
                if answer.done():
                    self.figures.answered += 1
                    return answer.result()
                if tries == retry.tries:
                    self.figures.given_up += 1
                    return None
                wait = min(self._stretch(2 * wait, wait), retry.longest)
        finally:
            for slot in slots:
                slot.socket.free(slot)

    def close(self) -> None:
        """Close all sockets; whoever still waits gets no answer."""
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()

    def _stretch(self, base: float, wait: float) -> float:
        return base + self.chance.uniform(-0.1, 0.1) * wait

    async def _claim(self, answer: "asyncio.Future[Any]", build: Build, delay: int) -> _Slot:
        async with self._opening:  # else a burst of requests would open a socket each
            socket = next((one for one in self._sockets if one.has_room), None) or await self._open()
            slot = socket.claim(answer)
        slot.request = build(delay)
        slot.request.id = slot.identifier
        slot.raw = slot.request.RequestPacket()
        return slot

    async def _open(self) -> "_Socket":
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_datagram_endpoint(
            lambda: _Socket(self.wire, self.figures), local_addr=(self.local, 0), remote_addr=self.server
        )
        self._sockets.append(socket)
        return socket

    def _send(self, slot: _Slot, *, again: bool) -> None:
        self.figures.sent += 1
        self.figures.resent += again
        self.wire.send(lambda: slot.socket.send(slot.raw))


class _Socket(asyncio.DatagramProtocol):
    """One UDP socket with its 256 identifiers, taken in turn so that one isn't used again soon."""

    def __init__(self, wire: Wire, figures: Figures) -> None:
        self._wire = wire
        self._figures = figures
        self._slots: dict[int, _Slot] = {}
        self._next = 0
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def has_room(self) -> bool:
        return len(self._slots) < _IDENTIFIERS

    def claim(self, answer: "asyncio.Future[Any]") -> _Slot:
        while self._next in self._slots:
            self._next = (self._next + 1) % _IDENTIFIERS
        slot = self._slots[self._next] = _Slot(self, self._next, answer)
        self._next = (self._next + 1) % _IDENTIFIERS
        return slot

    def free(self, slot: _Slot) -> None:
        if self._slots.get(slot.identifier) is slot:
            del self._slots[slot.identifier]

    def send(self, raw: bytes) -> None:
        if self._transport is not None:
            self._transport.sendto(raw)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._wire.receive(lambda: self._take(data))

    def error_received(self, exc: Exception) -> None:
        """The server's port is closed just now: the retry that follows is all there is to do."""

    def _take(self, data: bytes) -> None:
        slot = self._slots.get(data[1]) if len(data) >= 20 else None
        answer = read_answer(slot.request, data) if slot is not None else None
        if slot is None or answer is None or slot.answer.done():
            self._figures.ignored += 1
        else:
            slot.answer.set_result(answer)
