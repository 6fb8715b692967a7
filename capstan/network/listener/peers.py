"""Peers and routers in memory: who sent this packet, and which router is it about?

A `Directory` is made anew when the register changes and then only read, so the loop swaps one for another. It grows with
peers and routers, never with services; what it remembers of addresses is bounded.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import structlog

from capstan.metering.queries.peers import NasRow, PeerRow
from capstan.metering.rules.words import RequireMessageAuthenticator
from capstan.network.radius.decode import Names
from capstan.network.radius.packet import Secret, text_of
from capstan.network.vendors.registry import is_known, profile
from capstan.network.vendors.wispr import GENERIC

_SOURCES_MAX = 65_536
_KNOWN_MAX = 10_000
_UNNAMED: Names = (b"", b"", b"")

log = structlog.get_logger()


class Nas:
    """A router as the listener needs it."""

    __slots__ = (
        "acted_upon", "id", "identifier", "interim_seconds", "is_discovered", "lacks_gigawords", "profile", "source",
    )  # fmt: skip

    def __init__(self, row: NasRow) -> None:
        self.id = row.id
        self.identifier = row.identifier
        known = is_known(row.vendor_profile)
        self.profile = profile(row.vendor_profile) if known else GENERIC
        self.interim_seconds = row.interim_seconds
        self.lacks_gigawords = row.lacks_gigawords
        self.is_discovered = row.discovered
        # We wouldn't know what to tell a router of an unknown kind, so it is only observed.
        self.acted_upon = row.acted_upon and known
        self.source = row.last_source


class Peer:
    """Who shares a secret with us, and the routers behind it.

    `known` remembers which router a packet's names meant; what isn't there, `nas` finds.
    """

    __slots__ = ("_routers", "demand", "id", "is_proxy", "known", "name", "secret")

    def __init__(self, row: PeerRow) -> None:
        self.id = row.id
        self.name = row.name
        self.secret = Secret(row.secret)
        self.demand: RequireMessageAuthenticator = row.require_message_authenticator
        self.is_proxy = row.is_proxy
        self.known: dict[Names, Nas] = {}
        self._routers = {nas.identifier: nas for nas in map(Nas, row.nases)}

    def nas(self, names: Names, source: str) -> Nas | None:
        """The router that a packet means: by NAS-Identifier, else by address, else by where the packet came from.

        One that staff entered goes before one that was only discovered: it may have been entered under its address.
        """
        meant = [self._routers[one] for one in _texts(names, source) if one in self._routers]
        if not meant:
            return None
        nas = next((one for one in meant if not one.is_discovered), meant[0])
        if names != _UNNAMED:
            if len(self.known) >= _KNOWN_MAX:
                self.known.clear()
            self.known[names] = nas
        return nas


class Source:
    """An address that packets come from, and whose it is."""

    __slots__ = ("address", "peer")

    def __init__(self, address: str, peer: Peer) -> None:
        self.address = address
        self.peer = peer


class Directory:
    """All peers. `source(address)` finds the one with the longest matching network."""

    def __init__(self, rows: Iterable[PeerRow]) -> None:
        self._networks: dict[
            tuple[int, int], dict[int, Peer]
        ] = {}  # (IP version, prefix length) -> network -> peer
        self._sources: dict[str, Source] = {}
        self.peers = 0
        for row in rows:
            try:
                network = ip_network(row.network, strict=False)
            except ValueError:
                log.error("peer_without_network", peer=row.name, network=row.network)
                continue
            by_number = self._networks.setdefault((network.version, network.prefixlen), {})
            by_number[int(network.network_address)] = Peer(row)
            self.peers += 1
        self._longest_first = sorted(self._networks, key=lambda key: -key[1])

    def source(self, address: str) -> Source | None:
        """The sender at this address, None when nobody we know is there."""
        source = self._sources.get(address)
        if source is not None:
            return source
        peer = self._find(ip_address(address.partition("%")[0]))
        if peer is None:
            return None
        if len(self._sources) >= _SOURCES_MAX:
            self._sources.clear()
        source = self._sources[address] = Source(address.partition("%")[0], peer)
        return source

    def _find(self, address: IPv4Address | IPv6Address) -> Peer | None:
        number, width = int(address), address.max_prefixlen
        for version, length in self._longest_first:
            if version == address.version:
                kept = number >> (width - length) << (width - length)
                peer = self._networks[version, length].get(kept)
                if peer is not None:
                    return peer
        return None


def identifier_of(names: Names, source: str) -> str:
    """How a router is entered that names itself so; one that doesn't name itself is its address."""
    return _texts(names, source)[0]


def _texts(names: Names, source: str) -> list[str]:
    """A packet's names of its router as the register writes them, best first; its source where it gives none."""
    identifier, ipv6, ipv4 = names
    texts = [text_of(identifier)] if identifier else []
    texts += [str(ip_address(value)) for value in (ipv6, ipv4) if value]
    return texts or [source]
