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
_THREE = 3
_THOUSANDS = re.compile(r"(?<=\d)\s(?=\d{3}(?!\d))")
_TWO_MEANINGS = re.compile(r"[.,]\d{3}(?!\d)|[.,].*[.,]")
_AMOUNT = re.compile(r"\d{1,15}(?:\.\d{1,3})?", re.ASCII)


def minor_digits(currency: str) -> int:
    """How many decimals the currency has (ISO 4217)."""
    return _DECIMALS_OTHER_THAN_TWO.get(currency, 2)


def parse_money(text: str, currency: str) -> int:
    """The minor units in an amount such as `35` or `35.00`.

    Raises Refused for anything else, and for more decimals than the currency has.
    """
    if not _AMOUNT.fullmatch(text.strip()):
        raise Refused(f"“{text}” is not an amount of money: write it like 35.00, without a currency sign")
    minor = Decimal(text.strip()).scaleb(minor_digits(currency))
    if len(text.strip().partition(".")[2]) > minor_digits(currency):
        raise Refused(f"“{text}” has more decimals than {currency} has")
    return int(minor)


def read_money(typed: str, currency: str) -> int:
    """The minor units in an amount as people write it and as we print it: `35`, `35,50`, `R 1 499.00`.

    Raises Refused for anything else, and for what may mean two things: `1,000` is a thousand to one and one to another.
    """
    text = re.sub(rf"^(?:{re.escape(currency)}|[^\W\d_]|[$€£¥])?\s*", "", typed.strip())
    text = _THOUSANDS.sub("", text)
    if _TWO_MEANINGS.search(text) and minor_digits(currency) != _THREE:
        plain = text.replace(",", "").replace(".", "")
        raise Refused(
            f"“{typed.strip()}” may mean two things: write {plain} without a comma, or cents as in 1.00"
        )
    return parse_money(text.replace(",", "."), currency)


def format_money(amount_minor: int, currency: str) -> str:
    """The amount with its currency code, as in `ZAR 35.00`. Pages use the reader's locale instead."""
    amount = Decimal(amount_minor).scaleb(-minor_digits(currency))
    return f"{currency}{_NBSP}{amount:.{minor_digits(currency)}f}"
