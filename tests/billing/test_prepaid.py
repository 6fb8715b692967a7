"""Paying ahead: asked for, paid, invoiced, released; nothing is ever owed for what isn't paid (S9)."""

from datetime import date

import pytest

from capstan.audit.models import AuditEntry
from capstan.billing.actions import discounts, prepaid, terms
from capstan.billing.actions import policy as policies
from capstan.billing.actions import run as runs
from capstan.billing.actions.prepaid_tell import tell_due
from capstan.billing.models import BillingPolicy, BillingTerms, BillRun, Charge, Invoice, PrepaidPeriod
from capstan.billing.queries.prepaid import why_it_waits
from capstan.billing.queries.runs import progress
from capstan.billing.queries.standing import standing_of
from capstan.billing.rules.words import InvoiceKind, ItemState, Method, RunState, Timing, TopUpInvoicing
from capstan.caps.actions.cap import grant, open_cap, roll
from capstan.caps.models import Bucket
from capstan.caps.queries import standing
from capstan.caps.rules.words import BucketKind, CapState
from capstan.customers.models import Contact, Customer
from capstan.messaging.models import Message
from capstan.payments.actions.take import BANK, Received, receive, reverse
from capstan.payments.models import Payment
from capstan.services.actions.contract import change_package
from capstan.services.models import Service
from capstan.services.rules import Standing
from capstan.values.refused import Refused
from tests.billing.desk import ACTOR, Desk, at

PRICE = 50000


@pytest.fixture
def household(desk: Desk) -> tuple[Customer, Service]:
    """Billed in advance for January; prepaid from February on."""
    customer = desk.customer()
    service = desk.line(customer, desk.package(PRICE))
    open_cap(service.pk, now=at("2026-01-01", 1))
    desk.bill("2026-01-01")
    pay(customer, PRICE, "2026-01-02")
    become(customer, Timing.PREPAID, "2026-01-10")
    return customer, service


def become(customer: Customer, timing: Timing, day: str) -> None:
    terms.set_timing(customer_id=customer.pk, timing=timing, actor=ACTOR, now=at(day))


def ask(desk: Desk, day: str) -> None:
    """The bill run of that day."""
    run = runs.start(brand_id=desk.brand.pk, billing_day=date.fromisoformat(day), actor=ACTOR, now=at(day, 0))
    work(day)
    runs.release(run_id=run.pk, actor=ACTOR, now=at(day))
    work(day)
    assert not run.items.filter(state=ItemState.FAILED).exists()


def work(day: str) -> None:
    while BillRun.objects.filter(state__in=(RunState.PREVIEWING, RunState.ISSUING)).exists():
        runs.work(now=at(day), limit=2)


def pay(customer: Customer, amount_minor: int, day: str) -> Payment:
    received = Received(customer.pk, Method.EFT, amount_minor, date.fromisoformat(day), BANK)
    return receive(received, actor=ACTOR, now=at(day))


def look(day: str) -> None:
    """As the worker does each second."""
    prepaid.fulfil_due(now=at(day), limit=10)
    prepaid.release_due(now=at(day), limit=10)
    for service in Service.objects.all():
        roll(service.pk, now=at(day))


def state(service: Service, day: str) -> tuple[CapState, bool, int]:
    roll(service.pk, now=at(day))
    now = standing(service.pk, now=at(day))
    return now.state, now.waits, now.remaining


def row(customer: Customer) -> PrepaidPeriod:
    return PrepaidPeriod.objects.filter(customer=customer).latest("pk")


ALLOWANCE = 10**10
OPEN, WAITS = (CapState.OPEN, False, ALLOWANCE), (CapState.BLOCKED, True, 0)


def test_asked_for_before_it_begins_and_nothing_is_owed(
    desk: Desk, household: tuple[Customer, Service]
) -> None:
    customer, service = household
    ask(desk, "2026-01-27")
    asked = row(customer)
    assert asked.request is not None
    assert (asked.reference, asked.first, asked.end, asked.services) == (
        f"prepaid:{customer.pk}:2026-02-01", date(2026, 2, 1), date(2026, 3, 1), [service.pk],
    )  # fmt: skip
    assert (asked.request.kind, asked.request.total_minor, asked.request.due_on) == (
        InvoiceKind.PROFORMA, PRICE, date(2026, 2, 1),
    )  # fmt: skip
    assert (desk.receivable(customer), Charge.objects.filter(covers_first="2026-02-01").exists()) == (
        0,
        False,
    )
    assert state(service, "2026-01-31") == OPEN
    assert state(service, "2026-02-01") == WAITS
    desk.check()


