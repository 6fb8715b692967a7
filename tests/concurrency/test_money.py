"""Money at the same moment: two workers at one run, a notification twice at once, a payment while a bill is made (I4, I5)."""

from collections.abc import Iterator
from datetime import date
from functools import partial

import pytest

from capstan.billing.actions import run as runs
from capstan.billing.models import Allocation, BillRun, Invoice
from capstan.billing.rules.words import Method, RunState
from capstan.customers.models import Customer
from capstan.demo.gateway.server import Gateway as Simulator
from capstan.payments.actions import notifications
from capstan.payments.actions.take import BANK, Received, receive
from capstan.payments.models import Notification, Payment
from tests.billing.desk import ACTOR, Desk, at
from tests.concurrency.test_buckets import together
from tests.payments.till import Till

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 4


@pytest.fixture
def till() -> Iterator[Till]:
    with Simulator(gaps=(0.05, 0.1)) as simulator, Till(Desk(), simulator) as ready:
        yield ready


def work(day: str) -> None:
    while BillRun.objects.filter(state__in=(RunState.PREVIEWING, RunState.ISSUING)).exists():
        runs.work(now=at(day), limit=3)


def apply(till: Till, notification_id: int) -> None:
    notifications.apply(notification_id, now=till.now)


def bill(desk: Desk, customer: Customer, day: str) -> None:
    desk.bill(day, customer)


def pay(customer: Customer, day: str) -> None:
    receive(Received(customer.pk, Method.EFT, 4000, date.fromisoformat(day), BANK), actor=ACTOR, now=at(day))


def test_two_workers_at_one_run_bill_everybody_once_and_number_without_gaps() -> None:
    desk = Desk()
    package = desk.package(10000)
    customers = [desk.customer(f"Customer {number}") for number in range(12)]
    for customer in customers:
        desk.line(customer, package)
    for day in ("2026-01-01", "2026-02-01"):
        run = runs.start(
            brand_id=desk.brand.pk, billing_day=date.fromisoformat(day), actor=ACTOR, now=at(day, 0)
        )
        together(*(partial(work, day) for _ in range(3)))
        runs.release(run_id=run.pk, actor=ACTOR, now=at(day))
        together(*(partial(work, day) for _ in range(3)))
    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    assert numbers == [f"INV{number:07}" for number in range(1, 25)]
    assert Invoice.objects.values("customer", "period_first").distinct().count() == 24
    desk.check()


def test_a_notification_twice_at_once_is_booked_once(till: Till) -> None:
    customer = till.desk.customer()
    for _ in range(ROUNDS):
        _, form = till.start(customer, 3500)
        till.press(form)
        body = till.notices.wait(till.taken + 1)[till.taken].body.encode()
        till.taken += 1
        told = [
            notifications.store(till.gateway, body=body, headers={}, source="127.0.0.1", now=till.now)
            for _ in range(3)
        ]
        together(*(partial(apply, till, one.pk) for one in told))
    assert Payment.objects.count() == ROUNDS
    states = sorted(Notification.objects.values_list("state", flat=True))
    assert states == ["applied"] * ROUNDS + ["repeated"] * 2 * ROUNDS
    till.desk.check()


def test_payments_of_one_customer_at_the_same_moment_as_his_bill_spend_each_cent_once() -> None:
    desk = Desk()
    customer = desk.customer()
    desk.line(customer, desk.package(10000))
    for day in ("2026-01-01", "2026-02-01", "2026-03-01"):
        together(partial(bill, desk, customer, day), partial(pay, customer, day), partial(pay, customer, day))
    desk.check()
    assert sum(Allocation.objects.values_list("amount_minor", flat=True)) == 24000
    assert desk.receivable(customer) == 6000
