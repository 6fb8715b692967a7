"""Debit orders at the same moment: proposals, makers, workers, files of results – each cent moves once (I4, I5)."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import partial

import pytest

from capstan.billing.models import Charge, Invoice
from capstan.billing.rules.words import Method
from capstan.customers.models import Customer
from capstan.messaging.models import Message
from capstan.payments.actions.debit_orders import batches, mandates
from capstan.payments.actions.debit_orders.book import book_due
from capstan.payments.actions.take import BANK, Received, receive
from capstan.payments.models import DebitBatch, DebitItem, DebitResults, Mandate, Payment
from capstan.payments.rules.words import BatchState, DebitState, MandateState
from capstan.values.refused import Refused
from tests.billing.desk import ACTOR, Desk, at
from tests.concurrency.test_buckets import together
from tests.payments.debits import (
    DAY,
    SECOND,
    TODAY,
    WANTED,
    collected,
    collects,
    line,
    owing,
    proposed,
    results_of,
    submitted,
)

pytestmark = pytest.mark.django_db(transaction=True)
CUSTOMERS = 6


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    collects(made, fee_minor=5000)
    return made


def several(desk: Desk) -> list[Invoice]:
    return [owing(desk, customer=desk.customer(f"Customer {number}")) for number in range(CUSTOMERS)]


def plain(do: Callable[[], object]) -> Callable[[], None]:
    """Whatever it returns."""

    def run() -> None:
        do()

    return run


def refused(do: Callable[[], object]) -> None:
    with suppress(Refused):
        do()


def test_two_proposals_at_once_are_one(desk: Desk) -> None:
    several(desk)
    together(*(partial(refused, partial(proposed, desk)) for _ in range(3)))
    assert DebitBatch.objects.count() == 1
    assert DebitItem.objects.count() == CUSTOMERS


def test_a_batch_is_made_once_while_customers_pay(desk: Desk) -> None:
    invoices = several(desk)
    batch = proposed(desk)
    make = partial(batches.make, batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    drop = partial(batches.drop, batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    pays = [partial(pay, one.customer) for one in invoices[:2]]
    together(partial(refused, make), partial(refused, make), partial(refused, drop), *pays)
    batch.refresh_from_db()
    items = list(batch.items.all())
    if batch.state == BatchState.MADE:
        sent = [one for one in items if one.state == DebitState.SENT]
        assert sum(one.amount_minor for one in sent) == batch.total_minor
        assert len((batch.file or "").splitlines()) == len(sent) + 3
    else:
        assert batch.state == BatchState.DROPPED
        assert {one.state for one in items} == {DebitState.DROPPED}
    desk.check()


def pay(customer: Customer) -> None:
    receive(Received(customer.pk, Method.EFT, 59900, date(2026, 2, 23), BANK), actor=ACTOR, now=at(TODAY))


def test_two_workers_and_a_result_book_each_once(desk: Desk) -> None:
    several(desk)
    submitted(desk)
    first = DebitItem.objects.select_related("mandate").order_by("pk")[0]
    book = plain(partial(book_due, now=at(DAY), limit=100))
    read = plain(partial(results_of, line(first, code="", kind="TDD", day=DAY)))
    together(book, book, read, read)
    assert Payment.objects.count() == CUSTOMERS
    assert DebitBatch.objects.get().state == BatchState.BOOKED or book_due(now=at(DAY), limit=1) == 0
    assert sum(DebitResults.objects.values_list("paid", flat=True)) == 1
    desk.check()


def test_a_file_twice_at_once_takes_each_back_once(desk: Desk) -> None:
    several(desk)
    collected(desk)
    text = [line(one) for one in DebitItem.objects.select_related("mandate").order_by("pk")]
    together(*(plain(partial(results_of, *lines)) for lines in (text, text, text, text[::-1])))
    files = DebitResults.objects.all()
    assert (sum(one.returned for one in files), sum(one.known for one in files)) == (CUSTOMERS, 3 * CUSTOMERS)
    assert Payment.objects.exclude(reversed_at=None).count() == CUSTOMERS
    assert Charge.objects.filter(reference__startswith="debit-returned").count() == CUSTOMERS
    assert Message.objects.filter(template="debit.returned", medium="email").count() == CUSTOMERS
    assert sum(Invoice.objects.values_list("open_minor", flat=True)) == CUSTOMERS * 59900
    desk.check()


def test_two_approvals_at_once_leave_one_active_mandate(desk: Desk) -> None:
    customer = owing(desk).customer
    one = mandates.draft(customer_id=customer.pk, wanted=WANTED, actor=ACTOR, now=at(TODAY))
    day = date(2026, 2, 20)
    mandates.note_signed(mandate_id=one.pk, signed_on=day, signed_by="J", actor=ACTOR, now=at(TODAY))
    approve = partial(mandates.approve, mandate_id=one.pk, actor=SECOND, now=at(TODAY))
    draft = partial(mandates.draft, customer_id=customer.pk, wanted=WANTED, actor=ACTOR, now=at(TODAY))
    together(partial(refused, approve), partial(refused, approve), plain(draft), plain(draft))
    assert Mandate.objects.filter(customer=customer, state=MandateState.ACTIVE).count() == 1
    assert Mandate.objects.filter(customer=customer, state=MandateState.DRAFTED).count() == 1
    assert len(set(Mandate.objects.values_list("reference", flat=True))) == Mandate.objects.count()
