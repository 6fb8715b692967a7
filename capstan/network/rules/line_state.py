"""A line's state in the words that everybody reads: the same in portal, console, SMS and on the command line."""

from enum import StrEnum

from capstan.network.rules.access import Access
from capstan.network.rules.words import AccessKind, Reason


class LineState(StrEnum):
    OPEN = "open"
    THROTTLED = "throttled"
    WALLED = "walled"
    BLOCKED = "blocked"
    SUSPENDED = "suspended"
    WRONG_DEVICE = "wrong-device"
    ENDED = "ended"
    UNKNOWN = "unknown"


STATE_WORDS = {
    LineState.OPEN: "Online",
    LineState.THROTTLED: "Slowed down",
    LineState.WALLED: "Top up to continue",
    LineState.BLOCKED: "Data used up",
    LineState.SUSPENDED: "On hold – payment due",
    LineState.WRONG_DEVICE: "Wrong device",
    LineState.ENDED: "Ended",
    LineState.UNKNOWN: "Unknown",
}

_BY_REASON = {
    Reason.ENDED: LineState.ENDED,
    Reason.SUSPENDED: LineState.SUSPENDED,
    Reason.WRONG_DEVICE: LineState.WRONG_DEVICE,
}

_BY_KIND = {
    AccessKind.OPEN: LineState.OPEN,
    AccessKind.THROTTLED: LineState.THROTTLED,
    AccessKind.WALLED: LineState.WALLED,
    AccessKind.BLOCKED: LineState.BLOCKED,
}


def line_state(access: Access | None) -> LineState:
    """The state that the access a line should have is said in: the first reason decides. None: it isn't known."""
    if access is None:
        return LineState.UNKNOWN
    decisive = (_BY_REASON[reason] for reason in access.reasons[:1] if reason in _BY_REASON)
    return next(decisive, _BY_KIND[access.kind])
