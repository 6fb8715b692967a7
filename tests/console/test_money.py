"""A customer's money: the balance and its age, what waits, terms, discounts, charges, statements."""

from typing import Any
from uuid import uuid4

from capstan.audit.models import AuditEntry
from capstan.billing.models import BillingTerms, Charge, Discount
from capstan.billing.rules.words import ChargeKind, Timing
from capstan.customers.models import Customer
from tests.console.desk import hidden, sends, text_of, words
from tests.console.test_invoices import Office, anonymous_is_led_away, office, queries, rows

__all__ = ["office"]

TERMS = {
    "billing_day": "15",
    "timing": "arrears",
    "due_days": "14",
    "top_ups": "",
    "group_top_ups": "yes",
    "method": "card",
}


def home(customer: Customer) -> str:
    return f"/staff/money/{customer.pk}/"


def does(office: Office, customer: Customer, deed: str, **given: Any) -> str:
    return words(sends(office.clerk, f"{home(customer)}{deed}/", given))


def test_nothing_owed_says_what_comes_next(office: Office) -> None:
    customer = office.desk.customer()
    said = words(office.agent.get(home(customer)))
    for expected in (
        "R 0.00 owed: all is paid",
        "The next one comes with the next billing day",
        "No payment yet",
        "Nothing waits",
    ):
        assert expected in said, expected
    anonymous_is_led_away(home(customer), f"{home(customer)}statement/", f"{home(customer)}statement/pdf/")
    assert office.agent.get("/staff/money/999/").status_code == 404


def test_the_answer_is_the_balance_and_when_it_is_due(office: Office) -> None:
    invoice = office.invoice("Anna Small", 60000)
    address = home(invoice.customer)
    assert "R 600.00 owed, due by 8 Jan 2026" in words(office.agent.get(address))
    assert "R 600.00 owed, all of it overdue since 8 Jan 2026" in words(
        office.on("2026-01-09").agent.get(address)
    )
    office.pays(invoice, 70000)
    said = words(office.agent.get(address))
    assert "R 100.00 in the customer's favour" in said
    assert "Credit left" in said


def test_each_age_opens_its_invoices(office: Office) -> None:
    customer = office.desk.customer()
    office.desk.line(customer, office.desk.package(10000))
    for day in ("2026-01-01", "2026-02-01", "2026-03-01"):
        office.desk.bill(day, customer)
    office.on("2026-03-05")
    assert rows(office.agent.get(home(customer))) == 3
    assert [rows(office.agent.get(home(customer), {"age": age})) for age in "01234"] == [1, 1, 1, 0, 0]
    assert "No open invoice is that old." in words(office.agent.get(home(customer), {"age": "4"}))
    assert rows(office.agent.get(home(customer), {"age": "9"})) == 3


def test_the_customers_page_leads_to_the_money(office: Office) -> None:
    invoice = office.invoice("Anna Small", 60000)
    page = office.agent.get(f"/staff/customers/{invoice.customer.account_code}/")
    assert "R 600.00 is open, nothing of it overdue." in words(page)
    assert home(invoice.customer) in text_of(page)


def test_many_lines_and_charges_cost_no_more_questions(office: Office) -> None:
    customer = office.desk.customer()
    package = office.desk.package(10000)
    line = office.desk.line(customer, package)
    few = queries(office.clerk, home(customer))
    for number in range(8):
        office.desk.line(customer, package)
        office.desk.sell(line, 3500, "2026-01-04", reference=f"order:{number}")
    assert queries(office.clerk, home(customer)) <= few
    assert few <= 30


# --- terms ----------------------------------------------------------------------------------------------------------


def test_terms_are_kept_and_audited(office: Office) -> None:
    customer = office.desk.customer()
    assert "The terms hold from the next billing day on." in does(office, customer, "terms", **TERMS)
    row = BillingTerms.objects.get(pk=customer.pk)
    assert (row.billing_day, row.timing, row.due_days, row.top_ups, row.group_top_ups, row.method) == (
        15, Timing.ARREARS, 14, None, True, "card",
    )  # fmt: skip
    assert AuditEntry.objects.get(action="billing.terms").actor == "staff:carla"
    assert "The terms were so already." in does(office, customer, "terms", **TERMS)
    page = office.clerk.get(home(customer))
    assert '<option value="15" selected>' in text_of(page)


