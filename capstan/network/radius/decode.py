"""Accounting-Requests to packet-log records, fast.

Routers send few shapes of packet: the same attributes of the same lengths in the same order. A shape is worked out
once by a full walk; after that an integer mask over the type and length bytes proves that a packet has it, and one
`struct` call takes all wanted values out. Reading a packet by a shape that was kept and by one made afresh gives
the same result, because there is only one way of reading.
"""

from collections.abc import Callable
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from capstan.metering.records import FLAG_EVENT_TIME, FLAG_GIGAWORDS, Record, session_key
from capstan.metering.rules.token import decode_token
from capstan.network.radius.avp import VENDOR_SPECIFIC
from capstan.network.radius.dictionary import find
from capstan.network.radius.packet import MESSAGE_AUTHENTICATOR, PROXY_STATE, DecodeError, walk

_USER_NAME = 1
_NAS_IP_ADDRESS = 4
_FRAMED_IP_ADDRESS = 8
_CLASS = 25
_CALLING_STATION_ID = 31
_NAS_IDENTIFIER = 32
_ACCT_STATUS_TYPE = 40
_ACCT_DELAY_TIME = 41
_ACCT_INPUT_OCTETS = 42
_ACCT_OUTPUT_OCTETS = 43
_ACCT_SESSION_ID = 44
_ACCT_SESSION_TIME = 46
_ACCT_TERMINATE_CAUSE = 49
_ACCT_INPUT_GIGAWORDS = 52
_ACCT_OUTPUT_GIGAWORDS = 53
_EVENT_TIMESTAMP = 55
_NAS_PORT_ID = 87
_NAS_IPV6_ADDRESS = 95
_FRAMED_IPV6_PREFIX = 97
_DELEGATED_IPV6_PREFIX = 123
_FRAMED_IPV6_ADDRESS = 168

# In the order in which `Shape.values` begins.
_NUMBERS = (
    _ACCT_SESSION_TIME,
    _ACCT_DELAY_TIME,
    _EVENT_TIMESTAMP,
    _ACCT_TERMINATE_CAUSE,
    _ACCT_INPUT_OCTETS,
    _ACCT_INPUT_GIGAWORDS,
    _ACCT_OUTPUT_OCTETS,
    _ACCT_OUTPUT_GIGAWORDS,
)
_SIZES = dict.fromkeys(_NUMBERS, 4) | {
    _ACCT_STATUS_TYPE: 4,
    _NAS_IP_ADDRESS: 4,
    _FRAMED_IP_ADDRESS: 4,
    _NAS_IPV6_ADDRESS: 16,
    _FRAMED_IPV6_ADDRESS: 16,
}
_SINGLE = frozenset(_SIZES) | {
    _USER_NAME,
    _CLASS,
    _CALLING_STATION_ID,
    _NAS_IDENTIFIER,
    _ACCT_SESSION_ID,
    _NAS_PORT_ID,
    _FRAMED_IPV6_PREFIX,
    _DELEGATED_IPV6_PREFIX,
}
# Never kept among a record's extra attributes: they are carried already, or say nothing about the session.
_NOT_EXTRA = frozenset(
    {PROXY_STATE, MESSAGE_AUTHENTICATOR, _NAS_IP_ADDRESS, _NAS_IPV6_ADDRESS, _NAS_IDENTIFIER}
)

_INTERIM = 3
_WITHOUT_SESSION = frozenset({7, 8})  # Accounting-On and -Off

_LATEST_PER_LENGTH = 8  # trying more masks would cost as much as a walk
_SHAPES_MAX = 4096  # some 8 MB

_HEAD = Struct("<BBHIIIIQQ16s")  # the fixed part of a record, as metering.records packs it, up to its lengths
_LENGTHS = Struct("<BBBBBBBH")
_NO_KEY = bytes(16)
_UINT16_MAX = 0xFFFF
_DEFAULTS = (0, b"")  # what an absent number or text is, behind the unpacked values

# What names the router, best first: NAS-Identifier, NAS-IPv6-Address, NAS-IP-Address. Absent ones are empty.
_NAS_KINDS = (_NAS_IDENTIFIER, _NAS_IPV6_ADDRESS, _NAS_IP_ADDRESS)
Names = tuple[bytes, bytes, bytes]

NAMES = slice(8, 11)
_SESSION, _USER, _CLASS_VALUE, _FIRST_TEXT = 11, 12, 13, 14


class Spot(NamedTuple):
    """Where an attribute's value lies in a packet."""

    start: int
    end: int