def test_paid_before_it_begins(desk: Desk, household: tuple[Customer, Service]) -> None:
    customer, service = household
    ask(desk, "2026-01-27")
    pay(customer, PRICE, "2026-01-29")
    look("2026-01-29")
    paid = row(customer)
    assert paid.invoice is not None
    assert paid.request is not None
    assert (paid.invoice.kind, paid.invoice.open_minor, paid.invoice.total_minor) == ("invoice", 0, PRICE)
    assert paid.request.fulfilled_by_id == paid.invoice.pk
    assert state(service, "2026-01-31") == OPEN
    assert (state(service, "2026-02-01"), Bucket.objects.count()) == (OPEN, 2)
    assert (desk.receivable(customer), desk.credit(customer)) == (0, 0)
    desk.check()


def test_paid_after_it_began_it_is_the_whole_price_and_the_whole_allowance(
    desk: Desk, household: tuple[Customer, Service]
) -> None:
    customer, service = household
    ask(desk, "2026-01-27")
    assert state(service, "2026-02-10") == WAITS
    pay(customer, PRICE, "2026-02-12")
    look("2026-02-12")
    assert state(service, "2026-02-12") == OPEN
    assert Invoice.objects.filter(kind="invoice").latest("pk").total_minor == PRICE
    desk.check()


def test_a_part_releases_nothing_and_the_rest_does(desk: Desk, household: tuple[Customer, Service]) -> None:
    customer, service = household
    ask(desk, "2026-01-27")
    pay(customer, PRICE - 1, "2026-02-02")
    look("2026-02-02")
    assert (state(service, "2026-02-02"), desk.credit(customer)) == (WAITS, PRICE - 1)
    pay(customer, 1, "2026-02-03")
    look("2026-02-03")
    assert state(service, "2026-02-03") == OPEN
    desk.check()


def test_what_was_paid_too_much_pays_the_next_month(desk: Desk, household: tuple[Customer, Service]) -> None:
    customer, service = household
    ask(desk, "2026-01-27")
    pay(customer, 2 * PRICE + 100, "2026-01-29")
    look("2026-01-29")
    assert desk.credit(customer) == PRICE + 100
    ask(desk, "2026-02-24")
    paid = row(customer)
    assert paid.invoice is not None
    assert (paid.request, paid.invoice.open_minor, paid.invoice.reference) == (None, 0, paid.reference)
    look("2026-02-24")
    assert (state(service, "2026-03-01"), desk.credit(customer)) == (OPEN, 100)
    desk.check()


def test_an_unpaid_month_is_withdrawn_never_owed_and_late_money_pays_the_next(
    desk: Desk, household: tuple[Customer, Service]
) -> None:
    customer, service = household
    ask(desk, "2026-01-27")
    first = row(customer)
    ask(desk, "2026-02-24")
    first.refresh_from_db()
    assert first.withdrawn_at is not None
    assert Invoice.objects.get(pk=first.request_id or 0).withdrawn_at is not None
    assert (row(customer).first, desk.receivable(customer)) == (date(2026, 3, 1), 0)
    pay(customer, PRICE, "2026-02-26")
    look("2026-02-26")
    assert (state(service, "2026-02-27"), state(service, "2026-03-01")) == (WAITS, OPEN)
    ask(desk, "2026-03-27")
    assert not Charge.objects.filter(covers_first="2026-02-01").exists(), "February is nobody's debt"
    assert desk.receivable(customer) == 0
    desk.check()


def test_a_reversed_payment_is_a_debt_and_takes_no_data_back(
    desk: Desk, household: tuple[Customer, Service]
) -> None:
    customer, service = household
    ask(desk, "2026-01-27")
    payment = pay(customer, PRICE, "2026-01-29")
    look("2026-01-29")
    assert state(service, "2026-02-01") == OPEN
    reverse(payment_id=payment.pk, reason="unpaid debit order", actor=ACTOR, now=at("2026-02-03"))
    look("2026-02-03")
    assert (state(service, "2026-02-03"), desk.receivable(customer)) == (OPEN, PRICE)
    desk.check()


