"""How three kinds of router spell what they are told, and what they say about themselves.

Each follows its maker's documents, not the product's profiles: the RouterOS manual, chapter RADIUS; coova-chilli's
dictionary and how its src/chilli.c handles the attributes; the WISPr 1.0 recommendation with plain RADIUS.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from capstan.demo.routers.codec import Attribute, Cause, first
from capstan.demo.routers.session import Area, Orders

FRAMED, LOGIN = 2, 1  # Service-Type (RFC 2865 §5.6)
ETHERNET, WIRELESS_802_11 = 15, 19  # NAS-Port-Type (RFC 2865 §5.41)

_UNITS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


class Port(NamedTuple):
    """Where a subscriber is plugged in: what a router says of him in every packet."""

    router: str
    number: int
    mac: bytes


class OctetLimit(NamedTuple):
    """The names of the two attributes that hold a byte limit's low and high 32 bits."""

    low: str
    gigawords: str


@dataclass(frozen=True)
class Vendor:
    """One kind of router. `filters_by` names the attributes that may put a session into one of the router's areas."""

    name: str
    port: Callable[[Port], list[Attribute]]
    rates: Callable[[Any], tuple[int | None, int | None]]
    limits: tuple[OctetLimit, OctetLimit, OctetLimit] | None  # total, up, down
    filters_by: tuple[str, ...]
    changeable: frozenset[str]  # by CoA; anything else is refused with 401
    quota_cause: Cause
    session_id_bits: int
    stamps_events: bool  # sends Event-Timestamp
    tells_delay: bool  # a repeated packet is made anew with its Acct-Delay-Time, else sent again as it was
    has_portal: bool = False  # a refused subscriber sits in the captive portal

    def read(self, packet: Any, areas: dict[str, Area]) -> Orders:
        """What an Accept or a CoA asks for. `areas` are the filters and lists set up on this router, by name.

        Raises ValueError for a value that the router can't make sense of, an unknown filter's name included.
        """
        up, down = self.rates(packet)
        total, quota_up, quota_down = (
            [_octets(packet, limit) for limit in self.limits] if self.limits else (None, None, None)
        )
        return Orders(
            rate_up=up,
            rate_down=down,
            quota_total=total,
            quota_up=quota_up,
            quota_down=quota_down,
            area=self._area(packet, areas),
            interim_seconds=first(packet, "Acct-Interim-Interval"),
            session_seconds=first(packet, "Session-Timeout"),
            idle_seconds=first(packet, "Idle-Timeout"),
            token=first(packet, "Class"),
        )

    def _area(self, packet: Any, areas: dict[str, Area]) -> Area | None:
        for attribute in self.filters_by:
            name = first(packet, attribute)
            if name is not None:
                if name not in areas:
                    raise ValueError(f"no filter named {name!r} is set up here")
                return areas[name]
        return None


def _octets(packet: Any, limit: OctetLimit) -> int | None:
    """A byte limit, its halves joined; None when neither is there."""
    low, high = first(packet, limit.low), first(packet, limit.gigawords)
    if low is None and high is None:
        return None
    return ((high or 0) << 32) | (low or 0)


def _wispr_rates(packet: Any) -> tuple[int | None, int | None]:
    return first(packet, "WISPr-Bandwidth-Max-Up"), first(packet, "WISPr-Bandwidth-Max-Down")


def _mikrotik_rates(packet: Any) -> tuple[int | None, int | None]:
    """Mikrotik-Rate-Limit, `rx[/tx] [bursts …]`: rx is what the router receives, the upload. Else WISPr's."""
    rate_limit = first(packet, "Mikrotik-Rate-Limit")
    if rate_limit is None:
        return _wispr_rates(packet)
    match = re.fullmatch(r"(\d+)([kMG]?)(?:/(\d+)([kMG]?))?(?: .*)?", rate_limit)
    if match is None:
        raise ValueError(f"Mikrotik-Rate-Limit {rate_limit!r} can't be read")
    rx, rx_unit, tx, tx_unit = match.groups()
    up = int(rx) * _UNITS[rx_unit]
    return up, up if tx is None else int(tx) * _UNITS[tx_unit]


def _coova_rates(packet: Any) -> tuple[int | None, int | None]:
    """ChilliSpot-Bandwidth-Max-*, kbit/s; else WISPr's, bit/s."""
    up, down = _wispr_rates(packet)
    chilli_up, chilli_down = (first(packet, f"ChilliSpot-Bandwidth-Max-{side}") for side in ("Up", "Down"))
    return up if chilli_up is None else chilli_up * 1000, down if chilli_down is None else chilli_down * 1000


