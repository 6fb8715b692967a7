"""Attribute-value pairs on the wire (RFC 2865 §5)."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

VENDOR_SPECIFIC = 26
MAX_VALUE_BYTES = 253


class Avp(NamedTuple):
    """One attribute. `vendor` 0 is the standard space, else the vendor's id with its own type."""

    vendor: int
    type: int
    value: bytes


def encode_avps(avps: Iterable[Avp]) -> bytes:
    """The attributes as they go into a packet.

    Raises ValueError for a value that does not fit into one attribute.
    """
    parts: list[bytes] = []
    for vendor, kind, value in avps:
        if len(value) > (MAX_VALUE_BYTES if not vendor else MAX_VALUE_BYTES - 6):
            raise ValueError(f"attribute {vendor}/{kind} is {len(value)} bytes long")
        if vendor:
            parts.append(struct.pack(">BBIBB", VENDOR_SPECIFIC, len(value) + 8, vendor, kind, len(value) + 2))
        else:
            parts.append(struct.pack(">BB", kind, len(value) + 2))
        parts.append(value)
    return b"".join(parts)
