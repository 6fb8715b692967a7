"""Usernames, MAC addresses, passwords and addresses of lines."""

import pytest

from capstan.services.rules import (
    Addresses,
    check_password,
    mac_of,
    normalise_addresses,
    normalise_mac,
    normalise_username,
    nt_hash,
)
from capstan.values.refused import Refused


@pytest.mark.parametrize(
    ("text", "username"),
    [
        (" Jenny@Example.NET ", "jenny@example.net"),
        ("line-0042", "line-0042"),
        ("AA:BB:CC:DD:EE:FF", "aa:bb:cc:dd:ee:ff"),
    ],
)
def test_username(text: str, username: str) -> None:
    assert normalise_username(text) == username


@pytest.mark.parametrize("text", ["", "  ", "two words", "tab\there", "zero\0byte", "x" * 254, "é" * 127])
def test_username_refused(text: str) -> None:
    with pytest.raises(Refused):
        normalise_username(text)


@pytest.mark.parametrize(
    ("text", "mac"),
    [
        ("AA-BB-CC-DD-EE-FF", "AABBCCDDEEFF"),
        ("aa:bb:cc:dd:ee:0f", "AABBCCDDEE0F"),
        ("aa.bb.cc.dd.ee.0f", "AABBCCDDEE0F"),
        ("aabb.ccdd.eeff", "AABBCCDDEEFF"),
        ("aabb-ccdd-eeff", "AABBCCDDEEFF"),
        ("aabbcc-ddeeff", "AABBCCDDEEFF"),
        (" aabbccddeeff ", "AABBCCDDEEFF"),
        ("aa:bb-cc:dd:ee:ff", None),
        ("aabb.ccdd-eeff", None),
        ("AA-BB-CC-DD-EE", None),
        ("AA-BB-CC-DD-EE-FF:Guest", None),
        ("gg:bb:cc:dd:ee:ff", None),
        ("192.0.2.7", None),
        ("jenny", None),
        ("", None),
    ],
)
def test_mac_of(text: str, mac: str | None) -> None:
    assert mac_of(text) == mac


@pytest.mark.parametrize(
    "text", ["", "router", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"]
)
def test_mac_refused(text: str) -> None:
    with pytest.raises(Refused, match="MAC"):
        normalise_mac(text)


@pytest.mark.parametrize("password", ["", "a\0b", "x" * 129, "é" * 65])
def test_password_refused(password: str) -> None:
    with pytest.raises(Refused):
        check_password(password)


def test_nt_hash_is_that_of_rfc_2759() -> None:
    assert nt_hash("clientPass") == "44ebba8d5312b8d611474411f56989ae"


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        (Addresses(), Addresses()),
        (Addresses(ipv4_address=" 192.0.2.7 "), Addresses(ipv4_address="192.0.2.7")),
        (Addresses(ipv4_pool=" public "), Addresses(ipv4_pool="public")),
        (
            Addresses(ipv4_routes=("198.51.100.0/28 192.0.2.1  01", "203.0.113.8/29")),
            Addresses(ipv4_routes=("198.51.100.0/28 192.0.2.1 1", "203.0.113.8/29")),
        ),
        (
            Addresses(ipv6_prefix="2001:0db8:0007::/64", ipv6_delegated_prefix="2001:db8:70::/56"),
            Addresses(ipv6_prefix="2001:db8:7::/64", ipv6_delegated_prefix="2001:db8:70::/56"),
        ),
    ],
)
def test_addresses(given: Addresses, normal: Addresses) -> None:
    assert normalise_addresses(given) == normal


@pytest.mark.parametrize(
    "given",
    [
        Addresses(ipv4_address="192.0.2.7", ipv4_pool="public"),
        Addresses(ipv6_prefix="2001:db8::/64", ipv6_pool="six"),
        Addresses(ipv6_delegated_prefix="2001:db8::/56", ipv6_delegated_pool="six"),
        Addresses(ipv4_address="192.0.2.256"),
        Addresses(ipv4_address="2001:db8::1"),
        Addresses(ipv4_address="255.255.255.254"),
        Addresses(ipv4_address="224.0.0.5"),
        Addresses(ipv4_address="0.0.0.0"),  # noqa: S104
        Addresses(ipv6_prefix="2001:db8::1/64"),
        Addresses(ipv6_prefix="192.0.2.0/24"),
        Addresses(ipv6_prefix="2001:db8::/8"),
        Addresses(ipv6_delegated_prefix="2001:db8::/65"),
        Addresses(ipv4_routes=("198.51.100.1/28",)),
        Addresses(ipv4_routes=("",)),
        Addresses(ipv4_routes=("198.51.100.0/28 gateway",)),
        Addresses(ipv4_routes=("198.51.100.0/28 192.0.2.1 far",)),
        Addresses(ipv4_pool="x" * 254),
    ],
)
def test_addresses_refused(given: Addresses) -> None:
    with pytest.raises(Refused):
        normalise_addresses(given)
