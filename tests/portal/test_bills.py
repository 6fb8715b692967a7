"""The page that an invoice's link leads to: what is open, paid by card, and what became of it."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from capstan.billing.actions import pay_links
from capstan.billing.actions.correct import credit_note
from capstan.billing.actions.pay_links import account_link, bill_of, invoice_link
from capstan.billing.models import Invoice
from capstan.catalog.models import Brand
from capstan.customers.models import Customer
from capstan.payments.actions.debit_orders import batches
from capstan.payments.actions.gateways.port import Form
from capstan.payments.models import Checkout, DebitBatch, Gateway, Payment, StoredCard
from capstan.payments.rules.words import CheckoutState
from capstan.values import clock
from tests.billing.desk import ACTOR, at
from tests.payments.debits import TODAY, collects, mandated, owing, submitted
from tests.payments.till import Till, press

Page = Any  # what Django's test client gives


class Payer:
    """Somebody with a link and a browser without scripts."""

    def __init__(self, till: Till) -> None:
        self.till, self.browser = till, Client(enforce_csrf_checks=False)

    def opens(self, link: str, **given: object) -> Page:
        path = link.removeprefix(settings.PUBLIC_URL)
        return self.browser.post(path, given) if given else self.browser.get(path)

    def goes(self, link: str, **given: object) -> Form:
        """Sent from the pay page to the gateway's, as its form says."""
        page = self.opens(link, **given)
        assert page.status_code == 200, words(page)
        return form_on(page)

    def pays(self, link: str, **given: object) -> str:
        """All the way through the gateway's page; where it sends him."""
        return press(self.till.simulator, self.goes(link, **given)).removeprefix(settings.PUBLIC_URL)


def words(page: Page) -> str:
    text = html.unescape(re.sub(r"<[^>]+>", " ", page.content.decode()))
    return re.sub(r"\s+", " ", text.replace("\xa0", " "))


def form_on(page: Page) -> Form:
    body = page.content.decode()
    action = re.search(r'<form method="post" action="([^"]+)" id="on">', body)
    assert action, words(page)
    fields = re.findall(r'name="([^"]+)" value="([^"]*)"', body)
    return Form(action[1], [(name, html.unescape(value)) for name, value in fields], ())


@pytest.fixture
def payer(till: Till, monkeypatch: pytest.MonkeyPatch) -> Payer:
    monkeypatch.setattr(settings, "PUBLIC_URL", till.notices.url)  # it takes the hook's calls
    return Payer(till)


def another(till: Till, customer: Customer, amount_minor: int = 10000) -> Invoice:
    return till.invoice(customer, amount_minor, "2026-02-01")


def test_an_invoice_is_paid_from_its_link(payer: Payer) -> None:
    till = payer.till
    invoice = till.invoice(till.desk.customer("Zoë Example"))
    link = invoice_link(invoice.pk, now=clock.now())
    shown = words(payer.opens(link))
    assert "Pay R 599.00" in shown
    assert f"Invoice {invoice.number} was due on 8 Jan 2026" in shown
    assert "Zoë" not in shown
    assert invoice.customer.account_code not in shown
    back = payer.pays(link, invoice=invoice.pk)
    assert "We are checking your payment" in words(payer.opens(back))
    till.hear()
    assert "Paid: R 599.00" in words(payer.opens(back))
    assert "REC0000001" in words(payer.opens(back))
    invoice.refresh_from_db()
    assert invoice.open_minor == 0
    again = words(payer.opens(link))
    assert f"Invoice {invoice.number} is paid" in again
    assert "Pay by card" not in again
    till.desk.check()


