"""Payments: found, looked at, booked by hand once, given back, reversed; their receipts; what gateways told us."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from capstan.audit.models import AuditEntry
from capstan.billing.models import Credit, Invoice, StoredDocument
from capstan.billing.rules.words import Method
from capstan.customers.models import Customer
from capstan.ledger.queries import balance
from capstan.ledger.rules import Code, Name
from capstan.payments.actions.take import BANK
from capstan.payments.models import Notification, Payment, Refund
from tests.billing.desk import Desk
from tests.console.desk import hidden, sends, text_of, value_of, words
from tests.console.paying import agent, clerk, desk, gateway, invoice_of, manager, paid, today, told

__all__ = ["agent", "clerk", "desk", "manager", "today"]

LIST = "/staff/billing/payments/"


def rows(page: Any) -> int:
    return text_of(page).count('class="cap-row-link"')


def page_of(payment: Payment) -> str:
    return f"{LIST}{payment.pk}/"


def does(client: Client, payment: Payment, deed: str, **given: Any) -> str:
    return words(sends(client, f"{page_of(payment)}{deed}/", given))


# --- the list -------------------------------------------------------------------------------------------------


def test_an_empty_list_says_why(desk: Desk, agent: Client) -> None:
    assert "No payments yet" in words(agent.get(LIST))


FILTERS = [
    ({}, 3),
    ({"method": "cash"}, 1),
    ({"first": "2026-03-04"}, 2),
    ({"first": "2026-03-04", "last": "2026-03-04"}, 1),
    ({"only": "reversed"}, 1),
    ({"only": "left"}, 2),
    ({"q": "REC0000002"}, 1),
    ({"q": "house 7"}, 1),
    ({"q": "jenny"}, 2),
    ({"q": "ex001"}, 2),
    ({"q": "%"}, 0),
    ({"method": "nonsense", "first": "yesterday", "after": "x"}, 3),
    ({"after": "2026-99-99:1"}, 3),
]


@pytest.mark.parametrize(("asked", "found"), FILTERS)
def test_filters(desk: Desk, agent: Client, clerk: Client, asked: dict[str, str], found: int) -> None:
    jenny, other = desk.customer("Jenny Smith"), desk.customer("Piet Botha")
    paid(jenny, 100, day="2026-03-03")
    paid(other, 200, day="2026-03-04", reference="HOUSE 7 FIBRE")
    gone = paid(jenny, 300, Method.CASH, day="2026-03-05")
    does(clerk, gone, "reverse", reason="counterfeit")
    page = agent.get(LIST, asked)
    assert rows(page) == found
    assert ("No payment like that" in words(page)) == (found == 0)


def test_a_long_list_goes_on_and_costs_the_same(
    desk: Desk, agent: Client, django_assert_max_num_queries: Any
) -> None:
    customer = desk.customer()
    for number in range(53):
        paid(customer, 100 + number, day=f"2026-03-0{1 + number % 4}")
    with django_assert_max_num_queries(20):
        first = agent.get(LIST)
    assert rows(first) == 50
    found = text_of(first).split("after=")[1].split('"')[0]
    second = agent.get(f"{LIST}?after={found}")
    assert rows(second) == 3
    assert "Older payments" not in words(second)


# --- one payment ----------------------------------------------------------------------------------------------


def test_what_it_paid_and_what_is_left(desk: Desk, agent: Client) -> None:
    invoice = invoice_of(desk, desk.customer("Jenny Smith"))
    payment = paid(invoice.customer, 12000, reference="<b>HOUSE</b>")
    page = agent.get(page_of(payment))
    said = words(page)
    for expected in (
        "R 120.00 received, R 5.00 of it not used yet",
        invoice.number,
        "Thandi Nkosi",
        "EFT",
        "R 115.00",
    ):
        assert expected in said, expected
    assert "&lt;b&gt;HOUSE&lt;/b&gt;" in text_of(page)
    assert "Give money back" not in said
    assert "Reverse it" not in said
    assert agent.get(f"{LIST}999999/").status_code == 404


@pytest.mark.parametrize("deed", ["refund", "reverse"])
def test_an_agent_gives_nothing_back(desk: Desk, agent: Client, deed: str) -> None:
    payment = paid(desk.customer(), 5000)
    given = {"reason": "asked", "amount": "10.00", "how": "EFT"}
    assert agent.post(f"{page_of(payment)}{deed}/", given).status_code == 403
    payment.refresh_from_db()
    assert (payment.reversed_at, payment.refunded_minor) == (None, 0)


def test_a_chargeback_opens_the_invoice_again(desk: Desk, clerk: Client) -> None:
    invoice = invoice_of(desk, desk.customer())
    payment = paid(invoice.customer)
    said = does(clerk, payment, "reverse", reason="chargeback 4711")
    assert "R 115.00 of invoices is open again." in said
    assert "was reversed: the money is gone again" in said
    invoice.refresh_from_db()
    assert invoice.open_minor == 11500
    assert AuditEntry.objects.get(action="payment.reverse").actor == "staff:clara"
    again = does(clerk, payment, "reverse", reason="once more")
    assert "This payment was reversed already." in again
    desk.check()


def gives_back(client: Client, payment: Payment, **given: str) -> str:
    key = hidden(client.get(page_of(payment)), "key")
    return does(client, payment, "refund", **{"key": key, "how": "EFT", "reason": "asked", **given})


def test_a_refund_and_its_refusals(desk: Desk, clerk: Client) -> None:
    payment = paid(desk.customer(), 5000)
    page = clerk.get(page_of(payment))
    assert value_of(page, "amount") == "50.00"
    assert "The way it came" not in words(page)
    assert "R 50.00 of this payment can go back" in gives_back(clerk, payment, amount="50.01")
    assert "This field is required." in gives_back(clerk, payment, amount="5", reason="")
    assert "is not one of the available choices" in gives_back(
        clerk, payment, amount="5", how="the way it came"
    )
    said = gives_back(clerk, payment, amount="20", reason="moved away")
    assert "R 20.00 is booked as given back: pay it out at the bank now." in said
    assert (desk.credit(payment.customer), balance(BANK)) == (3000, 3000)
    assert "A part of this payment was refunded" in does(clerk, payment, "reverse", reason="x")
    desk.check()


def test_what_was_typed_stays_and_may_be_sent_again_after_a_refusal(desk: Desk, clerk: Client) -> None:
    payment = paid(desk.customer(), 5000)
    key = hidden(clerk.get(page_of(payment)), "key")
    given = {"key": key, "amount": "50.01", "how": "EFT", "reason": "asked"}
    refused = clerk.post(f"{page_of(payment)}refund/", given)
    assert value_of(refused, "amount") == "50.01"
    assert hidden(refused, "key") == key
    assert "R 50.00 is booked as given back" in does(clerk, payment, "refund", **{**given, "amount": "50"})


def test_a_refund_that_is_sent_twice_goes_out_once(desk: Desk, clerk: Client) -> None:
    payment = paid(desk.customer(), 5000)
    key = hidden(clerk.get(page_of(payment)), "key")
    given = {"key": key, "amount": "10", "how": "EFT", "reason": "asked"}
    assert "R 10.00 is booked as given back" in does(clerk, payment, "refund", **given)
    assert "it was done once" in does(clerk, payment, "refund", **given)
    payment.refresh_from_db()
    assert payment.refunded_minor == 1000


def test_it_pays_the_invoices_that_are_chosen(desk: Desk, agent: Client, clerk: Client) -> None:
    customer = desk.customer()
    old, new = (invoice_of(desk, customer, 4000, day) for day in ("2026-01-01", "2026-02-01"))
    gone, payment = paid(customer, 8000), paid(customer, 5000)
    assert "No invoice of this customer is open" in words(agent.get(page_of(payment)))
    Credit.objects.filter(pk=payment.credit_id).update(kept_for="order:1")
    does(clerk, gone, "reverse", reason="returned")
    Credit.objects.update(kept_for="")  # else it had paid the oldest by itself
    assert "Choose the invoices that it shall pay." in does(agent, payment, "spend")
    assert f"R 40.00 went to {new.number}." in does(agent, payment, "spend", invoices=[str(new.pk)])
    assert {one.pk: one.open_minor for one in Invoice.objects.all()} == {old.pk: 4000, new.pk: 0}
    assert "is not one of the available choices" in does(agent, payment, "spend", invoices=[str(new.pk)])
    desk.check()


def test_an_unknown_deed(desk: Desk, clerk: Client) -> None:
    payment = paid(desk.customer(), 5000)
    assert clerk.post(f"{page_of(payment)}explode/").status_code == 404
    assert clerk.get(f"{page_of(payment)}reverse/").status_code == 405


# --- receipts -------------------------------------------------------------------------------------------------


def test_the_receipt_is_shown_and_printed_once(desk: Desk, agent: Client) -> None:
    invoice = invoice_of(desk, desk.customer("Jenny Smith"))
    payment = paid(invoice.customer, 12000)
    said = words(agent.get(f"{page_of(payment)}receipt/"))
    for expected in (
        "R 120.00 received",
        invoice.number,
        "Kept on your account R 5.00",
        "Jenny Smith",
    ):
        assert expected in said, expected
    answer = agent.get(f"{page_of(payment)}receipt.pdf")
    assert answer.content.startswith(b"%PDF")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert "REC0000001.pdf" in answer.headers["Content-Disposition"]
    stored = StoredDocument.objects.get(source=f"receipt:{payment.pk}")
    assert bytes(stored.pdf) == agent.get(f"{page_of(payment)}receipt.pdf").content


# --- booking by hand ------------------------------------------------------------------------------------------


def form_of(customer: Customer) -> str:
    return reverse("console:take_payment", args=[customer.pk])


def typed(client: Client, customer: Customer, **more: Any) -> dict[str, Any]:
    key = hidden(client.get(form_of(customer)), "key")
    return {"key": key, "amount": "115.00", "method": "EFT", "day": "2026-03-04", "reference": "", **more}


def test_a_payment_is_booked_and_pays_the_oldest(desk: Desk, agent: Client) -> None:
    invoice = invoice_of(desk, desk.customer("Jenny Smith"))
    said = words(agent.get(form_of(invoice.customer)))
    assert "R 115.00 owed" in said
    assert "R 115.00 of it is overdue since 8 Feb 2026" in said
    given = typed(agent, invoice.customer, reference="JENNY FIBRE")
    assert "R 115.00 is booked, receipt REC0000001." in words(sends(agent, form_of(invoice.customer), given))
    payment = Payment.objects.get()
    assert (payment.method, payment.paid_into, payment.actor) == ("EFT", "bank", "staff:thandi")
    invoice.refresh_from_db()
    assert invoice.open_minor == 0
    desk.check()


def test_a_double_click_books_once(desk: Desk, agent: Client) -> None:
    invoice = invoice_of(desk, desk.customer())
    given = typed(agent, invoice.customer, invoices=[str(invoice.pk)])
    first, second = (agent.post(form_of(invoice.customer), given) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    plain = typed(agent, invoice.customer)
    agent.post(form_of(invoice.customer), plain)
    assert "it was booked once" in words(sends(agent, form_of(invoice.customer), plain))
    assert Payment.objects.count() == 2
    agent.post(form_of(invoice.customer), typed(agent, invoice.customer))
    assert Payment.objects.count() == 3


def test_cash_goes_into_ones_own_till(desk: Desk, agent: Client) -> None:
    customer = desk.customer()
    sends(agent, form_of(customer), typed(agent, customer, method="cash"))
    assert balance(Name(Code.CASH, "staff:thandi")) == 11500


def test_the_invoices_that_are_chosen_go_first(desk: Desk, agent: Client) -> None:
    customer = desk.customer()
    old, new = invoice_of(desk, customer, 4000, "2026-01-01"), invoice_of(desk, customer, 3000, "2026-02-01")
    sends(agent, form_of(customer), typed(agent, customer, amount="30", invoices=[str(new.pk)]))
    found = dict(Invoice.objects.values_list("pk", "open_minor"))
    assert (found[old.pk], found[new.pk]) == (4000, 0)


WRONG = [
    ({"amount": ""}, "This field is required."),
    ({"amount": "0"}, "A payment is more than nothing."),
    ({"amount": "5 rand"}, "is not an amount of money"),
    ({"amount": "1,000"}, "may mean two things"),
    ({"amount": "99999999999"}, "check it"),
    ({"day": "2019-01-01"}, "more than a year ago"),
    ({"day": "2026-03-06"}, "This day is still to come"),
    ({"day": "soon"}, "Enter a valid date."),
    ({"method": "card"}, "is not one of the available choices"),
    ({"invoices": ["999999"]}, "is not one of the available choices"),
    ({"key": "x"}, "Enter a valid UUID."),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_what_is_wrong_with_a_payment(desk: Desk, agent: Client, given: dict[str, Any], said: str) -> None:
    invoice = invoice_of(desk, desk.customer())
    answer = sends(agent, form_of(invoice.customer), typed(agent, invoice.customer, **given))
    assert said in words(answer)
    assert not Payment.objects.exists()


def test_a_customer_who_is_not_there(desk: Desk, agent: Client) -> None:
    assert agent.get(reverse("console:take_payment", args=[999999])).status_code == 404
    customer = desk.customer()
    answer = Client().get(form_of(customer))
    assert answer.headers["Location"].startswith("/sign-in/")


# --- what gateways told us ------------------------------------------------------------------------------------

TOLD = "/staff/billing/notifications/"


def unknown() -> Notification:
    """Genuine money for nothing of ours, booked as such."""
    from django.db import transaction

    from capstan.payments.actions.gateways.port import CardFacts, Heard, Outcome
    from capstan.payments.actions.notifications import apply_heard
    from tests.billing.desk import at
    from tests.console.paying import TODAY

    made = told(gateway(), "waiting", body=b"m_payment_id=<script>alert(1)</script>" + b"x" * 5000)
    with transaction.atomic():
        return apply_heard(
            made, Heard("tok", "4711", "4711:COMPLETE", Outcome.PAID, 3500), CardFacts(), now=at(TODAY)
        )


def test_nothing_came_yet(desk: Desk, agent: Client) -> None:
    assert "Nothing came yet" in words(agent.get(TOLD))


def test_what_came_is_listed_narrowed_and_shown_safely(desk: Desk, agent: Client) -> None:
    made = unknown()
    told(made.gateway, "refused", why="the <i>signature</i> is wrong", body=b"\xff\x00\x01")
    page = agent.get(TOLD)
    assert "2 to be looked after" in words(page)
    assert "&lt;i&gt;signature" in text_of(page)
    assert rows(agent.get(TOLD, {"show": "refused"})) == 1
    assert rows(agent.get(TOLD, {"show": "person"})) == 2
    assert rows(agent.get(TOLD, {"show": "applied"})) == 0
    assert rows(agent.get(TOLD, {"show": "nonsense", "before": "x"})) == 2
    shown = agent.get(f"{TOLD}{made.pk}/")
    assert "&lt;script&gt;alert(1)" in text_of(shown)
    assert "<script>alert" not in text_of(shown)
    assert "the beginning is shown" in words(shown)
    assert agent.get(f"{TOLD}{Notification.objects.latest('pk').pk}/").status_code == 200
    assert agent.get(f"{TOLD}999999/").status_code == 404


def test_unknown_money_is_given_to_its_customer(desk: Desk, agent: Client) -> None:
    made, jenny = unknown(), desk.customer("Jenny Smith")
    address = f"{TOLD}{made.pk}/assign/"
    assert "Say whose it is" in words(sends(agent, address, {"reason": "she called"}))
    assert "This field is required." in words(
        sends(agent, address, {"who": jenny.account_code, "reason": ""})
    )
    asked = sends(agent, address, {"who": "jenny", "reason": "she called"})
    assert "Choose who is meant" in words(asked)
    assert f'name="customer" value="{jenny.pk}"' in text_of(asked)
    said = words(sends(agent, address, {"customer": jenny.pk, "who": "jenny", "reason": "she called"}))
    assert "R 35.00 is Jenny Smith's credit." in said
    assert "has found its customer already" in words(
        sends(agent, address, {"who": jenny.account_code, "reason": "again"})
    )
    assert desk.credit(jenny) == 3500
    desk.check()


def test_what_was_not_believed_is_looked_after(desk: Desk, agent: Client) -> None:
    made = told(gateway(), "refused", why="the signature is wrong")
    address = f"{TOLD}{made.pk}/looked-after/"
    assert "This field is required." in words(sends(agent, address, {"reason": ""}))
    assert "off the list" in words(sends(agent, address, {"reason": "a test of theirs"}))
    made.refresh_from_db()
    assert made.looked_after_by == "staff:thandi"
    assert AuditEntry.objects.get(action="notification.looked_after").reason == "a test of theirs"
    assert "Somebody has looked after this already." in words(sends(agent, address, {"reason": "again"}))
    other = unknown()
    assert "only those that were refused" in words(
        sends(agent, f"{TOLD}{other.pk}/looked-after/", {"reason": "x"})
    )


def test_a_refund_that_the_gateway_didnt_answer_for_is_settled(
    desk: Desk, agent: Client, clerk: Client
) -> None:
    payment = paid(desk.customer(), 5000)
    gives_back(clerk, payment, amount="50.00")
    assert "What became of the refund?" not in words(clerk.get(page_of(payment)))
    Refund.objects.update(state="uncertain")
    assert "What became of the refund?" not in words(agent.get(page_of(payment)))
    assert "What became of the refund?" in words(clerk.get(page_of(payment)))
    address = f"{page_of(payment)}settle/"
    assert agent.post(address, {"went_out": "no", "reason": "x"}).status_code == 403
    assert "This field is required." in words(sends(clerk, address, {"went_out": "no", "reason": ""}))
    said = words(sends(clerk, address, {"went_out": "no", "reason": "its own list"}))
    assert "R 50.00 is the customer's credit again." in said
    assert "No refund of this payment is uncertain" in words(
        sends(clerk, address, {"went_out": "yes", "reason": "again"})
    )
    desk.check()
