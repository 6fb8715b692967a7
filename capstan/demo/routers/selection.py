"""Which sessions a CoA- or Disconnect-Request means, and what in it this router can't do (RFC 5176 §3)."""

from collections.abc import Sequence
from typing import Any

from capstan.demo.routers.codec import DISCONNECT_REQUEST, ErrorCause, first
from capstan.demo.routers.packets import Setup
from capstan.demo.routers.subscriber import Subscriber
from capstan.demo.routers.vendors import Port, Vendor

_NAS = frozenset({"NAS-Identifier", "NAS-IP-Address", "NAS-IPv6-Address"})
_SESSION = frozenset(
    {
        "User-Name",
        "Acct-Session-Id",
        "Framed-IP-Address",
        "Framed-IPv6-Prefix",
        "Delegated-IPv6-Prefix",
        "Calling-Station-Id",
        "Called-Station-Id",
        "NAS-Port",
        "NAS-Port-Id",
        "NAS-Port-Type",
    }
)
_ENVELOPE = frozenset({"Event-Timestamp", "Message-Authenticator", "Proxy-State", "State", "Reply-Message"})


def find_sessions(order: Any, setup: Setup, live: Sequence[Subscriber]) -> list[Subscriber] | ErrorCause:
    """The sessions to which every identification in the request fits, or the reason why there are none."""
    told = set(order.keys())
    if any(name in told and (name, first(order, name)) not in setup.identity for name in _NAS):
        return ErrorCause.NAS_MISMATCH
    if not told & _SESSION:
        return ErrorCause.MISSING_ATTRIBUTE
    wanted = {name: first(order, name) for name in told & _SESSION}
    chosen = [one for one in live if _fits(one, setup, wanted)]
    return chosen or ErrorCause.SESSION_NOT_FOUND


def unsupported(order: Any, vendor: Vendor) -> list[str]:
    """What is in the request that this router can't change; a disconnect may only say which session is meant."""
    known = _NAS | _SESSION | _ENVELOPE
    if order.code != DISCONNECT_REQUEST:
        known |= vendor.changeable
    return [str(name) for name in order.keys() if name not in known]  # noqa: SIM118 - a packet iterates over codes, not names


def _fits(one: Subscriber, setup: Setup, wanted: dict[str, Any]) -> bool:
    session = one.session
    assert session is not None
    known = {
        **dict(setup.vendor.port(Port(setup.name, one.port, one.line.mac))),
        "User-Name": one.line.username,
        "Acct-Session-Id": session.session_id,
        "Framed-IP-Address": session.addresses.ipv4,
        "Framed-IPv6-Prefix": session.addresses.ipv6_prefix,
        "Delegated-IPv6-Prefix": session.addresses.ipv6_delegated,
    }
    return all(known.get(name) == value for name, value in wanted.items())
