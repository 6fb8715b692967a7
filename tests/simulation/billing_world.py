"""A provider that bills, in the product: what the billing months do goes through the product's own doors."""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from capstan.billing.actions import correct, dunning, run, terms
from capstan.billing.actions.at_once import credit_returns
from capstan.billing.actions.dunning_holds import promise, set_dunning_policy
from capstan.billing.models import (
    BillingPolicy,
    BillingTerms,
    BillRun,
    Invoice,
    InvoiceLine,
    LineCredit,
)
from capstan.billing.rules.dunning import DEFAULT_STEPS, Policy
from capstan.billing.rules.words import InvoiceKind, Method, RunState, Timing, TopUpInvoicing
from capstan.caps.actions import cap
from capstan.catalog.actions import (
    create_brand,
    create_offer,
    create_package,
    create_tax_group,
    set_package_price,
)
from capstan.catalog.rules import Terms
from capstan.customers.models import Contact, Customer
from capstan.payments.actions import bank
from capstan.payments.actions.refunds import refund
from capstan.payments.actions.take import BANK, Received, receive, reverse, till
from capstan.payments.models import Payment
from capstan.payments.rules.words import Payout
from capstan.services.actions.start import create_connection_type, create_service
from capstan.services.models import Service
from capstan.services.rules import ServiceStatus
from capstan.topups.actions.order import Wanted, place
from capstan.topups.actions.pay import fulfil_paid
from capstan.topups.actions.waiting import expire_waiting
from capstan.topups.models import Order
from capstan.topups.queries.sale import quote
from capstan.topups.rules.words import Channel
from tests.simulation.billing_life import OFFERS, PACKAGES, RATE, BrandLife, CustomerLife

ACTOR = "staff:thandi"


