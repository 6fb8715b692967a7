"""Billing days: what is charged, invoiced, given back."""

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test.utils import CaptureQueriesContext

from capstan.billing.actions import at_once, charges, terms
from capstan.billing.models import BillingTerms, Charge, Discount, Invoice, InvoiceLine
from capstan.billing.rules.words import ChargeKind, InvoiceKind, Method, Timing
from capstan.catalog.actions import change_brand, set_package_price, set_tax_rate
from capstan.services.actions.contract import cancel_package_changes, change_package
from capstan.services.actions.status import end_service
from tests.billing.desk import ACTOR, Desk, at


def texts(invoice: Invoice) -> list[tuple[str, int]]:
    return [
        (line.text.replace("\xa0", " "), line.amount_minor) for line in invoice.lines.order_by("position")
    ]


def test_a_month_in_advance_costs_what_was_told_and_holds_its_vat(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(59900))
    (invoice,) = desk.bill("2026-01-01")
    assert texts(invoice) == [(f"Fibre 50, {line.username}, 1–31 Jan 2026", 59900)]
    assert (invoice.total_minor, invoice.net_minor, invoice.vat_minor) == (59900, 52087, 7813)
    assert (invoice.number, str(invoice.due_on), invoice.open_minor) == ("INV0000001", "2026-01-08", 59900)
    assert desk.receivable(customer) == 59900
    desk.check()


def test_the_next_day_of_the_month_bills_the_next_month_and_nothing_twice(desk: Desk) -> None:
    customer = desk.customer()
    desk.line(customer, desk.package(59900))
    desk.bill("2026-01-01")
    assert desk.bill("2026-01-02") == []
    (second,) = desk.bill("2026-02-01")
    assert "1–28 Feb 2026" in texts(second)[0][0].replace("\xa0", " ")
    again = desk.bill("2026-02-01", customer)
    assert again == []
    assert Charge.objects.count() == 2
    desk.check()


def test_in_arrears_the_ended_month_is_asked_for(desk: Desk) -> None:
    customer = desk.customer(timing=Timing.ARREARS)
    desk.line(customer, desk.package(59900))
    assert desk.bill("2026-01-01") == []
    (invoice,) = desk.bill("2026-02-01")
    assert texts(invoice)[0][0].endswith("1–31 Jan 2026")


def test_a_line_that_began_inside_the_month_pays_for_its_days(desk: Desk) -> None:
    customer = desk.customer(bills_from="2026-01-01")
    desk.line(customer, desk.package(31000), since="2026-01-11")
    BillingTerms.objects.filter(pk=customer.pk).update(next_bill_on="2026-02-01")
    (invoice,) = desk.bill("2026-02-01")
    assert [amount for _, amount in texts(invoice)] == [21000, 31000]
    assert "11–31 Jan 2026" in texts(invoice)[0][0]


def test_a_change_of_package_gives_back_the_days_and_charges_the_others(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(31000, "Small"))
    (january,) = desk.bill("2026-01-01")
    big = desk.package(62000, "Big")
    change_package(service_id=line.pk, package_id=big.pk, actor=ACTOR, now=at("2026-01-21"))
    note, february = sorted(desk.bill("2026-02-01"), key=lambda one: one.kind)
    assert (note.kind, note.credits_id, note.total_minor) == (InvoiceKind.CREDIT_NOTE, january.pk, 11000)
    assert texts(note)[0][0].startswith("Not used: Small")
    assert [amount for _, amount in texts(february)] == [22000, 62000]
    january.refresh_from_db()
    assert january.open_minor == 20000
    desk.check()


def test_a_credit_note_on_a_paid_up_account_pays_the_next_invoice(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(31000))
    desk.bill("2026-01-01")
    Invoice.objects.update(open_minor=31000)
    end_service(service_id=line.pk, reason="moved", actor=ACTOR, now=at("2026-01-21"))
    (note,) = desk.bill("2026-02-01")
    assert note.kind == InvoiceKind.CREDIT_NOTE
    assert Invoice.objects.get(kind=InvoiceKind.INVOICE).open_minor == 20000
    assert desk.bill("2026-03-01") == []
    desk.check()


