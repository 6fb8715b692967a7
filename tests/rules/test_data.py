"""Sizes: written, read and shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.values.data import Units, format_bytes, parse_bytes


@pytest.mark.parametrize(
    ("text", "units", "size_bytes"),
    [
        ("2GB", Units.DECIMAL, 2_000_000_000),
        ("0.5 GB", Units.DECIMAL, 500_000_000),
        ("500MB", Units.DECIMAL, 500_000_000),
        ("500\u00a0mb", Units.DECIMAL, 500_000_000),
        (" 1.5 tb ", Units.DECIMAL, 1_500_000_000_000),
        ("7 kB", Units.DECIMAL, 7_000),
        ("12 B", Units.DECIMAL, 12),
        ("0GB", Units.DECIMAL, 0),
        ("0.0000000005 GB", Units.DECIMAL, 0),  # half a byte, to even
        ("2GB", Units.BINARY, 2 * 2**30),
        ("0.5 MB", Units.BINARY, 2**19),
    ],
)
def test_parse(text: str, units: Units, size_bytes: int) -> None:
    assert parse_bytes(text, units) == size_bytes


@pytest.mark.parametrize(
    "text",
    ["", "2", "GB", "-1GB", "+1GB", "2,5GB", "1e9 B", "2 GiB", "2GB extra", "٢GB", "99999999 TB", "1.GB"],
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="data"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("size_bytes", "units", "text"),
    [
        (0, Units.DECIMAL, "0 B"),
        (999, Units.DECIMAL, "999 B"),
        (1_000, Units.DECIMAL, "1 kB"),
        (985_000_000, Units.DECIMAL, "985 MB"),
        (13_600_000_000, Units.DECIMAL, "13.6 GB"),
        (13_649_999_999, Units.DECIMAL, "13.6 GB"),
        (13_650_000_000, Units.DECIMAL, "13.7 GB"),
        (1_400_000_000, Units.DECIMAL, "1.4 GB"),
        (100_000_000_000, Units.DECIMAL, "100 GB"),
        (999_499_999, Units.DECIMAL, "999 MB"),
        (999_500_000, Units.DECIMAL, "1 GB"),
        (9_999_000, Units.DECIMAL, "10 MB"),
        (-2_500_000_000, Units.DECIMAL, "-2.5 GB"),
        (12_345 * 10**15, Units.DECIMAL, "12345 PB"),
        (2**30, Units.BINARY, "1 GB"),
        (1_023 * 2**20, Units.BINARY, "1023 MB"),
    ],
)
def test_format(size_bytes: int, units: Units, text: str) -> None:
    assert format_bytes(size_bytes, units) == text.replace(" ", "\u00a0")


@given(size_bytes=st.integers(0, 10**18), units=st.sampled_from(Units))
def test_what_is_shown_reads_back_nearly_the_same(size_bytes: int, units: Units) -> None:
    shown = format_bytes(size_bytes, units)
    if shown.endswith("PB"):
        return
    assert abs(parse_bytes(shown, units) - size_bytes) <= size_bytes * 0.006
