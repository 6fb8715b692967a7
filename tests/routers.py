"""Routers under the tests' own control: they report over real UDP, remember what was acknowledged, and obey CoA.

A router runs in an event loop of its own thread (`Field`), so that a test can kill processes meanwhile. All chance comes
from one seed.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from hashlib import md5
from random import Random
from typing import Any, NamedTuple, TypeVar, cast

from tests import radius
from tests.provider import PASSWORD, SECRET

T = TypeVar("T")


class Field:
    """An event loop in a thread; `run` waits for a coroutine's result, `start` doesn't."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 60.0) -> T:
        return self.start(work).result(seconds)

    def start(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def close(self) -> None:
        self.run(self._end_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _end_all(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class Counters(NamedTuple):
    """What one accounting record says."""

    session_id: str
    status: int
    seconds: int
    up: int
    down: int


@dataclass(eq=False)
class Line:
    """A subscriber and the session that he has, or had last."""

    username: str
    password: str = PASSWORD
    session_id: str = ""
    class_value: bytes = b""
    began: float = 0.0
    up: int = 0
    down: int = 0
    is_up: bool = False
    told_down: int | None = None  # bit/s, as the Accept or the last CoA said
    told_filter: str = ""
    refused: str = ""
    last: Counters | None = None  # the last acknowledged record of this session
    orders: list[int] = field(default_factory=list)  # codes of the orders for this line, repeats left out

    @property
    def device(self) -> str:
        """The Calling-Station-Id: the same at every login."""
        return "02-" + "-".join(f"{byte:02X}" for byte in md5(self.username.encode()).digest()[:5])


class _Port(asyncio.DatagramProtocol):
    """A socket towards the server with its 256 identifiers."""

    def __init__(self, receive: Callable[["_Port", bytes], None]) -> None:
        self.free = deque(range(256))
        self.waiting: dict[int, tuple[bytes, asyncio.Future[bytes]]] = {}
        self._receive = receive

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._receive(self, data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens just now: as good as no answer."""


class Asker:
    """Asks one server port and repeats the very same packet until it is answered."""

    def __init__(self, target: tuple[str, int], secret: bytes, wire: "Wire") -> None:
        self.target, self.secret, self.wire = target, secret, wire
        self.ports: list[_Port] = []
        self.answers = 0
        self.forged = 0

    async def open(self, sockets: int, source: str) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(sockets):
            _, port = await loop.create_datagram_endpoint(
                lambda: _Port(self._receive), local_addr=(source, 0), remote_addr=self.target
            )
            self.ports.append(port)

    def close(self) -> None:
        for port in self.ports:
            port.transport.close()

    async def ask(self, build: Callable[[int], bytes], *, tries: int, wait: float = 0.4) -> bytes | None:
        """The answer, None when `tries` packets stayed without one."""
        port = max(self.ports, key=lambda one: len(one.free))
        while not port.free:
            await asyncio.sleep(0.01)
        identifier = port.free.popleft()
        packet = build(identifier)
        answered = asyncio.get_running_loop().create_future()
        port.waiting[identifier] = (packet, answered)
        try:
            for _ in range(tries):
                if not self.wire.loses():
                    port.transport.sendto(packet)
                await asyncio.wait([answered], timeout=wait)
                if answered.done():
                    return cast(bytes, answered.result())
            return None
        finally:
            del port.waiting[identifier]
            port.free.append(identifier)

    def _receive(self, port: _Port, data: bytes) -> None:
        request, answered = port.waiting.get(data[1], (b"", None))
        if answered is None or answered.done() or self.wire.loses():
            return
        if radius.is_answer(data, request, self.secret):
            self.answers += 1
            answered.set_result(data)
        else:
            self.forged += 1


class Wire:
    """Loses this share of the packets, both ways."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.loss = 0.0

    def loses(self) -> bool:
        return self.loss > 0 and self.chance.random() < self.loss


class Router:
    """One NAS. `sent` and `acknowledged` hold every record of its life."""

    def __init__(
        self,
        identifier: str,
        *,
        auth_port: int,
        acct_port: int,
        seed: int,
        secret: str = SECRET,
        source: str = "127.0.0.1",
    ) -> None:
        self.identifier = identifier
        self.secret = secret.encode()
        self.source = source
        self.chance = Random(seed)
        self.wire = Wire(self.chance)
        self.auth = Asker(("127.0.0.1", auth_port), self.secret, self.wire)
        self.acct = Asker(("127.0.0.1", acct_port), self.secret, self.wire)
        self.lines: list[Line] = []
        self.sent: set[Counters] = set()
        self.acknowledged: set[Counters] = set()
        self.coa_port = 0
        self.on_order: Callable[[Line, bytes], int | None] = lambda line, packet: (
            None
        )  # an Error-Cause refuses
        self.bad_orders: list[str] = []
        self.stopping = False
        self._sessions = 0

    # -- life ------------------------------------------------------------------------------------------------

    async def open(self, *, sockets: int = 2) -> None:
        await self.auth.open(sockets, self.source)
        await self.acct.open(sockets, self.source)
        loop = asyncio.get_running_loop()
        self._orders, _ = await loop.create_datagram_endpoint(
            lambda: _Orders(self), local_addr=(self.source, self.coa_port)
        )
        self.coa_port = self._orders.get_extra_info("sockname")[1]

    async def close(self) -> None:
        self.auth.close()
        self.acct.close()
        self._orders.close()

    async def login(self, line: Line, *, tries: int = 20) -> int | None:
        """Log in with PAP; the answer's code. An Accept is obeyed, but no Start sent yet."""
        wanted: list[tuple[radius.Kind, bytes | str | int]] = [
            (radius.USER_NAME, line.username),
            (radius.NAS_IDENTIFIER, self.identifier),
            (radius.CALLING_STATION_ID, line.device),
        ]
        authenticator = self.chance.randbytes(16)
        answer = await self.auth.ask(
            lambda identifier: radius.access_request(
                identifier, wanted, self.secret, authenticator=authenticator, password=line.password.encode()
            ),
            tries=tries,
        )
        if answer is None:
            return None
        told = radius.read(answer)
        line.refused = told.get(radius.REPLY_MESSAGE, [b""])[0].decode()
        if answer[0] == radius.ACCESS_ACCEPT:
            self._sessions += 1
            line.session_id = f"{self.identifier}-{self.chance.getrandbits(32):08x}-{self._sessions}"
            line.class_value = told.get(radius.CLASS, [b""])[0]
            line.up = line.down = 0
            line.began, line.is_up, line.last = time.monotonic(), True, None
            line.told_down, line.told_filter = None, ""
            self._obey(line, told)
        return answer[0]

    async def account(self, line: Line, status: int, *, tries: int = 1000, delay: int = 0) -> bool:
        """Send the line's counters as they are; whether that was acknowledged."""
        record = Counters(line.session_id, status, int(time.monotonic() - line.began), line.up, line.down)
        self.sent.add(record)
        told = self.record(line, record, delay=delay)
        answer = await self.acct.ask(
            lambda identifier: radius.accounting_request(identifier, told, self.secret), tries=tries
        )
        if answer is not None:
            self.acknowledged.add(record)
            if line.session_id == record.session_id:
                line.last = record
        return answer is not None

    def record(
        self, line: Line, record: Counters, *, delay: int = 0
    ) -> list[tuple[radius.Kind, bytes | str | int]]:
        told: list[tuple[radius.Kind, bytes | str | int]] = [
            (radius.STATUS_TYPE, record.status),
            (radius.USER_NAME, line.username),
            (radius.NAS_IDENTIFIER, self.identifier),
            (radius.CALLING_STATION_ID, line.device),
            (radius.SESSION_ID, record.session_id),
            (radius.SESSION_TIME, record.seconds),
            (radius.INPUT_OCTETS, record.up & 0xFFFFFFFF),
            (radius.OUTPUT_OCTETS, record.down & 0xFFFFFFFF),
            (radius.INPUT_GIGAWORDS, record.up >> 32),
            (radius.OUTPUT_GIGAWORDS, record.down >> 32),
        ]
        if line.class_value:
            told.append((radius.CLASS, line.class_value))
        if delay:
            told.append((radius.DELAY_TIME, delay))
        return told

    async def announce(self, status: int, *, tries: int = 1000, delay: int = 0) -> bool:
        """Accounting-On or -Off."""
        told: list[tuple[radius.Kind, bytes | str | int]] = [
            (radius.STATUS_TYPE, status),
            (radius.NAS_IDENTIFIER, self.identifier),
            (radius.SESSION_ID, f"{self.identifier}-announce"),
            (radius.DELAY_TIME, delay),
        ]
        return await self.acct.ask(
            lambda identifier: radius.accounting_request(identifier, told, self.secret), tries=tries
        ) is not None  # fmt: skip

    async def connect(self, line: Line) -> None:
        """Log in and send the Start. Fails when the login is refused."""
        code = await self.login(line, tries=1000)
        assert code == radius.ACCESS_ACCEPT, f"{line.username}: {line.refused}"
        await self.account(line, radius.START)

    async def bring_up(self, usernames: Iterable[str]) -> None:
        """A session for each of these lines."""
        made = [Line(name) for name in usernames]
        self.lines += made
        await asyncio.gather(*(self.connect(line) for line in made))

    async def report(self, *, every: float, up_max: int, down_max: int, lines: Sequence[Line] = ()) -> None:
        """Interims of all lines, until `stopping`; now and then one is given up for the next, newer one."""
        chosen = lines or self.lines
        await asyncio.gather(*(self._report_one(line, every, up_max, down_max) for line in chosen))

    async def _report_one(self, line: Line, every: float, up_max: int, down_max: int) -> None:
        while not self.stopping:
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * every)
            line.up += self.chance.randrange(up_max)
            line.down += self.chance.randrange(down_max)
            if not line.is_up:
                await self.connect(line)
            elif self.chance.random() < 0.3:
                await self.account(line, radius.INTERIM, tries=1)
            else:
                await self.account(line, radius.INTERIM)

    async def report_last(self, status: int = radius.INTERIM) -> None:
        """The final counters of every line, repeated until they are acknowledged."""
        for line in self.lines:
            line.down += 1
        await asyncio.gather(*(self.account(line, status) for line in self.lines if line.is_up))

    # -- orders ----------------------------------------------------------------------------------------------

    def decide(self, packet: bytes) -> bytes | None:
        """The answer to a CoA- or Disconnect-Request."""
        if not radius.is_authentic_order(packet, self.secret):
            self.bad_orders.append("not made with our secret")
            return None
        told = radius.read(packet)
        session_id = told.get(radius.SESSION_ID, [b""])[0].decode()
        if told.get(radius.NAS_IDENTIFIER, [self.identifier.encode()])[0] != self.identifier.encode():
            self.bad_orders.append(f"for another router: {told[radius.NAS_IDENTIFIER]!r}")
            return radius.answer(packet, packet[0] + 2, [(radius.ERROR_CAUSE, 403)], self.secret)
        line = next((one for one in self.lines if one.is_up and one.session_id == session_id), None)
        if line is None:
            return radius.answer(packet, packet[0] + 2, [(radius.ERROR_CAUSE, 503)], self.secret)
        line.orders.append(packet[0])
        refusal = self.on_order(line, packet)
        if refusal is not None:
            return radius.answer(packet, packet[0] + 2, [(radius.ERROR_CAUSE, refusal)], self.secret)
        if packet[0] == radius.DISCONNECT_REQUEST:
            line.is_up = False
        else:
            self._obey(line, told)
        return radius.answer(packet, packet[0] + 1, [], self.secret)

    def _obey(self, line: Line, told: dict[radius.Kind, list[bytes]]) -> None:
        if radius.WISPR_DOWN in told:
            line.told_down = radius.number(told, radius.WISPR_DOWN)
        if radius.FILTER_ID in told:
            line.told_filter = told[radius.FILTER_ID][0].decode()


class _Orders(asyncio.DatagramProtocol):
    """The CoA port: repeats of a request get the answer they had (RFC 5176 §2.3)."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._answers: dict[tuple[Any, bytes], bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self._router.wire.loses():
            return
        answer = self._answers.get((addr, data[:20])) or self._router.decide(data)
        if answer is not None:
            self._answers[addr, data[:20]] = answer
            if not self._router.wire.loses():
                self._transport.sendto(answer, addr)