def test_a_top_up_while_it_waits(desk: Desk, household: tuple[Customer, Service]) -> None:
    customer, service = household
    assert standing_of(customer.pk, today=date(2026, 2, 1)).pays_first_because == "the account is prepaid"
    ask(desk, "2026-01-27")
    assert state(service, "2026-02-02") == WAITS
    grant(
        service_id=service.pk, kind=BucketKind.TOPUP, size_bytes=10**9, source="order:1", actor=ACTOR, now=at("2026-02-02")
    )  # fmt: skip
    assert state(service, "2026-02-02") == (CapState.OPEN, True, 10**9)


def test_a_line_that_comes_is_asked_for_by_itself_for_its_days(
    desk: Desk, household: tuple[Customer, Service]
) -> None:
    customer, old = household
    ask(desk, "2026-01-27")
    pay(customer, PRICE, "2026-01-29")
    look("2026-01-29")
    new = desk.line(customer, desk.package(28000, "Second"), since="2026-02-15")
    Service.objects.filter(pk=new.pk).update(standing=Standing.PREPAID)
    open_cap(new.pk, now=at("2026-02-15"))
    assert [prepaid.ask_for_new(now=at("2026-02-15"), limit=10) for _ in range(2)] == [1, 0]
    asked = row(customer)
    assert asked.request is not None
    assert (asked.services, asked.request.total_minor) == ([new.pk], 14000)
    assert (state(old, "2026-02-15"), state(new, "2026-02-15")) == (OPEN, WAITS)
    pay(customer, 14000, "2026-02-16")
    look("2026-02-16")
    assert state(new, "2026-02-16") == OPEN
    ask(desk, "2026-02-24")
    assert row(customer).services == [old.pk, new.pk]
    desk.check()


def test_another_package_in_a_paid_month_is_charged_as_before(
    desk: Desk, household: tuple[Customer, Service]
) -> None:
    customer, service = household
    ask(desk, "2026-01-27")
    pay(customer, PRICE, "2026-01-29")
    look("2026-01-29")
    change_package(
        service_id=service.pk, package_id=desk.package(78000, "Larger").pk, starts_at=at("2026-02-15", 0), actor=ACTOR,
        now=at("2026-02-10"),
    )  # fmt: skip
    ask(desk, "2026-02-24")
    assert desk.receivable(customer) == 39000 - 25000, "the difference for the rest of February"
    asked = row(customer).request
    assert asked is not None
    assert asked.total_minor == 78000
    desk.check()


def test_a_price_that_fell_since_is_asked_for_again(desk: Desk, household: tuple[Customer, Service]) -> None:
    customer, service = household
    ask(desk, "2026-01-27")
    change_package(
        service_id=service.pk, package_id=desk.package(90000, "Larger").pk, starts_at=at("2026-02-01", 0), actor=ACTOR,
        now=at("2026-01-28"),
    )  # fmt: skip
    pay(customer, PRICE, "2026-01-29")
    look("2026-01-29")
    asked = row(customer)
    assert asked.request is not None
    assert (asked.reference[-2:], asked.request.total_minor, desk.credit(customer)) == (":2", 90000, PRICE)
    pay(customer, 40000, "2026-01-30")
    look("2026-01-30")
    assert (row(customer).paid_at is not None, desk.credit(customer)) == (True, 0)
    desk.check()


def test_back_to_postpaid_the_unpaid_month_is_invoiced(
    desk: Desk, household: tuple[Customer, Service]
) -> None:
    customer, service = household
    ask(desk, "2026-01-27")
    assert state(service, "2026-02-05") == WAITS
    become(customer, Timing.ADVANCE, "2026-02-05")
    assert state(service, "2026-02-05") == OPEN
    desk.bill("2026-02-05")
    assert desk.receivable(customer) == PRICE
    desk.bill("2026-03-01")
    assert desk.receivable(customer) == 2 * PRICE
    desk.check()


def test_to_prepaid_and_back_the_same_day_leaves_nothing(
    desk: Desk, household: tuple[Customer, Service]
) -> None:
    customer, service = household
    become(customer, Timing.ADVANCE, "2026-01-11")
    own = BillingTerms.objects.get(pk=customer.pk)
    assert (own.prepaid_from, own.prepaid_until, own.next_bill_on) == (None, None, date(2026, 2, 1))
    assert state(service, "2026-02-01") == OPEN


