"""Debt by age, and what an invoice is today."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.billing.rules.age import Ages, Open, ages, band_of, months_outstanding, state_of
from capstan.billing.rules.words import InvoiceState

TODAY = date(2026, 7, 31)


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def unpaid(issued: str, due: str, open_minor: int = 100) -> Open:
    return Open(date.fromisoformat(issued), date.fromisoformat(due), open_minor)


open_ones = st.lists(
    st.builds(
        lambda issued, due_days, open_minor: Open(days_ago(issued), days_ago(issued - due_days), open_minor),
        st.integers(-40, 500),
        st.integers(0, 180),
        st.integers(0, 10**9),
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-5, 0),  # dated ahead
        (0, 0),
        (29, 0),
        (30, 1),
        (59, 1),
        (60, 2),
        (89, 2),
        (90, 3),
        (119, 3),
        (120, 4),
        (4000, 4),
    ],
)
def test_the_band_of_an_age(days: int, expected: int) -> None:
    assert band_of(days_ago(days), TODAY) == expected


def test_bands_are_summed() -> None:
    aged = [(0, 1), (29, 20), (30, 300), (61, 4_000), (95, 50_000), (120, 600_000), (200, 600_000)]
    found = ages([Open(days_ago(days), TODAY, amount) for days, amount in aged], TODAY)
    assert found == Ages(21, 300, 4_000, 50_000, 1_200_000)
    assert ages([], TODAY) == Ages(0, 0, 0, 0, 0)


@given(invoices=open_ones, later=st.integers(0, 400))
def test_the_ages_are_all_that_is_open_on_every_day(invoices: list[Open], later: int) -> None:
    """Time only moves debt to older bands: from each band upwards there is never less than before."""
    whole = sum(one.open_minor for one in invoices)
    now, then = ages(invoices, TODAY), ages(invoices, TODAY + timedelta(days=later))
    assert now.total == then.total == whole
    assert all(sum(then[band:]) >= sum(now[band:]) for band in range(len(now)))


@pytest.mark.parametrize(
    ("invoices", "expected"),
    [
        ([], 0),
        ([unpaid("2026-07-01", "2026-07-31")], 0),  # due today
        ([unpaid("2026-07-01", "2026-07-30")], 1),
        ([unpaid("2026-07-01", "2026-07-08", 0)], 0),
        ([unpaid("2026-07-01", "2026-07-08"), unpaid("2026-07-15", "2026-07-22")], 1),
        ([unpaid("2026-06-30", "2026-07-08"), unpaid("2026-07-01", "2026-07-08")], 2),
        ([unpaid("2025-07-01", "2025-07-08"), unpaid("2026-07-01", "2026-07-08")], 2),  # of two years
    ],
)
def test_months_of_which_something_is_overdue(invoices: list[Open], expected: int) -> None:
    assert months_outstanding(invoices, TODAY) == expected


@pytest.mark.parametrize(
    ("total", "open_minor", "due", "expected"),
    [
        (100, 100, TODAY, InvoiceState.UNPAID),
        (100, 60, TODAY, InvoiceState.PART_PAID),
        (100, 0, TODAY, InvoiceState.PAID),
        (100, 100, days_ago(1), InvoiceState.OVERDUE),
        (100, 60, days_ago(1), InvoiceState.OVERDUE),
        (100, 0, days_ago(1), InvoiceState.PAID),
        (0, 0, days_ago(1), InvoiceState.PAID),  # of a month that was free
    ],
)
def test_what_an_invoice_is_today(total: int, open_minor: int, due: date, expected: InvoiceState) -> None:
    assert state_of(total, open_minor, due, TODAY) == expected
