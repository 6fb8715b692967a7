"""What a package says: the words, free of storage."""

from enum import StrEnum


class CycleKind(StrEnum):
    """How long an allowance lasts."""

    DAY = "day"
    WEEK = "week"
    DAYS_30 = "30days"
    MONTH = "month"
    YEAR = "year"


class CycleAnchor(StrEnum):
    """Where a cycle starts: on the calendar's first day, or on the service's own day."""

    CALENDAR = "calendar"
    ANNIVERSARY = "anniversary"


class Counting(StrEnum):
    """Which direction uses up data."""

    BOTH = "both"
    DOWN = "down"
    UP = "up"


class AtCap(StrEnum):
    """What happens when every bucket is used up."""

    BLOCK = "block"
    THROTTLE = "throttle"
    WALL = "wall"
    OPEN = "open"
    OVERAGE = "overage"  # charged, and only with the customer's recorded consent; without it: block


class OvershootPolicy(StrEnum):
    """Who bears the bytes between the cap and the cut."""

    FORGIVE = "forgive"
    CARRY = "carry"
    BILL = "bill"