def test_from_arrears_the_running_month_is_still_owed(desk: Desk) -> None:
    customer = desk.customer(timing=Timing.ARREARS)
    service = desk.line(customer, desk.package(PRICE), since="2026-01-01")
    open_cap(service.pk, now=at("2026-01-01", 1))
    desk.bill("2026-01-01")
    become(customer, Timing.PREPAID, "2026-01-10")
    ask(desk, "2026-01-27")
    asked = row(customer)
    assert asked.request is not None
    assert (desk.receivable(customer), asked.first, asked.request.total_minor) == (
        PRICE,
        date(2026, 2, 1),
        PRICE,
    )
    pay(customer, PRICE, "2026-01-28")
    look("2026-01-28")
    assert (desk.receivable(customer), row(customer).paid_at) == (0, None), "what is owed is paid first"
    desk.check()


def test_the_preview_shows_requests_apart_and_a_run_killed_asks_nobody_twice(
    desk: Desk, household: tuple[Customer, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    customer, _service = household
    desk.line(desk.customer("In advance", bills_from="2026-01-27"), desk.package(10000))
    run = runs.start(brand_id=desk.brand.pk, billing_day=date(2026, 1, 27), actor=ACTOR, now=at("2026-01-24"))
    work("2026-01-24")
    item = run.items.get(customer=customer)
    assert (item.preview_minor, item.asked_minor, item.remarks) == (0, PRICE, [])
    how_far = progress(run.pk)
    assert how_far.asked_minor == PRICE
    runs.release(run_id=run.pk, actor=ACTOR, now=at("2026-01-27"))
    monkeypatch.setattr(BillingTerms.objects, "bulk_update", lambda *_: 1 / 0)
    runs.work(now=at("2026-01-27"), limit=10)
    assert (PrepaidPeriod.objects.count(), Invoice.objects.filter(kind="proforma").count()) == (0, 0)
    monkeypatch.undo()
    run.items.update(state=ItemState.PREVIEWED)
    BillRun.objects.update(state=RunState.ISSUING)
    work("2026-01-27")
    item.refresh_from_db()
    assert (item.state, item.asked_minor, item.issued_minor) == (ItemState.ISSUED, PRICE, 0)
    with pytest.raises(Refused, match="Nobody is to be billed"):
        runs.start(brand_id=desk.brand.pk, billing_day=date(2026, 1, 28), actor=ACTOR, now=at("2026-01-28"))


def test_a_run_begins_by_itself_days_before(desk: Desk, household: tuple[Customer, Service]) -> None:
    BillingPolicy.objects.create(brand=desk.brand, prepaid_lead_days=7, preview_days=2)
    assert runs.start_due(now=at("2026-01-22")) == 0
    assert runs.start_due(now=at("2026-01-23")) == 1
    assert BillRun.objects.get().billing_day == date(2026, 1, 25)


def test_a_brand_that_becomes_prepaid_is_so_for_those_who_come(desk: Desk) -> None:
    there = desk.customer()
    set_policy(desk, Timing.PREPAID)
    assert BillingTerms.objects.get(pk=there.pk).timing == Timing.ADVANCE
    new = Customer.objects.create(account_code="NEW", name="New", brand=desk.brand, created_at=desk.now)
    terms.ensure([new.pk], now=at("2026-01-20"))
    assert BillingTerms.objects.get(pk=new.pk).prepaid_from == date(2026, 1, 20)


def set_policy(desk: Desk, timing: Timing) -> None:
    policies.set_policy(
        brand_id=desk.brand.pk, billing_day=1, by_anniversary=False, timing=timing, due_days=7, top_ups=TopUpInvoicing.NEXT,
        group_top_ups=False, pays_first_after_days=30, preview_days=3, prepaid_lead_days=5, issues_by_itself=False,
        actor=ACTOR, now=at("2026-01-10"),
    )  # fmt: skip


def test_who_was_left_out_for_months_is_asked_for_the_present_one_only(
    desk: Desk, household: tuple[Customer, Service]
) -> None:
    customer, _ = household
    ask(desk, "2026-06-10")
    assert (row(customer).first, PrepaidPeriod.objects.count()) == (date(2026, 6, 1), 1)
    assert BillingTerms.objects.get(pk=customer.pk).next_bill_on == date(2026, 7, 1)
    assert desk.receivable(customer) == 0


def test_a_free_package_waits_for_nobody(desk: Desk) -> None:
    customer = desk.customer()
    service = desk.line(customer, desk.package(0))
    open_cap(service.pk, now=at("2026-01-01", 1))
    desk.bill("2026-01-01")
    become(customer, Timing.PREPAID, "2026-01-10")
    ask(desk, "2026-01-27")
    look("2026-01-28")
    assert (state(service, "2026-02-01"), row(customer).invoice) == (OPEN, None)


def test_nothing_is_paid_that_is_over(desk: Desk, household: tuple[Customer, Service]) -> None:
    customer, _ = household
    ask(desk, "2026-01-27")
    pay(customer, PRICE, "2026-03-02")
    look("2026-03-02")
    assert (row(customer).paid_at, row(customer).withdrawn_at is not None) == (None, True)
    assert desk.credit(customer) == PRICE


def test_what_the_customer_is_told(desk: Desk, household: tuple[Customer, Service]) -> None:
    customer, _ = household
    Contact.objects.create(customer=customer, name="Thandi", email="thandi@example.net", phone="+27600000001")
    ask(desk, "2026-01-27")
    for day in ("2026-01-27", "2026-01-28", "2026-01-31", "2026-02-01", "2026-02-02"):
        tell_due(now=at(day), limit=10)
    pay(customer, PRICE, "2026-02-03")
    look("2026-02-03")
    told = [
        (one.template, one.medium)
        for one in Message.objects.order_by("pk")
        if one.template.startswith("prepaid.")
    ]
    assert told == [
        ("prepaid.asked", "email"), ("prepaid.reminder", "email"), ("prepaid.waits", "email"), ("prepaid.waits", "sms"),
        ("prepaid.paid", "email"), ("prepaid.paid", "sms"),
    ]  # fmt: skip


def test_by_hand_it_is_lent_and_made_whole_when_it_is_paid(
    desk: Desk, household: tuple[Customer, Service]
) -> None:
    customer, service = household
    ask(desk, "2026-01-27")

    def by_hand(until: str, day: str, reason: str = "goodwill until Friday") -> None:
        prepaid.release_by_hand(
            service_id=service.pk, until=date.fromisoformat(until), reason=reason, actor=ACTOR, now=at(day)
        )

    with pytest.raises(Refused, match="doesn't wait"):
        by_hand("2026-02-06", "2026-01-28")
    roll(service.pk, now=at("2026-02-02"))
    with pytest.raises(Refused, match="Say why"):
        by_hand("2026-02-06", "2026-02-02", " ")
    with pytest.raises(Refused, match="That day is over"):
        by_hand("2026-02-01", "2026-02-02")
    with pytest.raises(Refused, match="This cycle ends before that"):
        by_hand("2026-05-01", "2026-02-02")
    by_hand("2026-02-06", "2026-02-02")
    assert state(service, "2026-02-06") == OPEN
    assert state(service, "2026-02-07") == WAITS
    assert why_it_waits(service.pk, today=date(2026, 2, 7)) == "payment of R\xa0500.00, due 1\xa0Feb\xa02026"
    pay(customer, PRICE, "2026-02-08")
    look("2026-02-08")
    assert state(service, "2026-02-08") == OPEN
    assert AuditEntry.objects.filter(action="allowance.release", reason="goodwill until Friday").count() == 1


def test_asked_again_after_a_discount(desk: Desk, household: tuple[Customer, Service]) -> None:
    customer, service = household
    ask(desk, "2026-01-27")
    discounts.add(
        service_id=service.pk, text="Sorry", percent_bp=1000, amount_minor=None, first=date(2026, 2, 1), end=None,
        actor=ACTOR, now=at("2026-01-28"),
    )  # fmt: skip
    assert prepaid.ask_again(customer_id=customer.pk, actor=ACTOR, now=at("2026-01-28")) == 1
    asked = row(customer).request
    assert asked is not None
    assert asked.total_minor == 45000
    pay(customer, 45000, "2026-01-29")
    look("2026-01-29")
    assert (state(service, "2026-02-01"), desk.credit(customer)) == (OPEN, 0)
    with pytest.raises(Refused, match="Nothing is asked for"):
        prepaid.ask_again(customer_id=customer.pk, actor=ACTOR, now=at("2026-02-02"))
    desk.check()
