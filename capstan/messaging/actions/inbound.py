"""What comes in is stored once, then answered by whom it concerns: `claim` it, do what it asks, `finish` it."""

import hashlib
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from capstan.db.claim import claim as claim_rows
from capstan.db.wakeup import wake
from capstan.messaging.models import Gateway, Inbound
from capstan.messaging.rules.senders import read_sender
from capstan.messaging.rules.words import InboundState

LEASE = timedelta(seconds=20)
"""So long a worker has for the replies it took; they wait that long when it dies. Answering twice is ruled out by their rows."""
ATTEMPTS_MAX = 5
"""What could not be answered so often, because the program failed at it, goes to a person."""

_TEXT_MAX = 4000
_NO_CLOCK = timedelta(minutes=5)


@transaction.atomic
def store(
    gateway: Gateway,
    *,
    sender: str,
    recipient: str,
    text: str,
    sent_at: datetime | None,
    carrier_id: str,
    parent_carrier_id: str,
    now: datetime,
) -> Inbound:
    """Keep an SMS that came in; delivered again by its gateway it is the row that is there, counted.

    The same is what has the same id, or without one the same sender, text and time of sending. With neither id nor time
    it is the same sender and text within five minutes.
    """
    who = read_sender(sender, settings.OPTIONS.country)
    text = text.replace("\0", "")[:_TEXT_MAX]
    key, before = _keys(who.address, text, sent_at, carrier_id, now)
    there = Inbound.objects.filter(gateway=gateway, dedupe_key__in=[key, before]).first()
    if there is None:
        there, is_new = Inbound.objects.get_or_create(
            gateway=gateway,
            dedupe_key=key,
            defaults={
                "sender": who.address,
                "is_automatic": who.is_automatic,
                "recipient": recipient,
                "text": text,
                "carrier_id": carrier_id,
                "parent_carrier_id": parent_carrier_id,
                "sent_at": sent_at,
                "received_at": now,
                "due_at": now,
            },
        )
        if is_new:
            wake("message")
            return there
    Inbound.objects.filter(pk=there.pk).update(times_received=F("times_received") + 1)
    return there


def claim(now: datetime, limit: int) -> list[Inbound]:
    """Take some that wait for an answer, the oldest first; whoever dies with them gives them back when the lease ends.

    Those that failed too often go to a person instead.
    """
    connection.ensure_connection()
    rows = claim_rows(
        connection.connection, "messaging_inbound", key="id", returning=["id"], now=now, lease=LEASE, limit=limit
    )  # fmt: skip
    ids = [row[0] for row in rows]
    Inbound.objects.filter(pk__in=ids).update(attempts=F("attempts") + 1)
    taken = list(Inbound.objects.filter(pk__in=ids).select_related("gateway").order_by("pk"))
    for inbound in taken:
        if inbound.attempts > ATTEMPTS_MAX:
            finish(inbound.pk, InboundState.NEEDS_PERSON, "It could not be answered.", now)
    return [inbound for inbound in taken if inbound.attempts <= ATTEMPTS_MAX]


def finish(inbound_id: int, state: InboundState, outcome: str, now: datetime) -> bool:
    """Note what came of it, in the transaction of the deed. False when another had finished it before: then undo."""
    assert state != InboundState.NEW
    waiting = Inbound.objects.filter(pk=inbound_id, state=InboundState.NEW)
    return bool(waiting.update(state=state, outcome=outcome, finished_at=now, due_at=None, lease_until=None))


def _keys(
    sender: str, text: str, sent_at: datetime | None, carrier_id: str, now: datetime
) -> tuple[str, str]:
    """The key to store it under, and one under which it may be already."""
    if carrier_id:
        return (f"id {carrier_id}",) * 2
    when = sent_at or datetime.fromtimestamp(
        now.timestamp() // _NO_CLOCK.total_seconds() * _NO_CLOCK.total_seconds(), tz=now.tzinfo
    )
    kind = "sent" if sent_at else "about"
    times = (when, when if sent_at else when - _NO_CLOCK)
    one, other = (
        f"{kind} {hashlib.sha256(f'{sender}|{at.isoformat()}|{text}'.encode()).hexdigest()}" for at in times
    )
    return one, other
