"""Whether a line can be sold data at all, what it costs, and how much may be spent. Free of storage."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import NamedTuple

from capstan.caps.rules.cap import CAPPED_BELOW
from capstan.values.data import Units
from capstan.values.formats import Formats


class Hindrance(StrEnum):
    """Why more data would not open a line."""

    ENDED = "ended"
    SUSPENDED = "suspended"
    WRONG_DEVICE = "wrong device"
    UNCAPPED = "uncapped"
    NOT_METERED = "not metered"
    TOO_SMALL = "too small"
    OWES_MORE = "owes more"


CUSTOMER_WORDS = {
    Hindrance.ENDED: "This line has ended. Please call us if you want it back.",
    Hindrance.SUSPENDED: "This line is on hold because a payment is due. A top-up would not open it: please pay first.",
    Hindrance.WRONG_DEVICE: "This line is locked to another router, so a top-up would not open it: please call us.",
    Hindrance.UNCAPPED: "This line has no data cap, so there is nothing to top up.",
    Hindrance.NOT_METERED: "This line is being set up. Please try again in a minute.",
    Hindrance.TOO_SMALL: "This is too little to open the line: please choose a larger top-up.",
    Hindrance.OWES_MORE: "More than this top-up was used beyond the cap already: please choose a larger one.",
}

STAFF_WORDS = {
    Hindrance.ENDED: "The service has ended: data would not open it.",
    Hindrance.SUSPENDED: "The service is on hold: data would not open it. Resume it or take the payment first.",
    Hindrance.WRONG_DEVICE: "Its session comes from another device than the line is locked to: clear the device first.",
    Hindrance.UNCAPPED: "Its package has no cap: there is nothing to top up.",
    Hindrance.NOT_METERED: "Its metering hasn't begun: try again in a minute.",
    Hindrance.TOO_SMALL: "Less than a megabyte would not open the line: choose a larger size.",
    Hindrance.OWES_MORE: "More than this was used beyond the cap, and its package carries that: choose a larger size.",
}


class LineFacts(NamedTuple):
    """What decides whether a line can be sold data."""

    has_ended: bool
    is_suspended: bool
    is_wrong_device: bool
    is_uncapped: bool
    is_metered: bool
    owed_bytes: int  # overshoot that the next top-up has to pay for


def hindrance(line: LineFacts, size_bytes: int | None = None) -> Hindrance | None:
    """What stands in the way, the first thing to mend; None if data (of this size) opens the line."""
    standing_in_the_way = {
        Hindrance.ENDED: line.has_ended,
        Hindrance.SUSPENDED: line.is_suspended,
        Hindrance.WRONG_DEVICE: line.is_wrong_device,
        Hindrance.NOT_METERED: not line.is_metered,
        Hindrance.UNCAPPED: line.is_uncapped,
        Hindrance.TOO_SMALL: size_bytes is not None and size_bytes < CAPPED_BELOW,
        Hindrance.OWES_MORE: size_bytes is not None and size_bytes - line.owed_bytes < CAPPED_BELOW,
    }
    return next((one for one, applies in standing_in_the_way.items() if applies), None)


def price_of(
    size_bytes: int, *, per_gb_minor: int | None, units: Units, offers: Sequence[tuple[int, int]]
) -> int | None:
    """What this size costs, VAT included: the price per GB, or that of an offer of this very size if it is lower.

    `offers` are (size, price). Rounded half-even to a minor unit. None: it isn't sold.
    """
    prices = [price for size, price in offers if size == size_bytes]
    if per_gb_minor is not None:
        exact = Decimal(per_gb_minor) * size_bytes / Decimal(int(units) ** 3)
        prices.append(int(exact.to_integral_value(ROUND_HALF_EVEN)))
    return min(prices, default=None)


class Ceiling(NamedTuple):
    """How much may be spent on a line in a cycle; None: as much as one likes."""

    minor: int | None
    size_bytes: int | None


class Spent(NamedTuple):
    """What was ordered on a line in this cycle, waiting orders included."""

    minor: int
    size_bytes: int


def beyond_ceiling(
    ceiling: Ceiling, spent: Spent, price_minor: int, size_bytes: int, formats: Formats
) -> str:
    """Why this order would go beyond the ceiling, in words for everybody; empty if it doesn't."""
    if ceiling.minor is not None and spent.minor + price_minor > ceiling.minor:
        left = formats.money(max(0, ceiling.minor - spent.minor))
        return f"This line may spend {formats.money(ceiling.minor)} on top-ups in a cycle, and {left} of it is left."
    if ceiling.size_bytes is not None and spent.size_bytes + size_bytes > ceiling.size_bytes:
        left = formats.size(max(0, ceiling.size_bytes - spent.size_bytes))
        return f"This line may buy {formats.size(ceiling.size_bytes)} of top-ups in a cycle, and {left} of it is left."
    return ""
