"""Words of billing, and sums of money. Free of storage."""

from enum import StrEnum


class ChargeKind(StrEnum):
    """What was sold."""

    TOP_UP = "top-up"


def share_of(amount_minor: int, part: int, whole: int) -> int:
    """The amount's share for `part` of `whole`, rounded half-even to a minor unit.

    Raises ValueError unless 0 <= part <= whole and whole is positive.
    """
    if not 0 <= part <= whole or whole == 0:
        raise ValueError(f"{part} of {whole} is no share")
    quotient, rest = divmod(amount_minor * part, whole)
    is_up = rest * 2 > whole or (rest * 2 == whole and quotient % 2 == 1)
    return quotient + is_up
