"""What to do about one live session, from what it should have, what it was given and how the last command went.

CoA first, as it doesn't drop the line; a disconnect when that fails or can't do it, after which the next login brings
the right access; when even that fails, the same again more and more slowly.
"""

from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import NamedTuple

from capstan.network.rules.quota import Lent, Way
from capstan.network.rules.words import AccessKind, CommandKind, CommandState


class ErrorCause(IntEnum):
    """Error-Cause values that lead to different steps (RFC 5176 §3.5)."""

    MISSING_ATTRIBUTE = 402
    NAS_IDENTIFICATION_MISMATCH = 403
    INVALID_REQUEST = 404
    SESSION_CONTEXT_NOT_FOUND = 503
    RESOURCES_UNAVAILABLE = 506


# These say that what we send doesn't suit this router at all: nothing that waiting mends.
UNSUITABLE = frozenset(
    {ErrorCause.MISSING_ATTRIBUTE, ErrorCause.NAS_IDENTIFICATION_MISMATCH, ErrorCause.INVALID_REQUEST}
)

COA_REFUSAL_LASTS = timedelta(hours=1)
"""How long a CoA that failed for an access is not tried again for the same access of the same session."""

STOP_MAY_TAKE = timedelta(seconds=5)
"""A packet of a disconnected session within this time may be its last one; a later one shows that it lives on."""

_RETRY_FIRST = timedelta(seconds=30)
_RETRY_SLOWEST = timedelta(minutes=15)
_BUSY_RETRY = timedelta(seconds=5)


class Step(StrEnum):
    NONE = "none"
    COA = "coa"
    DISCONNECT = "disconnect"


class Given(NamedTuple):
    """What the session's router was told last and has acknowledged."""

    access_hash: bytes
    limit_bytes: int | None


class LastCommand(NamedTuple):
    """The last CoA or disconnect that was sent for the session."""

    kind: CommandKind
    state: CommandState
    access_hash: bytes
    error_cause: int | None
    answered_at: datetime | None


class Case(NamedTuple):
    """One live session, compared."""

    kind: AccessKind  # what it should have
    access_hash: bytes
    lent: Lent
    given: Given | None  # None: unknown
    displaced: bool  # a newer session of a service with a session limit took its place
    by_coa: bool  # a CoA can bring it to that access
    last: LastCommand | None
    last_seen_at: datetime


def next_step(case: Case, now: datetime) -> Step:
    """What is to be sent for this session now."""
    step = _wanted(case)
    last = case.last
    if step == Step.NONE or last is None or last.answered_at is None or last.state == CommandState.UNCERTAIN:
        return step
    if last.kind == CommandKind.DISCONNECT:
        gone = _was_disconnected(last) and case.last_seen_at <= last.answered_at + STOP_MAY_TAKE
        return Step.NONE if gone else step
    failed = last.state in (CommandState.NAK, CommandState.TIMEOUT) and last.access_hash == case.access_hash
    recent = now < last.answered_at + COA_REFUSAL_LASTS
    if step == Step.COA and failed and recent and last.error_cause != ErrorCause.RESOURCES_UNAVAILABLE:
        return Step.DISCONNECT if _worth_a_drop(case) else Step.NONE
    return step


def _was_disconnected(last: LastCommand) -> bool:
    return last.state == CommandState.ACK or last.error_cause == ErrorCause.SESSION_CONTEXT_NOT_FOUND


def _wanted(case: Case) -> Step:
    if case.displaced:
        return Step.DISCONNECT
    same = case.given is not None and case.given.access_hash == case.access_hash
    if same and case.lent.way == Way.KEEP:
        return Step.NONE
    if case.by_coa and case.lent.way != Way.LOGIN:
        return Step.COA
    return Step.DISCONNECT


def _worth_a_drop(case: Case) -> bool:
    """Whether a line is better reset than left as it is, once its router refuses CoA.

    Not for an open line of which we don't know what it got: its login had to be right, and on a router that neither
    echoes Class nor takes CoA it would be reset again and again. Nor for a limit that is only missing or too high.
    """
    if case.given is None:
        return case.kind != AccessKind.OPEN
    return case.given.access_hash != case.access_hash or _cuts_too_early(case)


def _cuts_too_early(case: Case) -> bool:
    """The router holds a limit that it should not have, or a lower one than it should."""
    if case.given is None or case.given.limit_bytes is None or case.lent.way == Way.KEEP:
        return False
    return case.lent.limit_bytes is None or case.given.limit_bytes < case.lent.limit_bytes


def retry_after(kind: CommandKind, error_cause: int | None, attempts: int) -> timedelta:
    """How long a service waits after a command failed. `attempts` counts failed disconnects in a row, this one too.

    A failed CoA is followed by the next step at once; a router that is short of resources gets a moment.
    """
    if kind == CommandKind.COA:
        return _BUSY_RETRY if error_cause == ErrorCause.RESOURCES_UNAVAILABLE else timedelta(0)
    slower: timedelta = min(_RETRY_FIRST * 2 ** min(attempts - 1, 10), _RETRY_SLOWEST)
    return slower
