"""Words about services, free of storage."""

from enum import StrEnum


class ServiceStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class Standing(StrEnum):
    """Who waits for whom: postpaid gets each cycle's allowance at once, prepaid when it is paid."""

    POSTPAID = "postpaid"
    PREPAID = "prepaid"


class LoginBy(StrEnum):
    """How a line shows who it is: by password, or by its MAC address alone (IPoE, hotspot)."""

    PASSWORD = "password"  # noqa: S105
    MAC = "mac"


class MacLock(StrEnum):
    """Which device may use the line: any; the first one seen from now on; only the one recorded."""

    OFF = "off"
    LEARN = "learn"
    LOCKED = "locked"
