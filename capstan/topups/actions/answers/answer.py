"""Answering replies: each inbound message once, with what it does and what is said back in one transaction."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from capstan.messaging.actions.inbound import claim, finish
from capstan.messaging.models import Inbound
from capstan.messaging.rules.words import InboundState
from capstan.services.models import Service
from capstan.topups.actions.answers import deeds
from capstan.topups.actions.answers.buy import buy
from capstan.topups.actions.answers.conversation import Conversation, conversation
from capstan.topups.actions.answers.say import Outcome, say
from capstan.topups.models import Answer, Order
from capstan.topups.rules import reply
from capstan.topups.rules.reply import AskWhy, read_reply

log = structlog.get_logger()

IN_A_ROW = timedelta(days=7)
"""Two replies that nobody understands within this time go to a person."""


ANSWERS_AN_HOUR = 20
"""To one number: two machines would answer each other for ever, at our cost. What comes beyond waits for a person."""

_HOUR = timedelta(hours=1)


def answer_inbound(*, now: datetime, limit: int) -> int:
    """Answer what has come in; returns how many. One that can't be answered goes to a person and holds up no other."""
    claimed = claim(now=now, limit=limit)
    for inbound in claimed:
        try:
            _answer(inbound.pk, now)
        except (ArithmeticError, AssertionError, LookupError, ValueError):
            log.exception("a reply can't be answered; a person has to look at it", inbound=inbound.pk)
            with transaction.atomic():
                finish(inbound.pk, InboundState.NEEDS_PERSON, "It could not be answered by itself.", now=now)
    return len(claimed)


@transaction.atomic
def _answer(inbound_id: int, now: datetime) -> None:
    inbound = Inbound.objects.select_for_update().get(pk=inbound_id)
    if inbound.state != InboundState.NEW:
        return
    if not inbound.sender.startswith("+"):
        finish(inbound_id, InboundState.IGNORED, "The sender is no telephone number.", now=now)
        return
    if Answer.objects.filter(address=inbound.sender, at__gt=now - _HOUR).count() >= ANSWERS_AN_HOUR:
        finish(
            inbound_id, InboundState.NEEDS_PERSON, "So many within an hour that it may be a machine.", now=now
        )
        return
    talk = conversation(inbound, now)
    outcome = deeds.take_code(talk, now) or _act(talk, now)
    Answer.objects.create(
        inbound=inbound, address=inbound.sender, reading=outcome.reading, order=outcome.order, at=now
    )
    finish(inbound_id, outcome.state, outcome.words, now=now)


def _act(talk: Conversation, now: datetime) -> Outcome:
    """Do what the reply says."""
    names = _names(talk)
    reading = read_reply(talk.inbound.text, talk.choices(), units=settings.FORMATS.units, names=names)
    match reading:
        case reply.AutoReply():
            return Outcome("auto-reply", "An auto-reply, which gets no answer.", InboundState.IGNORED)
        case reply.Courtesy():
            return Outcome("courtesy", "A kind word, which needs no answer.", InboundState.DONE)
        case reply.Wrong() if talk.entries:
            return deeds.wrong_number(talk, now)
    about_waiting = _authorised(talk, reading, now)
    if about_waiting is not None:
        return about_waiting
    if not talk.confirmed:
        return deeds.not_allowed(talk, now)
    match reading:
        case reply.Stop():
            return deeds.pause_notices(talk, is_paused=True, now=now)
        case reply.Start():
            return deeds.pause_notices(talk, is_paused=False, now=now)
        case reply.Balance():
            return deeds.balance(talk, now)
        case reply.Help():
            return say(talk, "help", {}, "help", now)
        case reply.No():
            return deeds.not_me(talk, now)
    if not talk.may_order:
        return deeds.not_allowed(talk, now)
    return _order(talk, reading, now)


def _authorised(talk: Conversation, reading: Any, now: datetime) -> Outcome | None:
    """An answer to the question whether a waiting order may go ahead; None if it is about something else."""
    match reading:
        case reply.Approve(code) | reply.Decline(code):
            return deeds.authorise(talk, code, approve=isinstance(reading, reply.Approve), now=now)
        case reply.Ask(why=AskWhy.YES_ALONE | AskWhy.CODE_ALONE) | reply.No():
            return deeds.remind(talk, now)
    return None


def _names(talk: Conversation) -> list[str]:
    """Names that may stand beside an order: ours, as in "C thanks Jenny", and the sender's own."""
    ids = [entry.service_id for entry in talk.entries]
    brands = Service.objects.filter(pk__in=ids).values_list("customer__brand__name", flat=True)
    return [*brands, *(entry.name for entry in talk.entries)]


def _order(talk: Conversation, reading: Any, now: datetime) -> Outcome:
    """Readings that are about buying, from a number that may."""
    match reading:
        case reply.Pick(choice):
            return _bought("pick", buy(talk, choice, again=False, now=now))
        case reply.More(choice) if choice is not None:
            return _bought("more", buy(talk, choice, again=True, now=now))
        case reply.Menu() | reply.More():
            return deeds.send_menus(talk, now)
        case reply.Ask(choices):
            return deeds.ask(talk, choices, now)
    return _not_understood(talk, now)


def _bought(reading: str, order: Order | None) -> Outcome:
    words = "Not ordered; the sender was told why." if order is None else f"Order {order.pk}: {order.state}."
    return Outcome(reading, words, InboundState.ANSWERED, order)


def _not_understood(talk: Conversation, now: datetime) -> Outcome:
    """One help reply; the second time in a row it goes to a person, so that nothing is lost."""
    last = Answer.objects.filter(address=talk.number, at__gte=now - IN_A_ROW).order_by("-at", "-pk").first()
    if last is not None and last.reading == "not understood":
        words = "Not understood, for the second time in a row."
        return Outcome("not understood", words, InboundState.NEEDS_PERSON)
    return say(talk, "not_understood", {}, "not understood", now)
