"""Money in minor units."""

import pytest

from capstan.values.money import format_money, parse_money


@pytest.mark.parametrize(
    ("text", "currency", "minor", "shown"),
    [
        ("35", "ZAR", 3500, "ZAR 35.00"),
        ("35.5", "ZAR", 3550, "ZAR 35.50"),
        ("0.05", "EUR", 5, "EUR 0.05"),
        ("1200", "JPY", 1200, "JPY 1200"),
        ("1.250", "KWD", 1250, "KWD 1.250"),
    ],
)
def test_both_ways(text: str, currency: str, minor: int, shown: str) -> None:
    assert parse_money(text, currency) == minor
    assert format_money(minor, currency) == shown.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("text", "currency"), [("R35", "ZAR"), ("-1", "ZAR"), ("1.005", "ZAR"), ("1.5", "JPY"), ("", "ZAR")]
)
def test_refuses(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"money|decimals"):
        parse_money(text, currency)
