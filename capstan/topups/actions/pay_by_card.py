"""Automatic top-ups of customers who pay first: charged to the card that they let us charge (S4, S6)."""

from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from capstan.payments.actions.charges import Wish, charge, under_way
from capstan.payments.actions.checkouts import Purpose
from capstan.payments.models import Checkout, StoredCard
from capstan.payments.queries.cards import card_of, hindrance, name_of_card, not_expired
from capstan.payments.rules.cards import customer_words
from capstan.payments.rules.words import UNDECIDED, CheckoutState
from capstan.topups.actions.events import note
from capstan.topups.actions.pay import pay_link
from capstan.topups.actions.tell_order import tell_card_declined, tell_unpaid
from capstan.topups.models import Order
from capstan.topups.rules.words import Channel, OrderState
from capstan.values.refused import Refused

log = structlog.get_logger()

ACTOR = "auto"
_KEY = Concat(Value("order:"), Cast(OuterRef("pk"), TextField()), Value(":card"), output_field=TextField())


def pays_by_card(customer_id: int, *, now: datetime) -> bool:
    """Whether an order of this customer that comes by itself is paid without him."""
    card = card_of(customer_id)
    today = settings.FORMATS.local(now).date()
    return card is not None and not hindrance(card, today) and not under_way(customer_id)


def charge_waiting(*, now: datetime, limit: int, gateway_id: int | None = None) -> int:
    """Charge the stored card for orders that came by themselves and wait for their payment, each once; returns how many.

    What becomes of the charge is seen to elsewhere: paid, the data is added; declined, it is told.
    """
    made = 0
    for order in _waiting(now, gateway_id)[:limit]:
        try:
            charge(_wish(order, now), actor=ACTOR, now=now)
            made += 1
        except Refused as refusal:
            log.info("an order isn't charged to the stored card", order=order.pk, why=str(refusal))
        except Exception:  # whatever it is, it mustn't hold up the others
            log.exception("an order can't be charged to the stored card", order=order.pk)
    return made


def _usable_cards(now: datetime) -> QuerySet[StoredCard]:
    """Of an order's customer."""
    usable = not_expired(settings.FORMATS.local(now).date())
    return StoredCard.objects.filter(
        usable, customer_id=OuterRef("service__customer_id"), removed_at=None, gateway__active=True
    )


def _waiting(now: datetime, gateway_id: int | None) -> QuerySet[Order]:
    """The card of each can be charged as far as we know: one that can't would come back every time, before all others."""
    cards = _usable_cards(now)
    if gateway_id is not None:
        cards = cards.filter(gateway_id=gateway_id)
    unclear = Checkout.objects.filter(
        customer_id=OuterRef("service__customer_id"), card__isnull=False, state__in=UNDECIDED
    )
    tried = Checkout.objects.filter(key=_KEY)
    waiting = Order.objects.filter(
        Exists(cards),
        ~Exists(tried),
        ~Exists(unclear),
        channel=Channel.AUTO,
        state=OrderState.AWAITING_PAYMENT,
        expires_at__gt=now,
        told_to_pay_at=None,
    )
    return waiting.annotate(card_id=cards.values("pk")[:1]).select_related("service").order_by("expires_at")


def _wish(order: Order, now: datetime) -> Wish:
    item = f"Top-up {settings.FORMATS.size(order.size_bytes)}"
    purpose = Purpose(f"order:{order.pk}", order.service.customer_id, order.price_minor, item)
    return Wish(
        order.card_id,  # type: ignore[attr-defined]
        f"order:{order.pk}:card",
        purpose,
        order.reason,
        still_wanted=_waiting(now, None).filter(pk=order.pk).exists,
    )


def tell_declined_orders(*, now: datetime, limit: int) -> int:
    """Tell of top-ups that the stored card didn't pay, why, and how to pay them; returns how many charges were looked at."""
    failed = Checkout.objects.filter(
        card__isnull=False, state=CheckoutState.FAILED, told_at=None, purpose__startswith="order:"
    )
    ids = list(failed.order_by("pk").values_list("pk", flat=True)[:limit])
    for checkout_id in ids:
        with transaction.atomic():
            _tell(checkout_id, now)
    return len(ids) + _tell_without_card(now, limit)


def _tell_without_card(now: datetime, limit: int) -> int:
    """A card that was to be charged has gone or run out before it was: the customer hears where to pay instead."""
    untold = Order.objects.filter(
        ~Exists(_usable_cards(now)),
        ~Exists(Checkout.objects.filter(key=_KEY)),
        channel=Channel.AUTO,
        state=OrderState.AWAITING_PAYMENT,
        expires_at__gt=now,
        told_to_pay_at=None,
    )
    ids = list(untold.order_by("expires_at").values_list("pk", flat=True)[:limit])
    for order_id in ids:
        with transaction.atomic():
            order = Order.objects.select_for_update(of=("self",)).select_related("service").get(pk=order_id)
            if order.state == OrderState.AWAITING_PAYMENT and order.told_to_pay_at is None:
                tell_to_pay(order, now=now)
    return len(ids)


def _tell(checkout_id: int, now: datetime) -> None:
    row = Checkout.objects.select_for_update(of=("self",), skip_locked=True).filter(
        pk=checkout_id, told_at=None
    )
    checkout = row.select_related("card").first()
    if checkout is None or checkout.state != CheckoutState.FAILED:
        return
    assert checkout.card is not None
    order = Order.objects.select_related("service").get(pk=checkout.purpose.partition(":")[2])
    if order.state == OrderState.AWAITING_PAYMENT:
        note(order, ACTOR, f"{name_of_card(checkout.card)} wasn't charged: {checkout.why}", now)
        card, why = name_of_card(checkout.card), customer_words(checkout.why)
        tell_card_declined(order, pay_link(order), card, why, now)
    checkout.told_at = now
    checkout.save(update_fields=["told_at"])


def tell_to_pay(order: Order, *, now: datetime) -> None:
    """An order that came by itself waits for its payment: the customer hears of it, or his card is charged. Never both: who was
    told to pay may be about to. Within the caller's transaction."""
    if not pays_by_card(order.service.customer_id, now=now):
        tell_unpaid(order, pay_link(order), now)
        order.told_to_pay_at = now
        order.save(update_fields=["told_to_pay_at"])
