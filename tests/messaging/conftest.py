"""Gateways and messages on a real database, and a sender that is stepped by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from select import select
from socket import SOCK_STREAM
from ssl import SSLContext
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db import transaction

from capstan.messaging.actions.gateways import enter_gateway
from capstan.messaging.actions.send import Draft, send
from capstan.messaging.actions.sender import Sender
from capstan.messaging.models import Gateway, Message
from capstan.messaging.rules.words import GatewayKind, Lane, Medium
from tests.carrier import Carrier
from tests.carrier import carrier as carrier_at_work
from tests.config.running import free_port

NOW = datetime(2026, 3, 10, 8, tzinfo=UTC)
TOKEN = "a-token-of-twenty-chars"
_numbers = count(1)


def http_gateway(carrier: Carrier, name: str = "carrier", **more: Any) -> Gateway:
    """A gateway that posts a form. `settings` are merged into its settings."""
    given: dict[str, Any] = {
        "request": {
            "url": f"{carrier.url}/send",
            "form": {"to": "{to}", "from": "{from}", "text": "{text}", "ref": "{reference}", "dlr": "{receipt_url}"},
        },
        "read_seconds": 20,
        **more.pop("settings", {}),
    }  # fmt: skip
    values: dict[str, Any] = {"two_way": True, "hook_token": TOKEN, "sender": "31234", "cost_minor": 22}
    return enter_gateway(
        name=name, kind=GatewayKind.HTTP, medium=Medium.SMS, settings=given, actor="test", now=NOW,
        **(values | more),
    )[0]  # fmt: skip


def handset(**more: Any) -> Gateway:
    """The demo's gateway."""
    return enter_gateway(
        name="handset", kind=GatewayKind.LOOPBACK, medium=Medium.SMS, settings={}, two_way=True, actor="test", now=NOW,
        **more,
    )[0]  # fmt: skip


def draft(**more: Any) -> Draft:
    """A message of a cause of its own."""
    given: dict[str, Any] = {
        "medium": Medium.SMS, "recipient": "+27600000001", "template": "topup.refused", "values": {"reason": "No."},
        "language": "en", "brand_id": 1, "sender": "Sandpiper", "brand_name": "Sandpiper Net", "subject": "service:17",
        "cause": f"cause {next(_numbers)}", "lane": Lane.CAP,
    }  # fmt: skip
    return Draft(**(given | more))


def queue(*, now: datetime = NOW, **more: Any) -> Message:
    with transaction.atomic():
        return send(draft(**more), now=now)


class Stepped:
    """A sender, with the time under the test's control."""

    def __init__(self) -> None:
        self.now = NOW
        self.sender = Sender()

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def step(self) -> int:
        """One pass, then everything it began is waited for and written."""
        begun = self.sender.step(self.now)
        self.finish()
        return begun

    def finish(self) -> None:
        while self.sender.calls.total():
            assert select([self.sender.calls.descriptor()], [], [], 20)[0], "a call doesn't end"
            self.sender.calls.finish(self.now)


@pytest.fixture
def sender() -> Iterator[Stepped]:
    made = Stepped()
    yield made
    made.sender.stop(made.now)


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    with carrier_at_work() as one:
        yield one


@contextmanager
def mailbox(handler: object, *, ssl_context: SSLContext | None = None, **options: Any) -> Iterator[int]:
    """A real SMTP server with this handler; yields its port. With `ssl_context` it speaks TLS from the start."""
    port = free_port(SOCK_STREAM)
    server = Controller(handler, hostname="127.0.0.1", port=port, ssl_context=ssl_context, **options)
    server.start()
    try:
        yield port
    finally:
        server.stop()
