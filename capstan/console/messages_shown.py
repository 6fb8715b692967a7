"""Messages in words: states, lanes, reasons, what they took and cost."""

from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString

from capstan.messaging.models import Gateway, Inbound, Message
from capstan.messaging.queries.messages import Entry, words_of
from capstan.messaging.rules.segments import Encoding
from capstan.messaging.rules.words import InboundState, Lane, Medium, MessageState, Reason
from capstan.ui.parts import badge
from capstan.ui.states import Tone

LANE_WORDS = {
    Lane.REPLY: "Codes and replies",
    Lane.CAP: "Cap notices",
    Lane.BILLING: "Billing",
    Lane.BULK: "Bulk",
}

REASON_WORDS = {
    Reason.NONE: "",
    Reason.UNKNOWN_SUBSCRIBER: "The number or address doesn't exist (any more).",
    Reason.REFUSED: "The carrier or mailbox doesn't take this message.",
    Reason.UNDELIVERED: "The carrier took it and couldn't deliver it.",
    Reason.UNREACHABLE: "The gateway couldn't be reached, or was out of order.",
    Reason.THROTTLED: "The gateway said: too many at once.",
    Reason.CREDENTIALS: "The gateway doesn't accept our credentials.",
    Reason.NO_ANSWER: "It was handed over and the gateway never answered: it may have left.",
    Reason.INTERRUPTED: "The process that was sending died: it may have left.",
    Reason.TOO_LATE: "Tried for as long as the message made sense.",
}

_OUT_LOOKS = {
    MessageState.QUEUED: ("Waits to leave", Tone.QUIET, "clock"),
    MessageState.SENDING: ("Is being sent", Tone.NEWS, "send"),
    MessageState.SENT: ("Sent", Tone.NEWS, "check"),
    MessageState.DELIVERED: ("Delivered", Tone.GOOD, "circle-check"),
    MessageState.FAILED: ("Failed", Tone.BAD, "circle-x"),
    MessageState.UNCERTAIN: ("May have left", Tone.WARN, "alert-triangle"),
    MessageState.SUPERSEDED: ("Superseded", Tone.QUIET, "minus"),
}

_IN_LOOKS = {
    InboundState.NEW: ("Just came in", Tone.NEWS, "inbox"),
    InboundState.ANSWERED: ("Answered", Tone.GOOD, "check"),
    InboundState.NEEDS_PERSON: ("Needs a person", Tone.WARN, "hand-stop"),
    InboundState.DONE: ("Done", Tone.GOOD, "circle-check"),
    InboundState.IGNORED: ("Left alone", Tone.QUIET, "minus"),
}

_ENCODINGS = {Encoding.GSM7: "GSM-7, 160 letters fit one SMS", Encoding.UCS2: "UCS-2, 70 letters fit one SMS"}


def message_badge(message: Message) -> SafeString:
    return badge(*_OUT_LOOKS[MessageState(message.state)])


def inbound_badge(inbound: Inbound) -> SafeString:
    return badge(*_IN_LOOKS[InboundState(inbound.state)])


def message_url(message_id: int) -> str:
    return reverse("console:message", args=[message_id])


def inbound_url(inbound_id: int) -> str:
    return reverse("console:inbound", args=[inbound_id])


def encoding_words(encoding: str) -> str:
    return _ENCODINGS[Encoding(encoding)] if encoding else ""


def segments_words(count: int) -> str:
    return f"{count} SMS" if count else ""


def why(message: Message) -> str:
    """Why it needs a person, or never arrived; empty for one that is well."""
    if message.state == MessageState.QUEUED and message.gateway is None:
        return "No gateway can carry it: it waits until there is one."
    if message.state == MessageState.QUEUED:
        return f"It waits longer than it should. {_trouble(message.gateway)}".strip()
    said = f" It said: {message.detail}" if message.detail else ""
    return f"{REASON_WORDS[Reason(message.reason)]}{said}".strip()


def _trouble(gateway: Gateway | None) -> str:
    return (
        f"The gateway {gateway.name} is in trouble: {gateway.trouble}" if gateway and gateway.trouble else ""
    )


class Bubble(NamedTuple):
    """A line of a conversation; `is_ours` stands on the right."""

    at: datetime
    text: str
    is_ours: bool
    badge: SafeString
    url: str
    who: str  # the number or address
    medium: Medium


def bubble(entry: Entry) -> Bubble:
    if entry.message is not None:
        one = entry.message
        words, place, medium = words_of(one), message_url(one.pk), Medium(one.medium)
        return Bubble(entry.at, words, True, message_badge(one), place, one.recipient, medium)
    assert entry.inbound is not None
    came = entry.inbound
    return Bubble(
        entry.at, came.text, False, inbound_badge(came), inbound_url(came.pk), came.sender, Medium.SMS
    )


def message_facts(message: Message) -> list[tuple[str, object]]:
    """How it went, with every time and number that there is."""
    formats = settings.FORMATS
    cost = formats.money(message.cost_minor) if message.cost_minor else "nothing"
    facts: list[tuple[str, object]] = [
        ("To", message.recipient),
        ("About", message.subject),
        ("Template", f"{message.template}, in {message.language}"),
        ("Lane", LANE_WORDS[Lane(message.lane)]),
        (
            "Takes",
            " · ".join(filter(None, (segments_words(message.segments), encoding_words(message.encoding)))),
        ),
        ("Costs", f"{cost} by its gateway" if message.gateway is not None else ""),
        ("Gateway", message.gateway.name if message.gateway is not None else "none yet"),
        ("Carrier's id", message.carrier_id),
        ("Our reference", message.reference),
        ("Queued", formats.moment(message.queued_at)),
        ("Sent", formats.moment(message.sent_at) if message.sent_at else ""),
        ("Ended", formats.moment(message.finished_at) if message.finished_at else ""),
        ("Tries", str(message.attempts) if message.attempts else ""),
        ("Next try", formats.moment(message.due_at) if message.due_at else ""),
        (
            "Why",
            why(message)
            if message.reason or (message.state == MessageState.QUEUED and message.due_at is None)
            else "",
        ),
        ("Seen by", f"{message.handled_by}, {message.note}" if message.handled_at else ""),
    ]
    return [(term, fact) for term, fact in facts if fact]


def inbound_facts(inbound: Inbound) -> list[tuple[str, object]]:
    formats = settings.FORMATS
    facts: list[tuple[str, object]] = [
        ("From", inbound.sender + (", a machine or short code" if inbound.is_automatic else "")),
        ("To", inbound.recipient),
        ("Came in", formats.moment(inbound.received_at)),
        ("Sent, by the carrier's clock", formats.moment(inbound.sent_at) if inbound.sent_at else ""),
        ("Gateway", inbound.gateway.name),
        ("Carrier's id", inbound.carrier_id),
        ("Delivered", f"{inbound.times_received} times, counted once" if inbound.times_received > 1 else ""),
        ("What came of it", inbound.outcome),
        ("Dealt with by", f"{inbound.handled_by}: {inbound.note}".rstrip(": ") if inbound.handled_by else ""),
    ]
    return [(term, fact) for term, fact in facts if fact]
