"""Billing days and the periods between them, as local dates. Free of storage."""

from calendar import monthrange
from datetime import date, timedelta
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


def next_billing_day(after: date, billing_day: int) -> date:
    """The first billing day that is later than this date."""
    return period_at(after, billing_day).end


class BillingDay(NamedTuple):
    """A customer's billing day. It counts from `since` on; until then, a border of the periods of `former`, that one does."""

    day: int
    former: int | None = None
    since: date | None = None

    def period_at(self, day: date) -> Span:
        """The whole period that the day lies in: days before `since` have been billed by the former day."""
        if self.former is not None and self.since is not None and day < self.since:
            return period_at(day, self.former)
        return period_at(day, self.day)

    def counts_from(self, period: Span) -> date:
        """The first day of the period that is billed by it: later than its own first day in the one after a change."""
        if self.since is not None and period.first < self.since < period.end:
            return self.since
        return period.first


def looked_at(billing_day: BillingDay, due: date, end: date, *, back: int) -> list[Span]:
    """The periods up to `end` that are charged for or may have changed: from so many before the one of `due` on, oldest first.

    The one after a change of the billing day is whole, though only a part of it counts: prices are of whole periods.
    """
    first = billing_day.period_at(due).first
    for _ in range(back):
        first = billing_day.period_at(first - timedelta(days=1)).first
    found = []
    while first < end:
        period = billing_day.period_at(first)
        found.append(period)
        first = period.end
    return found
