"""Attributes by name, and back to what people read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.network.radius.attributes import TABLES, VALUES, VENDORS
from capstan.network.radius.avp import VENDOR_SPECIFIC, Avp, encode_avps
from capstan.network.radius.dictionary import (
    DictionaryError,
    avps_of,
    decode_prefix,
    describe,
    find,
    named,
    open_vendor,
    to_avp,
)


@pytest.mark.parametrize(
    ("name", "text", "avp"),
    [
        ("Framed-IP-Address", "192.0.2.7", Avp(0, 8, bytes((192, 0, 2, 7)))),
        ("Session-Timeout", "3600", Avp(0, 27, b"\0\0\x0e\x10")),
        ("Filter-Id", "garden", Avp(0, 11, b"garden")),
        ("Class", "0x00ff", Avp(0, 25, b"\0\xff")),
        ("Service-Type", "Framed-User", Avp(0, 6, b"\0\0\0\x02")),
        ("Framed-IPv6-Prefix", "2001:db8:1::/64", Avp(0, 97, bytes.fromhex("0040 20010db800010000"))),
        ("Delegated-IPv6-Prefix", "2001:db8::/33", Avp(0, 123, bytes.fromhex("0021 20010db800"))),
        ("Framed-IPv6-Address", "2001:db8::1", Avp(0, 168, bytes.fromhex("20010db8" + "00" * 11 + "01"))),
        ("Framed-Interface-Id", "0:0:0:1", Avp(0, 96, bytes(7) + b"\x01")),
        ("Event-Timestamp", "2001-09-09T01:46:40+00:00", Avp(0, 55, (10**9).to_bytes(4, "big"))),
        ("Mikrotik-Rate-Limit", "1M/5M", Avp(14988, 8, b"1M/5M")),
        ("ChilliSpot-Max-Total-Gigawords", "1", Avp(14559, 23, b"\0\0\0\x01")),
        ("WISPr-Bandwidth-Max-Down", "8000000", Avp(14122, 8, (8_000_000).to_bytes(4, "big"))),
        ("Cisco-AVPair", "ip:addr-pool=a", Avp(9, 1, b"ip:addr-pool=a")),
        ("ERX-Ingress-Policy-Name", "p", Avp(4874, 10, b"p")),
        ("Huawei-Qos-Profile-Name", "q", Avp(2011, 31, b"q")),
        ("MS-Primary-DNS-Server", "192.0.2.53", Avp(311, 28, bytes((192, 0, 2, 53)))),
    ],
)
def test_there_and_back(name: str, text: str, avp: Avp) -> None:
    assert to_avp(name, text) == to_avp(name.upper(), text) == avp
    assert describe(avp) == (name, text)
    header = bytes(20)
    assert avps_of(header + encode_avps([avp])) == [avp]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("No-Such-Thing", "1"), ("Session-Timeout", "-1"), ("Session-Timeout", "4294967296"), ("Session-Timeout", "1.5"),
        ("Session-Timeout", "²"), ("Framed-IP-Address", "2001:db8::1"), ("Framed-IPv6-Prefix", "2001:db8::1/64"),
        ("Framed-IPv6-Prefix", "192.0.2.0/24"), ("Class", "ff"), ("Class", "0xf"), ("Filter-Id", ""),
        ("Filter-Id", "x" * 254), ("Mikrotik-Group", "x" * 248), ("Framed-Interface-Id", "1:2"), ("Class", "0x"),
        ("Framed-Interface-Id", "1:2:3:10000"), ("Event-Timestamp", "yesterday"), ("Service-Type", "Framed"),
    ],
)  # fmt: skip
def test_what_is_no_such_value(name: str, text: str) -> None:
    with pytest.raises(DictionaryError, match=name):
        to_avp(name, text)


@pytest.mark.parametrize(
    ("avp", "shown"),
    [
        (Avp(0, 240, b"\x01"), ("Attr-240", "0x01")),
        (Avp(14988, 200, b"\x01"), ("Mikrotik-Attr-200", "0x01")),
        (Avp(64999, 2, b""), ("Vendor-64999-Attr-2", "0x")),
        (Avp(0, 2, b"hidden password."), ("User-Password", "(hidden)")),
        (Avp(311, 25, bytes(50)), ("MS-CHAP2-Response", "(hidden)")),
        (Avp(0, 27, b"abc"), ("Session-Timeout", "0x616263")),
        (Avp(0, 8, b"abc"), ("Framed-IP-Address", "0x616263")),
        (Avp(0, 97, b"\0\xff\0"), ("Framed-IPv6-Prefix", "0x00ff00")),
        (Avp(0, 97, b"\0"), ("Framed-IPv6-Prefix", "0x00")),
        (Avp(0, 1, b"caf\xe9\0"), ("User-Name", "caf\\xe9\\x00")),
        (Avp(0, 40, b"\0\0\0\x03"), ("Acct-Status-Type", "Interim-Update")),
    ],
)
def test_what_people_read(avp: Avp, shown: tuple[str, str]) -> None:
    assert describe(avp) == shown


@given(st.integers(0, 2**32 - 1), st.integers(0, 255), st.binary(max_size=30))
def test_any_attribute_can_be_shown(vendor: int, kind: int, value: bytes) -> None:
    for known in (vendor, *VENDORS):
        name, text = describe(Avp(known, kind, value))
        assert name
        assert "\0" not in text


@given(st.binary(max_size=60))
def test_vendor_attributes_are_opened_or_left_whole(value: bytes) -> None:
    found = open_vendor(value)
    if found == [Avp(0, VENDOR_SPECIFIC, value)]:
        return
    inside = b"".join(bytes((avp.type, len(avp.value) + 2)) + avp.value for avp in found)
    assert value[4:] == inside
    assert {avp.vendor for avp in found} <= {int.from_bytes(value[:4], "big")}


def test_prefix_text_of_untidy_bits() -> None:
    """Routers may send host bits and more bytes than the length needs (RFC 3162 §2.3)."""
    assert decode_prefix(bytes.fromhex("0038 20010db8000100ff" + "00" * 8)) == "2001:db8:1::/56"


def test_the_dictionary_is_sound() -> None:
    names = [line.split()[1].lower() for table in TABLES.values() for line in table.split("\n") if line]
    assert len(names) == len(set(names))
    assert set(TABLES) == set(VENDORS)
    for vendor, table in TABLES.items():
        numbers = [int(line.split()[0]) for line in table.split("\n") if line]
        assert numbers == sorted(set(numbers)), f"vendor {vendor}"
        assert all(find(vendor, number) for number in numbers)
    assert all(named(name).type == "integer" for name in VALUES)