def test_the_account_link_pays_several_one_or_an_amount(payer: Payer) -> None:
    till = payer.till
    customer = till.desk.customer()
    first, second = till.invoice(customer), another(till, customer)
    link = account_link(customer.pk, now=clock.now())
    assert "Pay R 699.00" in words(payer.opens(link))
    assert dict(payer.goes(link, invoice=[first.pk, second.pk]).fields)["amount"] == "699.00"
    assert dict(payer.goes(link, amount="50,00").fields)["amount"] == "50.00"
    payer.pays(link, invoice=second.pk)
    till.hear()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.open_minor, second.open_minor) == (59900, 0), "the one that was chosen"
    payer.pays(link, amount="100")
    till.hear()
    first.refresh_from_db()
    assert first.open_minor == 49900, "an amount goes to the oldest"
    till.desk.check()


def test_what_a_debit_order_collects_is_not_asked_for(payer: Payer) -> None:
    till = payer.till
    collects(till.desk)
    customer = till.desk.customer()
    mandated(customer)
    invoice = owing(till.desk, customer=customer)
    submitted(till.desk)
    link = account_link(customer.pk, now=clock.now())
    sentence = f"R 599.00 of invoice {invoice.number} is being collected by debit order on 2 Mar 2026: you don't have to pay it."
    for address in (link, invoice_link(invoice.pk, now=clock.now())):
        page = payer.opens(address)
        assert sentence in words(page)
        assert "You don't have to pay anything now" in words(page)
        assert " checked" not in page.content.decode()
    other = another(till, customer)
    page = payer.opens(link)
    assert "Pay R 100.00" in words(page)
    assert page.content.decode().count(" checked") == 1
    assert f'id="i{other.pk}" checked' in page.content.decode()
    batches.drop(batch_id=DebitBatch.objects.get().pk, reason="x", actor=ACTOR, now=at(TODAY))
    assert "Pay R 699.00" in words(payer.opens(link))


def test_what_a_card_may_have_paid_is_not_asked_for(payer: Payer) -> None:
    till = payer.till
    customer = till.desk.customer()
    invoice = till.invoice(customer)
    times: dict[str, Any] = {"started_at": till.now, "expires_at": till.now, "actor": "test"}
    given: dict[str, Any] = {
        "gateway": Gateway.objects.get(),
        "customer": customer,
        "amount_minor": 59900,
        "item": "x",
        **times,
    }
    came = Checkout.objects.create(token="a", purpose="account", state=CheckoutState.PAID, **given)
    card = StoredCard.objects.create(
        customer=customer, gateway=came.gateway, token="t", checkout=came, agreed_by="Zoë", agreed_at=till.now
    )
    charge = Checkout.objects.create(
        token="b", purpose=f"invoice:{invoice.pk}", invoices=[invoice.pk], state=CheckoutState.UNCERTAIN, card=card,
        key="k", **given,
    )  # fmt: skip
    link = invoice_link(invoice.pk, now=clock.now())
    assert "is being collected from your card: you don't have to pay it" in words(payer.opens(link))
    Checkout.objects.filter(pk=charge.pk).update(state=CheckoutState.FAILED)
    assert "Pay R 599.00" in words(payer.opens(link))


def test_in_advance_when_nothing_is_open(payer: Payer) -> None:
    customer = payer.till.desk.customer()
    assert "Nothing is open" in words(payer.opens(account_link(customer.pk, now=clock.now())))
    payer.pays(account_link(customer.pk, now=clock.now()), amount="75")
    payer.till.hear()
    assert payer.till.desk.credit(customer) == 7500


