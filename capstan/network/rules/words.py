"""Words of the network, free of storage."""

from enum import StrEnum


class AccessKind(StrEnum):
    """What a session gets."""

    OPEN = "open"
    THROTTLED = "throttled"
    WALLED = "walled"
    BLOCKED = "blocked"


class Reason(StrEnum):
    """Why it is not open. Ordered: the first that applies is the one to mend; a top-up helps only against `CAPPED`.

    `CHECKOUT`, always the last, is why it is let out for a moment all the same.
    """

    ENDED = "ended"
    SUSPENDED = "suspended"
    WRONG_DEVICE = "wrong-device"
    CAPPED = "capped"
    CHECKOUT = "checkout"


class CommandKind(StrEnum):
    COA = "coa"
    DISCONNECT = "disconnect"


class CommandState(StrEnum):
    """`sending` was committed before the packet left. What a crash leaves is `uncertain`, and sent anew."""

    SENDING = "sending"
    ACK = "ack"
    NAK = "nak"
    TIMEOUT = "timeout"
    UNCERTAIN = "uncertain"
