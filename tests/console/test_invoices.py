"""The list of invoices, one of them, and correcting it; the office that the tests of billing's pages share."""

from functools import cached_property
from typing import Any

import pytest
from django.db import connection, transaction
from django.http.response import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capstan.audit.models import AuditEntry
from capstan.billing.actions import at_once
from capstan.billing.actions.credits import add_credit, allocate_free
from capstan.billing.models import Charge, Invoice
from capstan.billing.rules.words import ChargeKind, InvoiceKind
from capstan.identity.rules import Role
from capstan.ledger.rules import Code, Name
from capstan.values import clock
from tests import staff
from tests.billing.desk import ACTOR, Desk, at
from tests.console.desk import hidden, sends, text_of, words

LIST = "/staff/billing/invoices/"


class Office:
    """A desk of billing where everything begins on 1 January, and staff of each role at it; `now` is the web server's time."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.now = at("2026-01-05")

    @cached_property
    def agent(self) -> Client:
        return staff.agent()

    @cached_property
    def manager(self) -> Client:
        return staff.manager()

    @cached_property
    def clerk(self) -> Client:
        client = Client()
        client.force_login(staff.login("carla", Role.ACCOUNTS, authenticator=True))
        return client

    def on(self, day: str) -> "Office":
        """It is noon of that day."""
        self.now = at(day)
        return self

    def invoice(
        self, name: str = "A. Customer", price_minor: int = 60000, day: str = "2026-01-01"
    ) -> Invoice:
        """Of a new customer with one line."""
        customer = self.desk.customer(name)
        self.desk.line(customer, self.desk.package(price_minor))
        (made,) = self.desk.bill(day, customer)
        return made

    def pays(self, invoice: Invoice, amount_minor: int) -> None:
        """So much comes in and pays the oldest invoice."""
        with transaction.atomic():
            add_credit(
                customer_id=invoice.customer_id, source=f"test:{amount_minor}", paid_from=Name(Code.BANK),
                amount_minor=amount_minor, description="Paid", received_on=self.now.date(), actor=ACTOR, now=self.now,
            )  # fmt: skip
            allocate_free([invoice.customer_id], today=self.now.date(), actor=ACTOR, now=self.now)


@pytest.fixture
def office(db: None, monkeypatch: pytest.MonkeyPatch) -> Office:
    made = Office(Desk())
    monkeypatch.setattr(clock, "now", lambda: made.now)
    return made


def rows(page: HttpResponseBase) -> int:
    return text_of(page).count('class="cap-row-link"')


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    return len(asked)


def anonymous_is_led_away(*addresses: str) -> None:
    for address in addresses:
        assert Client().get(address).headers["Location"].startswith("/sign-in/"), address


# --- the list ---------------------------------------------------------------------------------------------------


def test_an_empty_list_says_why_and_what_is_next(office: Office) -> None:
    said = words(office.agent.get(LIST))
    assert "No invoices yet" in said
    assert "To the bill runs" in said
    anonymous_is_led_away(LIST, f"{LIST}1/", f"{LIST}1/pdf/")


def test_the_list_answers_what_is_open_and_what_of_it_is_late(office: Office) -> None:
    one = office.invoice("Anna Small", 60000)
    office.invoice("Big Farm", 100000)
    said = words(office.agent.get(LIST))
    assert "R 1 600.00 open on 2 invoices" in said
    assert "None of it is overdue." in said
    assert "Unpaid" in said
    office.on("2026-01-09").pays(one, 60000)
    said = words(office.agent.get(LIST))
    assert "R 1 000.00 open on 1 invoice" in said
    assert "R 1 000.00 of it is overdue, on 1 invoice." in said


FILTERS = [("", 4), ("open", 1), ("overdue", 1), ("credit-notes", 1), ("requests", 1), ("nonsense", 4)]


@pytest.mark.parametrize(("show", "found"), FILTERS)
def test_filters(office: Office, show: str, found: int) -> None:
    paid, line = (
        office.invoice("Anna Small"),
        office.desk.line(office.desk.customer(), office.desk.package(None)),
    )
    office.invoice("Big Farm", 100000)
    office.clerk.post(
        f"{LIST}{paid.pk}/credit/", {f"line-{paid.lines.get().pk}": "600.00", "reason": "Never connected"}
    )
    with transaction.atomic():
        at_once.request_payment(
            customer_id=line.customer_id, service_id=line.pk, kind=ChargeKind.TOP_UP, text="Top-up", amount_minor=3500,
            tax_group_id=None, reference="order:9", due_on=at("2026-01-06").date(), actor=ACTOR, now=office.now,
        )  # fmt: skip
    page = office.on("2026-02-01").agent.get(LIST, {"show": show})
    assert rows(page) == found


SEARCHES = [
    ("INV0000001", 1),
    ("inv0000001", 1),
    ("2", 1),
    ("anna", 1),
    ("EX001", 1),
    ("nobody", 0),
    ("9999", 0),
]


@pytest.mark.parametrize(("text", "found"), SEARCHES)
def test_search_by_number_or_customer(office: Office, text: str, found: int) -> None:
    office.invoice("Anna Small")
    office.invoice("Big Farm")
    page = office.agent.get(LIST, {"q": text})
    assert rows(page) == found
    assert ("Nothing fits" in words(page)) == (found == 0)


def test_a_long_list_goes_on_from_its_last_row_and_costs_the_same(office: Office) -> None:
    package = office.desk.package(10000)
    for number in range(55):
        office.desk.line(office.desk.customer(f"Customer {number}"), package)
    office.desk.bill("2026-01-01")
    for show in ("", "open"):
        page = office.agent.get(LIST, {"show": show})
        assert rows(page) == 50
        spot = page.context["further_url"]
        assert rows(office.agent.get(spot)) == 5
        assert office.agent.get(spot).context["further_url"] == ""
    assert queries(office.agent, LIST) <= 14


# --- one invoice --------------------------------------------------------------------------------------------------


def test_an_invoice_says_what_its_pdf_says_and_what_paid_it(office: Office) -> None:
    invoice = office.invoice("Anna Small", 60000)
    office.pays(invoice, 20000)
    address = f"{LIST}{invoice.pk}/"
    said = words(office.agent.get(address))
    for expected in (
        "R 400.00 to pay by 8 Jan 2026",
        "Tax invoice INV0000001",
        "Part-paid",
        "Example Net (Pty) Ltd",
        "VAT number 4000000000",
        "1–31 Jan 2026",
        "Total incl. VAT R 600.00",
        "of which VAT 15 % R 78.26",
        "What paid it",
        "R 200.00",
        "How to pay",
        "Reference EX001",
    ):
        assert expected in said, expected
    assert "Issue a credit note" not in said
    assert "overdue for 2 days, since 8 Jan 2026" in words(office.on("2026-01-10").agent.get(address))
    assert queries(office.clerk, address) <= 26


def test_the_pdf_is_shown_under_its_number_and_stays_the_same(office: Office) -> None:
    invoice = office.invoice()
    first = office.agent.get(f"{LIST}{invoice.pk}/pdf/")
    assert first.headers["Content-Type"] == "application/pdf"
    assert first.headers["Content-Disposition"] == 'inline; filename="INV0000001.pdf"'
    assert first.content.startswith(b"%PDF")
    assert office.agent.get(f"{LIST}{invoice.pk}/pdf/").content == first.content


def test_what_is_not_there(office: Office) -> None:
    assert office.agent.get(f"{LIST}99/").status_code == 404
    assert office.agent.get(f"{LIST}99/pdf/").status_code == 404
    invoice = office.invoice()
    assert office.clerk.post(f"{LIST}{invoice.pk}/explode/").status_code == 404


# --- deeds ----------------------------------------------------------------------------------------------------------


def does(office: Office, invoice: Invoice, deed: str, **given: Any) -> str:
    return words(sends(office.clerk, f"{LIST}{invoice.pk}/{deed}/", given))


def test_a_credit_note_begins_with_what_is_left_and_pays_what_is_open(office: Office) -> None:
    invoice = office.invoice("Anna Small", 60000)
    field = f"line-{invoice.lines.get().pk}"
    page = office.clerk.get(f"{LIST}{invoice.pk}/")
    assert f'name="{field}" value="600.00"' in text_of(page)
    said = does(office, invoice, "credit", **{field: "150", "reason": "Three days without a line"})
    assert "Credit note CN0000001 over R 150.00 is issued; it pays what is open." in said
    invoice.refresh_from_db()
    assert invoice.open_minor == 45000
    assert 'value="450.00"' in text_of(office.clerk.get(f"{LIST}{invoice.pk}/"))
    note = Invoice.objects.get(kind=InvoiceKind.CREDIT_NOTE)
    said = words(office.agent.get(f"{LIST}{note.pk}/"))
    assert "R 150.00 credited on 5 Jan 2026" in said
    assert "It corrects invoice INV0000001" in said
    assert "Three days without a line" in said
    entry = AuditEntry.objects.get(action="billing.credit_note")
    assert (entry.actor, entry.reason) == ("staff:carla", "Three days without a line")
    office.desk.check()


@pytest.mark.parametrize("amount", ["150", "600"], ids=["a part", "all of it"])
def test_a_credit_note_is_issued_once_however_often_the_form_is_sent(office: Office, amount: str) -> None:
    invoice = office.invoice("Anna Small", 60000)
    key = hidden(office.clerk.get(f"{LIST}{invoice.pk}/"), "key")
    given = {"key": key, f"line-{invoice.lines.get().pk}": amount, "reason": "Never connected"}
    assert "Credit note CN0000001" in does(office, invoice, "credit", **given)
    assert "This form was sent twice; it was done once." in does(office, invoice, "credit", **given)
    assert Invoice.objects.filter(kind=InvoiceKind.CREDIT_NOTE).count() == 1


def test_credit_notes_that_are_refused_say_why_beside_what_was_typed(office: Office) -> None:
    invoice = office.invoice("Anna Small", 60000)
    field = f"line-{invoice.lines.get().pk}"
    cases = [
        ({field: "600.01", "reason": "x"}, "R 600.00 is left of this invoice: no more can be credited."),
        ({field: "", "reason": "x"}, "Say how much of which line of this invoice is credited."),
        ({field: "ten", "reason": "x"}, "is not an amount of money"),
        ({field: "10", "reason": " "}, "This field is required."),
    ]
    for given, why in cases:
        page = office.clerk.post(f"{LIST}{invoice.pk}/credit/", given)
        assert why in words(page), why
        assert '<details class="card cap-panel" id="credit" open>' in text_of(page)
    assert not Invoice.objects.filter(kind=InvoiceKind.CREDIT_NOTE).exists()


def test_no_more_is_proposed_than_the_invoice_came_to_after_its_discount(office: Office) -> None:
    customer = office.desk.customer()
    line = office.desk.line(customer, office.desk.package(60000))
    office.clerk.post(
        f"/staff/money/{customer.pk}/discount/",
        {"service": line.pk, "text": "10 % off", "percent": "10", "first": "2026-01-01"},
    )
    (invoice,) = office.desk.bill("2026-01-01", customer)
    assert invoice.total_minor == 54000
    assert 'value="540.00"' in text_of(office.clerk.get(f"{LIST}{invoice.pk}/"))
    field = f"line-{invoice.lines.order_by('position')[0].pk}"
    assert "R 540.00 is left of this invoice" in does(
        office, invoice, "credit", **{field: "600", "reason": "x"}
    )


def test_debt_is_written_off_with_a_reason(office: Office) -> None:
    invoice = office.invoice("Anna Small", 60000)
    assert "This field is required." in does(office, invoice, "write-off", reason="")
    said = does(office, invoice, "write-off", reason="He moved away")
    assert "R 600.00 is written off: nothing is open on INV0000001 any more." in said
    assert "Written off" in said
    assert "Nothing is open of this invoice." in does(office, invoice, "write-off", reason="Again")
    office.desk.check()


def test_who_may_not_correct_money_is_told_so(office: Office) -> None:
    invoice = office.invoice()
    for deed in ("credit", "write-off"):
        answer = office.agent.post(f"{LIST}{invoice.pk}/{deed}/", {"reason": "x"})
        assert answer.status_code == 403
        assert "credit, refund, reverse and write off" in words(answer)
    assert Charge.objects.count() == 1
