"""A tiny RADIUS server for the simulated routers to talk to, made with pyrad: it is not the product's listener.

It keeps every packet it accepts, checks what a server must check, and says what the test tells it to.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from pyrad.packet import AcctPacket, AuthPacket, CoAPacket, Packet

from capstan.demo.routers.codec import dictionary

SECRET = b"fake-secret"
ACCEPT, REJECT = 2, 3
DISCONNECT_ACK, DISCONNECT_NAK, COA_ACK, COA_NAK = 41, 42, 44, 45
START, STOP, INTERIM, ON, OFF = 1, 2, 3, 7, 8

Reply = tuple[int, list[tuple[str, Any]]]


def accept(*attributes: tuple[str, Any]) -> Reply:
    return ACCEPT, [("Class", b"token-1"), *attributes]


def octets(event: Any) -> tuple[int, int]:
    """Bytes up and down of an accounting request, gigawords joined."""
    up, down = (
        ((event.get(f"Acct-{side}-Gigawords") or [0])[0] << 32) | event[f"Acct-{side}-Octets"][0]
        for side in ("Input", "Output")
    )
    return up, down


class FakeRadius:
    """Answers on two ports of 127.0.0.1. `reply` decides logins; `mute` makes it swallow accounting."""

    def __init__(self) -> None:
        self.reply: Callable[[Any], Reply] = lambda request: accept()
        self.mute = False
        self.logins: list[Any] = []
        self.accounting: list[Any] = []
        self.raw_accounting: list[bytes] = []
        self.arrivals: list[float] = []  # loop time of each accounting request
        self.bad: list[str] = []
        self.auth_port = 0
        self.acct_port = 0

    def events(self, status: int, username: str = "") -> list[Any]:
        """The accounting requests of this kind, repetitions included."""
        return [
            one
            for one in self.accounting
            if one["Acct-Status-Type"][0] == status and (not username or one["User-Name"][0] == username)
        ]

    def on_login(self, raw: bytes) -> bytes | None:
        request = AuthPacket(packet=raw, secret=SECRET, dict=dictionary())
        if not request.message_authenticator or not request.verify_message_authenticator():
            self.bad.append("Access-Request without a good Message-Authenticator")
            return None
        self.logins.append(request)
        code, attributes = self.reply(request)
        answer = request.CreateReply()
        answer.code = code
        answer.add_message_authenticator()
        for name, value in attributes:
            answer.AddAttribute(name, value)
        packed: bytes = answer.ReplyPacket()
        return packed

    def on_accounting(self, raw: bytes) -> bytes | None:
        request = AcctPacket(packet=raw, secret=SECRET, dict=dictionary())
        if not request.VerifyAcctRequest():
            self.bad.append("Accounting-Request with a wrong authenticator")
            return None
        self.accounting.append(request)
        self.raw_accounting.append(raw)
        self.arrivals.append(asyncio.get_running_loop().time())
        return None if self.mute else request.CreateReply().ReplyPacket()


class _Port(asyncio.DatagramProtocol):
    def __init__(self, server: FakeRadius, answer: str) -> None:
        self._server = server
        self._answer = answer  # a method's name: a test may put another in its place

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.number = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        answer = getattr(self._server, self._answer)(data)
        if answer is not None:
            self.transport.sendto(answer, addr)


@asynccontextmanager
async def fake_radius(host: str = "127.0.0.1") -> AsyncIterator[FakeRadius]:
    """A running fake server; fails the test at the end if a packet was malformed."""
    server, loop = FakeRadius(), asyncio.get_running_loop()
    _, login = await loop.create_datagram_endpoint(lambda: _Port(server, "on_login"), local_addr=(host, 0))
    _, accounting = await loop.create_datagram_endpoint(
        lambda: _Port(server, "on_accounting"), local_addr=(host, 0)
    )
    server.auth_port, server.acct_port = login.number, accounting.number
    try:
        yield server
    finally:
        login.transport.close()
        accounting.transport.close()
    assert server.bad == []


async def order(
    address: tuple[str, int], *attributes: tuple[str, Any], disconnect: bool = False, secret: bytes = SECRET
) -> Any:
    """Send a CoA-Request (or Disconnect-Request) and return the verified answer; TimeoutError when there is none."""
    request = CoAPacket(code=40 if disconnect else 43, id=7, secret=secret, dict=dictionary())
    request.add_message_authenticator()
    for name, value in attributes:
        request.AddAttribute(name, value)
    raw = request.RequestPacket()
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[bytes] = loop.create_future()

    class Reader(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            if not arrived.done():
                arrived.set_result(data)

    transport, _ = await loop.create_datagram_endpoint(Reader, remote_addr=address)
    try:
        transport.sendto(raw)
        answer = Packet(packet=await asyncio.wait_for(arrived, 1.0), secret=secret, dict=dictionary())
    finally:
        transport.close()
    assert request.VerifyReply(answer, enforce_ma=False)
    assert answer.message_authenticator
    return answer


async def until(happened: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until this is true and return it; AssertionError when it never is."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not (result := happened()):
        assert asyncio.get_running_loop().time() < deadline, "it never happened"
        await asyncio.sleep(0.01)
    return result