def test_terms_that_make_no_sense_are_refused(office: Office) -> None:
    customer = office.desk.customer()
    assert "Select a valid choice." in does(office, customer, "terms", **TERMS | {"billing_day": "30"})
    assert "less than or equal to 180" in does(office, customer, "terms", **TERMS | {"due_days": "999"})


def test_an_agent_changes_neither_terms_nor_discounts_nor_charges(office: Office) -> None:
    customer = office.desk.customer()
    line = office.desk.line(customer, office.desk.package(10000))
    made = Discount.objects.create(
        service=line, text="x", percent_bp=1, first="2026-01-01", actor="test", made_at=office.now
    )
    assert "Change the terms" not in words(office.agent.get(home(customer)))
    for deed in ("terms", "discount", "charge", f"discounts/{made.pk}/end"):
        assert office.agent.post(f"{home(customer)}{deed}/").status_code == 403, deed
    assert office.clerk.post(f"{home(customer)}explode/").status_code == 404


# --- discounts ------------------------------------------------------------------------------------------------------


def test_a_discount_is_given_and_ended(office: Office) -> None:
    customer = office.desk.customer()
    line = office.desk.line(customer, office.desk.package(60000))
    given = {"service": line.pk, "text": "Friends", "percent": "12,5", "first": "2026-02-01"}
    said = does(office, customer, "discount", **given)
    assert "“Friends” is given from 1 Feb 2026 on" in said
    assert "12.5 % off" in said
    made = Discount.objects.get()
    assert (made.percent_bp, made.end) == (1250, None)
    (invoice,) = office.desk.bill("2026-02-01", customer)
    assert invoice.total_minor == 2 * 60000 - 7500  # January was never billed
    said = does(office, customer, f"discounts/{made.pk}/end", end="2026-01-01")
    assert "It begins on 1 Feb 2026: it can't end before." in said
    said = does(office, customer, f"discounts/{made.pk}/end", end="2026-03-01")
    assert "“Friends” ends on 1 Mar 2026." in said
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"billing.discount", "billing.end_discount"} <= actions
    office.on("2026-03-02")
    assert "ended with 28 Feb 2026" in words(office.clerk.get(home(customer)))
    assert "It ended on 1 Mar 2026 already." in does(
        office, customer, f"discounts/{made.pk}/end", end="2026-04-01"
    )


def test_a_discount_of_nothing_is_refused(office: Office) -> None:
    customer = office.desk.customer()
    line = office.desk.line(customer, office.desk.package(60000))
    other = office.desk.line(office.desk.customer("Other"), office.desk.package(60000))
    good: dict[str, Any] = {"service": line.pk, "text": "Friends", "percent": "10", "first": "2026-02-01"}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"percent": ""}, "either a percentage or an amount"),
        ({"amount": "10"}, "either a percentage or an amount"),
        ({"percent": "0"}, "above 0 and at most 100"),
        ({"percent": "101"}, "above 0 and at most 100"),
        ({"percent": "", "amount": "0"}, "takes something off"),
        ({"end": "2026-02-01"}, "A discount ends after it begins."),
        ({"first": "2024-01-01"}, "more than a year ago"),
        ({"service": other.pk}, "Select a valid choice."),
    ]
    for wrong, why in cases:
        assert why in does(office, customer, "discount", **good | wrong), why
    assert not Discount.objects.exists()
    assert office.clerk.post(f"{home(customer)}discounts/99/end/", {"end": "2026-02-01"}).status_code == 404


def test_a_discount_is_given_once_however_often_the_form_is_sent(office: Office) -> None:
    customer = office.desk.customer()
    line = office.desk.line(customer, office.desk.package(60000))
    good = {
        "key": str(uuid4()),
        "service": line.pk,
        "text": "Ten off",
        "percent": "10",
        "first": "2026-02-01",
    }
    assert "A discount ends after it begins." in does(
        office, customer, "discount", **good | {"end": "2026-02-01"}
    )
    assert "“Ten off” is given" in does(office, customer, "discount", **good), "it was refused, not done"
    assert "This form was sent twice; it was done once." in does(office, customer, "discount", **good)
    assert Discount.objects.count() == 1
    does(office, customer, "discount", **good | {"key": str(uuid4())})
    assert Discount.objects.count() == 2, "another form is another discount"


