"""A reply that orders something."""

from datetime import datetime

from django.conf import settings

from capstan.caps.actions import cap
from capstan.messaging.models import Message
from capstan.topups.actions.answers.conversation import Conversation
from capstan.topups.actions.notification_list import heard_of, is_silent, send_code
from capstan.topups.actions.order import Wanted, place
from capstan.topups.actions.pay import pay_link
from capstan.topups.actions.tell import line_name, tell, to_entry
from capstan.topups.models import Invitation, ListEntry, Order
from capstan.topups.queries.menus import pinned_quote
from capstan.topups.rules.reply import Choice
from capstan.topups.rules.words import ADDED, WAITING, Channel, OrderState

_TAKES = ADDED | WAITING
"""An offer whose order was declined, has expired or was taken back can be taken again."""


def buy(talk: Conversation, choice: Choice, *, again: bool, now: datetime) -> Order | None:
    """Order what the letter stood for in the message that is answered. Returns the order if one was placed.

    An invitation is taken once: who comes later is told who took what, and how to order another (`again`).
    """
    menu = next(one for one in talk.menus if one.pk == choice.menu_id)
    line = next(one for one in menu.lines if one["letter"] == choice.letter)
    service_id = menu.invitation.service_id
    entry = next(one for one in talk.confirmed if one.service_id == service_id and one.may_order)
    if is_silent(entry, now):
        send_code(entry, now=now)
        return None
    heard_of(entry, now)
    invitation = Invitation.objects.select_for_update().get(pk=menu.invitation_id)
    is_taken = invitation.order is not None and invitation.order.state in _TAKES
    if is_taken and not again:
        _tell_taken(entry, invitation, choice.letter, talk, now)
        return None
    cycle_end = cap.lock(service_id, now=now).cycle_end
    placed = place(
        Wanted(
            quote=pinned_quote(menu, line, cycle_end, now),
            channel=Channel.SMS,
            idempotency_key=f"inbound:{talk.inbound.pk}",
            requested_by=f"{entry.name} ({talk.number})" if entry.name else talk.number,
            actor=f"sms:{talk.number}",
            actor_name=entry.name or talk.number,
            order_limit_minor=entry.order_limit_minor,
            reply_to=talk.number,
        ),
        now=now,
    )
    if placed.order.state != OrderState.REFUSED and not is_taken:
        invitation.order, invitation.taken_by, invitation.taken_at = placed.order, talk.number, now
        invitation.save()
    _tell_not_added(entry, placed.order, talk, now)
    return placed.order


def _tell_not_added(entry: ListEntry, order: Order, talk: Conversation, now: datetime) -> Message | None:
    """What was added has been answered with the order; what wasn't needs an answer of its own."""
    formats = settings.FORMATS
    cause = f"answer:{talk.inbound.pk}"
    if order.state == OrderState.REFUSED:
        reason = {"reason": order.refused_because}
        return tell(
            to_entry(entry), "topup.refused", reason, cause=cause, in_reply_to=talk.inbound.pk, now=now
        )
    if order.state in WAITING:
        values = {
            "size": formats.short_size(order.size_bytes),
            "price": formats.short_money(order.price_minor),
            "service": line_name(entry.service_id, entry.address),
        }
        if order.state == OrderState.AWAITING_PAYMENT:
            template, values["link"] = "topup.unpaid", pay_link(order)
        else:
            template, values["who"] = "topup.waiting", _who_may(order)
        return tell(to_entry(entry), template, values, cause=cause, in_reply_to=talk.inbound.pk, now=now)
    return None


def _tell_taken(
    entry: ListEntry, invitation: Invitation, letter: str, talk: Conversation, now: datetime
) -> None:
    formats = settings.FORMATS
    assert invitation.order is not None
    assert invitation.taken_at is not None
    who = "You" if invitation.taken_by == talk.number else _shown(invitation.taken_by)
    values = {
        "who": who,
        "size": formats.short_size(invitation.order.size_bytes),
        "when": formats.time(invitation.taken_at),
        "letter": letter,
        "service": line_name(entry.service_id, entry.address),
    }
    tell(
        to_entry(entry),
        "topup.taken.waits" if invitation.order.state in WAITING else "topup.taken",
        values,
        cause=f"answer:{talk.inbound.pk}",
        in_reply_to=talk.inbound.pk,
        now=now,
    )


def _who_may(order: Order) -> str:
    """The people an order was put to."""
    asked = order.authorisation_requests.select_related("authoriser").order_by("pk")
    return " or ".join(one.authoriser.name for one in asked) or "your company"


def _shown(number: str) -> str:
    """Enough of a number for those who know it."""
    entry = ListEntry.objects.filter(address=number).exclude(name="").order_by("-pk").first()
    return entry.name if entry is not None else f"…{number[-4:]}"
