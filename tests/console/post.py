"""Messages and SMS as tests of the console need them: in every state, from anybody."""

from datetime import datetime
from typing import Any

from capstan.messaging.actions.inbound import store
from capstan.messaging.models import Gateway, Inbound, Message
from capstan.messaging.rules.words import InboundState
from capstan.topups.models import ListEntry
from tests.topups.shop import NUMBER, Shop


def handset() -> Gateway:
    return Gateway.objects.get(name="handset")


def came(
    shop: Shop, text: str, *, sender: str = NUMBER, state: InboundState | None = InboundState.NEEDS_PERSON
) -> Inbound:
    """An SMS that came in; unless said otherwise nobody understood it."""
    count = Inbound.objects.count()
    made = store(
        handset(), sender=sender, recipient="+27600009000", text=text, sent_at=None, carrier_id=f"in-{count}",
        parent_carrier_id="", now=shop.now,
    )  # fmt: skip
    if state is not None:
        Inbound.objects.filter(pk=made.pk).update(state=state, outcome="Not understood.", due_at=None)
        made.refresh_from_db()
    return made


def told(entry: ListEntry, **values: Any) -> Message:
    """The message by which somebody on a list learnt that he is on it, brought to this state."""
    message = Message.objects.get(recipient=entry.address, template="list.added")
    Message.objects.filter(pk=message.pk).update(due_at=None, **values)
    message.refresh_from_db()
    return message


def trouble(gateway: Gateway, since: datetime, why: str = "It answers 503.") -> None:
    Gateway.objects.filter(pk=gateway.pk).update(trouble=why, trouble_since=since, troubles=3)
