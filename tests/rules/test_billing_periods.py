"""Billing days and the periods between them."""

from calendar import monthrange
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.billing.rules.periods import (
    LAST_DAY,
    BillingDay,
    Span,
    looked_at,
    next_billing_day,
    period_at,
)

days = st.dates(date(2019, 1, 1), date(2032, 12, 31))
billing_days = st.integers(1, LAST_DAY)
DAY = timedelta(days=1)


def span(first: str, end: str) -> Span:
    return Span(date.fromisoformat(first), date.fromisoformat(end))


@pytest.mark.parametrize(
    ("day", "billing_day", "first", "end"),
    [
        ("2026-01-01", 1, "2026-01-01", "2026-02-01"),
        ("2026-01-31", 1, "2026-01-01", "2026-02-01"),
        ("2026-12-31", 1, "2026-12-01", "2027-01-01"),
        ("2026-01-14", 15, "2025-12-15", "2026-01-15"),
        ("2026-01-15", 15, "2026-01-15", "2026-02-15"),
        ("2026-03-01", 28, "2026-02-28", "2026-03-28"),
        ("2028-02-28", 29, "2028-01-29", "2028-02-29"),
        # a month that lacks the day has its last one instead, and the next month has the day again
        ("2026-02-27", 31, "2026-01-31", "2026-02-28"),
        ("2026-02-28", 31, "2026-02-28", "2026-03-31"),
        ("2026-03-30", 31, "2026-02-28", "2026-03-31"),
        ("2026-04-30", 31, "2026-04-30", "2026-05-31"),
        ("2028-02-29", 31, "2028-02-29", "2028-03-31"),
        ("2026-02-28", 30, "2026-02-28", "2026-03-30"),
        ("2026-02-28", 29, "2026-02-28", "2026-03-29"),
    ],
)
def test_the_period_of_a_day(day: str, billing_day: int, first: str, end: str) -> None:
    assert period_at(date.fromisoformat(day), billing_day) == span(first, end)


@pytest.mark.parametrize(
    ("after", "billing_day", "expected"),
    [
        ("2026-01-01", 1, "2026-02-01"),
        ("2026-01-02", 1, "2026-02-01"),
        ("2026-01-14", 15, "2026-01-15"),
        ("2026-01-31", 31, "2026-02-28"),
        ("2026-02-28", 31, "2026-03-31"),
        ("2026-12-31", 31, "2027-01-31"),
    ],
)
def test_the_next_billing_day(after: str, billing_day: int, expected: str) -> None:
    assert next_billing_day(date.fromisoformat(after), billing_day) == date.fromisoformat(expected)


@pytest.mark.parametrize("billing_day", [-1, 0, 32])
def test_what_is_no_day_of_a_month_is_refused(billing_day: int) -> None:
    with pytest.raises(ValueError, match="no day of a month"):
        period_at(date(2026, 1, 1), billing_day)


@given(day=days, billing_day=billing_days)
def test_periods_tile_the_calendar(day: date, billing_day: int) -> None:
    """Each day lies in its period, every day of a period finds the same one, and neighbours touch."""
    found = period_at(day, billing_day)
    assert found.first <= day < found.end
    assert 28 <= found.days <= 31
    assert period_at(found.first, billing_day) == found == period_at(found.end - DAY, billing_day)
    assert period_at(found.end, billing_day).first == found.end
    before = period_at(found.first - DAY, billing_day)
    assert before.end == found.first
    assert looked_at(BillingDay(billing_day), day, found.end, back=1) == [before, found]
    assert next_billing_day(day, billing_day) == found.end


@given(day=days, billing_day=billing_days)
def test_a_period_begins_on_the_billing_day_or_on_a_shorter_months_last(day: date, billing_day: int) -> None:
    first = period_at(day, billing_day).first
    assert first.day == min(billing_day, monthrange(first.year, first.month)[1])


@given(first=days, length=st.integers(1, 500), billing_day=billing_days)
def test_the_periods_of_a_span_cover_it_and_no_more(first: date, length: int, billing_day: int) -> None:
    end = first + length * DAY
    found = looked_at(BillingDay(billing_day), first, end, back=0)
    assert found[0].first <= first < found[0].end
    assert found[-1].first < end <= found[-1].end
    assert all(one.end == other.first for one, other in pairwise(found))


def test_after_a_change_of_the_billing_day_the_first_period_counts_from_where_the_former_one_had_billed() -> (
    None
):
    moved = BillingDay(15, former=1, since=date(2026, 2, 1))
    found = looked_at(moved, date(2026, 1, 15), date(2026, 3, 15), back=1)
    assert [(str(one.first), str(moved.counts_from(one)), str(one.end)) for one in found] == [
        ("2025-12-01", "2025-12-01", "2026-01-01"),
        ("2026-01-01", "2026-01-01", "2026-02-01"),
        ("2026-01-15", "2026-02-01", "2026-02-15"),
        ("2026-02-15", "2026-02-15", "2026-03-15"),
    ]