def test_a_price_change_counts_from_the_next_period(desk: Desk) -> None:
    customer = desk.customer()
    package = desk.package(31000)
    desk.line(customer, package)
    desk.bill("2026-01-01")
    set_package_price(
        package_id=package.pk,
        price_minor=40000,
        valid_from=at("2026-01-15", 0),
        actor=ACTOR,
        now=at("2026-01-02"),
    )
    (february,) = desk.bill("2026-02-01")
    assert february.total_minor == 40000


def test_vat_is_that_of_the_day_of_supply(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(None))
    set_tax_rate(
        group_id=desk.vat.pk,
        rate_bp=1550,
        valid_from=at("2026-02-01").date(),
        actor=ACTOR,
        now=at("2026-01-01"),
    )
    desk.sell(line, 11500, "2026-01-31")
    desk.sell(line, 11550, "2026-02-01")
    BillingTerms.objects.filter(pk=customer.pk).update(next_bill_on="2026-02-01")
    (invoice,) = desk.bill("2026-02-01")
    rows = list(invoice.lines.values_list("amount_minor", "vat_minor", "rate_bp"))
    assert rows == [(11500, 1500, 1500), (11550, 1550, 1550)]
    desk.check()


@pytest.mark.django_db
def test_a_brand_that_is_not_registered_has_no_vat_on_its_lines() -> None:
    desk = Desk(vat_number="")
    customer = desk.customer()
    desk.line(customer, desk.package(59900))
    (invoice,) = desk.bill("2026-01-01")
    assert (invoice.vat_minor, invoice.net_minor, invoice.says_vat) == (0, 59900, False)
    assert invoice.lines.get().tax_name == ""


def test_top_ups_share_a_line_when_the_terms_say_so(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(None))
    for day in ("2026-01-03", "2026-01-09"):
        desk.sell(line, 3500, day)
    BillingTerms.objects.filter(pk=customer.pk).update(next_bill_on="2026-02-01", group_top_ups=True)
    (invoice,) = desk.bill("2026-02-01")
    (only,) = invoice.lines.all()
    assert (only.text, only.amount_minor, len(only.details)) == ("Top-ups (2)", 7000, 2)
    assert Charge.objects.filter(line=only).count() == 2


def test_a_discount_has_its_dates(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(60000))
    Discount.objects.create(
        service=line, text="Summer: 10 % off", percent_bp=1000, first="2026-01-01", end="2026-02-15", actor=ACTOR,
        made_at=desk.now,
    )  # fmt: skip
    totals = [
        sum(one.total_minor for one in desk.bill(day)) for day in ("2026-01-01", "2026-02-01", "2026-03-01")
    ]
    assert totals == [54000, 54000, 60000]
    assert Charge.objects.filter(kind=ChargeKind.DISCOUNT).count() == 2
    desk.check()


def test_a_discount_that_came_after_its_bill_waits_for_the_next_one(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(60000))
    desk.bill("2026-01-01")
    Discount.objects.create(
        service=line,
        text="10 % off",
        percent_bp=1000,
        first="2026-01-01",
        end="2026-02-01",
        actor=ACTOR,
        made_at=desk.now,
    )
    BillingTerms.objects.filter(pk=customer.pk).update(next_bill_on="2026-01-05")
    assert desk.bill("2026-01-05") == []
    (february,) = desk.bill("2026-02-01")
    assert february.total_minor == 54000


def test_what_is_given_back_before_the_invoice_is_beside_it(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(None))
    sold = desk.sell(line, 3500, "2026-01-03")
    with transaction.atomic():
        charges.give_back(
            charge_id=sold.pk,
            amount_minor=1500,
            description="Returned",
            reference="r",
            actor=ACTOR,
            now=at("2026-01-04"),
        )
    BillingTerms.objects.filter(pk=customer.pk).update(next_bill_on="2026-02-01")
    (invoice,) = desk.bill("2026-02-01")
    assert (invoice.kind, invoice.total_minor, invoice.lines.count()) == (InvoiceKind.INVOICE, 2000, 2)


