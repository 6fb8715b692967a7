"""Amounts of money:

whole minor units (cents) of one currency. No fractions of a cent exist anywhere in Capstan.
"""

import re
from decimal import Decimal

from capstan.values.refused import Refused

_NBSP = "\N{NO-BREAK SPACE}"
_DECIMALS_OTHER_THAN_TWO = {  # ISO 4217 minor units
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
_AMOUNT = re.compile(r"\d{1,15}(?:\.\d{1,3})?", re.ASCII)


def minor_digits(currency: str) -> int:
    """How many decimals the currency has (ISO 4217)."""
    return _DECIMALS_OTHER_THAN_TWO.get(currency, 2)


def parse_money(text: str, currency: str) -> int:
    """The minor units in an amount such as `35` or `35.00`.

    Raises Refused for anything else, and for more decimals than the currency has.
    """
    if not _AMOUNT.fullmatch(text.strip()):
        raise Refused(f"{text!r} is not an amount of money: write it like 35.00, without a currency sign")
    minor = Decimal(text.strip()).scaleb(minor_digits(currency))
    if minor != minor.to_integral_value():
        raise Refused(f"{text!r} has more decimals than {currency} has")
    return int(minor)


def format_money(amount_minor: int, currency: str) -> str:
    """The amount with its currency code, as in `ZAR 35.00`. Pages use the reader's locale instead."""
    amount = Decimal(amount_minor).scaleb(-minor_digits(currency))
    return f"{currency}{_NBSP}{amount:.{minor_digits(currency)}f}"
