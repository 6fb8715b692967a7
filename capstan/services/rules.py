"""Words about services, the forms of usernames, MAC addresses, passwords and addresses, and checkout windows.

Free of storage.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import NamedTuple
from zoneinfo import ZoneInfo

from capstan.values.md4 import md4
from capstan.values.period import day_at
from capstan.values.refused import Refused

_ATTRIBUTE_BYTES = 253  # what one RADIUS attribute holds (RFC 2865 §5)
_PASSWORD_BYTES = 128  # User-Password ends there (RFC 2865 §5.2)
_PREFIX_FROM = 16  # the shortest IPv6 prefix that a line can have


class ServiceStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class HoldKind(StrEnum):
    """Whose reason it is that a line is on hold."""

    STAFF = "staff"
    UNPAID = "unpaid"


class Standing(StrEnum):
    """Who waits for whom: postpaid gets each cycle's allowance at once, prepaid when it is paid."""

    POSTPAID = "postpaid"
    PREPAID = "prepaid"


class LoginBy(StrEnum):
    """How a line shows who it is: by password, or by its MAC address alone (IPoE, hotspot)."""

    PASSWORD = "password"  # noqa: S105
    MAC = "mac"


class MacLock(StrEnum):
    """Which device may use the line: any; the first one seen from now on; only the one recorded."""

    OFF = "off"
    LEARN = "learn"
    LOCKED = "locked"


class Urgency(IntEnum):
    """In which order lines are enforced when many are due: the lower number first."""

    AWAITED = 0  # somebody waits for it: a top-up, a decision of staff
    USAGE = 1  # a line reached its cap, or came up with the wrong access
    CROWD = 2  # many at once, and nobody waits: the turn of cycles, the sweep


# --- paying while the line is shut -----------------------------------------------------------------------

CHECKOUT_WINDOW = timedelta(minutes=10)
"""How long a line is let out for a payment: 3-D Secure and a bank's app need the internet."""


class NoWindow(StrEnum):
    """Why a line isn't let out for a payment."""

    ENDED = "ended"
    USED_UP = "used up"  # as often as a day allows


def no_window(
    status: ServiceStatus, opened: Iterable[datetime], *, per_day: int, zone: ZoneInfo, now: datetime
) -> NoWindow | None:
    """What stands against opening a window now; None: nothing. `opened` are the moments of earlier ones.

    A window counts for the provider's day in which it was opened, however soon it was closed.
    """
    if status == ServiceStatus.ENDED:
        return NoWindow.ENDED
    today = day_at(zone, now)
    return NoWindow.USED_UP if sum(map(today.covers, opened)) >= per_day else None


# --- who logs in -----------------------------------------------------------------------------------------


def normalise_username(text: str) -> str:
    """A username as it is stored and compared:

    lower case, no blanks around. Raises Refused for one no router can send.
    """
    username = text.strip().lower()
    if not username:
        raise Refused("The username is missing.")
    if any(char.isspace() or not char.isprintable() for char in username):
        raise Refused(f"The username {username!r} has blanks or unprintable characters inside.")
    if len(username.encode()) > _ATTRIBUTE_BYTES:
        raise Refused("The username is longer than the 253 bytes that RADIUS can carry.")
    return username


def check_password(password: str) -> None:
    """Raises Refused for a line password that PAP can't carry (RFC 2865 §5.2)."""
    if not password:
        raise Refused("The line password is missing.")
    if "\0" in password:
        raise Refused("The line password has a zero byte, which PAP takes for its end.")
    if len(password.encode()) > _PASSWORD_BYTES:
        raise Refused("The line password is longer than the 128 bytes that PAP can carry.")


def nt_hash(password: str) -> str:
    """NtPasswordHash of RFC 2759 §8.3 as 32 hex digits: all that checking MS-CHAPv2 needs."""
    return md4(password.encode("utf-16-le")).hex()


_MAC = re.compile(
    r"[0-9a-f]{12}|[0-9a-f]{2}([:.-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}|[0-9a-f]{4}([.:-])[0-9a-f]{4}\2[0-9a-f]{4}"
    r"|[0-9a-f]{6}[-:][0-9a-f]{6}",
    re.IGNORECASE | re.ASCII,
)


