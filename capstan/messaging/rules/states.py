"""How a message goes from state to state, whatever order its news come in, and when it is tried again."""

from datetime import timedelta
from enum import StrEnum

from capstan.messaging.rules.words import Lane, MessageState


class ReceiptKind(StrEnum):
    PROGRESS = "progress"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN_SUBSCRIBER = "unknown subscriber"
    UNKNOWN = "unknown"
    """A word that the gateway's settings don't explain: kept, and it changes nothing."""


_AFTER = {
    ReceiptKind.PROGRESS: MessageState.SENT,
    ReceiptKind.DELIVERED: MessageState.DELIVERED,
    ReceiptKind.FAILED: MessageState.FAILED,
    ReceiptKind.UNKNOWN_SUBSCRIBER: MessageState.FAILED,
}
# Later ones are never undone by what says less. A telephone that acknowledged has it, whatever the carrier thought.
_RANKS = {
    MessageState.QUEUED: 0,
    MessageState.SENDING: 0,
    MessageState.UNCERTAIN: 1,
    MessageState.SENT: 2,
    MessageState.SUPERSEDED: 3,
    MessageState.FAILED: 3,
    MessageState.DELIVERED: 4,
}

_FIRST = timedelta(seconds=5)
_LONGEST = timedelta(minutes=30)
_PATIENCE = {
    Lane.REPLY: timedelta(minutes=30),
    Lane.CAP: timedelta(hours=12),
    Lane.BILLING: timedelta(hours=24),
    Lane.BULK: timedelta(hours=24),
}


def after_receipt(state: MessageState, kind: ReceiptKind) -> MessageState:
    """The state after this receipt: the same for any order in which several come."""
    new = _AFTER.get(kind, state)
    return new if _RANKS[new] > _RANKS[state] else state


def is_open(state: MessageState) -> bool:
    """Whether the outcome of a try may still change it."""
    return state in (MessageState.SENDING, MessageState.UNCERTAIN)


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many tries: 5 s, then twice as long each time, to half an hour."""
    doublings = min(attempts - 1, 16)
    return min(_FIRST * (1 << doublings), _LONGEST)


def patience(lane: Lane) -> timedelta:
    """How long a message is worth trying: an answer half an hour, a notice half a day."""
    return _PATIENCE[lane]
