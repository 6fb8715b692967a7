"""The port on which a router takes CoA- and Disconnect-Requests (RFC 5176)."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast

from capstan.demo.routers.codec import ErrorCause, order_answer, read_order
from capstan.demo.routers.faults import Wire

_REMEMBERED_ANSWERS = 512

Decide = Callable[[Any], ErrorCause | None]
"""Carries out a request and returns None, or changes nothing and returns why not."""


class DynamicPort(asyncio.DatagramProtocol):
    """Answers each genuine request once; a repeated one gets the same answer again (RFC 5080 §2.2.2)."""

    def __init__(self, secret: bytes, wire: Wire, decide: Decide) -> None:
        self._secret = secret
        self._wire = wire
        self._decide = decide
        self._answers: OrderedDict[tuple[Any, bytes], bytes] = OrderedDict()
        self._transport: asyncio.DatagramTransport | None = None
        self.forged = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if not self._wire.faults.coa_deaf:
            self._wire.receive(lambda: self._take(data, addr))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    @property
    def number(self) -> int:
        """The port it listens on."""
        assert self._transport is not None
        number: int = self._transport.get_extra_info("sockname")[1]
        return number

    def _take(self, data: bytes, addr: Any) -> None:
        seen = (addr, data[:20])
        if seen not in self._answers:
            order = read_order(self._secret, data)
            if order is None:
                self.forged += 1
                return
            self._answers[seen] = order_answer(order, self._decide(order))
            if len(self._answers) > _REMEMBERED_ANSWERS:
                self._answers.popitem(last=False)
        self._answer(self._answers[seen], addr)

    def _answer(self, raw: bytes, addr: Any) -> None:
        def deliver() -> None:
            if self._transport is not None:
                self._transport.sendto(raw, addr)

        slow = self._wire.faults.slow_seconds
        if slow:
            asyncio.get_running_loop().call_later(slow, self._wire.send, deliver)
        else:
            self._wire.send(deliver)
