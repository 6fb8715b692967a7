"""Words of caps, free of storage."""

from datetime import UTC, datetime
from enum import StrEnum

NO_EXPIRY = datetime(9999, 1, 1, tzinfo=UTC)
"""The expiry of a bucket that is valid until it is used up."""


class CapState(StrEnum):
    """What the buckets allow. What a line finally gets also depends on the service's status: see network.rules.access."""

    OPEN = "open"
    THROTTLED = "throttled"
    WALLED = "walled"
    BLOCKED = "blocked"


class BucketKind(StrEnum):
    """In the order they are drawn (`DRAW_PRIORITY`)."""

    ALLOWANCE = "allowance"
    ROLLOVER = "rollover"
    BONUS = "bonus"
    GOODWILL = "goodwill"
    TOPUP = "topup"


DRAW_PRIORITY = {kind: place for place, kind in enumerate(BucketKind)}

# Kinds that a day or week limit holds back; what was bought or given on top is free of them.
LIMITED_KINDS = frozenset({BucketKind.ALLOWANCE, BucketKind.ROLLOVER})


class Limit(StrEnum):
    """What a threshold is measured against."""

    CYCLE = "cycle"
    DAY = "day"
    WEEK = "week"


class Beyond(StrEnum):
    """What becomes of bytes beyond every bucket."""

    OVERAGE = "overage"  # allowed by the package: throttled, open, uncapped or charged
    OVERSHOOT = "overshoot"  # the line should have been cut: between the cap and the cut