class BillingWorld:
    """The provider's rows by the names that the life gives them; `now` moves only when told."""

    def __init__(self, begins: datetime, brands: list[BrandLife]) -> None:
        self.now = begins
        self.customers: dict[str, Customer] = {}
        self.lines: dict[str, Service] = {}
        self.names: dict[int, str] = {}
        self.group = create_tax_group(
            code="standard",
            name="VAT",
            rate_bp=RATE,
            valid_from=date(2018, 4, 1),
            is_default=True,
            **self.who,
        )
        self.kind = create_connection_type(code="fibre", name="Fibre", **self.who)
        self.brands: dict[str, int] = {}
        self.packages: dict[tuple[str, str], int] = {}
        self.offers: dict[tuple[str, int], int] = {}
        for brand in brands:
            self._set_up(brand)

    @property
    def who(self) -> dict[str, Any]:
        return {"actor": ACTOR, "now": self.now}

    @property
    def today(self) -> date:
        return settings.FORMATS.local(self.now).date()

    def _set_up(self, life: BrandLife) -> None:
        brand = create_brand(
            name=life.name, issuer=f"{life.name} (Pty) Ltd", vat_number=life.vat_number, **self.who
        )
        self.brands[life.name] = brand.pk
        BillingPolicy.objects.create(
            brand=brand, billing_day=life.billing_day, by_anniversary=life.by_anniversary, due_days=life.due_days,
            preview_days=life.preview_days, group_top_ups=life.groups,
        )  # fmt: skip
        set_dunning_policy(brand_id=brand.pk, policy=Policy(DEFAULT_STEPS), **self.who)
        for name, price in PACKAGES.items():
            package = create_package(
                code=f"{life.name}-{name}", name=name, brand_id=brand.pk, terms=Terms(allowance_bytes=10**10),
                valid_from=self.now, **self.who,
            )  # fmt: skip
            self.packages[life.name, name] = package.pk
            set_package_price(package_id=package.pk, price_minor=price, valid_from=self.now, **self.who)
        for letter, (size, price) in zip("ABC", OFFERS, strict=True):
            offer = create_offer(
                code=f"{life.name}-{letter}", name=f"Top-up {letter}", brand_id=brand.pk, size_bytes=size, letter=letter,
                price_minor=price, **self.who,
            )  # fmt: skip
            self.offers[life.name, price] = offer.pk

    def become_customer(self, life: CustomerLife) -> BillingTerms:
        customer = Customer.objects.create(
            account_code=life.code,
            name=f"Customer {life.code}",
            brand_id=self.brands[life.brand],
            created_at=self.now,
        )
        Contact.objects.create(
            customer=customer, name="Jan", role="owner", email=f"{life.code}@example.net".lower()
        )
        self.customers[life.code] = customer
        with transaction.atomic():
            row = terms.lock(customer.pk, now=self.now)
            row.timing, row.top_ups = Timing(life.timing), TopUpInvoicing(life.top_ups)
            row.save()
        return row

    def start_line(self, code: str, name: str, package: str, brand: str) -> None:
        line = create_service(
            customer_id=self.customers[code].pk, connection_type_id=self.kind.pk, package_id=self.packages[brand, package],
            username=f"{name}@example.net", line_password="line-passw0rd", **self.who,
        )  # fmt: skip
        cap.open_cap(line.pk, now=self.now)
        self.lines[name], self.names[line.pk] = line, name

    def order(self, name: str, price: int, brand: str, key: str) -> Order:
        service_id = self.lines[name].pk
        cap.roll(service_id, now=self.now)
        wanted = Wanted(
            quote(service_id, offer_id=self.offers[brand, price], now=self.now),
            Channel.AGENT,
            key,
            "Jan",
            ACTOR,
            "Thandi",
        )
        return place(wanted, now=self.now).order

    # Money

    def pay(self, code: str, amount: int, day: date, *, in_cash: bool = False, kept_for: str = "") -> Payment:
        method, into = (Method.CASH, till(ACTOR)) if in_cash else (Method.EFT, BANK)
        wanted = Received(self.customers[code].pk, method, amount, day, into, kept_for=kept_for)
        return receive(wanted, **self.who)

    def read_statement(self, lines: list[tuple[date, str, int]]) -> bank.Imported:
        rows = "".join(f"{day},{text},{amount / 100:.2f}\n" for day, text, amount in lines)
        content = f"Date,Description,Amount\n{rows}".encode()
        return bank.import_statement(
            content=content, file_name="statement.csv", account="cheque", profile="generic", **self.who
        )

    def take_back(self, payment_id: int, reason: str) -> None:
        reverse(payment_id=payment_id, reason=reason, **self.who)

    def refund(self, payment_id: int, amount: int) -> None:
        refund(payment_id=payment_id, amount_minor=amount, how=Payout.EFT, reason="paid too much", **self.who)

    def promise(self, code: str, until: date) -> None:
        promise(customer_id=self.customers[code].pk, until=until, by_manager=True, **self.who)

    # The worker, and the clerk on billing day

    def preview(self) -> None:
        while run.start_due(now=self.now):
            self._work()
        self._work()

    def _work(self) -> None:
        while run.work(now=self.now, limit=5):
            pass
        run.work(now=self.now, limit=5)

    def previewed(self) -> list[BillRun]:
        """Runs whose billing day it is or was."""
        rows = BillRun.objects.filter(state=RunState.PREVIEWED, billing_day__lte=self.today)
        return list(rows.order_by("billing_day", "pk"))

    def issue(self, of: BillRun) -> None:
        run.release(run_id=of.pk, **self.who)
        self._work()

    def money_steps(self) -> None:
        """What the worker does about money all day."""
        credit_returns(now=self.now, limit=50)
        expire_waiting(now=self.now, limit=50)
        fulfil_paid(now=self.now, limit=50)

    def chase(self) -> None:
        dunning.hold_new_lines(now=self.now, limit=50)
        while dunning.look_due(now=self.now, limit=50):
            pass
        while dunning.lift_due(now=self.now, limit=50):
            pass

    def put_right(self, since: date) -> list[Invoice]:
        """Every invoice with wrong VAT, as the page does it; the invoices that were issued again."""
        ids = sorted({one.line.invoice_id for one in correct.wrong_vat(since)})
        made = [
            correct.correct_vat(invoice_id=pk, since=since, reason="the rate changed", **self.who)
            for pk in ids
        ]
        return [one for one in made if one is not None]

    # What stands in the books

    def documents(self, after: int) -> list[Invoice]:
        rows = Invoice.objects.exclude(kind=InvoiceKind.PROFORMA).filter(pk__gt=after)
        return list(rows.select_related("customer", "credits").order_by("pk"))

    def newest_payment(self, code: str) -> Payment:
        return Payment.objects.filter(customer=self.customers[code]).latest("pk")

    def on_hold(self, code: str) -> set[str]:
        rows = Service.objects.filter(customer=self.customers[code], status=ServiceStatus.SUSPENDED)
        return {self.names[pk] for pk in rows.values_list("pk", flat=True)}

    def lines_of(self, document: Invoice) -> list[InvoiceLine]:
        return list(document.lines.order_by("position"))

    def corrected_by(self, line: InvoiceLine) -> InvoiceLine | None:
        found = LineCredit.objects.filter(note_line=line).select_related("line").first()
        return found.line if found else None


def in_zone(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=settings.FORMATS.zone)
