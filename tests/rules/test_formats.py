"""How amounts, sizes and times are written."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from capstan.values.data import Units
from capstan.values.formats import Formats

HOME = Formats("en_ZA", "ZAR", ZoneInfo("Africa/Johannesburg"), Units.DECIMAL)
NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("locale", "currency", "minor", "long", "short"),
    [
        ("en_ZA", "ZAR", 3500, "R 35.00", "R35"),
        ("en_ZA", "ZAR", 123450, "R 1 234.50", "R1234.50"),
        ("en_ZA", "ZAR", -750, "-R 7.50", "R-7.50"),
        ("de_DE", "EUR", 123450, "1.234,50 €", "€1234.50"),
        ("en_US", "USD", 35, "$0.35", "$0.35"),
        ("ja_JP", "JPY", 500, "￥500", "JPY500"),
    ],
)
def test_money(locale: str, currency: str, minor: int, long: str, short: str) -> None:
    formats = HOME._replace(locale=locale, currency=currency)
    assert formats.money(minor).replace(NBSP, " ") == long
    assert formats.short_money(minor) == short


def test_sizes_and_times() -> None:
    at = datetime(2026, 11, 30, 22, 5, 7, tzinfo=UTC)
    assert HOME.short_size(13_640_000_000) == "13.6GB"
    assert HOME.moment(at) == f"1{NBSP}Dec{NBSP}2026{NBSP}00:05"
    assert (HOME.time(at), HOME.clock(at)) == ("00:05", "00:05:07")
    assert HOME.moment_beside(at, at) == "00:05:07"
    assert HOME.moment_beside(at, datetime(2026, 12, 2, tzinfo=UTC)) == HOME.moment(at)
