"""What a reply can do besides buying."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from capstan.caps.models import Cap
from capstan.caps.queries import standing
from capstan.identity.actions.attempts import attempt
from capstan.messaging.rules.texts.phrases import Phrase, phrase
from capstan.messaging.rules.words import InboundState, Lane, Medium
from capstan.topups.actions import notification_list
from capstan.topups.actions.answers.conversation import Conversation
from capstan.topups.actions.answers.say import Outcome, say
from capstan.topups.actions.ask import tell_request
from capstan.topups.actions.authorise import answer_request
from capstan.topups.actions.events import note
from capstan.topups.actions.invite import Occasion, invitation_for, send_menu
from capstan.topups.actions.tell import To, line_name, plain_date, tell, to_entry
from capstan.topups.models import AuthorisationRequest, ListEntry, Order
from capstan.topups.queries.sale import sale
from capstan.topups.rules.menu import Line, menu_words
from capstan.topups.rules.reply import Choice
from capstan.topups.rules.sale import CUSTOMER_WORDS
from capstan.topups.rules.words import ADDED, Channel, EntryState, OrderState, RemovedBecause
from capstan.values.refused import Refused

DISPUTED_FOR = timedelta(days=2)
"""So long after an order on the website the answer NO is about that order."""

_CODES_AN_HOUR = 8
"""Answers with a code from one number; of four digits nobody guesses one in so few."""

_REMINDED_OF = 3  # orders, the newest ones

_BECAME = {
    OrderState.AWAITING_PAYMENT: Phrase.WAITS_FOR_PAYMENT,
    OrderState.REFUSED: Phrase.WAS_DECLINED,
    OrderState.EXPIRED: Phrase.HAS_EXPIRED,
    OrderState.REVERSED: Phrase.WAS_TAKEN_BACK,
}

_CODE = re.compile(r"\s*(\d{6})[\s.!]*", re.ASCII)


def take_code(talk: Conversation, now: datetime) -> Outcome | None:
    """A one-time code that confirms the number. None if the reply is no code that anybody waits for."""
    found = _CODE.fullmatch(talk.inbound.text)
    if found is None:
        return None
    for entry in talk.entries:
        if entry.state == EntryState.UNCONFIRMED or notification_list.is_silent(entry, now):
            try:
                notification_list.confirm_with_code(
                    entry_id=entry.pk, code=found[1], actor=f"sms:{talk.number}", now=now
                )
            except Refused:
                continue
            return Outcome("code", "The number is confirmed.", InboundState.ANSWERED)
    return None


def not_allowed(talk: Conversation, now: datetime) -> Outcome:
    """Nothing is added and nothing revealed; one answer a day, so that nobody can run up a bill."""
    words = "From a number that may not order."
    if talk.entries:
        tell(
            to_entry(talk.entries[0]), "not_allowed", {}, cause=f"notallowed:{talk.number}:{now.date()}",
            in_reply_to=talk.inbound.pk, now=now,
        )  # fmt: skip
    return Outcome("not allowed", words, InboundState.ANSWERED if talk.entries else InboundState.NEEDS_PERSON)


def authorise(talk: Conversation, code: str, *, approve: bool, now: datetime) -> Outcome:
    """An authoriser's YES or NO with the code of a waiting order."""
    request = (
        AuthorisationRequest.objects.filter(authoriser__phone=talk.number, code=code)
        .select_related("order__service", "authoriser")
        .order_by("-pk")
        .first()
    )
    reading = "approve" if approve else "decline"
    tried = attempt(f"authorise {talk.number}", limit=_CODES_AN_HOUR, window=timedelta(hours=1), now=now)
    if tried is not None:
        return Outcome(
            reading, "Too many codes from this number: they are not looked at.", InboundState.NEEDS_PERSON
        )
    if request is None:
        reminded = remind(talk, now)
        words = "No order waits for this number with this code."
        return reminded or Outcome(reading, words, InboundState.NEEDS_PERSON)
    formats = settings.FORMATS
    values = {
        "who": request.authoriser.name,
        "size": formats.short_size(request.order.size_bytes),
        "price": formats.short_money(request.order.price_minor),
        "service": request.order.service.username,
    }
    if request.order.state != OrderState.AWAITING_AUTHORISATION:
        return _too_late(talk, request, values, reading, now)
    try:
        with transaction.atomic():
            order = answer_request(request.pk, approve=approve, actor=f"sms:{talk.number}", now=now)
    except Refused as refusal:
        template, values, words = "topup.refused", {"reason": str(refusal)}, str(refusal)
    else:
        template, words = (
            "authorise.done" if approve else "authorise.declined",
            f"Order {order.pk}: {order.state}.",
        )
        if approve and order.state == OrderState.AWAITING_PAYMENT:
            template = "authorise.unpaid"
        if approve and order.state == OrderState.REFUSED:
            template, values = "topup.refused", {"reason": order.refused_because}
    to = To(request.order.service_id, Medium.SMS, talk.number)
    tell(to, template, values, cause=f"answer:{talk.inbound.pk}", in_reply_to=talk.inbound.pk, now=now)
    return Outcome(reading, words, InboundState.ANSWERED, request.order)


def _too_late(
    talk: Conversation, request: AuthorisationRequest, values: Mapping[str, str], reading: str, now: datetime
) -> Outcome:
    """The order doesn't wait any more: what has become of it."""
    to = To(request.order.service_id, Medium.SMS, talk.number)
    state = OrderState(request.order.state)
    said = {**values, "outcome": phrase(_BECAME.get(state, Phrase.WAS_ADDED), to.language)}
    tell(to, "authorise.late", said, cause=f"answer:{talk.inbound.pk}", in_reply_to=talk.inbound.pk, now=now)
    return Outcome(reading, f"Too late: the order is {state}.", InboundState.ANSWERED, request.order)


