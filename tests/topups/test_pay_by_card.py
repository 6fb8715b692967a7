"""Automatic top-ups of who pays first, paid with the card that he lets us charge (S4, S6); and told why not."""

from datetime import datetime, timedelta

import pytest
from django.conf import settings

from capstan.billing.models import Charge, Credit
from capstan.payments.actions import checkouts, look_ups
from capstan.payments.actions.bills import return_urls
from capstan.payments.actions.cards import remove
from capstan.payments.actions.charges import Wish
from capstan.payments.actions.checkouts import Consent, Purpose
from capstan.payments.actions.gateways.port import Form
from capstan.payments.models import Checkout, StoredCard
from capstan.payments.rules.words import CheckoutState
from capstan.services.models import Service
from capstan.topups.actions import pay_by_card
from capstan.topups.actions.auto import act_due
from capstan.topups.actions.pay import fulfil_paid
from capstan.topups.actions.pay_by_card import charge_waiting, tell_declined_orders
from capstan.topups.actions.waiting import cancel, mark_paid
from capstan.topups.models import Order
from capstan.topups.rules.words import Channel, OrderState
from capstan.values import clock
from tests.payments.till import press
from tests.topups.shop import GB
from tests.topups.test_auto import agreed
from tests.topups.test_pay import Counter, counter

__all__ = ["counter"]

GOOD, DECLINING = "4111 1111 1111 4242", "4000 0000 0000 0002"


def with_card(counter: Counter, card: str = GOOD) -> Service:
    """A line that gets data by itself, whose customer has paid something and let us keep his card."""
    shop = counter.shop
    shop.now = clock.now()  # the gateway has a clock of its own
    line = agreed(shop)
    purpose = Purpose("account", line.customer_id, 100, "Your account")
    consent = Consent("Jan Smith", "payment page")
    _, way = checkouts.start(purpose, return_urls(), consent=consent, actor="test", now=shop.now)
    assert isinstance(way, Form)
    press(counter.simulator, way, card=card)
    counter.hear()
    assert StoredCard.objects.get(removed_at=None).agreed_by == "Jan Smith"
    return line


def reaches_cap(counter: Counter) -> Order:
    counter.shop.use(GB)
    act_due(now=counter.shop.now, limit=10)
    return Order.objects.get(channel=Channel.AUTO)


def works(counter: Counter, later: timedelta = timedelta()) -> None:
    """What the worker's lanes do."""
    now = counter.shop.now + later
    charge_waiting(now=now, limit=10, gateway_id=counter.gateway.pk)
    look_ups.look_up_due(now=now)
    fulfil_paid(now=now, limit=10)
    tell_declined_orders(now=now, limit=10)


def test_it_is_charged_and_added_and_nobody_is_asked_to_pay(counter: Counter) -> None:
    with_card(counter)
    order = reaches_cap(counter)
    assert order.state == OrderState.AWAITING_PAYMENT
    told = len(counter.shop.texts())
    works(counter)
    order.refresh_from_db()
    assert (order.state, Charge.objects.get(reference=f"order:{order.pk}").amount_minor) == (
        OrderState.GRANTED,
        2000,
    )
    assert [one.left_minor for one in Credit.objects.filter(left_minor__gt=0)] == [100], "what he paid before"
    assert ["1GB added for R20" in text for text in counter.shop.texts()[told:]] == [True]
    works(counter)
    assert Checkout.objects.filter(card__isnull=False).count() == 1


def test_declined_it_is_told_why_and_where_to_pay_once(counter: Counter) -> None:
    with_card(counter, DECLINING)
    order = reaches_cap(counter)
    told = len(counter.shop.texts())
    for _ in range(3):
        works(counter)
    order.refresh_from_db()
    assert order.state == OrderState.AWAITING_PAYMENT
    (text,) = counter.shop.texts()[told:]
    assert "There is not enough money on it." in text
    assert "/pay/" in text
    assert "not sufficient funds" in order.events.latest("pk").detail
    assert Checkout.objects.filter(card__isnull=False).count() == 1


