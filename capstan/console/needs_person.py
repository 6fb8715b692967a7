"""Everything that needs a person in one list, the oldest first; and how much of it there is."""

from collections.abc import Iterator
from datetime import datetime, time
from typing import NamedTuple

from django.conf import settings

from capstan.billing.models import DunningState
from capstan.billing.queries.dunning import not_warned
from capstan.console import links
from capstan.console.messages_shown import Bubble, bubble, why
from capstan.messaging.models import BudgetAlarm, Gateway, Inbound, Message
from capstan.messaging.queries.budget import alarms_unseen
from capstan.messaging.queries.gateways import in_trouble
from capstan.messaging.queries.messages import Entry, inbound_for_person, messages_for_person
from capstan.messaging.queries.stream import conversations
from capstan.messaging.rules.texts.catalogue import TEMPLATES
from capstan.messaging.rules.words import MessageState
from capstan.payments.models import Gateway as PaymentGateway
from capstan.payments.queries.desk import tills_in_trouble, unwell
from capstan.topups.models import Order
from capstan.topups.queries.numbers import Line, lines_of
from capstan.topups.queries.orders import needing_person

SHOWN = 50
"""Of each kind; who has more has to work off the oldest first."""

_TALK = 6


class Item(NamedTuple):
    """Something that needs a person: `kind` is inbound, message, order, gateway, alarm, debtor or till (a payment gateway), and
    its own field is set."""

    kind: str
    at: datetime
    inbound: Inbound | None = None
    message: Message | None = None
    order: Order | None = None
    gateway: Gateway | None = None
    alarm: BudgetAlarm | None = None
    debtor: DunningState | None = None
    till: PaymentGateway | None = None
    talk: tuple[Bubble, ...] = ()
    line: Line | None = None
    line_url: str = ""
    why: str = ""
    may_repeat: bool = False
    may_be_seen: bool = False


def items(*, now: datetime) -> list[Item]:
    """All of it."""
    found = [
        *_inbound(),
        *_messages(now),
        *_orders(),
        *_gateways(now),
        *_alarms(),
        *_debtors(now),
        *_tills(now),
    ]
    return sorted(found, key=lambda item: item.at)


def count(*, now: datetime) -> int:
    """How much there is: each a look at an index."""
    return (
        inbound_for_person().count()
        + messages_for_person(now=now).count()
        + Order.objects.exclude(needs_person="").count()
        + in_trouble().count()
        + alarms_unseen().count()
        + unwell()
    )


def _inbound() -> Iterator[Item]:
    waiting = list(inbound_for_person().select_related("gateway")[:SHOWN])
    numbers = {one.sender for one in waiting}
    talks, lines = conversations(numbers, limit=_TALK), lines_of(numbers)
    for one in waiting:
        talk = _talk_about(one, talks.get(one.sender, []))
        line = lines.get(one.sender)
        url = links.service(line.service_id) if line else ""
        yield Item(
            "inbound", one.received_at, inbound=one, talk=talk, line=line, line_url=url, why=one.outcome
        )


def _talk_about(inbound: Inbound, last: list[Entry]) -> tuple[Bubble, ...]:
    """The last of the conversation, this SMS in any case."""
    has_it = any(entry.inbound is not None and entry.inbound.pk == inbound.pk for entry in last)
    entries = last if has_it else [Entry(inbound.received_at, None, inbound), *last]
    return tuple(map(bubble, entries))


def _messages(now: datetime) -> Iterator[Item]:
    for one in messages_for_person(now=now).select_related("gateway")[:SHOWN]:
        is_lost = one.state != MessageState.QUEUED
        yield Item(
            "message", one.queued_at, message=one, why=why(one), may_repeat=is_lost and may_be_repeated(one),
            may_be_seen=is_lost, line_url=subject_url(one.subject),
        )  # fmt: skip


def may_be_repeated(message: Message) -> bool:
    """Whether its words are known: those of codes, links and passwords are not kept, and some could not be written."""
    known = TEMPLATES.get(message.template)
    return (
        bool(message.text) and known is not None and not any(name in message.values for name in known.secret)
    )


def subject_url(subject: str) -> str:
    """The page of what a message is about; empty where it has none."""
    kind, _, key = subject.partition(":")
    return links.service(int(key)) if kind == "service" and key.isdigit() else ""


def _orders() -> Iterator[Item]:
    for one in needing_person(limit=SHOWN):
        yield Item(
            "order", one.created_at, order=one, why=one.needs_person, line_url=links.service(one.service_id)
        )


def _gateways(now: datetime) -> Iterator[Item]:
    for one in in_trouble():
        yield Item("gateway", one.trouble_since or now, gateway=one, why=one.trouble)


def _alarms() -> Iterator[Item]:
    for one in alarms_unseen():
        yield Item("alarm", one.raised_at, alarm=one)


def _debtors(now: datetime) -> Iterator[Item]:
    for one in not_warned()[:SHOWN]:
        since = one.last_step_on or one.episode_since
        at = datetime.combine(since, time(), settings.FORMATS.zone) if since else now
        yield Item("debtor", at, debtor=one)


def _tills(now: datetime) -> Iterator[Item]:
    for one in tills_in_trouble():
        yield Item("till", one.trouble_since or now, till=one, why=one.trouble)
