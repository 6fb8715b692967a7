"""Events of past sessions as records of the packet log, with all that the line's router says in its packets."""

from datetime import datetime
from functools import cache
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from capstan.demo.history.line import Connection, Event
from capstan.demo.roster import Subscription
from capstan.demo.routers.packets import session_id
from capstan.demo.routers.vendors import Port
from capstan.demo.sites import POOLS, SITES, Site
from capstan.metering.records import FLAG_EVENT_TIME, FLAG_GIGAWORDS, Record, Texts, make_record
from capstan.metering.rules.token import Token, encode_token
from capstan.metering.rules.words import Status
from capstan.network.rules.access import access_hash

_STATUS = {"start": Status.START.value, "interim": Status.INTERIM.value, "stop": Status.STOP.value}
_SAME_FROM = Record._fields.index("key")
_LINE_BITS = 8  # of a session's number: lines of one router


class Place(NamedTuple):
    """Where a line is plugged in, and under which ids the product knows it."""

    site: Site
    nas_id: int
    number: int
    one: Subscription
    service_id: int
    booted: datetime


def record_of(place: Place, event: Event) -> Record:
    """What the router's packet of this event says."""
    connection = event.connection
    if connection.packet is None:
        first = make_record(status=Status.START, nas_id=place.nas_id, texts=_texts(place, connection))
        connection.packet = first[_SAME_FROM:]
    stamps = place.site.vendor.stamps_events
    flags = FLAG_GIGAWORDS | FLAG_EVENT_TIME if stamps else FLAG_GIGAWORDS
    return Record._make(
        (
            _STATUS[event.kind], flags, event.cause, place.nas_id, 0, event.at if stamps else 0, event.seconds,
            event.up, event.down, *connection.packet,
        )
    )  # fmt: skip


def calling_station(place: Place, mac: bytes) -> str:
    """The device, as this router writes it."""
    return _port(place.site.name, place.number, mac)[0]


@cache
def _port(site: str, number: int, mac: bytes) -> tuple[str, str]:
    """Calling-Station-Id and NAS-Port-Id."""
    vendor = next(one.vendor for one in SITES if one.name == site)
    port = dict(vendor.port(Port(site, number, mac)))
    return port["Calling-Station-Id"], port.get("NAS-Port-Id", "")


def _texts(place: Place, connection: Connection) -> Texts:
    """What the router says in all packets of a session."""
    site, one = place.site, place.one
    station, port = _port(site.name, place.number, connection.mac)
    number = (connection.number << _LINE_BITS) + place.number
    login = sha256(f"{one.line.username} {connection.number}".encode()).digest()[:6]
    token = Token(place.service_id, access_hash(connection.access), login)
    return Texts(
        framed_ip=_ipv4(one, connection.number),
        username=one.line.username.encode(),
        session_id=session_id(site.vendor, place.booted, number).encode(),
        class_value=encode_token(token),
        calling_station=station.encode(),
        nas_port_id=port.encode(),
        framed_ipv6=_ipv6(one),
        extra=b"",
    )


def _ipv4(one: Subscription, connection: int) -> bytes:
    """The line's own address, else another one of its pool at each login."""
    if one.addresses.ipv4_address:
        return ip_address(one.addresses.ipv4_address).packed
    first, size = _pool(one.addresses.ipv4_pool)
    return (first + 2 + (one.line.seed * 7 + connection * 131) % (size - 3)).to_bytes(4, "big")


@cache
def _pool(name: str) -> tuple[int, int]:
    """A pool's first address and its size."""
    pool = ip_network(POOLS[name].split()[0])
    return int(pool[0]), pool.num_addresses


def _ipv6(one: Subscription) -> bytes:
    """Framed-IPv6-Prefix of a line that gets one: a reserved byte, the length, the prefix (RFC 3162 §2.3)."""
    if not one.addresses.ipv6_pool:
        return b""
    first, _ = _pool(one.addresses.ipv6_pool)
    return b"\0\x40" + (first + (one.line.seed << 64)).to_bytes(16, "big")[:8]