def remind(talk: Conversation, now: datetime) -> Outcome | None:
    """A yes or no without a code, or with a wrong one, from somebody of whom an order waits: how to answer. Else None."""
    waiting = AuthorisationRequest.objects.filter(
        authoriser__phone=talk.number, authoriser__removed_at=None, order__state=OrderState.AWAITING_AUTHORISATION
    ).select_related("order__service", "authoriser")  # fmt: skip
    found = list(waiting.order_by("-pk")[:_REMINDED_OF])
    for request in found:
        cause = f"answer:{talk.inbound.pk}:{request.pk}"
        tell_request(request, cause=cause, in_reply_to=talk.inbound.pk, now=now)
    return Outcome("asked again", "Told which code allows what.", InboundState.ANSWERED) if found else None


def pause_notices(talk: Conversation, *, is_paused: bool, now: datetime) -> Outcome:
    """STOP and START, for the line that is meant."""
    for entry in talk.meant():
        notification_list.pause(entry_id=entry.pk, is_paused=is_paused, actor=f"sms:{talk.number}", now=now)
    values = {"service": _names(talk.meant())}
    return say(talk, "stopped" if is_paused else "started", values, "stop" if is_paused else "start", now)


def wrong_number(talk: Conversation, now: datetime) -> Outcome:
    """WRONG takes the number off the list of the line that is meant; it is told so."""
    meant = talk.meant(unconfirmed=True)
    for entry in meant:
        notification_list.remove(
            entry_id=entry.pk, because=RemovedBecause.WRONG, actor=f"sms:{talk.number}", now=now
        )
    return Outcome("wrong", f"Taken off the list of {_names(meant)}.", InboundState.ANSWERED)


def balance(talk: Conversation, now: datetime) -> Outcome:
    """BAL: what is left, of each line of this number."""
    for entry in talk.confirmed:
        if not Cap.objects.filter(pk=entry.service_id).exists():
            continue
        held = standing(entry.service_id, now=now)
        formats = settings.FORMATS
        values = {
            "service": line_name(entry.service_id, entry.address),
            "left": formats.short_size(held.remaining),
            "cap": formats.short_size(held.total),
            "until": plain_date(held.cycle_end),
        }
        cause = f"answer:{talk.inbound.pk}:{entry.pk}"
        tell(to_entry(entry), "balance", values, cause=cause, in_reply_to=talk.inbound.pk, now=now)
    return Outcome("balance", "Told what is left.", InboundState.ANSWERED)


def not_me(talk: Conversation, now: datetime) -> Outcome:
    """NO: to a recent order on the website it says that it wasn't he; else there is nothing to be done."""
    lines = {one.service_id for one in talk.confirmed}
    if talk.parent_service_id is not None:
        lines &= {talk.parent_service_id}
    added = Order.objects.filter(
        service_id__in=lines, channel=Channel.WEBSITE, state__in=ADDED, granted_at__gte=now - DISPUTED_FOR
    )
    disputed = added.select_for_update().order_by("-granted_at").first()
    if disputed is None:
        return Outcome("no", "A no to nothing that waits.", InboundState.DONE)
    why = f"{talk.number} says that this order is not theirs."
    disputed.needs_person = f"{disputed.needs_person} {why}".strip()
    disputed.save(update_fields=["needs_person"])
    note(disputed, f"sms:{talk.number}", why, now)
    return say(talk, "website.disputed", {}, "no", now)._replace(order=disputed)


def send_menus(talk: Conversation, now: datetime) -> Outcome:
    """TOPUP: what may be ordered now, for each line of this number that it may order for."""
    for entry in talk.confirmed:
        if not entry.may_order:
            continue
        on_sale = sale(entry.service_id, now=now)
        if on_sale.hindrance is not None or not on_sale.quotes:
            reason = (
                CUSTOMER_WORDS[on_sale.hindrance]
                if on_sale.hindrance
                else "Nothing is on sale at the moment."
            )
            cause = f"answer:{talk.inbound.pk}:{entry.pk}"
            tell(
                to_entry(entry),
                "topup.refused",
                {"reason": reason},
                cause=cause,
                in_reply_to=talk.inbound.pk,
                now=now,
            )
            continue
        invitation = invitation_for(entry.service_id, f"inbound:{talk.inbound.pk}:{entry.service_id}", now)
        occasion = Occasion("topup.menu", {}, Lane.REPLY, talk.inbound.pk)
        send_menu(entry, invitation, on_sale, occasion, now)
    return Outcome("menu", "Sent the menu.", InboundState.ANSWERED)


def ask(talk: Conversation, choices: Sequence[Choice], now: datetime) -> Outcome:
    """What could mean several things, or what isn't on the menu, is asked about and buys nothing."""
    if not talk.menus:
        return send_menus(talk, now)
    shown = choices or [choice for choice in talk.choices() if choice.menu_id == talk.menus[0].pk]
    prices = {(menu.pk, line["letter"]): line["price_minor"] for menu in talk.menus for line in menu.lines}
    lines = [Line(one.letter, one.size_bytes, prices[one.menu_id, one.letter]) for one in shown]
    return say(talk, "topup.ambiguous", {**menu_words(lines, settings.FORMATS), "service": ""}, "ask", now)


def _names(entries: Sequence[ListEntry]) -> str:
    return ", ".join(
        ListEntry.objects.filter(pk__in=[entry.pk for entry in entries])
        .order_by("service__username")
        .values_list("service__username", flat=True)
    )
