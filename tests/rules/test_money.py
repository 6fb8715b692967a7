"""Money in minor units."""

import pytest

from capstan.values.money import format_money, parse_money, read_money


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
    ("text", "currency"),
    [("R35", "ZAR"), ("-1", "ZAR"), ("1.005", "ZAR"), ("1.000", "ZAR"), ("1.5", "JPY"), ("", "ZAR")],
)
def test_refuses(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"money|decimals"):
        parse_money(text, currency)


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("35", 3500), (" 35,50 ", 3550), ("R 1 499.00", 149900), ("R1\u00a0499,00", 149900), ("ZAR 12", 1200),
        ("1 234 567", 123456700), ("12\u202f000.5", 1200050),
    ],
)  # fmt: skip
def test_reads_what_people_write_and_what_we_print(typed: str, minor: int) -> None:
    assert read_money(typed, "ZAR") == minor


@pytest.mark.parametrize(
    "typed", ["1,000", "1.000", "1,000.00", "1.000,00", "1 00", "12 34", "-5", "R", "", "1,0,0"]
)
def test_what_may_mean_two_things_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"two things|no[t]? an amount"):
        read_money(typed, "ZAR")


def test_three_decimals_are_some_currencies_own() -> None:
    assert read_money("1,250", "KWD") == 1250
