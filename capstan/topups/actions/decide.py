"""Whether an order is let through now, has to wait, or is refused."""

from datetime import datetime, timedelta

from django.conf import settings

from capstan.caps.models import Cap
from capstan.topups.actions.add import add_data
from capstan.topups.actions.ask import ask_authorisers
from capstan.topups.actions.events import move_to
from capstan.topups.actions.request import ask_for_payment
from capstan.topups.models import Order
from capstan.topups.queries.pays_first import pays_first_because
from capstan.topups.queries.rules_of import Account, account_rule, ceiling_of
from capstan.topups.queries.sale import hindrance_of, spent
from capstan.topups.rules.sale import CUSTOMER_WORDS, STAFF_WORDS, beyond_ceiling
from capstan.topups.rules.words import Channel, OrderState

WAITS_FOR = timedelta(hours=48)
"""How long an order waits for authorisation or payment before it expires."""

_INSTEAD = "Please choose a smaller one or call us."
_INSTEAD_STAFF = "Choose a smaller one, or let somebody who may go beyond the ceiling say why."


def decide(order: Order, actor: str, *, now: datetime) -> None:
    """Let the order through, have it wait, or refuse it; limits, ceilings and the line are checked each time.

    The caller holds the lock on the line's cap row.
    """
    problem = _problem(order, now)
    if problem:
        order.refused_because = problem
        move_to(order, OrderState.REFUSED, actor, problem, now)
        return
    rule = _rule_for(order)
    is_authorised = order.authorised_by or order.state == OrderState.AWAITING_PAYMENT
    if rule.needs_authorisation and not is_authorised:
        order.expires_at = now + WAITS_FOR
        move_to(order, OrderState.AWAITING_AUTHORISATION, actor, "the account wants it authorised", now)
        ask_authorisers(order, now)
    elif why := _pays_first_because(order, now):
        order.expires_at = now + WAITS_FOR
        move_to(order, OrderState.AWAITING_PAYMENT, actor, why, now)
        ask_for_payment(order, actor, now=now)
    else:
        add_data(order, actor, now=now)


def _pays_first_because(order: Order, now: datetime) -> str:
    """Why it is to be paid first; empty: it needn't be, or it is."""
    if not order.price_minor or order.paid_with or _came_from_a_line_of_his(order):
        return ""
    return pays_first_because(order.service_id, now=now)


def _came_from_a_line_of_his(order: Order) -> bool:
    """A top-up that comes from another line of the same customer was let through there."""
    source = order.moved_from
    return source is not None and source.service.customer_id == order.service.customer_id


def _rule_for(order: Order) -> Account:
    """What its account demands."""
    if _came_from_a_line_of_his(order):
        return Account(needs_authorisation=False, pays_first=False)
    return account_rule(order.service.customer_id)


def _problem(order: Order, now: datetime) -> str:
    """Why this order can't be let through, in words for whoever ordered; empty if it can."""
    is_staff = order.channel == Channel.AGENT
    in_the_way = hindrance_of(order.service_id, order.size_bytes, now=now)
    if in_the_way is not None:
        return (STAFF_WORDS if is_staff else CUSTOMER_WORDS)[in_the_way]
    if order.beyond_ceiling:
        return ""
    cycle_start = Cap.objects.values_list("cycle_start", flat=True).get(pk=order.service_id)
    ceiling, used = ceiling_of(order.service_id), spent(order.service_id, cycle_start, but=order.pk)
    too_much = beyond_ceiling(ceiling, used, order.price_minor, order.size_bytes, settings.FORMATS)
    return f"{too_much} {_INSTEAD_STAFF if is_staff else _INSTEAD}" if too_much else ""
