"""Amounts and days as the cells of a bank's CSV file write them."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from capstan.values.money import minor_digits

ANY_DATE = "any"
"""A date format: every unmistakable way, and day/month only where the file itself shows which is which."""

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: at for at, name in enumerate(_MONTH_NAMES, 1)}
_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.]?)([0-9]{2})\2([0-9]{2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")
_NAMED_MONTH = re.compile(r"([0-9]{1,2})[ -]?([A-Za-z]{3,9})[ -]?([0-9]{4})")
_YEARS = range(1990, 2100)


class CellError(ValueError):
    """What is wrong with a cell: a sentence that follows `Line 7: `."""


def amount_like(decimal: str, thousands: str, currency: str) -> str:
    """1250 as this file should write it."""
    digits = minor_digits(currency)
    return f"1{thousands}250" + (decimal + "0" * digits if digits else "")


def read_amount(text: str, currency: str, decimal: str = ".", thousands: str = "") -> int:
    """Signed minor units. A sign, brackets for a negative and the currency before the number are understood.

    Raises CellError for anything else; separators are never guessed.
    """
    digits, is_negative = _unsigned(text, currency)
    body = rf"[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+|[0-9]{{1,15}}" if thousands else "[0-9]{1,15}"
    found = re.fullmatch(rf"({body})(?:{re.escape(decimal)}([0-9]{{1,8}}))?", digits)
    if found is None:
        raise CellError(_amount_fault(text, digits, decimal, thousands, currency))
    number = Decimal(f"{found[1].replace(thousands, '') if thousands else found[1]}.{found[2] or '0'}")
    minor = number.scaleb(minor_digits(currency))
    if minor != minor.to_integral_value():
        raise CellError(f"“{text.strip()}” has more decimals than {currency} has.")
    return -int(minor) if is_negative else int(minor)


def _unsigned(text: str, currency: str) -> tuple[str, bool]:
    """The number without sign and currency, and whether it is negative."""
    rest = text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    rest = rest.replace("\N{MINUS SIGN}", "-").strip()
    if rest.startswith("(") and rest.endswith(")"):
        return _without_currency(rest[1:-1].strip(), currency), True
    rest = _without_currency(rest, currency)
    is_negative = rest.startswith("-")
    rest = rest[1:].lstrip() if rest[:1] in ("-", "+") else rest
    return _without_currency(rest, currency), is_negative


def _without_currency(text: str, currency: str) -> str:
    signs = (currency, "R") if currency == "ZAR" else (currency,)
    for sign in signs:
        if sign and text.upper().startswith(sign):
            return text[len(sign) :].lstrip()
    return text


def _amount_fault(text: str, digits: str, decimal: str, thousands: str, currency: str) -> str:
    shown, like = text.strip()[:40], amount_like(decimal, thousands, currency)
    if re.fullmatch(r"[0-9][0-9., ']*", digits):
        names = {",": "a comma", ".": "a point", " ": "a space", "'": "an apostrophe"}
        odd = next(
            (name for sign, name in names.items() if sign in digits and sign not in (decimal, thousands)), ""
        )
        if odd:
            return f"“{shown}” has {odd}; this profile writes amounts like {like}."
        return f"“{shown}” has its separators in odd places; this profile writes amounts like {like}."
    return f"“{shown}” is no amount of money; this profile writes amounts like {like}."


class DateReader:
    """Reads the days of one file. With ANY_DATE it first looks at all of them to learn whether days come first."""

    def __init__(self, date_format: str, texts: Iterable[str] = ()) -> None:
        self._format = date_format
        self._day_first: bool | None = None
        self._contradicts = False
        if date_format == ANY_DATE:
            self._learn_order(texts)

    def _learn_order(self, texts: Iterable[str]) -> None:
        pairs = [
            (int(found[1]), int(found[3])) for text in texts if (found := _YEAR_LAST.fullmatch(text.strip()))
        ]
        day_first = any(first > 12 for first, _ in pairs)
        month_first = any(second > 12 for _, second in pairs)
        self._contradicts = day_first and month_first
        self._day_first = day_first if day_first != month_first else None

    def read(self, text: str) -> date:
        """Raises CellError for what is no day of this format, or can be read as two different days."""
        shown = text.strip()
        day = self._any(shown) if self._format == ANY_DATE else self._by_format(shown)
        if day is None:
            raise CellError(f"“{shown[:40]}” is no date{self._like()}.")
        if day.year not in _YEARS:
            raise CellError(f"“{shown[:40]}” is in the year {day.year}: that can't be meant.")
        return day

    def _like(self) -> str:
        if self._format == ANY_DATE:
            return "; write it like 2026-03-31"
        return f"; this profile writes dates like {date(2026, 3, 31).strftime(self._format)}"

    def _by_format(self, text: str) -> date | None:
        try:
            return datetime.strptime(text, self._format).date()  # noqa: DTZ007 - a day has no time zone
        except ValueError:
            return None

    def _any(self, text: str) -> date | None:
        if found := _YEAR_FIRST.fullmatch(text):
            return _day(int(found[1]), int(found[3]), int(found[4]))
        if found := _NAMED_MONTH.fullmatch(text):
            month = _MONTHS.get(found[2][:3].lower(), 0)
            return _day(int(found[3]), month, int(found[1]))
        if found := _YEAR_LAST.fullmatch(text):
            return self._either_order(text, int(found[1]), int(found[3]), int(found[4]))
        return None

    def _either_order(self, text: str, first: int, second: int, year: int) -> date | None:
        if self._contradicts:
            raise CellError(
                f"“{text}” can't be read: some dates of this file have the day first, others the month."
            )
        if self._day_first is None and first != second:
            raise CellError(
                f"“{text}” can be read with the day or the month first; choose a profile that says which."
            )
        return _day(year, first, second) if self._day_first is False else _day(year, second, first)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