def _mikrotik_port(port: Port) -> list[Attribute]:
    return [
        ("Service-Type", FRAMED),
        ("Framed-Protocol", 1),  # PPP
        ("NAS-Port", 15_728_640 + port.number),
        ("NAS-Port-Type", ETHERNET),
        ("NAS-Port-Id", "ether2-access"),
        ("Called-Station-Id", port.router),
        ("Calling-Station-Id", port.mac.hex(":").upper()),
    ]


def _coova_port(port: Port) -> list[Attribute]:
    return [
        ("Service-Type", LOGIN),
        ("NAS-Port", port.number),
        ("NAS-Port-Type", WIRELESS_802_11),
        ("NAS-Port-Id", f"{port.number:08d}"),
        ("Called-Station-Id", "02-00-5E-00-53-01"),
        ("Calling-Station-Id", port.mac.hex("-").upper()),
        ("WISPr-Location-Name", port.router),
    ]


def _wispr_port(port: Port) -> list[Attribute]:
    return [
        ("Service-Type", LOGIN),
        ("NAS-Port", port.number),
        ("NAS-Port-Type", WIRELESS_802_11),
        ("Called-Station-Id", "02005E005302:" + port.router),
        ("Calling-Station-Id", port.mac.hex()),
        ("WISPr-Location-ID", "isocc=za,cc=27,ac=00,network=" + port.router),
    ]


_ALWAYS_CHANGEABLE = frozenset({"Session-Timeout", "Idle-Timeout", "Acct-Interim-Interval", "Class"})
_WISPR_RATE_NAMES = frozenset({"WISPr-Bandwidth-Max-Up", "WISPr-Bandwidth-Max-Down"})


# RouterOS changes by CoA what its manual lists: neither Total-Limit nor an address list nor a pool is there.
MIKROTIK = Vendor(
    name="mikrotik",
    port=_mikrotik_port,
    rates=_mikrotik_rates,
    limits=(
        OctetLimit("Mikrotik-Total-Limit", "Mikrotik-Total-Limit-Gigawords"),
        OctetLimit("Mikrotik-Recv-Limit", "Mikrotik-Recv-Limit-Gigawords"),
        OctetLimit("Mikrotik-Xmit-Limit", "Mikrotik-Xmit-Limit-Gigawords"),
    ),
    filters_by=("Filter-Id", "Mikrotik-Address-List"),
    changeable=_ALWAYS_CHANGEABLE
    | {
        "Filter-Id",
        "Mikrotik-Rate-Limit",
        "Mikrotik-Recv-Limit",
        "Mikrotik-Recv-Limit-Gigawords",
        "Mikrotik-Xmit-Limit",
        "Mikrotik-Xmit-Limit-Gigawords",
    },
    quota_cause=Cause.NAS_REQUEST,
    session_id_bits=32,
    stamps_events=True,
    tells_delay=True,
)

# Chilli runs a CoA through the same function as an Accept. Its garden is the portal that a refused subscriber sits in;
# a Filter-Id is kept but not enforced.
COOVA = Vendor(
    name="coova",
    port=_coova_port,
    rates=_coova_rates,
    limits=(
        OctetLimit("ChilliSpot-Max-Total-Octets", "ChilliSpot-Max-Total-Gigawords"),
        OctetLimit("ChilliSpot-Max-Input-Octets", "ChilliSpot-Max-Input-Gigawords"),
        OctetLimit("ChilliSpot-Max-Output-Octets", "ChilliSpot-Max-Output-Gigawords"),
    ),
    filters_by=(),
    changeable=_ALWAYS_CHANGEABLE
    | _WISPR_RATE_NAMES
    | {
        "Filter-Id",
        "ChilliSpot-Bandwidth-Max-Up",
        "ChilliSpot-Bandwidth-Max-Down",
        "ChilliSpot-Max-Total-Octets",
        "ChilliSpot-Max-Total-Gigawords",
        "ChilliSpot-Max-Input-Octets",
        "ChilliSpot-Max-Input-Gigawords",
        "ChilliSpot-Max-Output-Octets",
        "ChilliSpot-Max-Output-Gigawords",
    },
    quota_cause=Cause.SESSION_TIMEOUT,
    session_id_bits=64,
    stamps_events=True,
    tells_delay=False,
    has_portal=True,
)

WISPR = Vendor(
    name="wispr",
    port=_wispr_port,
    rates=_wispr_rates,
    limits=None,
    filters_by=("Filter-Id",),
    changeable=_ALWAYS_CHANGEABLE | _WISPR_RATE_NAMES | {"Filter-Id"},
    quota_cause=Cause.NAS_REQUEST,
    session_id_bits=48,
    stamps_events=False,
    tells_delay=True,
)

VENDORS = {vendor.name: vendor for vendor in (MIKROTIK, COOVA, WISPR)}