def test_a_cancelled_invoice_says_so(payer: Payer) -> None:
    till = payer.till
    invoice = till.invoice(till.desk.customer())
    amounts = {line.pk: line.amount_minor for line in invoice.lines.all()}
    credit_note(invoice_id=invoice.pk, amounts=amounts, reason="wrong line", actor="test", now=till.now)
    shown = words(payer.opens(invoice_link(invoice.pk, now=clock.now())))
    assert f"Invoice {invoice.number} is cancelled" in shown
    assert "Pay by card" not in shown


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"amount": "0"}, "Pay more than nothing"), ({"amount": "1000000.01"}, "Pay more than nothing"),
        ({"amount": "-5"}, ""), ({"amount": "abc"}, ""), ({"x": "1"}, "Nothing is chosen"),
        ({"invoice": "999999"}, "Please look again"), ({"keep": "on", "amount": "5"}, "Give your name"),
    ],
)  # fmt: skip
def test_what_cant_be_paid_is_said_and_starts_nothing(payer: Payer, given: dict[str, str], says: str) -> None:
    invoice = payer.till.invoice(payer.till.desk.customer())
    page = payer.opens(invoice_link(invoice.pk, now=clock.now()), **given)
    assert page.status_code == 409
    assert says in words(page)
    assert "refusal" in page.content.decode()
    assert not Checkout.objects.exists()


def test_an_invoice_of_somebody_else_cant_be_chosen(payer: Payer) -> None:
    till = payer.till
    own, other = till.invoice(till.desk.customer()), till.invoice(till.desk.customer("B"))
    page = payer.opens(account_link(own.customer_id, now=clock.now()), invoice=other.pk)
    assert page.status_code == 409
    assert other.number not in words(page) or own.number == other.number
    assert not Checkout.objects.exists()


