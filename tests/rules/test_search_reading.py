"""What a text in the search box may mean."""

from ipaddress import IPv4Address, IPv6Network

import pytest

from capstan.operator.search.reading import looked_for, read

THANDI = "+27600001234"


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("+27600001234", (THANDI,)),
        ("+27 60 000 1234", (THANDI,)),
        ("+27 (0)60 000-1234", (THANDI,)),
        ("0600001234", (THANDI,)),
        ("060 000 1234", (THANDI,)),
        ("060/000.1234", (THANDI,)),
        ("(060) 000 1234", ()),  # a bracket first is no number that we read, yet its end is found
        ("0027600001234", (THANDI,)),
        ("27600001234", (THANDI,)),
        ("+49 30 1234567", ("+49301234567",)),
        ("021 555 0123", ("+27215550123",)),
        ("12345", ()),
        ("thandi", ()),
    ],
)
def test_a_number_is_read_in_every_notation(text: str, phones: tuple[str, ...]) -> None:
    assert read(text, "ZA").phones == phones


@pytest.mark.parametrize(
    ("text", "digits"),
    [("1234", "1234"), ("00 1234", "001234"), ("123", ""), ("0600001234", "0600001234"), ("a1234", "")],
)
def test_the_end_of_a_number_has_at_least_four_digits(text: str, digits: str) -> None:
    assert read(text, "ZA").digits == digits


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", IPv4Address("192.0.2.7")),
        (" 192.0.2.7 ", IPv4Address("192.0.2.7")),
        ("192.0.2.7:4711", IPv4Address("192.0.2.7")),
        ("192.0.2.7/32", IPv4Address("192.0.2.7")),
        ("::ffff:192.0.2.7", IPv4Address("192.0.2.7")),
        ("2001:db8::1", IPv6Network("2001:db8::1/128")),
        ("2001:DB8:0:0::1", IPv6Network("2001:db8::1/128")),
        ("[2001:db8::1]:443", IPv6Network("2001:db8::1/128")),
        ("fe80::1%eth0", IPv6Network("fe80::1/128")),
        ("2001:db8:7::5/56", IPv6Network("2001:db8:7::/56")),
        ("192.0.2.0/24", None),
        ("192.0.2", None),
        ("192.0.2.999", None),
    ],
)
def test_an_address_is_read_in_every_notation(text: str, address: object) -> None:
    assert read(text, "ZA").address == address


@pytest.mark.parametrize(
    "text", ["02-00-5E-00-00-01", "02:00:5e:00:00:01", "0200.5e00.0001", "02005e000001", "02005e-000001"]
)
def test_a_mac_address_is_read_in_every_notation(text: str) -> None:
    assert read(text, "ZA").mac == "02005E000001"


@pytest.mark.parametrize("text", ["", " ", "x", "7"])
def test_a_single_letter_is_looked_for_nowhere(text: str) -> None:
    assert read(text, "ZA").is_empty


def test_what_was_looked_for_is_said() -> None:
    assert looked_for(read("192.0.2.7", "ZA")) == ["a line or live session with the IP address 192.0.2.7"]
    assert looked_for(read("2001:db8::1", "ZA"))[0].endswith("2001:db8::1")
    assert "the telephone number +27600001234" in looked_for(read("060 000 1234", "ZA"))
    assert "a telephone number ending in 1234" in looked_for(read("1234", "ZA"))
    assert looked_for(read("Thandi Nkosi", "ZA"))[-1].startswith("a customer, contact")
