"""Outbox and inbox as one stream, newest first, a piece at a time."""

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from django.db.models import F, Model, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from capstan.messaging.models import Inbound, Message
from capstan.messaging.queries.messages import Entry
from capstan.messaging.rules.words import InboundState, Lane, MessageState

_Row = TypeVar("_Row", bound=Model)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Wanted(NamedTuple):
    """What the stream is narrowed to. Empty sets of states leave that direction out; None: all of it."""

    out: frozenset[MessageState] | None = None
    came: frozenset[InboundState] | None = None
    lane: Lane | None = None  # only messages have one
    number: str = ""  # E.164 or e-mail address
    subject: str = ""


class Cursor(NamedTuple):
    """Where a piece of the stream ended: what comes next is older, or as old and stands behind."""

    at: datetime
    is_inbound: bool
    pk: int

    def as_text(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}.{int(self.is_inbound)}.{self.pk}"


class Piece(NamedTuple):
    """Some of the stream, and where it goes on; None: that was all."""

    entries: tuple[Entry, ...]
    goes_on: Cursor | None


def read_cursor(text: str) -> Cursor | None:
    """The cursor in an address; None for anything else."""
    parts = text.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 18 for part in parts):
        return None
    micros, is_inbound, pk = map(int, parts)
    return Cursor(_EPOCH + timedelta(microseconds=micros), bool(is_inbound), pk)


def stream(wanted: Wanted, *, before: Cursor | None = None, limit: int = 50) -> Piece:
    """The newest that are wanted, or those that come after a cursor."""
    out = [Entry(one.queued_at, one, None) for one in _messages(wanted, before)[: limit + 1]]
    came = [Entry(one.received_at, None, one) for one in _inbound(wanted, before)[: limit + 1]]
    merged = sorted([*out, *came], key=_place, reverse=True)
    shown = merged[:limit]
    return Piece(tuple(shown), Cursor(*_place(shown[-1])) if len(merged) > limit else None)


def conversations(numbers: Collection[str], *, limit: int) -> dict[str, list[Entry]]:
    """What last went to and came from each of these numbers, the newest last: two questions for all of them."""
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    for message in _last_of(
        Message.objects.filter(recipient__in=numbers).select_related("gateway"),
        "recipient",
        "queued_at",
        limit,
    ):
        found[message.recipient].append(Entry(message.queued_at, message, None))
    for inbound in _last_of(Inbound.objects.filter(sender__in=numbers), "sender", "received_at", limit):
        found[inbound.sender].append(Entry(inbound.received_at, None, inbound))
    return {number: sorted(entries, key=_place)[-limit:] for number, entries in found.items()}


def answers_to(message: Message) -> list[Inbound]:
    """What came back as the answer to a message, by the carrier's word."""
    names = [name for name in (message.carrier_id, message.reference) if name]
    if message.gateway_id is None:
        return []
    found = Inbound.objects.filter(gateway_id=message.gateway_id, parent_carrier_id__in=names)
    return list(found.order_by("received_at", "pk"))


def replies_to(inbound: Inbound) -> list[Message]:
    """What was sent in answer to an SMS that came in."""
    return list(Message.objects.filter(in_reply_to=inbound).order_by("queued_at", "pk"))


def _messages(wanted: Wanted, before: Cursor | None) -> QuerySet[Message]:
    found = Message.objects.select_related("gateway")
    if wanted.out is not None:
        found = found.filter(state__in=wanted.out)
    if wanted.lane is not None:
        found = found.filter(lane=wanted.lane)
    if wanted.number:
        found = found.filter(recipient=wanted.number)
    if wanted.subject:
        found = found.filter(subject=wanted.subject)
    if before is not None:
        ties = Q(queued_at=before.at) if before.is_inbound else Q(queued_at=before.at, pk__lt=before.pk)
        found = found.filter(Q(queued_at__lt=before.at) | ties)
    return found.order_by("-queued_at", "-pk")


def _inbound(wanted: Wanted, before: Cursor | None) -> QuerySet[Inbound]:
    found = Inbound.objects.select_related("gateway")
    if wanted.lane is not None:
        return found.none()
    if wanted.came is not None:
        found = found.filter(state__in=wanted.came)
    if wanted.number:
        found = found.filter(sender=wanted.number)
    if wanted.subject:
        answered = Message.objects.filter(subject=wanted.subject).exclude(in_reply_to=None)
        found = found.filter(pk__in=answered.values("in_reply_to"))
    if before is not None:
        ties = Q(received_at=before.at, pk__lt=before.pk) if before.is_inbound else Q(pk__in=[])
        found = found.filter(Q(received_at__lt=before.at) | ties)
    return found.order_by("-received_at", "-pk")


def _place(entry: Entry) -> tuple[datetime, bool, int]:
    """At the same moment what came in stands on top."""
    if entry.message is not None:
        return entry.at, False, entry.message.pk
    assert entry.inbound is not None
    return entry.at, True, entry.inbound.pk


def _last_of(rows: "QuerySet[_Row]", by: str, at: str, limit: int) -> "QuerySet[_Row]":
    place = Window(RowNumber(), partition_by=F(by), order_by=[F(at).desc(), F("pk").desc()])
    last: Any = rows.alias(place=place).filter(place__lte=limit)
    return last  # type: ignore[no-any-return]
