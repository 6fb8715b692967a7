"""A provider that bills and is paid, and staff at their desks on 5 March 2026; the web server's clock is theirs."""

from datetime import date, datetime

import pytest
from django.test import Client

from capstan.billing.models import Invoice
from capstan.billing.rules.words import Method
from capstan.customers.models import Customer
from capstan.identity.rules import Role
from capstan.payments.actions import bank
from capstan.payments.actions.gateways.enter import enter_gateway
from capstan.payments.actions.take import BANK, Received, receive, till
from capstan.payments.models import Gateway, Notification, Payment
from capstan.payments.rules.words import GatewayKind
from capstan.values import clock
from tests import staff
from tests.billing.desk import ACTOR, Desk, at

TODAY = "2026-03-05"
HEAD = "Date,Description,Amount,Balance\n"


class Today:
    """The time on the wall; a test may move it."""

    now: datetime = at(TODAY)


@pytest.fixture
def today(db: None, monkeypatch: pytest.MonkeyPatch) -> Today:
    wall = Today()
    monkeypatch.setattr(clock, "now", lambda: wall.now)
    return wall


@pytest.fixture
def desk(today: Today) -> Desk:
    return Desk()


def _browser(username: str, role: Role) -> Client:
    client = Client()
    client.force_login(staff.login(username, role, authenticator=True))
    return client


@pytest.fixture
def agent(desk: Desk) -> Client:
    """A browser in which the agent Thandi Nkosi is signed in."""
    return _browser("thandi", Role.AGENT)


@pytest.fixture
def clerk(desk: Desk) -> Client:
    """A browser in which the accounts clerk Clara Nkosi is signed in."""
    return _browser("clara", Role.ACCOUNTS)


@pytest.fixture
def manager(desk: Desk) -> Client:
    """A browser in which the manager Naledi Nkosi is signed in."""
    return _browser("naledi", Role.MANAGER)


def invoice_of(desk: Desk, customer: Customer, amount_minor: int = 11500, day: str = "2026-02-01") -> Invoice:
    """An issued invoice, due a week after its day."""
    line = desk.line(customer, desk.package(None))
    desk.sell(line, amount_minor, day)
    (invoice,) = desk.bill(day, customer)
    return invoice


def paid(
    customer: Customer, amount_minor: int = 11500, method: Method = Method.EFT, *, day: str = TODAY, actor: str = ACTOR,
    reference: str = "", invoices: tuple[int, ...] = (),
) -> Payment:  # fmt: skip
    """A payment that somebody booked."""
    into = till(actor) if method == Method.CASH else BANK
    received = Received(
        customer.pk, method, amount_minor, date.fromisoformat(day), into, reference, invoices=invoices
    )
    return receive(received, actor=actor, now=at(day))


def read_in(*lines: str, name: str = "march.csv") -> bank.Imported:
    """A statement of these lines of `date,text,amount,balance`."""
    content = (HEAD + "".join(f"{line}\n" for line in lines)).encode()
    return bank.import_statement(
        content=content, file_name=name, account="cheque", profile="generic", actor=ACTOR, now=at(TODAY)
    )


def gateway() -> Gateway:
    """A payment gateway that is never called."""
    return enter_gateway(
        name="payfast", kind=GatewayKind.PAYFAST,
        settings={"web": "https://pay.example.com", "api": "https://pay.example.com", "sources": ["127.0.0.1"]},
        secrets={"merchant_id": "10000100", "merchant_key": "46f0cd694581a", "passphrase": "made up for tests"},
        hook_token="a-token-of-this-gateway", actor=ACTOR, now=at(TODAY),
    )[0]  # fmt: skip


def told(of: Gateway, state: str, **more: object) -> Notification:
    """A notification in this state."""
    body = more.pop("body", b"payment_status=COMPLETE")
    return Notification.objects.create(
        gateway=of, body=body, source="192.0.2.7", received_at=at(TODAY), state=state, **more
    )