class Shape:
    """How packets of one build are read.

    `read(packet)` gives the values: the eight numbers of `_NUMBERS`, the router's `NAMES`, Acct-Session-Id, User-Name,
    Class, and then the record's variable parts in their order.
    """

    __slots__ = (
        "expect",
        "flags",
        "lengths",
        "mask",
        "nas_kind",
        "pick",
        "proxy",
        "reusable",
        "status",
        "unpack",
    )

    unpack: Callable[[bytes], tuple[Any, ...]]
    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]]

    def __init__(self, packet: bytes) -> None:
        """Work out a packet's shape. Raises DecodeError, which says what is wrong with it."""
        attributes = walk(packet)
        first, self.reusable = _first_of_each(packet, attributes)
        self.status = _status(packet, first)
        gigawords = _ACCT_INPUT_GIGAWORDS in first or _ACCT_OUTPUT_GIGAWORDS in first
        self.flags = FLAG_GIGAWORDS * gigawords | FLAG_EVENT_TIME * (_EVENT_TIMESTAMP in first)
        self.proxy = tuple(Spot(at - 2, end) for kind, at, end in attributes if kind == PROXY_STATE)
        texts = _texts(packet, attributes, first, self.status)
        self.lengths = _LENGTHS.pack(*(sum(spot.end - spot.start for spot in spots) for spots in texts))
        self._plan(first, [spot for spots in texts for spot in spots])
        self._mask(packet, attributes)

    def read(self, packet: bytes) -> tuple[Any, ...]:
        return self.pick(self.unpack(packet) + _DEFAULTS)

    def proxy_states(self, packet: bytes) -> bytes:
        """The packet's Proxy-State attributes, to be echoed unchanged and in order (RFC 2865 §5.33)."""
        return b"".join(packet[start:end] for start, end in self.proxy)

    def _plan(self, first: dict[int, Spot], texts: list[Spot]) -> None:
        """One struct over the packet, and the order in which its values are wanted."""
        numbers = [first.get(kind) for kind in _NUMBERS]
        strings = [first.get(kind) for kind in (*_NAS_KINDS, _ACCT_SESSION_ID, _USER_NAME, _CLASS)] + texts
        spots = sorted({spot for spot in (*numbers, *strings) if spot is not None})
        is_number = {spot for spot in numbers if spot is not None}
        form, at = ">", 0
        for spot in spots:
            form += f"{spot.start - at}x" + ("I" if spot in is_number else f"{spot.end - spot.start}s")
            at = spot.end
        place = {spot: number for number, spot in enumerate(spots)}
        zero, empty = len(spots), len(spots) + 1
        order = [zero if spot is None else place[spot] for spot in numbers]
        order += [empty if spot is None else place[spot] for spot in strings]
        self.unpack = Struct(form).unpack_from
        self.pick = itemgetter(*order)

    def _mask(self, packet: bytes, attributes: list[tuple[int, int, int]]) -> None:
        """Which bits of a packet must be as here to be of this shape."""
        mask = bytearray(len(packet))
        for start, end in _fixed_parts(packet, attributes):
            mask[start:end] = b"\xff" * (end - start)
        self.mask = int.from_bytes(mask, "little")
        self.expect = int.from_bytes(packet, "little") & self.mask


class Decoder:
    """Remembers shapes, a bounded number of them. Feed it authentic packets only, so that nobody can fill it."""

    def __init__(self) -> None:
        self._latest: dict[
            int, list[tuple[int, int, Shape]]
        ] = {}  # by packet length, the last ones used first
        self._shapes: dict[bytes, Shape] = {}  # by skeleton: what the mask covers

    def shape(self, packet: bytes) -> Shape:
        """The packet's shape. Raises DecodeError."""
        latest = self._latest.get(len(packet))
        if latest is not None:
            word = int.from_bytes(packet, "little")
            for mask, expect, shape in latest:
                if word & mask == expect:
                    return shape
        return self._look_up(packet)

    def _look_up(self, packet: bytes) -> Shape:
        attributes = walk(packet)
        skeleton = b"".join([packet[start:end] for start, end in _fixed_parts(packet, attributes)])
        shape = self._shapes.get(skeleton)
        if shape is None:
            shape = Shape(packet)
            if not shape.reusable:
                return shape
            if len(self._shapes) >= _SHAPES_MAX:
                self._shapes.clear()
                self._latest.clear()
            self._shapes[skeleton] = shape
        latest = self._latest.setdefault(len(packet), [])
        latest.insert(0, (shape.mask, shape.expect, shape))
        del latest[_LATEST_PER_LENGTH:]
        return shape


def packed_parts(shape: Shape, values: tuple[Any, ...], nas_id: int) -> tuple[bytes, ...]:
    """The pieces of one packed record (see metering.records), to be joined into a payload."""
    seconds, delay, event, cause, up, up_high, down, down_high = values[: len(_NUMBERS)]
    session = values[_SESSION]
    key = session_key(nas_id, session, values[_USER], values[_CLASS_VALUE]) if session else _NO_KEY
    head = _HEAD.pack(
        shape.status,
        shape.flags,
        cause if cause < _UINT16_MAX else _UINT16_MAX,
        nas_id,
        delay,
        event,
        seconds,
        up_high << 32 | up,
        down_high << 32 | down,
        key,
    )
    return (head, shape.lengths, *values[_FIRST_TEXT:])


