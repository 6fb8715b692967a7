"""Two households of the demo that pay ahead: one has paid, one's month waits for it."""

from datetime import date, datetime
from typing import NamedTuple

from django.conf import settings

from capstan.billing.actions import prepaid, terms, timing
from capstan.billing.models import BillingTerms
from capstan.billing.queries.prepaid import waiting_of
from capstan.billing.rules.words import Method, Timing
from capstan.caps.actions.cap import open_cap
from capstan.catalog.models import Brand, Package
from capstan.customers.actions import add_contact, create_customer
from capstan.customers.models import Customer
from capstan.demo.roster import secret_of
from capstan.payments.actions.take import BANK, Received, receive
from capstan.services.actions.start import create_service
from capstan.services.models import ConnectionType
from capstan.services.rules import Standing

ACTOR = "demo"


class Household(NamedTuple):
    account_code: str
    name: str
    contact: str
    username: str
    has_paid: bool


HOUSEHOLDS = (
    Household("DEMO-P1", "The Fortuin household", "Ilse Fortuin", "fortuin@example.net", True),
    Household("DEMO-P2", "The Adams household", "Riaan Adams", "adams@example.net", False),
)


def enter_prepaid(brand: Brand, *, now: datetime) -> None:
    """Enter those that aren't there yet, with a line each that nobody dials in on; ask both, and let one pay."""
    package = Package.objects.filter(brand=brand, on_sale=True, prices__isnull=False).order_by("pk").first()
    wire = ConnectionType.objects.order_by("pk").first()
    if package is None or wire is None:
        return
    for one in HOUSEHOLDS:
        if not Customer.objects.filter(account_code=one.account_code).exists():
            _enter(one, brand, package, wire, now)


def _enter(one: Household, brand: Brand, package: Package, wire: ConnectionType, now: datetime) -> None:
    customer = create_customer(
        account_code=one.account_code, name=one.name, brand_id=brand.pk, actor=ACTOR, now=now
    )
    add_contact(
        customer_id=customer.pk, name=one.contact, phone="", email=one.username, role="owner", actor=ACTOR, now=now
    )  # fmt: skip
    terms.set_timing(customer_id=customer.pk, timing=Timing.PREPAID, actor=ACTOR, now=now)
    service = create_service(
        customer_id=customer.pk, connection_type_id=wire.pk, package_id=package.pk, username=one.username,
        line_password=secret_of(one.username), standing=Standing.PREPAID, actor=ACTOR, now=now,
    )  # fmt: skip
    since = BillingTerms.objects.values_list("prepaid_from", flat=True).get(pk=customer.pk)
    assert since is not None
    timing.hold_line(service.pk, customer.pk, since, actor=ACTOR, now=now)
    open_cap(service.pk, now=now)
    prepaid.ask_for_customer(customer_id=customer.pk, now=now)
    if one.has_paid:
        _pay(customer, settings.FORMATS.local(now).date(), now)


def _pay(customer: Customer, today: date, now: datetime) -> None:
    waiting = waiting_of(customer.pk, today=today)
    if waiting and waiting[0].left_minor:
        amount = waiting[0].left_minor
        received = Received(
            customer.pk, Method.EFT, amount, today, BANK, reference=f"EFT {customer.account_code}"
        )
        receive(received, actor=ACTOR, now=now)
        prepaid.fulfil(period_id=waiting[0].period.pk, now=now)
        prepaid.release_due(now=now, limit=10)
