"""Orders that wait: paid, given up by staff, or expired."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.rules.words import Method
from capstan.caps.actions import cap
from capstan.payments.actions.take import BANK, Received, take, till
from capstan.topups.actions.decide import decide
from capstan.topups.actions.events import move_to, note
from capstan.topups.actions.request import ask_no_more
from capstan.topups.actions.tell_order import tell_refused
from capstan.topups.models import Order
from capstan.topups.rules.words import WAITING, OrderState
from capstan.values.refused import Refused


@transaction.atomic
def mark_paid(
    *, order_id: int, reference: str, actor: str, now: datetime, method: Method = Method.EFT
) -> Order:
    """Staff have the money for a waiting order, as `reference` (a receipt, a bank line) shows: it is booked, the data added, the
    invoice issued and paid. Raises Refused."""
    if not reference.strip():
        raise Refused("Say how it was paid: the receipt's number or the bank's reference.")
    order = _awaiting_payment(order_id)
    customer_id = order.service.customer_id
    cap.lock(order.service_id, now=now)
    take(
        Received(
            customer_id, method, order.price_minor, settings.FORMATS.local(now).date(),
            till(actor) if method == Method.CASH else BANK, reference.strip(), kept_for=f"order:{order.pk}",
        ),
        actor=actor, now=now,
    )  # fmt: skip
    return _add_paid(order, reference.strip(), actor, now)


def _awaiting_payment(order_id: int) -> Order:
    order = Order.objects.select_for_update(of=("self",)).select_related("service").get(pk=order_id)
    if order.state != OrderState.AWAITING_PAYMENT:
        raise Refused(f"This top-up doesn't wait for payment: it is {order.state}.")
    return order


def _add_paid(order: Order, paid_with: str, actor: str, now: datetime) -> Order:
    """Raises Refused when the line can't be topped up any more: then nothing of it has happened."""
    order.paid_with = paid_with
    note(order, actor, f"paid: {order.paid_with}", now)
    cap.lock(order.service_id, now=now)
    decide(order, actor, now=now)
    if order.state == OrderState.REFUSED:
        raise Refused(
            f"The line can't be topped up any more, so the payment wasn't taken up: {order.refused_because}"
        )
    record(
        actor=actor, action="topup.paid", subject=f"service:{order.service_id}", reason=paid_with, now=now,
        details={"order": order.pk},
    )  # fmt: skip
    return order


def add_paid_by_gateway(*, order_id: int, receipt: str, actor: str, now: datetime) -> Order:
    """A gateway's money is here and kept for this order: its data is added. Raises Refused when it can't be (any more)."""
    with transaction.atomic():
        return _add_paid(_awaiting_payment(order_id), receipt, actor, now)


@transaction.atomic
def cancel(*, order_id: int, reason: str, actor: str, now: datetime) -> Order:
    """Refuse an order that waits. Raises Refused."""
    if not reason.strip():
        raise Refused("Say why: the customer is told.")
    order = Order.objects.select_for_update(of=("self",)).select_related("service").get(pk=order_id)
    if order.state not in WAITING:
        raise Refused(f"This top-up doesn't wait: it is {order.state}.")
    order.refused_because, order.needs_person = reason.strip(), ""
    move_to(order, OrderState.REFUSED, actor, reason.strip(), now)
    ask_no_more(order, now=now)
    record(
        actor=actor, action="topup.cancel", subject=f"service:{order.service_id}", reason=reason.strip(), now=now,
        details={"order": order.pk},
    )  # fmt: skip
    tell_refused(order, now)
    return order


def expire_waiting(*, now: datetime, limit: int) -> int:
    """Orders that have waited long enough come to nothing, and whoever ordered is told. Returns how many."""
    with transaction.atomic():
        due = Order.objects.select_for_update(skip_locked=True, of=("self",)).select_related("service")
        expired = list(due.filter(state__in=WAITING, expires_at__lte=now).order_by("expires_at")[:limit])
        for order in expired:
            order.refused_because = f"Your top-up waited too long ({order.state}). Please order it again."
            order.needs_person = ""
            move_to(order, OrderState.EXPIRED, "topups", "", now)
            ask_no_more(order, now=now)
            tell_refused(order, now)
    return len(expired)


@transaction.atomic
def seen_by_person(*, order_id: int, remark: str, actor: str, now: datetime) -> None:
    """Somebody has looked after an order that needed a person."""
    order = Order.objects.select_for_update().get(pk=order_id)
    if order.needs_person:
        note(order, actor, f"looked after: {remark.strip() or order.needs_person}", now)
        record(
            actor=actor, action="topup.looked_after", subject=f"service:{order.service_id}", reason=remark.strip(),
            now=now, details={"order": order.pk, "why": order.needs_person},
        )  # fmt: skip
        order.needs_person = ""
        order.save(update_fields=["needs_person"])