def record_of(packet: bytes, nas_id: int, shape: Shape) -> Record:
    """The packet as a record. For paths that aren't hot; the listener packs without making one."""
    values = shape.read(packet)
    head, lengths, *texts = packed_parts(shape, values, nas_id)
    return Record._make((*_HEAD.unpack(head), *_LENGTHS.unpack(lengths), b"".join(texts)))


def _first_of_each(packet: bytes, attributes: list[tuple[int, int, int]]) -> tuple[dict[int, Spot], bool]:
    """Where each attribute that we read stands first, and whether that holds for every packet built alike.

    It doesn't when there are several Class attributes, as RFC 2865 §5.25 allows: then ours is chosen by its content.
    """
    first: dict[int, Spot] = {}
    classes: list[Spot] = []
    for kind, at, end in attributes:
        if kind not in _SINGLE or at == end:
            continue
        size = _SIZES.get(kind)
        if size is not None and end - at != size:
            raise DecodeError(f"attribute {kind} has {end - at} bytes instead of {size}")
        spot = Spot(at, end)
        first.setdefault(kind, spot)
        if kind == _CLASS:
            classes.append(spot)
    if len(classes) > 1:
        ours = (spot for spot in classes if decode_token(packet[spot.start : spot.end]))
        first[_CLASS] = next(ours, classes[0])
    return first, len(classes) < 2


def _status(packet: bytes, first: dict[int, Spot]) -> int:
    spot = first.get(_ACCT_STATUS_TYPE)
    if spot is None:
        raise DecodeError("an Accounting-Request without Acct-Status-Type")
    status = int.from_bytes(packet[spot.start : spot.end], "big")
    if not 1 <= status <= 200:
        raise DecodeError(f"Acct-Status-Type {status} is not one we know")
    if _ACCT_SESSION_ID not in first and status not in _WITHOUT_SESSION:
        raise DecodeError("an Accounting-Request without Acct-Session-Id")
    return status


def _texts(
    packet: bytes, attributes: list[tuple[int, int, int]], first: dict[int, Spot], status: int
) -> list[list[Spot]]:
    """Where a record's variable parts lie, in the order of `metering.records.Texts`."""

    def either(*kinds: int) -> list[Spot]:
        return [first[kind] for kind in kinds if kind in first][:1]

    carried = [
        either(_FRAMED_IP_ADDRESS, _FRAMED_IPV6_ADDRESS),
        either(_USER_NAME),
        either(_ACCT_SESSION_ID),
        either(_CLASS),
        either(_CALLING_STATION_ID),
        either(_NAS_PORT_ID),
        either(_FRAMED_IPV6_PREFIX, _DELEGATED_IPV6_PREFIX),
    ]
    kept = {spot for spots in carried for spot in spots} | {first[kind] for kind in _SIZES if kind in first}
    extra = [
        Spot(at - 2, end)
        for kind, at, end in attributes
        if Spot(at, end) not in kept and _is_extra(packet, kind, at, end, status)
    ]
    return [*carried, extra]


def _is_extra(packet: bytes, kind: int, at: int, end: int, status: int) -> bool:
    """Whether a record keeps this attribute as it came: a stranger always, a known one where packets are few."""
    if status != _INTERIM:
        return kind not in _NOT_EXTRA
    if kind == VENDOR_SPECIFIC:
        vendor = int.from_bytes(packet[at : at + 4], "big")
        inside = _vendor_heads(packet, at, end)[1:]
        return not inside or any(find(vendor, packet[place]) is None for place, _ in inside)
    return find(0, kind) is None


def _fixed_parts(packet: bytes, attributes: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """The bytes that make a shape: code, length, every attribute's head, the Acct-Status-Type."""
    parts = [(0, 1), (2, 4)]
    for kind, at, end in attributes:
        parts.append((at - 2, end if kind == _ACCT_STATUS_TYPE else at))
        if kind == VENDOR_SPECIFIC:
            parts += _vendor_heads(packet, at, end)
    return parts


def _vendor_heads(packet: bytes, at: int, end: int) -> list[tuple[int, int]]:
    """Where a vendor's id stands, then the heads of what is inside; none where the vendor has a format of its own."""
    if end - at < 4:
        return [(at, end)]
    heads = [(at, at + 4)]
    at += 4
    while at < end:
        length = packet[at + 1] if at + 1 < end else 0
        if length < 2 or at + length > end:
            return heads[:1]
        heads.append((at, at + 2))
        at += length
    return heads
