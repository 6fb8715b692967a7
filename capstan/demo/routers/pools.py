"""The addresses a router hands out: its own pools, or what the Accept says."""

from collections import deque
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from itertools import islice
from typing import Any

from capstan.demo.routers.codec import first
from capstan.demo.routers.session import Addresses

_POOL_SIZE = 1024  # no router here serves more lines; a larger network is used up to this
_CHOSEN_BY_ROUTER = "255.255.255.254"  # RFC 2865 §5.8


class NoAddressError(Exception):
    """A pool that isn't set up on this router, or one that has run out."""


class Pools:
    """Pools by name, each used in turn. The pool named "" serves lines for which the Accept names none.

    An IPv6 pool is written as `network length`: "2001:db8:100::/40 56" hands out /56 prefixes.
    """

    def __init__(self, networks: Mapping[str, str]) -> None:
        self._free = {name: deque(_members(network)) for name, network in networks.items()}

    def assign(self, accept: Any) -> Addresses:
        """What this Accept gives the session, fixed or from pools. Raises NoAddressError."""
        borrowed: list[tuple[str, str]] = []

        def borrow(pool: str | None) -> str:
            if pool is None:
                return ""
            borrowed.append((pool, self._next(pool)))
            return borrowed[-1][1]

        ipv4 = first(accept, "Framed-IP-Address")
        if ipv4 in (None, _CHOSEN_BY_ROUTER):
            ipv4 = borrow(first(accept, "Framed-Pool") or "")
        home_pool = first(accept, "Delegated-IPv6-Prefix-Pool")
        return Addresses(
            ipv4=ipv4,
            ipv6_prefix=first(accept, "Framed-IPv6-Prefix") or borrow(first(accept, "Framed-IPv6-Pool")),
            ipv6_delegated=first(accept, "Delegated-IPv6-Prefix") or borrow(home_pool),
            routes=tuple(accept.get("Framed-Route") or ()),
            borrowed=tuple(borrowed),
        )

    def give_back(self, addresses: Addresses) -> None:
        """Take back what came from our pools; it is handed out again after all the others."""
        for pool, address in addresses.borrowed:
            self._free[pool].append(address)

    def _next(self, pool: str) -> str:
        if pool not in self._free:
            raise NoAddressError(f"no pool named {pool!r} is set up here")
        if not self._free[pool]:
            raise NoAddressError(f"pool {pool!r} has run out")
        return self._free[pool].popleft()


def _members(network: str) -> list[str]:
    if ":" not in network:
        return [str(address) for address in islice(IPv4Network(network).hosts(), _POOL_SIZE)]
    prefix, length = network.split()
    return [str(part) for part in islice(IPv6Network(prefix).subnets(new_prefix=int(length)), _POOL_SIZE)]
