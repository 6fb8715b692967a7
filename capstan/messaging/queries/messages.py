"""Messages for people: of a subject, of a number, and what needs somebody."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q, QuerySet

from capstan.identity.rules import Actor
from capstan.messaging.models import Inbound, Message
from capstan.messaging.rules.words import GatewayKind, InboundState, Medium, MessageState, Reason

STUCK_AFTER = timedelta(minutes=10)


class Entry(NamedTuple):
    """A line of a conversation: exactly one of the two."""

    at: datetime
    message: Message | None
    inbound: Inbound | None


class UnknownSubscriber(NamedTuple):
    """`recipient` doesn't exist, says its carrier."""

    recipient: str
    medium: Medium
    message_id: int
    at: datetime


def visible_to(actor: Actor) -> QuerySet[Message]:
    """Staff see all messages; a customer's login sees none here, since whose they are is known to the apps above."""
    return Message.objects.all() if actor.is_staff else Message.objects.none()


def messages_of(subject: str) -> QuerySet[Message]:
    """Everything that was or will be sent about it, the newest first."""
    return Message.objects.filter(subject=subject).order_by("-queued_at", "-pk")


def messages_to(recipient: str) -> QuerySet[Message]:
    return Message.objects.filter(recipient=recipient).order_by("-queued_at", "-pk")


def conversation(number: str, *, limit: int = 50) -> list[Entry]:
    """What went to and came from this number (E.164), the newest last."""
    out = [Entry(one.queued_at, one, None) for one in messages_to(number).select_related("gateway")[:limit]]
    came = Inbound.objects.filter(sender=number).order_by("-received_at", "-pk")[:limit]
    both = out + [Entry(one.received_at, None, one) for one in came]
    return sorted(both, key=lambda entry: entry.at)[-limit:]


def words_of(message: Message) -> str:
    """What the recipient reads or read. Secret values are masked, save for the demo handset, which is the recipient."""
    is_demo = message.gateway is not None and message.gateway.kind == GatewayKind.LOOPBACK
    return message.sealed_text or message.text if is_demo else message.text


def messages_for_person(*, now: datetime) -> QuerySet[Message]:
    """Failed or uncertain and seen by nobody yet, or waiting ten minutes beyond their time; the oldest first."""
    lost = Q(state__in=(MessageState.FAILED, MessageState.UNCERTAIN), handled_at=None)
    stuck = Q(state=MessageState.QUEUED, due_at__lte=now - STUCK_AFTER)
    nowhere = Q(state=MessageState.QUEUED, gateway=None)
    return Message.objects.filter(lost | stuck | nowhere).order_by("queued_at", "pk")


def inbound_for_person() -> QuerySet[Inbound]:
    """What nobody could answer, the oldest first."""
    return Inbound.objects.filter(state=InboundState.NEEDS_PERSON).order_by("received_at", "pk")


def inbound_from(number: str) -> QuerySet[Inbound]:
    return Inbound.objects.filter(sender=number).order_by("-received_at", "-pk")


def answered_message(inbound: Inbound) -> Message | None:
    """The message that this is the answer to, if the carrier says so."""
    if not inbound.parent_carrier_id:
        return None
    return (
        Message.objects.filter(gateway_id=inbound.gateway_id)
        .filter(Q(carrier_id=inbound.parent_carrier_id) | Q(reference=inbound.parent_carrier_id))
        .order_by("-pk")
        .first()
    )


def unknown_subscribers(since: datetime) -> list[UnknownSubscriber]:
    """Recipients that turned out not to exist at `since` or later, in that order."""
    found = Message.objects.filter(
        reason=Reason.UNKNOWN_SUBSCRIBER, state=MessageState.FAILED, finished_at__gte=since
    ).order_by("finished_at", "pk")
    return [
        UnknownSubscriber(one.recipient, Medium(one.medium), one.pk, one.finished_at)
        for one in found
        if one.finished_at is not None
    ]
