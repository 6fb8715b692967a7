"""Billing days and the periods between them, as local dates. Free of storage."""

from calendar import monthrange
from datetime import date
from typing import NamedTuple

LAST_DAY = 31
"""As a billing day: the last one of the month, however long it is."""


class Span(NamedTuple):
    """Dates from `first` up to, but not including, `end`."""

    first: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.first).days


def _in_month(months: int, billing_day: int) -> date:
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(billing_day, monthrange(year, month)[1]))


def period_at(day: date, billing_day: int) -> Span:
    """The period that the day lies in. It begins on the billing day, 1 to 31, or on a shorter month's last day.

    Each start is worked out from the billing day, never from the last start: the 31st comes back after February.
    """
    if not 1 <= billing_day <= LAST_DAY:
        raise ValueError(f"{billing_day} is no day of a month")
    months = day.year * 12 + day.month - 1
    if day < _in_month(months, billing_day):
        months -= 1
    return Span(_in_month(months, billing_day), _in_month(months + 1, billing_day))


def period_before(period: Span, billing_day: int) -> Span:
    months = period.first.year * 12 + period.first.month - 2
    return Span(_in_month(months, billing_day), period.first)


def next_billing_day(after: date, billing_day: int) -> date:
    """The first billing day that is later than this date."""
    return period_at(after, billing_day).end


def periods(first: date, end: date, billing_day: int) -> list[Span]:
    """The whole periods that cover these dates, oldest first."""
    found = []
    period = period_at(first, billing_day)
    while period.first < end:
        found.append(period)
        period = period_at(period.end, billing_day)
    return found