def test_numbers_have_no_gap_when_a_batch_fails(desk: Desk) -> None:
    for name in ("One", "Two"):
        desk.line(desk.customer(name), desk.package(10000))
    with transaction.atomic():
        desk.bill("2026-01-01")
        transaction.set_rollback(True)
    issued = desk.bill("2026-01-01")
    assert sorted(one.number for one in issued) == ["INV0000001", "INV0000002"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_invoice SET total_minor = total_minor + 1, net_minor = net_minor + 1",
        "DELETE FROM billing_invoice",
        "UPDATE billing_invoiceline SET text = 'other'",
        "UPDATE billing_charge SET amount_minor = 1",
        "UPDATE billing_charge SET line_id = NULL",
        "UPDATE ledger_entry SET amount_minor = 1",
        "DELETE FROM ledger_journal",
    ],
)
def test_the_database_keeps_what_was_issued(desk: Desk, statement: str) -> None:
    desk.line(desk.customer(), desk.package(10000))
    desk.bill("2026-01-01")
    with (
        pytest.raises(DatabaseError, match="never changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_the_last_day_of_the_month_stays_the_last_day(desk: Desk) -> None:
    customer = desk.customer(billing_day=31, bills_from="2026-01-31")
    desk.line(customer, desk.package(28000))
    days = ["2026-01-31", "2026-02-28", "2026-03-31"]
    periods = [(str(one.period_first), str(one.period_end)) for day in days for one in desk.bill(day)]
    assert periods == [
        ("2026-01-31", "2026-02-28"),
        ("2026-02-28", "2026-03-31"),
        ("2026-03-31", "2026-04-30"),
    ]


def test_many_customers_are_billed_by_as_many_queries_as_few(desk: Desk) -> None:
    package = desk.package(10000)
    few = [desk.customer(f"Few {number}") for number in range(2)]
    many = [desk.customer(f"Many {number}") for number in range(30)]
    for customer in few + many:
        desk.line(customer, package)
    desk.bill("2026-01-01", few[0])  # opens the series and the accounts of sales
    counts = []
    for group in (few[1:], many):
        with CaptureQueriesContext(connection) as queries:
            assert len(desk.bill("2026-01-01", *group)) == len(group)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert InvoiceLine.objects.count() == 32


def test_a_change_that_was_planned_and_taken_back_leaves_nothing_to_correct(desk: Desk) -> None:
    """What was charged in two pieces stays as it is, in whatever order the database gives it."""
    customer = desk.customer()
    line = desk.line(customer, desk.package(31000, "Small"))
    big = desk.package(62000, "Big")
    change_package(
        service_id=line.pk,
        package_id=big.pk,
        starts_at=at("2026-01-21", 0),
        actor=ACTOR,
        now=at("2026-01-01"),
    )
    desk.bill("2026-01-01")
    cancel_package_changes(service_id=line.pk, actor=ACTOR, now=at("2026-01-02"))
    corrected = desk.bill("2026-02-01")
    assert {one.kind for one in corrected} == {InvoiceKind.CREDIT_NOTE, InvoiceKind.INVOICE}
    for day in ("2026-03-01", "2026-04-01"):
        (only,) = desk.bill(day)
        assert (only.kind, only.total_minor) == (InvoiceKind.INVOICE, 31000)
    desk.check()


def test_a_package_that_was_never_begun_can_be_given_back(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(31000, "Small"))
    big = desk.package(62000, "Big")
    change_package(
        service_id=line.pk,
        package_id=big.pk,
        starts_at=at("2026-01-21", 0),
        actor=ACTOR,
        now=at("2026-01-01"),
    )
    (january,) = desk.bill("2026-01-01")
    assert january.total_minor == 20000 + 22000
    cancel_package_changes(service_id=line.pk, actor=ACTOR, now=at("2026-01-02"))
    note, february = sorted(desk.bill("2026-02-01"), key=lambda one: one.kind)
    assert (note.total_minor, february.total_minor) == (22000, 11000 + 31000)


def test_a_new_billing_day_charges_the_days_between_and_none_twice(desk: Desk) -> None:
    customer = desk.customer(bills_from="2025-11-01")
    desk.line(customer, desk.package(31000), since="2025-10-01")
    for day in ("2025-11-01", "2025-12-01", "2026-01-01"):
        desk.bill(day, customer)
    terms.set_terms(
        customer_id=customer.pk, billing_day=15, timing=None, due_days=None, top_ups=None, group_top_ups=None,
        method=Method.EFT, is_paused=False, actor=ACTOR, now=at("2026-01-10"),
    )  # fmt: skip
    (between,) = desk.bill("2026-01-15", customer)
    assert (between.kind, between.total_minor) == (InvoiceKind.INVOICE, 14000)
    (whole,) = desk.bill("2026-02-15", customer)
    assert whole.total_minor == 31000
    desk.check()


def test_a_discount_that_comes_and_goes_is_followed(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(60000))
    discount = Discount.objects.create(
        service=line, text="10 % off", percent_bp=1000, first="2026-01-01", actor=ACTOR, made_at=desk.now
    )
    totals = []
    for day, end in (
        ("2026-01-01", None),
        ("2026-02-01", "2026-01-01"),
        ("2026-03-01", None),
        ("2026-04-01", "2026-01-01"),
    ):
        Discount.objects.filter(pk=discount.pk).update(end=end)
        totals.append(sum(one.total_minor for one in desk.bill(day)))
    assert totals == [54000, 66000, 42000, 78000]
    desk.check()


def test_a_credit_note_has_the_vat_of_its_invoice_though_the_brand_gave_its_number_back(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(31000))
    (invoice,) = desk.bill("2026-01-01")
    end_service(service_id=line.pk, reason="moved", actor=ACTOR, now=at("2026-01-01", 13))
    change_brand(brand_id=desk.brand.pk, vat_number="", actor=ACTOR, now=at("2026-01-02"))
    (note,) = desk.bill("2026-02-01")
    assert (note.total_minor, note.vat_minor, note.says_vat) == (31000, invoice.vat_minor, True)


def test_parts_of_a_line_that_are_credited_one_by_one_give_back_its_vat_and_no_cent_more(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(None))
    sold = [desk.sell(line, 3500, day) for day in ("2026-01-03", "2026-01-09")]
    BillingTerms.objects.filter(pk=customer.pk).update(next_bill_on="2026-02-01", group_top_ups=True)
    (invoice,) = desk.bill("2026-02-01")
    for one in sold:
        with transaction.atomic():
            charges.give_back(
                charge_id=one.pk, amount_minor=3500, description="Returned", reference=f"r{one.pk}", actor=ACTOR,
                now=at("2026-02-02"),
            )  # fmt: skip
    assert at_once.credit_returns(now=at("2026-02-02"), limit=10) == 1
    note = Invoice.objects.get(kind=InvoiceKind.CREDIT_NOTE)
    assert (note.total_minor, note.vat_minor) == (invoice.total_minor, invoice.vat_minor)
    assert at_once.credit_returns(now=at("2026-02-02"), limit=10) == 0


def test_a_package_that_costs_nothing_makes_no_invoice(desk: Desk) -> None:
    desk.line(desk.customer(), desk.package(0))
    assert desk.bill("2026-01-01") == []


def test_months_that_nobody_billed_are_all_charged_later(desk: Desk) -> None:
    customer = desk.customer()
    desk.line(customer, desk.package(10000))
    (late,) = desk.bill("2026-06-01")
    assert late.total_minor == 60000


def test_what_was_taken_back_whole_before_its_invoice_comes_to_nothing_on_it(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(None))
    sold = desk.sell(line, 3500, "2026-01-03")
    with transaction.atomic():
        charges.give_back(
            charge_id=sold.pk,
            amount_minor=3500,
            description="Returned",
            reference="r",
            actor=ACTOR,
            now=at("2026-01-04"),
        )
    BillingTerms.objects.filter(pk=customer.pk).update(next_bill_on="2026-02-01")
    (invoice,) = desk.bill("2026-02-01")
    assert (invoice.total_minor, invoice.open_minor) == (0, 0)
    desk.check()
