"""Attributes by name: between what people write and read, and what goes over the wire."""

from datetime import UTC, datetime
from functools import cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network
from struct import unpack
from typing import NamedTuple

from capstan.network.radius.attributes import TABLES, VALUES, VENDORS
from capstan.network.radius.avp import MAX_VALUE_BYTES, VENDOR_SPECIFIC, Avp
from capstan.network.radius.packet import text_of, walk

_VENDOR_VALUE_BYTES_MAX = MAX_VALUE_BYTES - 6


class Attribute(NamedTuple):
    """A known attribute. `type` is one of the words in `attributes`."""

    vendor: int
    number: int
    name: str
    type: str


class DictionaryError(ValueError):
    """A name or value that the dictionary can't turn into an attribute; the text names it."""


@cache
def _by_number() -> dict[tuple[int, int], Attribute]:
    known: dict[tuple[int, int], Attribute] = {}
    for vendor, table in TABLES.items():
        for line in table.split("\n"):
            if line:
                number, name, kind = line.split(" ")
                known[vendor, int(number)] = Attribute(vendor, int(number), name, kind)
    return known


@cache
def _by_name() -> dict[str, Attribute]:
    return {attribute.name.lower(): attribute for attribute in _by_number().values()}


def find(vendor: int, number: int) -> Attribute | None:
    """The attribute with this number, None when we don't know it."""
    return _by_number().get((vendor, number))


def named(name: str) -> Attribute:
    """The attribute of this name, upper or lower case alike.

    Raises DictionaryError when there is none.
    """
    attribute = _by_name().get(name.lower())
    if attribute is None:
        raise DictionaryError(f"there is no attribute {name!r} in the dictionary")
    return attribute


def to_avp(name: str, text: str) -> Avp:
    """The attribute that a person means by a name and a value.

    Raises DictionaryError, naming the attribute, for an unknown name and for a value that is not of its type.
    """
    attribute = named(name)
    try:
        value = _encode(attribute, text)
    except (ValueError, OverflowError) as error:
        raise DictionaryError(f"{attribute.name} can't be {text!r}: {error}") from error
    longest = MAX_VALUE_BYTES if not attribute.vendor else _VENDOR_VALUE_BYTES_MAX
    if not 1 <= len(value) <= longest:
        raise DictionaryError(f"{attribute.name} must have 1 to {longest} bytes, this has {len(value)}")
    return Avp(attribute.vendor, attribute.number, value)


def describe(avp: Avp) -> tuple[str, str]:
    """(name, value) of an attribute as people read it. An unknown one is named by its numbers, with its bytes.

    A value that doesn't fit its type is shown as bytes; passwords and keys are not shown at all.
    """
    attribute = find(avp.vendor, avp.type)
    if attribute is None:
        vendor = VENDORS.get(avp.vendor) or f"Vendor-{avp.vendor}"
        name = f"Attr-{avp.type}" if not avp.vendor else f"{vendor}-Attr-{avp.type}"
        return name, _octets(avp.value)
    if attribute.type == "secret":
        return attribute.name, "(hidden)"
    try:
        return attribute.name, _decode(attribute, avp.value)
    except ValueError:
        return attribute.name, _octets(avp.value)


def avps_of(packet: bytes) -> list[Avp]:
    """Every attribute of a packet, vendors' ones opened. Raises DecodeError for a packet that can't be walked."""
    found: list[Avp] = []
    for kind, at, end in walk(packet):
        if kind == VENDOR_SPECIFIC:
            found += open_vendor(packet[at:end])
        else:
            found.append(Avp(0, kind, packet[at:end]))
    return found


def open_vendor(value: bytes) -> list[Avp]:
    """The attributes in a Vendor-Specific value; as one opaque attribute where the vendor has a format of its own."""
    if len(value) < 6:
        return [Avp(0, VENDOR_SPECIFIC, value)]
    vendor = int.from_bytes(value[:4], "big")
    found: list[Avp] = []
    at = 4
    while at < len(value):
        length = value[at + 1] if at + 1 < len(value) else 0
        if length < 2 or at + length > len(value):
            return [Avp(0, VENDOR_SPECIFIC, value)]
        found.append(Avp(vendor, value[at], value[at + 2 : at + length]))
        at += length
    return found


def _encode(attribute: Attribute, text: str) -> bytes:
    match attribute.type:
        case "string":
            return text.encode()
        case "octets" | "secret":
            if not text.startswith("0x"):
                raise ValueError("bytes are written as 0x and hex digits")
            return bytes.fromhex(text[2:])
        case "integer":
            return _number(attribute.name, text).to_bytes(4, "big")
        case "date":
            return int(datetime.fromisoformat(text).timestamp()).to_bytes(4, "big")
        case "ipaddr":
            return IPv4Address(text).packed
        case "ipv6addr":
            return IPv6Address(text).packed
        case "ipv6prefix":
            return encode_prefix(text)
        case _:
            return _interface_id(text)


def _decode(attribute: Attribute, value: bytes) -> str:
    match attribute.type:
        case "string":
            return text_of(value)
        case "integer":
            (number,) = _fixed(">I", value)
            return VALUES.get(attribute.name, {}).get(number) or str(number)
        case "date":
            (number,) = _fixed(">I", value)
            return datetime.fromtimestamp(number, tz=UTC).isoformat()
        case "ipaddr":
            return str(IPv4Address(value))
        case "ipv6addr":
            return str(IPv6Address(value))
        case "ipv6prefix":
            return decode_prefix(value)
        case "ifid":
            return ":".join(f"{part:x}" for part in _fixed(">4H", value))
        case _:
            return _octets(value)


def encode_prefix(text: str) -> bytes:
    """A Framed- or Delegated-IPv6-Prefix (RFC 3162 §2.3) from "2001:db8::/56"; host bits must be zero."""
    network = IPv6Network(text)
    used = (network.prefixlen + 7) // 8
    return bytes((0, network.prefixlen)) + network.network_address.packed[:used]


def decode_prefix(value: bytes) -> str:
    """The text of such a prefix. Raises ValueError when its lengths contradict each other."""
    if not 2 <= len(value) <= 18 or value[1] > 128:
        raise ValueError("not an IPv6 prefix")
    address = IPv6Address(value[2:].ljust(16, b"\0"))
    return str(IPv6Network((address, value[1]), strict=False))


def _number(name: str, text: str) -> int:
    for number, word in VALUES.get(name, {}).items():
        if word.lower() == text.lower():
            return number
    if not text.isascii() or not text.isdigit():
        raise ValueError("it must be a number from 0 to 4294967295")
    return int(text)


def _interface_id(text: str) -> bytes:
    parts = text.split(":")
    if len(parts) != 4:
        raise AddressValueError("an interface id is four groups of hex digits")
    return b"".join(int(part, 16).to_bytes(2, "big") for part in parts)


def _fixed(form: str, value: bytes) -> tuple[int, ...]:
    size = 4 if form == ">I" else 8
    if len(value) != size:
        raise ValueError(f"not {size} bytes")
    return unpack(form, value)


def _octets(value: bytes) -> str:
    return "0x" + value.hex()