# --- charges --------------------------------------------------------------------------------------------------------


def test_something_is_charged_by_hand_once_however_often_the_form_is_sent(office: Office) -> None:
    customer = office.desk.customer()
    key = hidden(office.clerk.get(home(customer)), "key")
    given = {
        "key": key,
        "service": "",
        "kind": "one-off",
        "text": "Call-out",
        "amount": "450",
        "tax_group": "",
        "reason": "Roof",
    }
    assert "R 450.00 is charged: Call-out." in does(office, customer, "charge", **given)
    does(office, customer, "charge", **given)
    made = Charge.objects.get()
    assert (made.customer_id, made.service_id, made.kind, made.amount_minor) == (
        customer.pk,
        None,
        ChargeKind.ONE_OFF,
        45000,
    )
    entry = AuditEntry.objects.get(action="billing.charge_by_hand")
    assert (entry.actor, entry.reason, entry.details["amount_minor"]) == ("staff:carla", "Roof", 45000)
    (invoice,) = office.desk.bill("2026-02-01", customer)
    assert (invoice.total_minor, invoice.vat_minor) == (45000, 5870)
    office.desk.check()


def test_charges_that_are_refused(office: Office) -> None:
    customer = office.desk.customer()
    good = {"key": str(uuid4()), "kind": "fee", "text": "Fee", "amount": "50", "reason": "Late"}
    cases = [
        ({"amount": "0"}, "A charge is above nothing"),
        ({"amount": "-5"}, "is not an amount of money"),
        ({"kind": "top-up"}, "Select a valid choice."),
        ({"reason": " "}, "This field is required."),
        ({"text": ""}, "This field is required."),
        ({"amount": "1000000001"}, "is more than any customer pays: check it"),
    ]
    for wrong, why in cases:
        assert why in does(office, customer, "charge", **good | wrong), why
    assert not Charge.objects.exists()
    does(office, customer, "charge", **good)
    other = office.desk.customer("Other")
    assert "sent for another customer" in does(office, other, "charge", **good)


# --- statements -----------------------------------------------------------------------------------------------------


def test_a_statement_of_a_period_on_a_page_and_as_a_pdf(office: Office) -> None:
    invoice = office.invoice("Anna Small", 60000)
    office.pays(invoice, 20000)
    address = f"{home(invoice.customer)}statement/"
    said = words(office.agent.get(address))
    for expected in (
        "R 400.00 owed on 5 Jan 2026",
        "Opening balance R 0.00",
        "Invoice INV0000001",
        "Closing balance R 400.00",
    ):
        assert expected in said, expected
    asked = {"first": "2026-01-02", "last": "2026-01-31"}
    said = words(office.agent.get(address, asked))
    assert "Opening balance R 600.00" in said
    assert "Invoice INV0000001" not in said
    pdf = office.agent.get(f"{address}pdf/", asked)
    assert pdf.content.startswith(b"%PDF")
    assert 'filename="statement-EX001-2026-01-02-2026-01-31.pdf"' in pdf.headers["Content-Disposition"]
    assert queries(office.agent, address) <= 14


def test_a_period_that_makes_no_sense_says_so(office: Office) -> None:
    address = f"{home(office.desk.customer())}statement/"
    asked = {"first": "2026-02-01", "last": "2026-01-01"}
    assert "The last day comes after the first." in words(office.agent.get(address, asked))
    assert "The last day comes after the first." in words(
        office.agent.get(f"{address}pdf/", asked, follow=True)
    )
    assert "This field is required." in words(office.agent.get(address, {"first": "2026-02-01"}))
    assert "Nothing happened" in words(office.agent.get(address))


def test_what_invoices_say_of_a_customer_is_changed_here(office: Office) -> None:
    customer = office.desk.customer()
    given = {"postal_address": "3 Other Road \n\n Sandbaai", "vat_number": "4 123 456 789"}
    assert "The next invoice says it." in does(office, customer, "papers", **given)
    customer.refresh_from_db()
    assert (customer.postal_address, customer.vat_number) == ("3 Other Road\nSandbaai", "4123456789")
    assert "is no VAT number" in does(office, customer, "papers", vat_number="?")
    assert office.agent.post(f"{home(customer)}papers/", given).status_code == 403
