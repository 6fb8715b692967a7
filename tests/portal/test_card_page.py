"""A card paid in Stripe's own fields on our page: a real browser, localstripe in a process of its own, its signed webhooks."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from capstan.billing.actions.pay_links import invoice_link
from capstan.billing.models import Invoice
from capstan.payments.actions import notifications
from capstan.payments.actions.charges import Wish, charge
from capstan.payments.actions.checkouts import Purpose
from capstan.payments.actions.gateways.enter import enter_gateway
from capstan.payments.models import Checkout, Notification, Payment, StoredCard
from capstan.payments.queries.cards import name_of_card
from capstan.payments.rules.words import CheckoutState, GatewayKind, NotificationState
from capstan.values import clock
from tests.billing.desk import Desk as Billing
from tests.browser import Windows, browser, check_no_sideways_scroll, check_page, open_page
from tests.carrier import Asked, Carrier, Says, carrier
from tests.console.site import serving
from tests.payments.local_stripe import DECLINED_CARD, GOOD_CARD, KEYS, SECRETS, Desk, LocalStripe
from tests.product import eventually
from tools.chromium import PHONE

__all__ = ["browser", "open_page"]

HOOK = "a-token-of-this-gateway"
# localstripe's own script confirms a payment without its card; ours hands the card on.
HANDS_CARD_ON = """
{ const made = Stripe;
  Stripe = (key) => Object.assign(made(key), { confirmCardPayment: async (secret, data) => {
    const card = data.payment_method.card.value.card.number;
    const body = JSON.stringify({ intent: secret.split("_secret_")[0], card });
    return (await fetch(LOCALSTRIPE_BASE_API + "/browser/confirm", { method: "POST", body })).json();
  } }); }
"""


class Front(Desk):
    """The desk, and what browsers ask."""

    def __init__(self, behind: LocalStripe, front: Carrier, site: str) -> None:
        super().__init__(behind, front)
        self.script, self._hook = f"{front.url}/js.stripe.com/v3/", f"{site}/hooks/pay/{HOOK}"
        behind.tell(f"{front.url}/webhook")

    def _answer(self, asked: Asked) -> Says:
        if asked.path == "/js.stripe.com/v3/":
            script = self.behind.ask("GET", asked.path).body
            return Says(script + HANDS_CARD_ON, headers={"Content-Type": "text/javascript"})
        if asked.path == "/browser/confirm":
            said = self.pay(asked.json["intent"], asked.json["card"])
            body = {"paymentIntent": {}} if said.status == 200 else json.loads(said.body)
            return Says(json.dumps(body), headers={"Access-Control-Allow-Origin": "*"})
        if asked.path == "/webhook":
            return Says(status=self._pass_on(json.loads(asked.body)))
        return super()._answer(asked)

    def _pass_on(self, event: Any) -> int:
        """Stripe says of a payment whether its card may be charged again; localstripe forgets that it was asked to store it."""
        intent = event["data"]["object"]
        if intent.get("customer"):
            intent["setup_future_usage"] = "off_session"
        body = json.dumps(event).encode()
        at = int(clock.now().timestamp())
        signed = hmac.new(
            SECRETS["webhook_secret"].encode(), f"{at}.".encode() + body, hashlib.sha256
        ).hexdigest()
        headers = {"Content-Type": "application/json", "Stripe-Signature": f"t={at},v1={signed}"}
        with urlopen(Request(self._hook, body, headers)) as answer:
            return int(answer.status)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStripe]:
    with LocalStripe(tmp_path_factory.mktemp("stripe")) as running:
        yield running


@pytest.fixture
def billing(transactional_db: None) -> Billing:
    """Its rows are committed: the browser's server reads them by connections of its own."""
    return Billing()


