"""Putting a message into the outbox. The worker's message lane sends what is there (`actions.outbox`)."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from capstan.db.wakeup import wake
from capstan.messaging.models import Gateway, Inbound, Message
from capstan.messaging.queries import texts
from capstan.messaging.queries.gateways import route
from capstan.messaging.rules.templates import Rendered
from capstan.messaging.rules.words import HELD_FROM, Lane, Medium, MessageState

_ADDRESS = {Medium.SMS: re.compile(r"\+\d{7,15}", re.ASCII), Medium.EMAIL: re.compile(r"[^@\s]+@[^@\s]+")}
_REFERENCE_BYTES = 10


class Draft(NamedTuple):
    """A message before it is written.

    `values` fill the template in (`provider` is `brand_name` unless given). `cause` says why, and is the idempotency: one
    message for a cause, medium and recipient. `subject` is an opaque key such as `service:17`. `not_before` are quiet
    hours; they don't hold lanes before billing.
    """

    medium: Medium
    recipient: str
    template: str
    values: Mapping[str, str]
    language: str
    brand_id: int
    sender: str
    brand_name: str
    subject: str
    cause: str
    lane: Lane
    two_way: bool = False
    in_reply_to: int | None = None
    not_before: datetime | None = None


def send(draft: Draft, *, now: datetime) -> Message:
    """Queue it, within the transaction of its cause. If there is one for this cause and address, that one is returned.

    Without a gateway that could carry it the message waits, and shows among what needs a person.
    Raises ValueError for a recipient that isn't E.164 or an e-mail address, and for values that don't fit the template.
    """
    assert connection.in_atomic_block, "a message is written together with its cause"
    once = {"cause": draft.cause, "medium": draft.medium, "recipient": draft.recipient}
    there = Message.objects.filter(**once).first()
    if there is not None:
        return there
    if not _ADDRESS[draft.medium].fullmatch(draft.recipient):
        raise ValueError(f"{draft.recipient!r} is no recipient of {draft.medium}")
    values = {"provider": draft.brand_name, **draft.values}
    rendered, language = texts.render(
        draft.template, draft.medium, language=draft.language, brand_id=draft.brand_id, values=values
    )
    gateway = route(draft.medium, two_way=draft.two_way, prefer=_came_by(draft.in_reply_to), now=now)
    message, _ = Message.objects.get_or_create(
        **once, defaults=_row(draft, rendered, language, values, gateway, now)
    )
    wake("message")
    return message


def write_failed(draft: Draft, detail: str, *, now: datetime) -> Message:
    """Note a message that can't be written as one that failed, for a person to see, within the caller's transaction.

    It has no words, so that nobody can send it again. If there is one for this cause and address, that one is returned.
    """
    assert connection.in_atomic_block, "a message is written together with its cause"
    nothing = Rendered("", "", "", None)
    row = _row(draft, nothing, draft.language, draft.values, None, now)
    message, _ = Message.objects.get_or_create(
        cause=draft.cause, medium=draft.medium, recipient=draft.recipient,
        defaults=row | {"state": MessageState.FAILED, "due_at": None, "finished_at": now, "detail": detail},
    )  # fmt: skip
    return message


def supersede(*, subject: str, cause_prefix: str, by: Message | None, reason: str = "", now: datetime) -> int:
    """Withdraw what is still queued about `subject` for causes that begin so, all but `by`; how many. In a transaction.

    What is being sent at this moment goes its way, and so does what a try may have brought already.
    """
    assert connection.in_atomic_block
    waiting = Message.objects.filter(
        subject=subject, state=MessageState.QUEUED, may_have_left=False, cause__startswith=cause_prefix
    )
    if by is not None:
        waiting = waiting.exclude(pk=by.pk)
    return waiting.update(
        state=MessageState.SUPERSEDED,
        due_at=None,
        lease_until=None,
        finished_at=now,
        sealed_text=None,
        detail=reason or (f"superseded by message {by.pk}" if by else "superseded"),
    )


def new_reference() -> str:
    """Letters and digits that any carrier can repeat, and nobody can guess."""
    return secrets.token_hex(_REFERENCE_BYTES)


def _row(
    draft: Draft,
    rendered: Rendered,
    language: str,
    values: Mapping[str, str],
    gateway: Gateway | None,
    now: datetime,
) -> dict[str, object]:
    held = draft.not_before if draft.lane >= HELD_FROM else None
    hidden = texts.template(draft.template).secret
    is_secret = rendered.masked != rendered.text
    taken = rendered.segments
    return {
        "template": draft.template,
        "values": {name: "" if name in hidden else value for name, value in values.items()},
        "language": language,
        "brand_id": draft.brand_id,
        "brand_name": draft.brand_name,
        "sender": draft.sender,
        "subject": draft.subject,
        "lane": draft.lane,
        "two_way": draft.two_way,
        "in_reply_to_id": draft.in_reply_to,
        "title": rendered.title,
        "text": rendered.masked,
        "sealed_text": rendered.text if is_secret else None,
        "encoding": taken.encoding if taken else "",
        "segments": taken.count if taken else 0,
        "gateway": gateway,
        "cost_minor": gateway.cost_minor * (taken.count if taken else 1) if gateway else 0,
        "state": MessageState.QUEUED,
        "reference": new_reference(),
        "queued_at": now,
        "due_at": max(now, held) if held else now,
    }


def _came_by(inbound_id: int | None) -> int | None:
    """The gateway that the answered SMS came by: the answer comes from the number it was sent to."""
    if inbound_id is None:
        return None
    return Inbound.objects.filter(pk=inbound_id).values_list("gateway_id", flat=True).first()
