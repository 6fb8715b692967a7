"""Paying for top-ups by card: a link, a checkout, and what follows when the money is here, or comes too late (S6)."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core import signing
from django.db import transaction

from capstan.billing.actions import credits, terms
from capstan.billing.models import Credit
from capstan.payments.actions import checkouts
from capstan.payments.actions.bills import Going, return_urls
from capstan.payments.actions.checkouts import Consent, Purpose
from capstan.payments.models import Payment
from capstan.topups.actions.events import move_to
from capstan.topups.actions.request import ask_no_more
from capstan.topups.actions.tell_order import tell_too_late
from capstan.topups.actions.waiting import add_paid_by_gateway
from capstan.topups.actions.windows import let_out
from capstan.topups.models import Order
from capstan.topups.rules.words import OrderState
from capstan.values.refused import Refused

log = structlog.get_logger()

ACTOR = "topups"
_SALT = "capstan.topups.pay"
_LINK_LASTS = timedelta(days=7)


def pay_link(order: Order) -> str:
    """Where an order that waits can be paid by card: it names what is paid for, and nobody. Empty where no card can be taken."""
    if checkouts.gateway_for_checkouts() is None:
        return ""
    token = signing.TimestampSigner(salt=_SALT).sign(str(order.pk))
    return f"{settings.PUBLIC_URL}/pay/{token}/"


def order_of_link(token: str) -> Order | None:
    """The order that a link is for; None for one that is made up or too old."""
    try:
        order_id = signing.TimestampSigner(salt=_SALT).unsign(token, max_age=_LINK_LASTS)
    except signing.BadSignature:
        return None
    return Order.objects.select_related("service__customer__brand").filter(pk=int(order_id)).first()


def start_checkout(order: Order, *, consent: Consent | None = None, now: datetime) -> Going:
    """A checkout for an order that waits, at the price that was told. Raises Refused for one that doesn't wait (any more)."""
    if order.state != OrderState.AWAITING_PAYMENT:
        raise Refused("This top-up doesn't wait for payment any more.")
    formats = settings.FORMATS
    purpose = Purpose(
        f"order:{order.pk}",
        order.service.customer_id,
        order.price_minor,
        f"Top-up {formats.size(order.size_bytes)}",
    )
    checkout, way = checkouts.start(
        purpose, return_urls(), consent=consent, actor=f"order:{order.pk}", now=now
    )
    let_out(order.service_id, checkout, now=now)
    return Going(checkout, way)


def fulfil_paid(*, now: datetime, limit: int) -> int:
    """Add what gateways' money is kept for; what can't be added any more leaves the money as the account's credit, and whoever
    paid is told. Returns how many orders were looked at."""
    kept = Credit.objects.filter(kept_for__startswith="order:", left_minor__gt=0).order_by("pk")
    looked = 0
    for credit in kept[:limit]:
        looked += 1
        order_id = int(credit.kept_for.partition(":")[2])
        payment = Payment.objects.filter(credit=credit).first()
        try:
            receipt = f"receipt {payment.receipt_number}" if payment else "account credit"
            add_paid_by_gateway(order_id=order_id, receipt=receipt, actor=ACTOR, now=now)
        except (Refused, Order.DoesNotExist) as refusal:
            _too_late(credit.pk, order_id, str(refusal), now)
        except Exception as problem:  # whatever it is, it mustn't hold up the others
            log.exception("a paid top-up can't be added; it is tried again", order=order_id)
            why = f"It is paid, but can't be added: {type(problem).__name__}: {problem}"
            Order.objects.filter(pk=order_id).update(needs_person=why)
    return looked


@transaction.atomic
def _too_late(credit_id: int, order_id: int, why: str, now: datetime) -> None:
    """The money stays the customer's: it pays what is open, or the next invoice."""
    customer_id = Credit.objects.values_list("customer_id", flat=True).get(pk=credit_id)
    terms.lock(customer_id, now=now)
    credit = Credit.objects.get(pk=credit_id)
    if not credit.kept_for:
        return
    log.warning("a top-up was paid that can't be added", order=order_id, why=why)
    credits.free(credit)
    today = settings.FORMATS.local(now).date()
    credits.allocate_free([customer_id], today=today, actor=ACTOR, now=now)
    order = Order.objects.select_related("service").filter(pk=order_id).first()
    if order is None:
        return
    if order.state == OrderState.AWAITING_PAYMENT:  # it can't be added, so nobody must pay it again
        order.refused_because = why
        move_to(order, OrderState.REFUSED, ACTOR, why, now)
        ask_no_more(order, now=now)
    tell_too_late(order, credit.amount_minor, now)


def takes_cards() -> bool:
    """Whether there is a gateway that customers can pay by."""
    return checkouts.gateway_for_checkouts() is not None