@pytest.mark.parametrize("fault", ["charge_but_answer_500", "api_slow"])
def test_without_an_answer_it_is_charged_once_and_added_when_it_is_found(
    counter: Counter, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from capstan.payments.actions.gateways import payfast

    monkeypatch.setattr(payfast, "_READ_SECONDS", 0.5)
    with_card(counter)
    order = reaches_cap(counter)
    counter.simulator.fault("itn_lost")
    counter.simulator.fault(fault, seconds=2.0)
    works(counter)
    assert Checkout.objects.get(card__isnull=False).state == CheckoutState.UNCERTAIN
    works(counter, timedelta(minutes=2))
    order.refresh_from_db()
    assert order.state == OrderState.GRANTED
    assert Checkout.objects.get(card__isnull=False).state == CheckoutState.PAID


def test_who_is_about_to_pay_it_himself_isnt_charged(counter: Counter) -> None:
    with_card(counter)
    order = reaches_cap(counter)
    counter.go(order)
    works(counter)
    assert not Checkout.objects.filter(card__isnull=False).exists()


@pytest.mark.parametrize("meanwhile", ["cancelled", "paid"])
def test_what_staff_end_while_others_are_charged_isnt_charged(
    counter: Counter, meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_card(counter)
    order = reaches_cap(counter)
    now, wanted = counter.shop.now, pay_by_card._wish

    def late(chosen: Order, now: datetime) -> Wish:
        """The order was chosen; the card before it took half a minute."""
        wish = wanted(chosen, now)
        if meanwhile == "paid":
            mark_paid(order_id=order.pk, reference="EFT 17", actor="staff:clara", now=now)
        else:
            cancel(order_id=order.pk, reason="by mistake", actor="staff:clara", now=now)
        return wish

    monkeypatch.setattr(pay_by_card, "_wish", late)
    assert charge_waiting(now=now, limit=10) == 0
    assert not Checkout.objects.filter(card__isnull=False).exists()
    order.refresh_from_db()
    assert order.state == (OrderState.REFUSED if meanwhile == "cancelled" else OrderState.GRANTED)


def test_expired_cards_and_gateways_out_of_use_dont_hold_up_the_others(counter: Counter) -> None:
    with_card(counter)
    reaches_cap(counter)
    now, today = counter.shop.now, settings.FORMATS.local(counter.shop.now).date()
    for state in ({"expires_on": today}, {"expires_on": today + timedelta(days=1)}):
        StoredCard.objects.update(**state)
        assert pay_by_card._waiting(now, None).count() == (state["expires_on"] > today)
    counter.gateway.__class__.objects.update(active=False)
    assert not pay_by_card._waiting(now, None).exists()


def test_who_was_told_to_pay_isnt_charged_when_his_card_is_good_again(counter: Counter) -> None:
    with_card(counter)
    counter.gateway.__class__.objects.update(active=False)
    order = reaches_cap(counter)
    assert "R20" in counter.shop.texts()[-1]
    assert order.told_to_pay_at == counter.shop.now
    counter.gateway.__class__.objects.update(active=True)
    told = len(counter.shop.texts())
    works(counter)
    assert not Checkout.objects.filter(card__isnull=False).exists()
    assert len(counter.shop.texts()) == told


def test_whose_card_goes_before_it_is_charged_is_told_to_pay_once(counter: Counter) -> None:
    with_card(counter)
    order = reaches_cap(counter)
    assert order.told_to_pay_at is None
    told = len(counter.shop.texts())
    remove(card_id=StoredCard.objects.get().pk, reason="asked", actor="staff:clara", now=counter.shop.now)
    works(counter)
    works(counter)
    (text,) = counter.shop.texts()[told:]
    assert "is added as soon as R20 is paid" in text
    order.refresh_from_db()
    assert order.told_to_pay_at == counter.shop.now


def test_without_a_card_any_more_he_is_asked_to_pay(counter: Counter) -> None:
    with_card(counter)
    remove(card_id=StoredCard.objects.get().pk, reason="asked", actor="staff:clara", now=counter.shop.now)
    reaches_cap(counter)
    assert "is added as soon as R20 is paid" in counter.shop.texts()[-1]
    works(counter)
    assert not Checkout.objects.filter(card__isnull=False).exists()
