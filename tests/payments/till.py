"""A provider with a payment gateway: a customer's browser on one side, the gateway's notifications on the other."""

import http.client
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from capstan.billing.models import Invoice
from capstan.customers.models import Customer
from capstan.demo.gateway.server import Gateway as Simulator
from capstan.payments.actions import checkouts, notifications
from capstan.payments.actions.checkouts import Purpose, Urls
from capstan.payments.actions.gateways.enter import enter_gateway
from capstan.payments.actions.gateways.port import Form
from capstan.payments.models import Checkout, Notification
from capstan.payments.rules.words import GatewayKind
from capstan.values import clock
from tests.billing.desk import ACTOR, Desk
from tests.carrier import Carrier, carrier

TOKEN = "a-token-of-this-gateway"
CARD = "4111 1111 1111 1111"


class Till:
    """`now` is the time at which it opened, as the gateway has a clock of its own; it moves only when told."""

    def __init__(self, desk: Desk, simulator: Simulator) -> None:
        self.desk, self.simulator, self.now = desk, simulator, clock.now()
        self._stack = ExitStack()
        self.notices: Carrier
        self.taken = 0

    def __enter__(self) -> Self:
        self.notices = self._stack.enter_context(carrier())
        self.hook = f"{self.notices.url}/itn"
        self.gateway, _ = enter_gateway(
            name="payfast", kind=GatewayKind.PAYFAST,
            settings={"web": self.simulator.url, "api": self.simulator.url, "sources": ["127.0.0.1"]},
            secrets={
                "merchant_id": self.simulator.account.merchant_id, "merchant_key": self.simulator.account.merchant_key,
                "passphrase": self.simulator.account.passphrase,
            },
            hook_token=TOKEN, actor=ACTOR, now=self.now,
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def invoice(self, customer: Customer, amount_minor: int = 59900, day: str = "2026-01-01") -> Invoice:
        """An open invoice of this customer."""
        line = self.desk.line(customer, self.desk.package(None))
        self.desk.sell(line, amount_minor, day)
        (invoice,) = self.desk.bill(day, customer)
        return invoice

    def start(
        self, customer: Customer, amount_minor: int, key: str = "account", **more: Any
    ) -> tuple[Checkout, Form]:
        urls = Urls("https://isp.example.com/paid/{token}", "https://isp.example.com/no/{token}", self.hook)
        consent = more.pop("consent", None)
        purpose = Purpose(key, customer.pk, amount_minor, "Your account", **more)
        checkout, form = checkouts.start(purpose, urls, consent=consent, actor="customer", now=self.now)
        assert isinstance(form, Form)
        return checkout, form

    def press(self, form: Form, action: str = "pay", card: str = CARD) -> str:
        """What the customer does on the hosted page; where he is sent."""
        return press(self.simulator, form, action, card)

    def pay(self, customer: Customer, amount_minor: int, **more: Any) -> Checkout:
        """Start, pay, and hear of it."""
        checkout, form = self.start(customer, amount_minor, **more)
        self.press(form)
        self.hear()
        checkout.refresh_from_db()
        return checkout

    def hear(self, number: int = 1) -> list[Notification]:
        """Wait for so many more notifications, store them as the web edge does, and apply each."""
        asked = self.notices.wait(self.taken + number)[self.taken :]
        self.taken += len(asked)
        return [self.heard(one.body.encode()) for one in asked]

    def heard(self, body: bytes, source: str = "127.0.0.1") -> Notification:
        stored = notifications.store(self.gateway, body=body, headers={}, source=source, now=self.now)
        return notifications.apply(stored.pk, now=self.now)


def press(simulator: Simulator, form: Form, action: str = "pay", card: str = CARD) -> str:
    """What a customer does on the hosted page; where he is sent."""
    page = _post(simulator, urlsplit(form.url).path, urlencode(list(form.fields)))
    return _post(simulator, page, urlencode({"action": action, "card": card}))


def _post(simulator: Simulator, path: str, body: str) -> str:
    parts = urlsplit(simulator.url)
    conn = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        conn.request("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = conn.getresponse()
        assert answer.status in (200, 303), answer.read()
        return answer.getheader("Location") or ""
    finally:
        conn.close()
