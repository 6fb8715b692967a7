"""A provider that bills, on a clock that moves only when told; days are given as texts such as `2026-03-01`."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from capstan.billing.actions import bill, charges, terms
from capstan.billing.models import BillingTerms, Charge, Invoice
from capstan.billing.rules.words import ChargeKind, Timing
from capstan.catalog.actions import create_brand, create_package, create_tax_group, set_package_price
from capstan.catalog.models import Package
from capstan.catalog.rules import Terms
from capstan.customers.models import Customer
from capstan.ledger.queries import balance, trial_balance
from capstan.ledger.rules import Code, Name
from capstan.services.actions.start import create_connection_type, create_service
from capstan.services.models import Service

ACTOR = "staff:thandi"
VAT = "4000000000"


def at(day: str, hour: int = 12) -> datetime:
    """That hour of the day, in the provider's zone."""
    return datetime.combine(date.fromisoformat(day), time(hour), settings.FORMATS.zone)


class Desk:
    """Everything begins on 1 January 2026: brand, VAT at 15 %, packages."""

    def __init__(self, *, vat_number: str = VAT) -> None:
        self.now = at("2026-01-01", 0)
        self._who: dict[str, Any] = {"actor": ACTOR, "now": self.now}
        self.brand = create_brand(
            name="Example Net", issuer="Example Net (Pty) Ltd\n1 Example Street, Sandbaai", vat_number=vat_number,
            bank_details="Bank: Example Bank\nAccount: 0000000000", **self._who,
        )  # fmt: skip
        self.vat = create_tax_group(
            code="standard",
            name="VAT",
            rate_bp=1500,
            valid_from=date(2018, 4, 1),
            is_default=True,
            **self._who,
        )
        self.kind = create_connection_type(code="fibre", name="Fibre", **self._who)
        self._codes = 0

    def package(self, price_minor: int | None = 59900, name: str = "Fibre 50", **more: Any) -> Package:
        self._codes += 1
        package = create_package(
            code=f"p{self._codes}", name=name, brand_id=self.brand.pk, terms=Terms(allowance_bytes=10**10),
            valid_from=self.now, **self._who,
        )  # fmt: skip
        if price_minor is not None:
            set_package_price(
                package_id=package.pk, price_minor=price_minor, valid_from=self.now, **self._who
            )
        if more:
            Package.objects.filter(pk=package.pk).update(**more)
        return package

    def customer(self, name: str = "A. Customer", *, billing_day: int = 1, bills_from: str = "2026-01-01",
                 timing: Timing | None = None, due_days: int | None = None) -> Customer:  # fmt: skip
        self._codes += 1
        customer = Customer.objects.create(
            account_code=f"EX{self._codes:03}", name=name, brand=self.brand, created_at=self.now,
            postal_address="2 Sample Road\nSandbaai",
        )  # fmt: skip
        first = date.fromisoformat(bills_from)
        BillingTerms.objects.create(
            customer=customer, billing_day=billing_day, bills_from=first, next_bill_on=first, timing=timing,
            due_days=due_days,
        )  # fmt: skip
        return customer

    def line(self, customer: Customer, package: Package, since: str = "2025-12-01") -> Service:
        self._codes += 1
        return create_service(
            customer_id=customer.pk, connection_type_id=self.kind.pk, package_id=package.pk,
            username=f"line{self._codes}@example.net", line_password="line-passw0rd", activated_at=at(since, 0),
            actor=ACTOR, now=max(self.now, at(since, 0)),
        )  # fmt: skip

    def sell(
        self, service: Service, amount_minor: int, day: str, text: str = "Top-up 2 GB", **more: Any
    ) -> Charge:
        kind = more.pop("kind", ChargeKind.TOP_UP)
        with transaction.atomic():
            return charges.charge(
                service_id=service.pk, kind=kind, description=text, amount_minor=amount_minor,
                reference=more.pop("reference", f"order:{Charge.objects.count() + 1}"), actor=ACTOR, now=at(day), **more,
            )  # fmt: skip

    def bill(self, day: str, *customers: Customer) -> list[Invoice]:
        """The documents of this billing day, of these customers or of all whose it is."""
        on = date.fromisoformat(day)
        due = BillingTerms.objects.filter(next_bill_on__lte=on)
        ids = [one.pk for one in customers] or list(due.values_list("pk", flat=True))
        with transaction.atomic():
            locked = terms.lock_many(ids, now=at(day))
            issued = bill.bill(locked, on, run_id=None, actor=ACTOR, now=at(day))
        return [invoice for documents in issued.values() for invoice in documents]

    def receivable(self, customer: Customer) -> int:
        return balance(Name(Code.RECEIVABLE, f"customer:{customer.pk}"))

    def credit(self, customer: Customer) -> int:
        return -balance(Name(Code.CREDIT, f"customer:{customer.pk}"))

    def check(self) -> None:
        """I5, of all that stands in the books."""
        totals = trial_balance(by_customer=True)
        assert sum(one.debits for one in totals) == sum(one.credits for one in totals)
        nets = {Name(one.code, one.subject): one.net for one in totals}
        for customer in Customer.objects.all():
            open_sum = sum(Invoice.objects.filter(customer=customer).values_list("open_minor", flat=True))
            assert nets.get(Name(Code.RECEIVABLE, f"customer:{customer.pk}"), 0) == open_sum
            left = sum(credit.left_minor for credit in customer_credits(customer))
            assert -nets.get(Name(Code.CREDIT, f"customer:{customer.pk}"), 0) == left
        for invoice in Invoice.objects.prefetch_related("lines"):
            lines = list(invoice.lines.all())
            assert invoice.total_minor == sum(line.amount_minor for line in lines)
            assert invoice.vat_minor == sum(line.vat_minor for line in lines)


def customer_credits(customer: Customer) -> Any:
    from capstan.billing.models import Credit

    return Credit.objects.filter(customer=customer)


def day_after(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
