"""Answers of those who may authorise a waiting order."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.caps.actions import cap
from capstan.topups.actions.decide import decide
from capstan.topups.actions.events import move_to, note
from capstan.topups.actions.pay import pay_link
from capstan.topups.actions.tell_order import tell_refused, tell_unpaid
from capstan.topups.models import AuthorisationRequest, Order
from capstan.topups.rules.words import OrderState
from capstan.values.refused import Refused


@transaction.atomic
def answer_request(request_id: int, *, approve: bool, actor: str, now: datetime) -> Order:
    """An authoriser's answer, by SMS or by link. Limits, ceilings and the line are checked again.

    Raises Refused if the order doesn't wait any more, or the authoriser may not authorise it any more.
    """
    request = AuthorisationRequest.objects.select_related("authoriser").get(pk=request_id)
    order = _locked(request.order_id)
    person = request.authoriser
    if person.removed_at is not None:
        raise Refused("You are not on the list of people who may authorise top-ups any more.")
    if person.limit_minor is not None and order.price_minor > person.limit_minor:
        raise Refused(f"You may authorise top-ups up to {settings.FORMATS.money(person.limit_minor)}.")
    AuthorisationRequest.objects.filter(pk=request_id).update(answered_at=now, is_approved=approve)
    who = f"{person.name} ({person.role})"
    return _settle(order, approve=approve, who=who, actor=actor, why="", now=now)


@transaction.atomic
def answer_for(order_id: int, *, approve: bool, who: str, why: str, actor: str, now: datetime) -> Order:
    """Staff authorise or decline in the name of `who`; `why` says how they know. Raises Refused."""
    if not who.strip():
        raise Refused("Say who authorised it.")
    if not why.strip():
        raise Refused("Say how you know: the reason stays with the order.")
    order = _locked(order_id)
    record(
        actor=actor, action="topup.authorise" if approve else "topup.decline", subject=f"service:{order.service_id}",
        reason=why.strip(), now=now, details={"order": order.pk, "in_the_name_of": who.strip()},
    )  # fmt: skip
    return _settle(order, approve=approve, who=who.strip(), actor=actor, why=why.strip(), now=now)


def _locked(order_id: int) -> Order:
    order = Order.objects.select_for_update(of=("self",)).select_related("service").get(pk=order_id)
    if order.state != OrderState.AWAITING_AUTHORISATION:
        raise Refused(f"This top-up doesn't wait for authorisation any more: it is {order.state}.")
    return order


def _settle(order: Order, *, approve: bool, who: str, actor: str, why: str, now: datetime) -> Order:
    order.needs_person = ""
    if approve:
        order.authorised_by = who
        note(order, actor, f"authorised by {who}" + (f": {why}" if why else ""), now)
        cap.lock(order.service_id, now=now)
        decide(order, actor, now=now)
        if order.state == OrderState.REFUSED:
            tell_refused(order, now)
        elif order.state == OrderState.AWAITING_PAYMENT:
            tell_unpaid(order, pay_link(order), now)
    else:
        order.refused_because = f"{who} did not authorise it."
        move_to(order, OrderState.REFUSED, actor, why, now)
        tell_refused(order, now)
    return order
