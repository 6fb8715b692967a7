"""Words of metering, free of storage."""

from enum import IntEnum, StrEnum


class Status(IntEnum):
    """Acct-Status-Type (RFC 2866 §5.1), and above 200 our own control records in the same log."""

    START = 1
    STOP = 2
    INTERIM = 3
    ON = 7
    OFF = 8
    FAILED = 15
    CONTROL = 201


class SessionState(IntEnum):
    LIVE = 1
    STALE = 2  # its router has missed interims; the bytes are booked, a packet revives it
    CLOSED = 3


class RequireMessageAuthenticator(StrEnum):
    """Demand Message-Authenticator in Access-Requests (CVE-2024-3596): `auto` turns strict after the first good one."""

    YES = "yes"
    NO = "no"
    AUTO = "auto"


class FaultKind(StrEnum):
    """Why usage is held apart instead of counted."""

    COUNTERS_BACK = "counters-back"  # later session time, lower counters
    RATE = "impossible-rate"
    CLOCK = "wrong-clock"  # flagged only: its counters are sound and counted at receipt
    UNREADABLE = "fold-failed"  # the record made the fold raise
    UNKNOWN_USER = "unknown-user"


class FaultState(StrEnum):
    OPEN = "open"
    RELEASED = "released"  # staff counted it
    DISMISSED = "dismissed"  # staff dropped it