def mac_of(text: str) -> str | None:
    """The MAC address in a Calling-Station-Id or User-Name as 12 upper-case hex digits; None if it holds
    none.

    Every notation in use is read: `AA-BB-CC-DD-EE-FF` (RFC 3580), colons, dots, `aabb.ccdd.eeff`,
    `aabbcc-ddeeff`, bare.
    """
    candidate = text.strip()
    if not _MAC.fullmatch(candidate):
        return None
    return re.sub(r"[:.-]", "", candidate).upper()


def normalise_mac(text: str) -> str:
    """The MAC address a person typed, as `mac_of` gives it.

    Raises Refused for anything else, zeros and group addresses.
    """
    mac = mac_of(text)
    if mac is None:
        raise Refused(f"{text!r} is not a MAC address: write it like AA-BB-CC-DD-EE-FF.")
    if mac == "0" * 12 or int(mac[:2], 16) & 1:
        raise Refused(f"{text!r} is no single device's MAC address.")
    return mac


# --- which addresses it gets -----------------------------------------------------------------------------


class Addresses(NamedTuple):
    """What a line gets from the router (G13); meanings are those of the fields of `services.models.Service`."""

    ipv4_address: str | None = None
    ipv4_pool: str = ""
    ipv4_routes: tuple[str, ...] = ()
    ipv6_prefix: str = ""
    ipv6_pool: str = ""
    ipv6_delegated_prefix: str = ""
    ipv6_delegated_pool: str = ""


def normalise_addresses(given: Addresses) -> Addresses:
    """The same addresses in their shortest notation.

    Raises Refused for what a router would choke on or ignore.
    """
    _either("IPv4", given.ipv4_address, given.ipv4_pool)
    _either("IPv6", given.ipv6_prefix, given.ipv6_pool)
    _either("delegated IPv6", given.ipv6_delegated_prefix, given.ipv6_delegated_pool)
    return Addresses(
        ipv4_address=_host(given.ipv4_address) if given.ipv4_address else None,
        ipv4_pool=_pool(given.ipv4_pool),
        ipv4_routes=tuple(_route(text) for text in given.ipv4_routes),
        ipv6_prefix=_prefix(given.ipv6_prefix, longest=128),
        ipv6_pool=_pool(given.ipv6_pool),
        ipv6_delegated_prefix=_prefix(given.ipv6_delegated_prefix, longest=64),
        ipv6_delegated_pool=_pool(given.ipv6_delegated_pool),
    )


def prefixes_around(inner: IPv6Network) -> list[str]:
    """Every prefix that a line may hold and that this one lies in, as they are stored: for a lookup by equality."""
    longest = inner.prefixlen
    return [str(inner.supernet(new_prefix=length)) for length in range(_PREFIX_FROM, longest + 1)]


def _either(family: str, fixed: str | None, pool: str) -> None:
    if fixed and pool:
        raise Refused(
            f"Give the line a fixed {family} address or a pool, not both: routers differ in which they take."
        )


def _host(text: str) -> str:
    try:
        address = IPv4Address(text.strip())
    except ValueError as error:
        raise Refused(f"{text!r} is not an IPv4 address.") from error
    # 255.255.255.254 and .255 tell the router to choose itself (RFC 2865 §5.8).
    if address.is_multicast or address.is_loopback or address.is_unspecified or address.is_reserved:
        raise Refused(f"{text!r} can't be a line's address.")
    return str(address)


def _prefix(text: str, *, longest: int) -> str:
    if not text:
        return ""
    try:
        prefix = IPv6Network(text.strip())
    except ValueError as error:
        raise Refused(f"{text!r} is not an IPv6 prefix such as 2001:db8:7::/56: {error}.") from error
    if not _PREFIX_FROM <= prefix.prefixlen <= longest:
        raise Refused(f"{text!r}: the length must be /{_PREFIX_FROM} to /{longest}.")
    return str(prefix)


def _route(text: str) -> str:
    """RFC 2865 §5.22: destination, then optionally the gateway and metrics."""
    destination, *rest = text.split() or [""]
    try:
        parts = [str(IPv4Network(destination))]
        if rest:
            parts += [str(ip_address(rest[0])), *(str(int(metric)) for metric in rest[1:])]
    except ValueError as error:
        raise Refused(f"{text!r} is not a route such as '198.51.100.0/28 192.0.2.1 1': {error}.") from error
    return " ".join(parts)


def _pool(text: str) -> str:
    name = text.strip()
    if len(name.encode()) > _ATTRIBUTE_BYTES or not name.isprintable():
        raise Refused(f"{text[:40]!r} can't be the name of a pool.")
    return name
