"""A stored card on the customer's money pages: who agreed, charging it once, taking it off; an invoice's link."""

import pytest
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.customers.models import Contact
from capstan.identity.rules import Role
from capstan.messaging.models import Message
from capstan.payments.models import Checkout, Payment, StoredCard
from capstan.payments.rules.words import CheckoutState
from tests import staff
from tests.console.desk import hidden, sends, text_of, words
from tests.payments.conftest import desk, simulator, till
from tests.payments.test_cards import DECLINING, stored
from tests.payments.till import Till

__all__ = ["desk", "simulator", "till"]

GIVEN = {"amount": "35.00", "agreed_by": "Zoë, by telephone", "reason": "wants to be online"}


def browser(role: Role) -> Client:
    client = Client()
    names = {Role.ACCOUNTS: "clara", Role.AGENT: "thandi"}
    client.force_login(staff.login(names[role], role, authenticator=True))
    return client


@pytest.fixture
def clerk(till: Till) -> Client:
    return browser(Role.ACCOUNTS)


@pytest.fixture
def agent(till: Till) -> Client:
    return browser(Role.AGENT)


def page(card: StoredCard) -> str:
    return f"/staff/money/{card.customer_id}/card/"


def test_the_page_says_who_agreed_and_what_was_charged(till: Till, clerk: Client) -> None:
    customer = till.desk.customer()
    empty = words(clerk.get(f"/staff/money/{customer.pk}/card/"))
    assert "No card is stored" in empty
    assert "Charge it now" not in empty
    card = stored(till, customer)
    shown = words(clerk.get(page(card)))
    assert "The card kept on" in shown
    assert "Zoë Example, by payment page" in shown
    assert "Never charged" in shown
    assert card.token not in text_of(clerk.get(page(card)))
    assert page(card) in text_of(clerk.get(f"/staff/money/{customer.pk}/"))


def test_a_clerk_charges_it_once_however_often_the_form_is_sent(till: Till, clerk: Client) -> None:
    card = stored(till, till.desk.customer())
    key = hidden(clerk.get(page(card)), "key")
    for _ in range(2):
        assert "R 35.00 is charged to the card" in words(
            sends(clerk, f"{page(card)}charge/", {**GIVEN, "key": key})
        )
    assert Payment.objects.count() == 2
    entry = AuditEntry.objects.get(action="card.charge")
    assert (entry.actor, entry.reason) == (
        "staff:clara", "wants to be online; agreed to by Zoë, by telephone",
    )  # fmt: skip
    assert "Charged" in words(clerk.get(page(card)))
    paid = Payment.objects.latest("pk")
    assert f'href="/staff/billing/payments/{paid.pk}/"' in text_of(clerk.get(page(card)))


def test_declined_it_says_why_and_may_be_tried_again(till: Till, clerk: Client) -> None:
    card = stored(till, till.desk.customer(), DECLINING)
    for number in (1, 2):
        key = hidden(clerk.get(page(card)), "key")
        said = words(sends(clerk, f"{page(card)}charge/", {**GIVEN, "key": key}))
        assert "R 35.00 was not charged: Declined by the bank: not sufficient funds (51)" in said
        assert Checkout.objects.filter(card=card).count() == number


def test_without_an_answer_it_says_so_and_refuses_another(till: Till, clerk: Client) -> None:
    card = stored(till, till.desk.customer())
    till.simulator.fault("charge_but_answer_500")
    key = hidden(clerk.get(page(card)), "key")
    said = words(sends(clerk, f"{page(card)}charge/", {**GIVEN, "key": key}))
    assert "Nobody knows yet whether R 35.00 was charged" in said
    assert "Not known yet" in said
    key = hidden(clerk.get(page(card)), "key")
    assert "isn't known yet: wait for that first" in words(
        sends(clerk, f"{page(card)}charge/", {**GIVEN, "key": key})
    )
    assert Checkout.objects.get(card=card).state == CheckoutState.UNCERTAIN
    billing = clerk.get("/staff/billing/")
    assert "1 charge of a stored card of which nobody knows" in words(billing)
    assert f'href="{page(card)}"' in text_of(billing)


