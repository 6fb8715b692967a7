"""Sums of money: shares and VAT, rounded half-even where it is said. Free of storage."""


def half_even(numerator: int, denominator: int) -> int:
    """The quotient, a half going to the even side. Raises ValueError unless the denominator is positive."""
    if denominator <= 0:
        raise ValueError(f"{numerator} / {denominator}")
    quotient, rest = divmod(numerator, denominator)
    return quotient + (rest * 2 > denominator or (rest * 2 == denominator and quotient % 2 == 1))


def share_of(amount_minor: int, part: int, whole: int) -> int:
    """The amount's share for `part` of `whole`, rounded half-even to a minor unit.

    Raises ValueError unless 0 <= part <= whole and whole is positive.
    """
    if not 0 <= part <= whole or whole == 0:
        raise ValueError(f"{part} of {whole} is no share")
    return half_even(amount_minor * part, whole)


def vat_in(amount_minor: int, rate_bp: int) -> int:
    """The VAT that an amount with VAT holds, at a rate in hundredths of a percent: rounded half-even, once per invoice line."""
    return half_even(amount_minor * rate_bp, 10_000 + rate_bp)


def vat_on(net_minor: int, rate_bp: int) -> int:
    """The VAT that comes on top of an amount without it."""
    return half_even(net_minor * rate_bp, 10_000)
