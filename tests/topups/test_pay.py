"""Top-ups that are paid first, at a gateway that speaks PayFast's protocol (S6): word by word what the row says."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from capstan.billing.models import BillingPolicy, Charge, Credit, Invoice
from capstan.billing.rules.words import InvoiceKind, TopUpInvoicing
from capstan.catalog.models import Package
from capstan.catalog.rules import AtCap
from capstan.demo.gateway.server import Gateway as Simulator
from capstan.ledger.queries import trial_balance
from capstan.payments.actions import look_ups, notifications
from capstan.payments.actions.gateways.enter import enter_gateway
from capstan.payments.actions.gateways.port import Form
from capstan.payments.models import Checkout, Notification, Payment
from capstan.payments.rules.words import CheckoutState, GatewayKind
from capstan.services.models import CheckoutWindow
from capstan.topups.actions.pay import fulfil_paid, pay_link, start_checkout
from capstan.topups.actions.waiting import cancel, expire_waiting
from capstan.topups.actions.windows import close_decided
from capstan.topups.models import Order
from capstan.topups.rules.words import Channel, OrderState
from capstan.values import clock
from capstan.values.refused import Refused
from tests.carrier import Carrier, carrier
from tests.payments.till import TOKEN, press
from tests.topups.shop import GB, Shop


class Counter:
    """A shop whose customers pay first, the gateway, and the notifications that come from it."""

    def __init__(self, shop: Shop, simulator: Simulator, notices: Carrier) -> None:
        self.shop, self.simulator, self.notices = shop, simulator, notices
        self._heard = 0
        self.gateway, _ = enter_gateway(
            name="payfast", kind=GatewayKind.PAYFAST,
            settings={"web": simulator.url, "api": simulator.url, "sources": ["127.0.0.1"]},
            secrets={
                "merchant_id": simulator.account.merchant_id, "merchant_key": simulator.account.merchant_key,
                "passphrase": simulator.account.passphrase,
            },
            hook_token=TOKEN, actor="test", now=shop.now,
        )  # fmt: skip
        shop.demand(paid_first=True)

    def order(self, **more: Any) -> Order:
        line = self.shop.line()
        return self.shop.order(line, **more).order

    def go(self, order: Order) -> Form:
        way = start_checkout(order, now=self.shop.now).way
        assert isinstance(way, Form)
        return way

    def pay(self, order: Order, action: str = "pay") -> None:
        press(self.simulator, self.go(order), action)

    def hear(self, number: int = 1) -> list[Notification]:
        asked = self.notices.wait(self._heard + number)[self._heard :]
        self._heard += len(asked)
        told = [
            notifications.store(
                self.gateway, body=one.body.encode(), headers={}, source="127.0.0.1", now=self.shop.now
            )
            for one in asked
        ]
        return [notifications.apply(one.pk, now=self.shop.now) for one in told]

    def check(self) -> None:
        totals = trial_balance()
        assert sum(one.debits for one in totals) == sum(one.credits for one in totals)


@pytest.fixture
def counter(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    with carrier() as notices, Simulator(gaps=(0.05, 0.1, 0.2)) as simulator:
        monkeypatch.setattr(settings, "PUBLIC_URL", notices.url)  # it takes the hook's calls
        made = Counter(shop, simulator, notices)
        yield made
        made.check()


def test_until_it_is_paid_there_is_a_request_and_no_vat_document(counter: Counter) -> None:
    order = counter.order()
    request = Invoice.objects.get()
    assert (order.state, request.kind, request.number) == (
        OrderState.AWAITING_PAYMENT,
        InvoiceKind.PROFORMA,
        "PF0000001",
    )
    assert (request.reference, request.total_minor, request.open_minor) == (f"order:{order.pk}", 3500, 0)
    assert not Charge.objects.exists()


def test_paid_it_is_added_invoiced_and_marked_paid(counter: Counter) -> None:
    order = counter.order()
    counter.pay(order)
    counter.hear()
    assert fulfil_paid(now=counter.shop.now, limit=10) == 1
    order.refresh_from_db()
    invoice = Invoice.objects.get(kind=InvoiceKind.INVOICE)
    assert (order.state, order.paid_with) == (OrderState.GRANTED, "receipt REC0000001")
    assert (invoice.total_minor, invoice.open_minor) == (3500, 0)
    assert Invoice.objects.get(kind=InvoiceKind.PROFORMA).fulfilled_by == invoice
    assert Charge.objects.get().line == invoice.lines.get()
    assert fulfil_paid(now=counter.shop.now, limit=10) == 0


def test_confirmed_twice_it_is_applied_once(counter: Counter) -> None:
    order = counter.order()
    counter.simulator.fault("itn_twice")
    counter.pay(order)
    counter.hear(2)
    fulfil_paid(now=counter.shop.now, limit=10)
    fulfil_paid(now=counter.shop.now, limit=10)
    assert (Charge.objects.count(), Payment.objects.count()) == (1, 1)
    assert Credit.objects.get().left_minor == 0


def test_too_little_adds_nothing_and_stays_the_customers(counter: Counter) -> None:
    order = counter.order()
    counter.simulator.fault("itn_short")
    counter.pay(order)
    counter.hear()
    assert fulfil_paid(now=counter.shop.now, limit=10) == 0
    order.refresh_from_db()
    assert (order.state, Checkout.objects.get().state) == (OrderState.AWAITING_PAYMENT, CheckoutState.SHORT)
    assert Credit.objects.get().left_minor > 0


def test_cancelled_on_the_page_the_order_still_waits_and_can_be_paid_again(counter: Counter) -> None:
    order = counter.order()
    counter.pay(order, "cancel")
    counter.hear()
    counter.pay(order)
    counter.hear()
    fulfil_paid(now=counter.shop.now, limit=10)
    order.refresh_from_db()
    assert order.state == OrderState.GRANTED
    assert sorted(Checkout.objects.values_list("state", flat=True)) == ["cancelled", "paid"]


def test_confirmed_too_late_the_money_is_credit_and_it_is_said(counter: Counter) -> None:
    shop = counter.shop
    order = counter.order(channel=Channel.SMS, reply_to="+27600000001")
    counter.pay(order)
    counter.notices.wait(1)
    shop.wait(hours=49)
    assert expire_waiting(now=shop.now, limit=10) == 1
    counter.hear()
    fulfil_paid(now=shop.now, limit=10)
    order.refresh_from_db()
    credit = Credit.objects.get()
    assert (order.state, credit.left_minor, credit.kept_for) == (OrderState.EXPIRED, 3500, "")
    assert "payment of R35 came too late for the top-up" in shop.texts()[-1]
    assert Invoice.objects.get(kind=InvoiceKind.PROFORMA).withdrawn_at is not None


def test_a_line_that_cant_be_topped_up_any_more_keeps_the_money_as_credit(counter: Counter) -> None:
    from capstan.services.actions.status import end_service

    order = counter.order()
    counter.pay(order)
    counter.hear()
    end_service(service_id=order.service_id, reason="moved", actor="test", now=counter.shop.now)
    fulfil_paid(now=counter.shop.now, limit=10)
    assert (Credit.objects.get().left_minor, Charge.objects.count()) == (3500, 0)


def test_the_price_that_was_told_is_asked_for_whatever_the_catalogue_says_since(counter: Counter) -> None:
    from capstan.catalog.actions import set_price
    from capstan.catalog.models import TopUpOffer

    order = counter.order()
    offer = TopUpOffer.objects.get(letter="C")
    counter.shop.wait(hours=1)
    set_price(
        offer_id=offer.pk, price_minor=9900, valid_from=counter.shop.now, actor="test", now=counter.shop.now
    )
    assert dict(counter.go(order).fields)["amount"] == "35.00"


def test_an_order_that_was_given_up_cant_be_paid(counter: Counter) -> None:
    order = counter.order()
    cancel(order_id=order.pk, reason="Ordered twice", actor="staff:thandi", now=counter.shop.now)
    order.refresh_from_db()
    with pytest.raises(Refused, match="doesn't wait for payment"):
        counter.go(order)


def test_a_package_or_a_policy_can_demand_it(counter: Counter) -> None:
    shop = counter.shop
    shop.demand(paid_first=False)
    line = shop.line("other@example.net")
    assert shop.order(line).order.state == OrderState.GRANTED
    Package.objects.update(pays_first=True)
    assert shop.order(line).order.state == OrderState.AWAITING_PAYMENT
    Package.objects.update(pays_first=False)
    BillingPolicy.objects.create(brand=shop.brand, top_ups=TopUpInvoicing.PROFORMA)
    assert shop.order(line).order.state == OrderState.AWAITING_PAYMENT


def test_who_is_long_overdue_pays_first_until_he_has_paid(counter: Counter) -> None:
    shop = counter.shop
    shop.demand(paid_first=False)
    BillingPolicy.objects.create(brand=shop.brand, top_ups=TopUpInvoicing.OWN)
    line = shop.line("other@example.net")
    assert shop.order(line, "A").order.state == OrderState.GRANTED
    invoice = Invoice.objects.get(kind=InvoiceKind.INVOICE)
    assert invoice.open_minor == 1200, "its own invoice at once"
    shop.wait(days=32)
    waits = shop.order(line).order
    assert waits.state == OrderState.AWAITING_PAYMENT
    assert "overdue for more than 30 days" in waits.events.order_by("-pk")[0].detail


def test_the_pages_lead_to_the_gateway_and_back(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: counter.shop.now)
    order = counter.order(channel=Channel.WEBSITE)
    browser = Client()
    path = pay_link(order).removeprefix(settings.PUBLIC_URL)
    assert "Pay R\xa035.00" in browser.get(path).content.decode()
    assert not Checkout.objects.exists(), "looking starts nothing"
    onwards = browser.post(path)
    assert counter.simulator.url in onwards.headers["Content-Security-Policy"]
    page = onwards.content.decode()
    fields = [
        (name, value.replace("&amp;", "&"))
        for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', page)
    ]
    form = Form(
        f"{counter.simulator.url}/eng/process",
        [pair for pair in fields if pair[0] != "csrfmiddlewaretoken"],
        (),
    )
    back = press(counter.simulator, form).removeprefix(settings.PUBLIC_URL)
    assert "Waiting for your payment" in browser.get(back).content.decode()
    counter.hear()
    fulfil_paid(now=counter.shop.now, limit=10)
    done = browser.get(back, follow=True).content.decode()
    assert "paid" in done
    assert "R\xa035.00" in done


def test_a_link_that_was_made_up_or_altered_shows_nothing(counter: Counter) -> None:
    order = counter.order()
    path = pay_link(order).removeprefix(settings.PUBLIC_URL)
    altered = path[:-3] + ("aa/" if not path.endswith("aa/") else "bb/")
    assert [Client().get(one).status_code for one in ("/pay/17/", altered)] == [410, 410]


def test_an_sms_order_is_answered_with_the_link(counter: Counter) -> None:
    from capstan.topups.actions.tell_order import tell_unpaid

    order = counter.order(channel=Channel.SMS, reply_to="+27600000001")
    with transaction.atomic():
        tell_unpaid(order, pay_link(order), counter.shop.now)
    assert f"Pay by card: {settings.PUBLIC_URL}/pay/" in counter.shop.texts()[-1]


def test_a_checkout_that_nobody_heard_of_is_looked_up(counter: Counter) -> None:
    order = counter.order()
    counter.simulator.fault("itn_lost")
    counter.shop.now = clock.now()
    Order.objects.filter(pk=order.pk).update(expires_at=counter.shop.now + timedelta(days=1))
    counter.pay(order)
    later = counter.shop.now + timedelta(minutes=6)
    assert look_ups.look_up_due(now=later) == 1
    fulfil_paid(now=later, limit=10)
    order.refresh_from_db()
    assert order.state == OrderState.GRANTED


def test_a_line_that_is_shut_is_let_out_to_pay_and_shut_again_when_it_wasnt_paid(counter: Counter) -> None:
    shop = counter.shop
    line = shop.line("shut@example.net", at_cap=AtCap.BLOCK)
    shop.use(GB, user="shut@example.net")
    order = shop.order(line).order
    assert order.state == OrderState.AWAITING_PAYMENT
    counter.pay(order, "cancel")
    line.refresh_from_db()
    assert line.checkout_until == shop.now + timedelta(minutes=10)
    assert close_decided(now=shop.now) == 0, "nothing is known yet"
    counter.hear()
    assert close_decided(now=shop.now) == 1
    line.refresh_from_db()
    assert (line.checkout_until or shop.now) <= shop.now


def test_a_line_that_works_needs_no_way_out(counter: Counter) -> None:
    order = counter.order()
    counter.go(order)
    assert not CheckoutWindow.objects.exists()
