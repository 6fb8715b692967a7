"""What people do with messages that need one."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.db.wakeup import wake
from capstan.messaging.actions.send import Draft, new_reference, send
from capstan.messaging.models import Gateway, Inbound, Message
from capstan.messaging.queries.gateways import route
from capstan.messaging.queries.texts import template
from capstan.messaging.rules.words import InboundState, Lane, Medium, MessageState
from capstan.values.refused import Refused

_LOST = (MessageState.FAILED, MessageState.UNCERTAIN)
_AS_IT_WAS = (
    "medium", "recipient", "template", "values", "language", "brand_id", "brand_name", "sender", "subject", "lane",
    "two_way", "in_reply_to_id", "title", "text", "encoding", "segments",
)  # fmt: skip


@transaction.atomic
def handled(*, message_id: int, note: str, actor: str, now: datetime) -> bool:
    """Somebody has seen that it failed or may have, and told the customer otherwise perhaps. False if somebody had.

    Raises Refused for a message that needs nobody.
    """
    message = Message.objects.select_for_update().get(pk=message_id)
    if message.state not in _LOST:
        raise Refused("This message needs nobody: it is on its way or has arrived.")
    if message.handled_at is not None:
        return False
    message.handled_at, message.handled_by, message.note = now, actor, note
    message.save(update_fields=["handled_at", "handled_by", "note"])
    record(actor=actor, action="handle_message", subject=f"message:{message_id}", reason=note, now=now)
    return True


@transaction.atomic
def send_again(*, message_id: int, actor: str, now: datetime) -> Message:
    """The same words once more, as a message of its own; the old one is handled with that.

    Raises Refused for a message that may still arrive, that somebody dealt with, that was never written, or whose words
    were secret: codes, links and passwords are not kept.
    """
    old = Message.objects.select_for_update().get(pk=message_id)
    if old.state not in _LOST:
        raise Refused("Only a message that failed, or may have, can be sent again.")
    if old.handled_at is not None:
        raise Refused("Somebody has dealt with this message already.")
    if any(name in old.values for name in template(old.template).secret):
        raise Refused("Its words were secret and aren't kept: have a new code, link or login sent.")
    if not old.text:
        raise Refused("This message could not be written, so there is nothing to send again.")
    gateway = route(Medium(old.medium), two_way=old.two_way, now=now)
    new = Message.objects.create(
        **{name: getattr(old, name) for name in _AS_IT_WAS},
        cause=f"{old.cause} again {old.pk}",
        repeat_of=old,
        gateway=gateway,
        cost_minor=gateway.cost_minor * max(old.segments, 1) if gateway else 0,
        reference=new_reference(),
        queued_at=now,
        due_at=now,
    )
    handled(message_id=message_id, note=f"sent again as message {new.pk}", actor=actor, now=now)
    wake("message")
    return new


@transaction.atomic
def send_test(
    *,
    gateway_id: int,
    recipient: str,
    brand_id: int,
    brand_name: str,
    sender: str,
    key: str,
    actor: str,
    now: datetime,
) -> Message:
    """Try a gateway out with a message of no consequence, which leaves by it and no other; once for each `key`.

    Raises Refused for one that is switched off, and for what is no number or address.
    """
    gateway = Gateway.objects.get(pk=gateway_id)
    if not gateway.active:
        raise Refused(f"The gateway {gateway.name} is switched off: nothing leaves by it.")
    draft = Draft(
        medium=Medium(gateway.medium), recipient=recipient, template="staff.test",
        values={"when": f"{settings.FORMATS.time(now)}"}, language="en", brand_id=brand_id, sender=sender,
        brand_name=brand_name, subject=f"gateway:{gateway.name}", cause=f"test:{gateway.name}:{key}", lane=Lane.REPLY,
    )  # fmt: skip
    try:
        message = send(draft, now=now)
    except ValueError:
        raise Refused(f"{recipient!r} is nowhere that a message of {gateway.medium} can go.") from None
    if message.gateway_id != gateway.pk:
        message.gateway, message.cost_minor = gateway, gateway.cost_minor * max(message.segments, 1)
        message.save(update_fields=["gateway", "cost_minor"])
    record(
        actor=actor,
        action="test_gateway",
        subject=f"gateway:{gateway.name}",
        now=now,
        details={"message": message.pk},
    )
    return message


@transaction.atomic
def handle_inbound(*, inbound_id: int, note: str, actor: str, now: datetime) -> bool:
    """Somebody has dealt with an SMS that nobody understood. False if somebody had."""
    waiting = Inbound.objects.filter(pk=inbound_id, state=InboundState.NEEDS_PERSON)
    if not waiting.update(state=InboundState.DONE, handled_by=actor, note=note, finished_at=now):
        return False
    record(actor=actor, action="handle_inbound", subject=f"inbound:{inbound_id}", reason=note, now=now)
    return True
