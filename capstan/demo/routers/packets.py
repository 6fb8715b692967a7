"""What a router writes into its requests."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from capstan.demo.routers import codec
from capstan.demo.routers.codec import AcctStatus, Attribute, Cause
from capstan.demo.routers.session import Area, Session
from capstan.demo.routers.traffic import Habit
from capstan.demo.routers.vendors import Port, Vendor

_RADIUS = 1  # Acct-Authentic (RFC 2866 §5.6)
_UINT32 = 0xFFFF_FFFF
_PACKET_BYTES = 900  # for Acct-*-Packets: what a packet holds on average


class Line(NamedTuple):
    """A subscriber's line as his own equipment and the router's port know it."""

    username: str
    password: str
    mac: bytes
    habit: Habit
    seed: int
    line_bps: int  # what the wire or the air can carry, each way
    chap: bool = False
    stay_seconds: float = 0.0  # how long he stays on average before he logs out; 0: always on


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A router's own configuration, as an operator would type it in. Seconds are real ones."""

    name: str
    vendor: Vendor
    address: str
    secret: bytes
    server: str
    auth_port: int
    acct_port: int
    coa_port: int = 3799
    areas: dict[str, Area]
    pools: dict[str, str]
    tick_seconds: float = 1.0
    dial_seconds: float = 0.1  # between two lines when the router comes up
    redial_seconds: tuple[float, float] = (2.0, 6.0)
    refused_seconds: tuple[float, float] = (20.0, 40.0)

    @property
    def identity(self) -> list[Attribute]:
        kind = "NAS-IPv6-Address" if ":" in self.address else "NAS-IP-Address"
        return [("NAS-Identifier", self.name), (kind, self.address)]


class Moment(NamedTuple):
    """When something happened: seconds of the event loop, and the time on the router's own clock, right or wrong."""

    loop: float
    clock: datetime


def access(setup: Setup, line: Line, number: int, session_id: str) -> Any:
    """The Access-Request of a subscriber who dials in at port `number`."""
    attributes = [
        ("User-Name", line.username),
        *setup.identity,
        *setup.vendor.port(Port(setup.name, number, line.mac)),
        ("Acct-Session-Id", session_id),
    ]
    return codec.access_request(setup.secret, attributes, password=line.password, chap=line.chap)


def session_event(
    setup: Setup,
    line: Line,
    number: int,
    session: Session,
    status: AcctStatus,
    *,
    moment: Moment,
    gigawords: bool,
    cause: Cause | None = None,
) -> list[Attribute]:
    """Start, Interim-Update or Stop of a session as it stands at this moment."""
    attributes: list[Attribute] = [
        ("Acct-Status-Type", int(status)),
        ("User-Name", line.username),
        *setup.identity,
        *setup.vendor.port(Port(setup.name, number, line.mac)),
        ("Acct-Session-Id", session.session_id),
        ("Acct-Authentic", _RADIUS),
    ]
    if session.orders.token is not None:
        attributes.append(("Class", session.orders.token))
    addresses = session.addresses
    for name, value in (
        ("Framed-IP-Address", addresses.ipv4),
        ("Framed-IPv6-Prefix", addresses.ipv6_prefix),
        ("Delegated-IPv6-Prefix", addresses.ipv6_delegated),
    ):
        if value:
            attributes.append((name, value))
    if status is not AcctStatus.START:
        attributes += _counters(session, moment, gigawords=gigawords)
    if cause is not None:
        attributes.append(("Acct-Terminate-Cause", int(cause)))
    return attributes + _stamp(setup, moment)


def router_event(setup: Setup, status: AcctStatus, *, moment: Moment) -> list[Attribute]:
    """Accounting-On or -Off of the whole router (RFC 2866 §5.1)."""
    return [
        ("Acct-Status-Type", int(status)),
        *setup.identity,
        ("Acct-Session-Id", "00000000"),
        *_stamp(setup, moment),
    ]


def accounting(setup: Setup, attributes: list[Attribute], delay: int) -> Any:
    """The Accounting-Request that holds an event which happened `delay` seconds ago."""
    told = [("Acct-Delay-Time", delay)] if setup.vendor.tells_delay else []
    return codec.accounting_request(setup.secret, [*attributes, *told])


def session_id(vendor: Vendor, booted: datetime, count: int) -> str:
    """The id of the `count`th session since this boot; the boot time keeps it apart from earlier boots."""
    value = (int(booted.timestamp()) << 12) + count
    return f"{value & ((1 << vendor.session_id_bits) - 1):0{vendor.session_id_bits // 4}x}"


def _stamp(setup: Setup, moment: Moment) -> list[Attribute]:
    return [("Event-Timestamp", int(moment.clock.timestamp()))] if setup.vendor.stamps_events else []


def _counters(session: Session, moment: Moment, *, gigawords: bool) -> list[Attribute]:
    """Session time and counters. Input is what the router received: the customer's upload (RFC 2866 §5.3)."""
    counters: list[Attribute] = [("Acct-Session-Time", int(moment.loop - session.began))]
    for side, value in (("Input", session.up), ("Output", session.down)):
        counters.append((f"Acct-{side}-Octets", value & _UINT32))
        if gigawords:
            counters.append((f"Acct-{side}-Gigawords", value >> 32))
        counters.append((f"Acct-{side}-Packets", -(-value // _PACKET_BYTES) & _UINT32))
    return counters
