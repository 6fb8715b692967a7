"""Taking a top-up back, or to the line it was meant for."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.actions.charges import give_back
from capstan.billing.rules.amounts import share_of
from capstan.caps.actions import cap
from capstan.topups.actions.decide import decide
from capstan.topups.actions.events import move_to, note
from capstan.topups.models import Order
from capstan.topups.queries.orders import buckets_of
from capstan.topups.rules.words import ADDED, Channel, OrderState
from capstan.values.refused import Refused

_ELSEWHERE = {
    OrderState.AWAITING_AUTHORISATION: "that account wants its top-ups authorised. Order it there, and take this one back.",
    OrderState.AWAITING_PAYMENT: "that account pays its top-ups first. Order it there, and take this one back.",
}


@transaction.atomic
def reverse(*, order_id: int, in_full: bool, reason: str, actor: str, now: datetime) -> Order:
    """Take back what is unused of a top-up, and give back the price in proportion.

    `in_full` gives back the whole price although some was used; the caller has made sure that the actor may. Raises
    Refused when nothing is left and it isn't in full, and for an order that added nothing.
    """
    order = _locked(order_id, reason)
    _void(order, actor, reason, now)
    if not order.reversed_bytes and not in_full:
        raise Refused("All of this top-up is used: there is nothing to take back.")
    whole = order.price_minor
    order.reversed_minor = whole if in_full else share_of(whole, order.reversed_bytes, order.size_bytes)
    _give_back(order, actor, reason, now)
    return order


@transaction.atomic
def move(
    *, order_id: int, to_service_id: int, reason: str, actor: str, actor_name: str, now: datetime
) -> Order:
    """Take a top-up to the line it was meant for; returns the order there.

    The right line gets all of it at the price that was told, whatever the wrong one has used: that was our mistake, so the
    wrong line pays nothing. Raises Refused.
    """
    order = _locked(order_id, reason)
    if to_service_id == order.service_id:
        raise Refused("The top-up is on this line already: choose the line it was meant for.")
    # In id order, as everybody does who holds two of them.
    for service_id in sorted((order.service_id, to_service_id)):
        cap.lock(service_id, now=now)
    moved = Order.objects.create(
        service_id=to_service_id, channel=Channel.AGENT, idempotency_key=f"moved:{order.pk}", offer_id=order.offer_id,
        size_bytes=order.size_bytes, price_minor=order.price_minor, list_price_minor=order.list_price_minor,
        valid_days=order.valid_days, never_expires=order.never_expires, requested_by=order.requested_by,
        verified_how=order.verified_how, reason=reason.strip(), actor=actor, actor_name=actor_name,
        moved_from=order, created_at=now,
    )  # fmt: skip
    note(moved, actor, f"moved from {order.service.username}: {reason.strip()}", now)
    decide(moved, actor, now=now)
    if moved.state not in ADDED:
        raise Refused(
            f"It can't be added there: {moved.refused_because or _ELSEWHERE[OrderState(moved.state)]}"
        )
    _void(order, actor, reason, now)
    order.reversed_minor = order.price_minor
    _give_back(order, actor, f"moved to {moved.service.username}: {reason.strip()}", now)
    return moved


def _locked(order_id: int, reason: str) -> Order:
    if not reason.strip():
        raise Refused("Say why: the reason stays with the top-up.")
    order = Order.objects.select_for_update(of=("self",)).select_related("service", "bucket").get(pk=order_id)
    if order.state not in ADDED:
        raise Refused(f"This top-up can't be taken back: it is {order.state}.")
    return order


def _void(order: Order, actor: str, reason: str, now: datetime) -> None:
    for bucket_id in buckets_of(order):
        try:
            with transaction.atomic():
                order.reversed_bytes += cap.void(bucket_id=bucket_id, actor=actor, reason=reason, now=now)
        except Refused:  # used up, expired, or rolled over into the next one
            continue


def _give_back(order: Order, actor: str, reason: str, now: datetime) -> None:
    formats = settings.FORMATS
    assert order.charge_id is not None
    order.reversed_at, order.follow_at, order.needs_person = now, None, ""
    what = f"{formats.size(order.reversed_bytes)} of {formats.size(order.size_bytes)} taken back: {reason.strip()}"
    move_to(order, OrderState.REVERSED, actor, what, now)
    give_back(
        charge_id=order.charge_id, amount_minor=order.reversed_minor,
        description=f"Returned: top-up on {order.service.username}, {what}", reference=f"order:{order.pk}:reversed",
        actor=actor, now=now,
    )  # fmt: skip
    record(
        actor=actor, action="topup.reverse", subject=f"service:{order.service_id}", reason=reason.strip(), now=now,
        details={"order": order.pk, "bytes": order.reversed_bytes, "amount_minor": order.reversed_minor},
    )  # fmt: skip
