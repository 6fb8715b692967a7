"""Paying ahead at the same moment: two payments, two workers, a release while its cycle opens (S9, I3, I4)."""

from datetime import date, timedelta
from functools import partial

import pytest

from capstan.billing.actions import prepaid, terms
from capstan.billing.models import Charge, Invoice, PrepaidPeriod
from capstan.billing.rules.words import Method, Timing
from capstan.caps.actions.cap import open_cap, roll
from capstan.caps.actions.held import release
from capstan.caps.models import AllowanceRelease, Bucket, BucketTally
from capstan.customers.models import Customer
from capstan.payments.actions.take import BANK, Received, receive
from capstan.services.models import Service
from tests.billing.desk import ACTOR, Desk, at
from tests.concurrency.test_buckets import together

pytestmark = pytest.mark.django_db(transaction=True)
MONTHS = ("2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01")


def household(desk: Desk) -> tuple[Customer, Service]:
    customer = desk.customer()
    service = desk.line(customer, desk.package(50000))
    open_cap(service.pk, now=at("2026-01-01", 1))
    desk.bill("2026-01-01")
    receive(
        Received(customer.pk, Method.EFT, 50000, date(2026, 1, 2), BANK), actor=ACTOR, now=at("2026-01-02")
    )
    terms.set_timing(customer_id=customer.pk, timing=Timing.PREPAID, actor=ACTOR, now=at("2026-01-10"))
    return customer, service


def pay(customer: Customer, day: str) -> None:
    receive(Received(customer.pk, Method.EFT, 50000, date.fromisoformat(day), BANK), actor=ACTOR, now=at(day))


def let(service: Service, first: str) -> None:
    begins = at(first, 0)
    release(
        service_id=service.pk, starts_at=begins, ends_at=begins + timedelta(days=27), reference=f"prepaid:{first}", actor=ACTOR,
        now=begins,
    )  # fmt: skip


def become(customer: Customer, timing: Timing, day: str) -> None:
    terms.set_timing(customer_id=customer.pk, timing=timing, actor=ACTOR, now=at(day))


def look(day: str) -> None:
    for _ in range(4):
        prepaid.fulfil_due(now=at(day), limit=10)
        prepaid.release_due(now=at(day), limit=10)


def test_two_payments_at_once_pay_one_month_and_the_next_and_release_once() -> None:
    desk = Desk()
    customer, service = household(desk)
    desk.bill("2026-01-27", customer)
    together(
        partial(pay, customer, "2026-02-01"), partial(pay, customer, "2026-02-01"), partial(look, "2026-02-01"),
        partial(look, "2026-02-01"), partial(roll, service.pk, now=at("2026-02-01")),
    )  # fmt: skip
    look("2026-02-01")
    assert PrepaidPeriod.objects.filter(paid_at__isnull=False).count() == 1
    assert Charge.objects.filter(covers_first="2026-02-01").count() == 1
    assert Invoice.objects.filter(kind="invoice", period_first="2026-02-01").count() == 1
    assert AllowanceRelease.objects.filter(reference__startswith="prepaid:").count() == 1
    assert desk.credit(customer) == 50000
    desk.check()


def test_a_release_while_the_cycle_opens_grants_once() -> None:
    desk = Desk()
    _, service = household(desk)
    for number, first in enumerate(MONTHS):
        begins = at(first, 0)
        together(
            partial(roll, service.pk, now=begins), partial(roll, service.pk, now=begins + timedelta(seconds=1)),
            *(partial(let, service, first) for _ in range(2)),
        )  # fmt: skip
        roll(service.pk, now=begins + timedelta(seconds=2))
        of_cycle = Bucket.objects.filter(service=service, expires_at__gt=begins)
        assert [bucket.size_bytes for bucket in of_cycle] == [10**10], first
        assert AllowanceRelease.objects.filter(reference__startswith="prepaid:").count() == number + 1
    assert BucketTally.objects.filter(moved_bytes__gt=0).count() == 0


def test_a_customer_is_turned_while_he_pays() -> None:
    desk = Desk()
    customer, service = household(desk)
    desk.bill("2026-01-27", customer)
    for timing, day in ((Timing.ADVANCE, "2026-01-28"), (Timing.PREPAID, "2026-01-29")):
        together(
            partial(pay, customer, day), partial(look, day), partial(roll, service.pk, now=at(day)),
            partial(become, customer, timing, day),
        )  # fmt: skip
    look("2026-01-30")
    desk.check()
    assert Charge.objects.filter(covers_first="2026-02-01").count() <= 1
