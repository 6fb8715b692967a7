"""How this provider writes amounts, sizes, dates and times for its readers."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_currency, get_currency_symbol

from capstan.values.data import Units, format_bytes
from capstan.values.money import minor_digits

Day = date  # inside `Formats` that is the name of a method
_NBSP = "\N{NO-BREAK SPACE}"
_WITH_A_POINT = "en_ZA"
"""CLDR writes a decimal comma there; banks, shops and invoices of the country print a point."""


class Formats(NamedTuple):
    """`locale` is one of CLDR such as `en_ZA`; `currency` an ISO 4217 code."""

    locale: str
    currency: str
    zone: ZoneInfo
    units: Units

    def money(self, amount_minor: int) -> str:
        """As documents and pages print it, as the locale has it: `R 1 234.50`, `1.234,50 €`."""
        amount = Decimal(amount_minor).scaleb(-minor_digits(self.currency))
        if self.locale == _WITH_A_POINT:
            shown = str(format_currency(amount, self.currency, "¤#,##0.00", locale="en"))
            symbol = str(get_currency_symbol(self.currency, self.locale))
            return shown.replace(str(get_currency_symbol(self.currency, "en")), symbol + _NBSP).replace(
                ",", _NBSP
            )
        return str(format_currency(amount, self.currency, locale=self.locale))

    def short_money(self, amount_minor: int) -> str:
        """As an SMS prints it, in as few letters of the GSM alphabet as can be: `R35`, `R7.50`."""
        digits = minor_digits(self.currency)
        symbol = str(get_currency_symbol(self.currency, self.locale))
        if not re.fullmatch(r"[A-Za-z$£¥€]{1,3}", symbol):
            symbol = self.currency
        amount = Decimal(amount_minor).scaleb(-digits)
        shown = f"{amount:.0f}" if amount == amount.to_integral_value() else f"{amount:.{digits}f}"
        return f"{symbol}{shown}"

    def size(self, size_bytes: int) -> str:
        """Three significant figures and a non-breaking space: `13.6 GB`."""
        return format_bytes(size_bytes, self.units)

    def short_size(self, size_bytes: int) -> str:
        """As an SMS prints it: `13.6GB`."""
        return self.size(size_bytes).replace(_NBSP, "")

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def date(self, at: datetime) -> str:
        """`1 Dec 2026`, in the provider's zone."""
        return str(format_date(self.local(at).date(), "d MMM y", locale=self.locale)).replace(" ", _NBSP)

    def day(self, day: Day) -> str:
        """`1 Dec 2026`, of a date that is local already."""
        return str(format_date(day, "d MMM y", locale=self.locale)).replace(" ", _NBSP)

    def days(self, first: Day, end: Day) -> str:
        """`1–31 Dec 2026`: the dates from `first` up to, but not including, `end`."""
        last = end - timedelta(days=1)
        if first >= last:
            return self.day(first)
        same = (first.year, first.month) == (last.year, last.month)
        begins = str(first.day) if same else self._short_day(first, last)
        return f"{begins}–{self.day(last)}"

    def _short_day(self, first: Day, last: Day) -> str:
        if first.year != last.year:
            return self.day(first)
        return str(format_date(first, "d MMM", locale=self.locale)).replace(" ", _NBSP)

    def percent(self, basis_points: int) -> str:
        """`15 %`, of hundredths of a percent."""
        return f"{basis_points / 100:g}{_NBSP}%"

    def time(self, at: datetime) -> str:
        """`14:02`."""
        return f"{self.local(at):%H:%M}"

    def clock(self, at: datetime) -> str:
        """`14:02:07`."""
        return f"{self.local(at):%H:%M:%S}"

    def moment(self, at: datetime) -> str:
        """`1 Dec 2026 14:02`."""
        return f"{self.date(at)}{_NBSP}{self.time(at)}"

    def moment_beside(self, at: datetime, now: datetime) -> str:
        """The clock alone if it is today, else with its date."""
        return self.clock(at) if self.local(at).date() == self.local(now).date() else self.moment(at)
