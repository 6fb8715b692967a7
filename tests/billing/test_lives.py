"""Random lives of accounts: whatever comes between, after every step the books are whole (I5)."""

from collections import defaultdict
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.db.models import Count, QuerySet, Sum

from capstan.billing.actions import charges, credits, terms
from capstan.billing.models import BillingTerms, Charge, Credit, Discount, Invoice, InvoiceLine, Series
from capstan.billing.queries.facts import facts_of
from capstan.billing.rules.age import Open, ages
from capstan.billing.rules.periods import looked_at
from capstan.billing.rules.recurring import due_in
from capstan.billing.rules.words import ChargeKind, InvoiceKind, Timing
from capstan.customers.models import Customer
from capstan.ledger.queries import trial_balance
from capstan.ledger.rules import Code, Name
from capstan.services.actions.contract import cancel_package_changes, change_package
from capstan.services.actions.status import end_service
from capstan.services.models import Service
from capstan.values.refused import Refused
from tests.billing.desk import ACTOR, Desk

BANK = Name(Code.BANK)
BEGINS = date(2026, 1, 1)


class Lives:
    """Three accounts of one provider, to which a step of anything happens at a time."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.desk = Desk()
        self.today = BEGINS
        self.steps = 0
        prices = (100, 9_999, 59_900, None)
        self.packages = [self.desk.package(price, f"Package {number}") for number, price in enumerate(prices)]
        self.customers = [
            self.desk.customer("In advance"),
            self.desk.customer("In arrears", billing_day=31, timing=Timing.ARREARS),
            self.desk.customer("In the middle", billing_day=15, due_days=40),
        ]
        BillingTerms.objects.filter(pk=self.customers[2].pk).update(group_top_ups=True)
        for customer in self.customers:
            self.desk.line(customer, self.random.choice(self.packages[:3]))

    @property
    def now(self) -> datetime:
        """A minute later at every step."""
        return datetime.combine(self.today, time(8), settings.FORMATS.zone) + timedelta(minutes=self.steps)

    def step(self) -> str:
        """Something happens; returns what."""
        self.steps += 1
        deeds = {
            self.wait: 8, self.bill: 4, self.sell: 5, self.give_back: 3, self.pay: 5, self.take_back: 3,
            self.change: 4, self.change_nothing: 1, self.begin_discount: 2, self.end_discount: 1, self.start: 2,
            self.end: 1,
        }  # fmt: skip
        deed = self.random.choices(list(deeds), list(deeds.values()))[0]
        deed()
        return deed.__name__

    def wait(self) -> None:
        self.today += timedelta(days=self.random.randint(1, 9))

    def start(self) -> None:
        since = self.today - timedelta(days=self.random.choice([0, 0, 3, 20]))
        customer, package = self.random.choice(self.customers), self.random.choice(self.packages)
        self.desk.line(customer, package, since.isoformat())

    def _line(self) -> Service | None:
        lines = list(Service.objects.filter(ended_at=None).order_by("pk"))
        return self.random.choice(lines) if lines else None

    def end(self) -> None:
        if line := self._line():
            end_service(service_id=line.pk, reason="moved away", actor=ACTOR, now=self.now)

    def change(self) -> None:
        """Another package: now, or planned for a day ahead."""
        ahead = timedelta(days=self.random.choice([0, 0, 1, 10, 25]))
        package = self.random.choice(self.packages)
        if line := self._line():
            with suppress(Refused):  # he has it already
                change_package(
                    service_id=line.pk, package_id=package.pk, starts_at=self.now + ahead, actor=ACTOR, now=self.now
                )  # fmt: skip

    def change_nothing(self) -> None:
        """What was planned is taken back, also when it was billed ahead."""
        if line := self._line():
            with suppress(Refused):
                cancel_package_changes(service_id=line.pk, actor=ACTOR, now=self.now)

    def sell(self) -> None:
        if line := self._line():
            amount = self.random.choice([0, 1, 3_500, self.random.randint(1, 20_000)])
            kind = self.random.choice([ChargeKind.TOP_UP, ChargeKind.TOP_UP, ChargeKind.ONE_OFF])
            self.desk.sell(line, amount, self.today.isoformat(), kind=kind, reference=f"order:{self.steps}")

    def give_back(self) -> None:
        """A part of something that was sold, or all that is left of it, whether an invoice has asked for it or not."""
        sold = Charge.objects.filter(kind__in=(ChargeKind.TOP_UP, ChargeKind.ONE_OFF), returns=None)
        found = list(sold.annotate(back=Sum("given_back__amount_minor")).order_by("pk"))
        if not found:
            return
        one = self.random.choice(found[-6:])
        left = one.amount_minor + (one.back or 0)
        with transaction.atomic():
            terms.lock(one.customer_id, now=self.now)
            charges.give_back(
                charge_id=one.pk, amount_minor=self.random.choice([left, left // 2, left // 3]),
                description="Returned", reference=f"back:{self.steps}", actor=ACTOR, now=self.now,
            )  # fmt: skip

    def begin_discount(self) -> None:
        if line := self._line():
            percent = self.random.choice([None, 333, 1_000])
            first = self.today + timedelta(days=self.random.choice([-20, 0, 20]))
            Discount.objects.create(
                service=line, text="Discount", percent_bp=percent, amount_minor=None if percent else 2_500, first=first,
                end=self.random.choice([None, first + timedelta(days=70)]), actor=ACTOR, made_at=self.now,
            )  # fmt: skip

    def end_discount(self) -> None:
        discount = Discount.objects.filter(end=None).order_by("pk").first()
        if discount:
            discount.end = max(discount.first, self.today)
            discount.save(update_fields=["end"])

    def pay(self) -> None:
        customer = self.random.choice(self.customers)
        with transaction.atomic():
            terms.lock(customer.pk, now=self.now)
            credits.add_credit(
                customer_id=customer.pk, source=f"payment:{self.steps}", paid_from=BANK,
                amount_minor=self.random.choice([1, 59_900, self.random.randint(1, 150_000)]), description="EFT",
                received_on=self.today, actor=ACTOR, now=self.now,
            )  # fmt: skip
            credits.allocate_free([customer.pk], today=self.today, actor=ACTOR, now=self.now)

    def take_back(self) -> None:
        """The bank takes a payment back, or a part of it; more than there is left of it is refused."""
        payments = list(Credit.objects.filter(source__startswith="payment:").order_by("pk"))
        if not payments:
            return
        credit = self.random.choice(payments)
        paid = credit.allocations.aggregate(total=Sum("amount_minor"))["total"] or 0
        there = credit.left_minor + paid
        amount = self.random.choice([credit.amount_minor, max(1, there // 2)])
        if amount > there:
            with pytest.raises(Refused), transaction.atomic():
                self._take_back(credit, amount)
            return
        before = credit.left_minor
        with transaction.atomic():
            assert self._take_back(credit, amount) == max(0, amount - before)

    def _take_back(self, credit: Credit, amount_minor: int) -> int:
        terms.lock(credit.customer_id, now=self.now)
        return credits.take_back(
            credit, amount_minor, back_to=BANK, source=f"{credit.source}:{self.steps}", kind="taken back",
            description="Taken back", today=self.today, actor=ACTOR, now=self.now,
        )  # fmt: skip

    def bill(self) -> None:
        """Everybody whose billing day it is or was. Nobody owes anything more when the same day is billed again."""
        on = self.today.isoformat()
        due = list(Customer.objects.filter(pk__in=BillingTerms.objects.filter(next_bill_on__lte=self.today)))
        if not due:
            return
        self.desk.bill(on, *due)
        days = dict(BillingTerms.objects.values_list("pk", "next_bill_on"))
        assert self.desk.bill(on, *due) == []
        for customer_id, day in days.items():
            assert day > self.today
            BillingTerms.objects.filter(pk=customer_id).update(next_bill_on=day)

    def check(self) -> None:
        """All that is true after every step."""
        self.desk.check()
        self._check_numbers()
        self._check_lines()
        self._check_ages()
        self._check_sums()

    def _check_numbers(self) -> None:
        numbers: dict[str, list[str]] = defaultdict(list)
        for kind, number in Invoice.objects.order_by("pk").values_list("kind", "number"):
            numbers[kind].append(number)
        series = {row.kind: row for row in Series.objects.all()}
        assert set(series) == set(numbers)
        for kind, given in numbers.items():
            row = series[kind]
            expected = [f"{row.prefix}{running:0{row.width}d}" for running in range(1, row.next_number)]
            assert sorted(given) == expected

    def _check_lines(self) -> None:
        """Every line is the sum of the charges that are on it, none of them twice; a credit note's the other way round."""
        rows = InvoiceLine.objects.annotate(sum=Sum("charges__amount_minor"), count=Count("charges"))
        for line in rows.select_related("invoice"):
            assert line.count > 0
            sign = -1 if line.invoice.kind == InvoiceKind.CREDIT_NOTE else 1
            assert line.amount_minor == sign * (line.sum or 0)
            assert len(line.details) in (0, line.count)

    def _check_ages(self) -> None:
        rows = Invoice.objects.filter(open_minor__gt=0).values_list("issued_on", "due_on", "open_minor")
        nets = [one.net for one in trial_balance() if one.code == Code.RECEIVABLE]
        assert ages((Open(*row) for row in rows), self.today).total == sum(nets)

    def _check_sums(self) -> None:
        """What was charged is what was invoiced less what was credited, and what no document has taken up yet. What is
        given back is never more than was charged."""
        for customer in self.customers:
            charged = Charge.objects.filter(customer=customer)
            documents = Invoice.objects.filter(customer=customer)
            invoiced = _sum(documents.filter(kind=InvoiceKind.INVOICE), "total_minor")
            credited = _sum(documents.filter(kind=InvoiceKind.CREDIT_NOTE), "total_minor")
            waiting = _sum(charged.filter(line=None), "amount_minor")
            assert _sum(charged, "amount_minor") == invoiced - credited + waiting
        for one in Charge.objects.filter(returns=None).annotate(back=Sum("given_back__amount_minor")):
            assert one.kind == ChargeKind.DISCOUNT or -(one.back or 0) <= one.amount_minor

    def check_subscriptions(self) -> None:
        """Once everybody was billed, each period costs what the line had in it."""
        known = facts_of([one.pk for one in self.customers], until=self.today)
        for customer_id, facts in known.items():
            end = BillingTerms.objects.get(pk=customer_id).next_bill_on
            spans = looked_at(facts.billing_day, facts.bills_from, end, back=0)
            if facts.timing == Timing.ARREARS:
                spans = spans[:-1]
            for life in facts.lives:
                told = life._replace(starts_on=max(life.starts_on, facts.bills_from))
                wanted = sum(row.amount_minor for one in spans for row in due_in(told, one, facts.prices))
                rows = Charge.objects.filter(service_id=life.service_id, kind=ChargeKind.SUBSCRIPTION)
                assert _sum(rows, "amount_minor") == wanted


def _sum(rows: QuerySet[Any], field: str) -> int:
    total: int | None = rows.aggregate(total=Sum(field))["total"]
    return total or 0


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(6))
def test_the_books_are_whole_after_every_step_of_a_random_life(seed: int) -> None:
    lives = Lives(seed)
    told = []
    for _ in range(80):
        told.append(f"{lives.today} {lives.step()}")
        try:
            lives.check()
        except AssertionError:
            print(f"seed {seed}:", *told, sep="\n")
            raise
    lives.today += timedelta(days=31)
    lives.bill()
    lives.check()
    lives.check_subscriptions()
    assert Invoice.objects.filter(kind=InvoiceKind.CREDIT_NOTE).exists()