@pytest.mark.parametrize("missing", GIVEN)
def test_what_is_missing_is_said_and_nothing_charged(till: Till, clerk: Client, missing: str) -> None:
    card = stored(till, till.desk.customer())
    key = hidden(clerk.get(page(card)), "key")
    given = {**GIVEN, "key": key, missing: ""}
    assert "This field is required" in words(sends(clerk, f"{page(card)}charge/", given))
    assert not Checkout.objects.filter(card=card).exists()


def test_it_is_removed_with_a_reason(till: Till, clerk: Client) -> None:
    card = stored(till, till.desk.customer())
    assert "This field is required" in words(sends(clerk, f"{page(card)}remove/", {"reason": ""}))
    assert "is removed" in words(sends(clerk, f"{page(card)}remove/", {"reason": "asked for it"}))
    card.refresh_from_db()
    assert (card.token, card.removed_because) == ("", "asked for it")
    assert "There is no card any more" in words(sends(clerk, f"{page(card)}remove/", {"reason": "again"}))
    assert clerk.post(f"{page(card)}melt/").status_code == 404


def test_a_clerk_settles_an_uncertain_charge_though_the_card_is_gone(
    till: Till, clerk: Client, agent: Client
) -> None:
    card = stored(till, till.desk.customer())
    assert "What became of the charge?" not in words(clerk.get(page(card)))
    till.simulator.fault("api_down")
    clerk.post(f"{page(card)}charge/", {**GIVEN, "key": hidden(clerk.get(page(card)), "key")})
    made = Checkout.objects.get(card=card)
    assert made.state == CheckoutState.UNCERTAIN
    clerk.post(f"{page(card)}remove/", {"reason": "asked by phone"})
    shown = words(clerk.get(page(card)))
    assert "What became of the charge?" in shown
    given = {"charge": made.pk, "went_through": "no", "reason": "the gateway's list"}
    assert agent.post(f"{page(card)}settle/", given).status_code == 403
    assert "What became of the charge?" not in words(agent.get(page(card)))
    missing = words(clerk.post(f"{page(card)}settle/", {**given, "went_through": "yes"}))
    assert "Give the gateway's number" in missing
    done = words(clerk.post(f"{page(card)}settle/", given, follow=True))
    assert "Nothing was booked, and the customer is told." in done
    made.refresh_from_db()
    assert (made.state, made.why) == (CheckoutState.FAILED, "the gateway's list")
    again = words(clerk.post(f"{page(card)}settle/", given))
    assert "known meanwhile" in again
    other = stored(till, till.desk.customer())
    assert "known meanwhile" in words(clerk.post(f"{page(other)}settle/", given)), (
        "another's charge isn't his"
    )


def test_an_agent_sees_the_card_and_gets_at_nothing(till: Till, agent: Client) -> None:
    card = stored(till, till.desk.customer())
    shown = words(agent.get(page(card)))
    assert "Charge it now" not in shown
    assert "by accounts clerks and managers" in shown
    for deed, given in (("charge", GIVEN), ("remove", {"reason": "x"})):
        assert agent.post(f"{page(card)}{deed}/", given).status_code == 403
    assert not Checkout.objects.filter(card=card).exists()
    assert StoredCard.objects.get().removed_at is None


def test_an_invoice_has_a_link_to_copy_and_to_send_once(till: Till, agent: Client) -> None:
    customer = till.desk.customer()
    invoice = till.invoice(customer)
    address = f"/staff/billing/invoices/{invoice.pk}/"
    assert "/pay/bill/i" in text_of(agent.get(address))
    key = hidden(agent.get(address), "key")
    assert "no e-mail address that works" in words(sends(agent, f"{address}send/", {"key": key}))
    Contact.objects.create(customer=customer, name="Zoë", role="owner", email="zoe@example.net")
    for _ in range(2):
        sends(agent, f"{address}send/", {"key": key})
    (message,) = Message.objects.filter(template="invoice.issued")
    assert "/pay/bill/i" in message.text
    till.pay(customer, 59900, key=f"invoice:{invoice.pk}", invoices=[invoice.pk])
    assert "/pay/bill/" not in text_of(agent.get(address))
