"""Telephone numbers."""

import pytest

from capstan.values.phone import normalise_phone


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("021 555 0123", "ZA", "+27215550123"),
        ("+27 21 555 0123", "DE", "+27215550123"),
        ("(202) 555-0143", "US", "+12025550143"),
        ("07700 900123", "GB", "+447700900123"),
        ("0027215550123", "ZA", "+27215550123"),
    ],
)
def test_normalise(text: str, country: str, number: str) -> None:
    assert normalise_phone(text, country) == number


@pytest.mark.parametrize(
    "text", ["", "call me", "12", "+27 21 555 0123 ext. 4", "+27215550123456789", "+999 1234567"]
)
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"telephone|digits|extension"):
        normalise_phone(text, "ZA")
