"""Debt by age, and what an invoice is today. Free of storage."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from capstan.billing.rules.words import InvoiceState

BANDS = (0, 30, 60, 90, 120)
"""The age in days, since the invoice's date, from which each band counts; the first is called current."""


class Open(NamedTuple):
    """An invoice of which something is left to pay."""

    issued_on: date
    due_on: date
    open_minor: int


class Ages(NamedTuple):
    """What is open by age, in minor units. Together it is all that is due on invoices."""

    current: int
    days_30: int
    days_60: int
    days_90: int
    days_120: int

    @property
    def total(self) -> int:
        return sum(self)


def band_of(issued_on: date, today: date) -> int:
    """The number of its band, 0 to 4. One that is dated ahead is current."""
    age = (today - issued_on).days
    return max((number for number, days in enumerate(BANDS) if age >= days), default=0)


def ages(invoices: Iterable[Open], today: date) -> Ages:
    sums = [0] * len(BANDS)
    for one in invoices:
        sums[band_of(one.issued_on, today)] += one.open_minor
    return Ages(*sums)


def months_outstanding(invoices: Iterable[Open], today: date) -> int:
    """Of how many calendar months there is an overdue invoice."""
    overdue = [one.issued_on for one in invoices if one.open_minor > 0 and one.due_on < today]
    return len({(day.year, day.month) for day in overdue})


def state_of(total_minor: int, open_minor: int, due_on: date, today: date) -> InvoiceState:
    """Overdue goes before part-paid: it is what matters to whoever looks."""
    if open_minor <= 0:
        return InvoiceState.PAID
    if due_on < today:
        return InvoiceState.OVERDUE
    return InvoiceState.PART_PAID if open_minor < total_minor else InvoiceState.UNPAID
