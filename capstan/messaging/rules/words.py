"""Words of messages, free of storage."""

from enum import IntEnum, StrEnum


class Medium(StrEnum):
    SMS = "sms"
    EMAIL = "email"


class Lane(IntEnum):
    """Who goes first where a gateway is slow: the lowest."""

    REPLY = 0
    """Answers and codes: somebody holds the phone in his hand."""
    CAP = 1
    BILLING = 2
    BULK = 3


HELD_FROM = Lane.BILLING
"""Quiet hours may hold this lane and those after it, never a cap notice or an answer."""


class MessageState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    """Handed to a gateway, its answer isn't committed yet."""
    SENT = "sent"
    """The gateway took it; whether it arrived a receipt says, if one comes."""
    DELIVERED = "delivered"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    """The gateway may or may not have taken it: it isn't repeated by itself."""
    SUPERSEDED = "superseded"
    """A newer message said more before this one left."""


FINAL = frozenset({MessageState.DELIVERED, MessageState.FAILED, MessageState.SUPERSEDED})


class InboundState(StrEnum):
    NEW = "new"
    ANSWERED = "answered"
    NEEDS_PERSON = "needs_person"
    DONE = "done"
    """Dealt with by a person, or needed no answer."""
    IGNORED = "ignored"
    """An automatic reply, an unknown sender: an answer would do harm."""


class GatewayKind(StrEnum):
    LOOPBACK = "loopback"
    HTTP = "http"
    SMTP = "smtp"


class Reason(StrEnum):
    """Why a message didn't leave or arrive."""

    NONE = ""
    UNKNOWN_SUBSCRIBER = "unknown_subscriber"
    """The number or address doesn't exist (any more)."""
    REFUSED = "refused"
    """The carrier, or the mailbox, doesn't take this message."""
    UNDELIVERED = "undelivered"
    """The carrier took it and couldn't bring it, or gave up."""
    UNREACHABLE = "unreachable"
    """The gateway couldn't be reached or was out of order."""
    THROTTLED = "throttled"
    CREDENTIALS = "credentials"
    NO_ANSWER = "no_answer"
    """The request went out and no answer came."""
    INTERRUPTED = "interrupted"
    """The process that was sending died."""
    TOO_LATE = "too_late"
    """Tried for as long as the message made sense."""