def test_links_that_were_altered_or_are_too_old_show_nothing(
    payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = payer.till.invoice(payer.till.desk.customer())
    link = invoice_link(invoice.pk, now=clock.now())
    other = link.replace("/bill/i", "/bill/a")
    later = "Z.".join(link.rsplit(".", 1))
    made_up = (
        "/pay/bill/i1/",
        "/pay/bill/x/",
        "/pay/bill/ié.4.AAAAAAAAAAAAAAAA/",
        f"{link[:-2]}{'A' if link[-2] != 'A' else 'B'}/",
    )
    assert [payer.opens(one).status_code for one in (other, later, *made_up)] == [410] * 6
    assert "has expired" in words(payer.opens(other))
    last = clock.now() + pay_links.LASTS
    token = link.rstrip("/").rpartition("/")[2]
    assert bill_of(token, now=last) == (invoice.customer, invoice)
    assert bill_of(token, now=last + timedelta(days=1)) is None
    monkeypatch.setattr(clock, "now", lambda: last + timedelta(days=1))
    assert payer.opens(link).status_code == 410


def test_a_link_is_short_enough_for_an_sms(payer: Payer) -> None:
    assert len(invoice_link(99_999_999, now=clock.now())) <= len(settings.PUBLIC_URL) + 40


def test_coming_back_saying_no_shows_it_and_changes_nothing(payer: Payer) -> None:
    till = payer.till
    invoice = till.invoice(till.desk.customer())
    form = payer.goes(invoice_link(invoice.pk, now=clock.now()), invoice=invoice.pk)
    checkout = Checkout.objects.get()
    page = payer.opens(f"/pay/back/{checkout.token}/?cancelled=1")
    assert "It was not paid" in words(page)
    assert "Try again" in words(page)
    checkout.refresh_from_db()
    assert checkout.state == CheckoutState.STARTED
    press(till.simulator, form)  # in another window he pays after all
    till.hear()
    assert "Paid: R 599.00" in words(payer.opens(f"/pay/back/{checkout.token}/?cancelled=1"))


def test_after_a_try_that_failed_it_waits_for_the_one_that_was_sent(payer: Payer) -> None:
    invoice = payer.till.invoice(payer.till.desk.customer())
    payer.goes(invoice_link(invoice.pk, now=clock.now()), invoice=invoice.pk)
    checkout = Checkout.objects.get()
    Checkout.objects.update(state=CheckoutState.FAILED)
    assert "It was not paid" in words(payer.opens(f"/pay/back/{checkout.token}/"))
    assert "We are checking" in words(payer.opens(f"/pay/back/{checkout.token}/?sent=1"))


def test_less_than_was_asked_for_is_said(payer: Payer) -> None:
    till = payer.till
    invoice = till.invoice(till.desk.customer())
    till.simulator.fault("itn_short")
    back = payer.pays(invoice_link(invoice.pk, now=clock.now()), invoice=invoice.pk)
    till.hear()
    assert "R 598.00 of R 599.00 reached us" in words(payer.opens(back))
    invoice.refresh_from_db()
    assert invoice.open_minor == 100


def test_paid_twice_in_two_windows_nothing_is_lost(payer: Payer) -> None:
    till = payer.till
    invoice = till.invoice(till.desk.customer())
    forms = [payer.goes(invoice_link(invoice.pk, now=clock.now()), invoice=invoice.pk) for _ in range(2)]
    for form in forms:
        press(till.simulator, form)
    till.hear(2)
    assert Payment.objects.count() == 2
    assert till.desk.credit(invoice.customer) == 59900
    till.desk.check()


def test_going_to_pay_is_limited_per_link_and_shows_on_the_page(payer: Payer) -> None:
    invoice = payer.till.invoice(payer.till.desk.customer())
    link = invoice_link(invoice.pk, now=clock.now())
    codes = [payer.opens(link, invoice=invoice.pk).status_code for _ in range(11)]
    assert codes == [200] * 10 + [429]
    assert "very often" in words(payer.opens(link, invoice=invoice.pk))
    assert payer.opens(link).status_code == 200, "looking isn't limited"
    assert Checkout.objects.count() == 10


def test_without_a_gateway_it_says_how_to_pay(payer: Payer) -> None:
    Gateway.objects.update(active=False)
    Brand.objects.update(bank_details="Example Bank, account 0000000000")
    invoice = payer.till.invoice(payer.till.desk.customer())
    shown = words(payer.opens(invoice_link(invoice.pk, now=clock.now())))
    assert "Pay by EFT Example Bank" in shown
    assert f"Reference: {invoice.number}" in shown
    assert "Pay by card" not in shown


def test_only_the_page_that_leads_on_names_the_gateway(payer: Payer) -> None:
    till = payer.till
    invoice = till.invoice(till.desk.customer())
    Gateway.objects.update(settings={**till.gateway.settings, "origins": ["https://pay.example.net"]})
    strict = payer.opens(invoice_link(invoice.pk, now=clock.now())).headers["Content-Security-Policy"]
    assert "form-action 'self';" in strict
    assert "script-src 'self';" in strict
    page = payer.opens(invoice_link(invoice.pk, now=clock.now()), invoice=invoice.pk)
    policy = page.headers["Content-Security-Policy"]
    assert f"form-action 'self' {till.simulator.url} https://pay.example.net;" in policy
    assert "script-src 'self';" in policy


def test_it_is_small_and_needs_no_script(payer: Payer) -> None:
    customer = payer.till.desk.customer()
    for day in range(1, 13):
        payer.till.invoice(customer, 10000, f"2026-{day:02}-01")
    page = payer.opens(account_link(customer.pk, now=clock.now()))
    assert len(page.content) < 30_000
    assert b"<script" not in page.content


def test_the_state_page_of_a_charge_or_of_nothing_is_not_there(payer: Payer) -> None:
    assert payer.opens("/pay/back/unknown/").status_code == 404


def test_a_page_that_looks_again_stops_after_a_while(payer: Payer, monkeypatch: pytest.MonkeyPatch) -> None:
    till = payer.till
    invoice = till.invoice(till.desk.customer())
    payer.goes(invoice_link(invoice.pk, now=clock.now()), invoice=invoice.pk)
    checkout = Checkout.objects.get()
    back = f"/pay/back/{checkout.token}/"
    assert b'http-equiv="refresh" content="2"' in payer.opens(back).content
    later = clock.now() + timedelta(minutes=11)
    monkeypatch.setattr(clock, "now", lambda: later)
    page = payer.opens(back)
    assert b"http-equiv" not in page.content
    assert "unusually long" in words(page)