@pytest.fixture
def invoice(billing: Billing, behind: LocalStripe, monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoice]:
    """One that can be paid by Stripe, at a site that runs."""
    with carrier() as front, serving() as site:
        desk = Front(behind, front, site)
        monkeypatch.setattr(settings, "PUBLIC_URL", site)
        enter_gateway(
            name="stripe", kind=GatewayKind.STRIPE, settings={**KEYS, "api": front.url, "script": desk.script},
            secrets=SECRETS, hook_token=HOOK, actor="test", now=clock.now(),
        )  # fmt: skip
        customer = billing.customer()
        billing.sell(billing.line(customer, billing.package(None)), 59900, "2026-01-01")
        (made,) = billing.bill("2026-01-01", customer)
        yield made


def opens(page: Page, invoice: Invoice) -> None:
    page.goto(invoice_link(invoice.pk, now=clock.now()))
    expect(page.get_by_role("heading", level=1)).to_have_text("Pay R\xa0599.00")
    check_page(page)


def types_card(page: Page, number: str) -> None:
    page.get_by_placeholder("number").fill(number)
    page.get_by_role("button", name="Pay R\xa0599.00").click()


def hears() -> list[str]:
    """Wait for a webhook that the site has stored, and apply it."""
    eventually(lambda: Notification.objects.filter(state=NotificationState.WAITING).exists(), 20, "a webhook")
    notifications.apply_due(now=clock.now(), limit=10)
    return list(Notification.objects.order_by("pk").values_list("state", flat=True))


def test_paid_by_card_and_the_card_is_kept(invoice: Invoice, open_page: Windows) -> None:
    page = open_page(PHONE)
    opens(page, invoice)
    page.get_by_text("Keep this card for later").click()
    page.get_by_label("I agree that you keep and charge it").check()
    page.get_by_label("Your name").fill("Zoë Example")
    check_page(page)
    page.get_by_role("button", name="Pay by card").click()
    expect(page.get_by_role("button", name="Pay R\xa0599.00")).to_be_visible()
    check_no_sideways_scroll(page)
    types_card(page, GOOD_CARD)
    expect(page.get_by_role("heading", level=1)).to_have_text("We are checking your payment")
    assert Checkout.objects.get().state == CheckoutState.STARTED, "the browser's word isn't believed"
    assert hears() == [NotificationState.APPLIED]
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Paid: R\xa0599.00"))
    check_page(page)
    invoice.refresh_from_db()
    assert invoice.open_minor == 0
    card = StoredCard.objects.get()
    assert (card.customer_id, card.brand, card.last4, card.agreed_by, card.agreed_channel) == (
        invoice.customer_id, "visa", "4242", "Zoë Example", "payment page",
    )  # fmt: skip
    assert (card.expires_on, name_of_card(card)) == (date(2041, 1, 1), "the Visa card ending 4242")
    purpose = Purpose("account", invoice.customer_id, 5000, "Your account")
    charged = charge(Wish(card.pk, "asked:1", purpose), actor="test", now=clock.now())
    assert (charged.state, charged.why) == (CheckoutState.PAID, "")
    hears()
    assert Payment.objects.count() == 2


def test_a_declined_card_is_said_and_another_one_pays(invoice: Invoice, open_page: Windows) -> None:
    page = open_page()
    opens(page, invoice)
    page.get_by_role("button", name="Pay by card").click()
    types_card(page, DECLINED_CARD)
    expect(page.get_by_role("alert").filter(visible=True)).to_have_text("Your card was declined.")
    hears()
    assert Checkout.objects.get().state == CheckoutState.FAILED
    page.get_by_role("link", name="Don't pay now").click()  # localstripe takes no second try for one payment
    page.get_by_role("button", name="Pay by card").click()
    types_card(page, GOOD_CARD)
    expect(page.get_by_role("heading", level=1)).to_have_text("We are checking your payment")
    hears()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Paid: R\xa0599.00"))
    assert not StoredCard.objects.exists(), "nobody agreed to that"


def test_without_scripts_it_says_what_is_missing(invoice: Invoice, open_page: Windows) -> None:
    page = open_page(PHONE, scripts=False)
    page.goto(invoice_link(invoice.pk, now=clock.now()))
    page.get_by_role("button", name="Pay by card").click()
    expect(page.get_by_text("this page needs scripts")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
