"""Amounts of data: what a GB is, how people write one, how we show one.

This is the only module that knows whether 1 GB is 10^9 or 2^30 bytes; everything else counts bytes.
"""

import re
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from enum import IntEnum

from capstan.values.refused import Refused

_NAMES = ("B", "kB", "MB", "GB", "TB", "PB")
_POWERS = {name.upper(): power for power, name in enumerate(_NAMES)}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)[ \u00a0]*([kmgtp]?b)", re.IGNORECASE | re.ASCII)
_BYTES_MAX = 2**63 - 1  # what a bigint column holds
_NBSP = "\N{NO-BREAK SPACE}"


class Units(IntEnum):
    """How many bytes a kB has; MB, GB, … are its powers. The operator's setting `binary_units` chooses."""

    DECIMAL = 1000
    BINARY = 1024


def parse_bytes(text: str, units: Units = Units.DECIMAL) -> int:
    """The bytes in a size as people write it: `2GB`, `0.5 GB`, `500mb`. A broken byte is rounded half-even.

    Raises Refused, worded for the person who typed it, when the text is anything else or the size is
    beyond 8 EB.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise Refused(f"{text!r} is not an amount of data: write it like 500MB or 2.5GB")
    number, unit = match.groups()
    exact = Decimal(number) * Decimal(int(units) ** _POWERS[unit.upper()])
    size_bytes = int(exact.to_integral_value(ROUND_HALF_EVEN))
    if size_bytes > _BYTES_MAX:
        raise Refused(f"{text!r} is more data than can be counted")
    return size_bytes


def format_bytes(size_bytes: int, units: Units = Units.DECIMAL) -> str:
    """The size with three significant figures and a non-breaking space, as in `13.6 GB`, `985 MB`, `2 GB`.

    Halves are rounded up, zeros that say nothing are dropped, and what rounds up to a whole next unit is
    shown in it.
    """
    sign, rest = ("-", -size_bytes) if size_bytes < 0 else ("", size_bytes)
    for power, name in enumerate(_NAMES):
        shown = _three_figures(Decimal(rest) / Decimal(int(units) ** power))
        if shown < units or name == _NAMES[-1]:
            return f"{sign}{shown.normalize():f}{_NBSP}{name}"
    raise AssertionError("the last unit takes everything")


def _three_figures(amount: Decimal) -> Decimal:
    decimals = 2 if amount < 10 else 1 if amount < 100 else 0
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
