"""Peers and routers in memory: who sent this packet, and which router is it about?

A `Directory` is made anew when the register changes and then only read, so the loop swaps one for another. It grows with
peers and routers, never with services; what it remembers of addresses is bounded.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import structlog

from capstan.metering.queries.peers import NasRow, PeerRow
from capstan.metering.rules.words import RequireMessageAuthenticator
from capstan.network.radius.decode import NAS_IDENTIFIER, NAS_IPV4, NAS_IPV6, NAS_UNNAMED
from capstan.network.radius.packet import Secret, text_of
from capstan.network.vendors.registry import is_known, profile
from capstan.network.vendors.wispr import GENERIC

_SOURCES_MAX = 65_536

log = structlog.get_logger()


class Nas:
    """A router as the listener needs it."""

    __slots__ = ("acted_upon", "id", "identifier", "interim_seconds", "lacks_gigawords", "profile", "source")

    def __init__(self, row: NasRow) -> None:
        self.id = row.id
        self.identifier = row.identifier
        known = is_known(row.vendor_profile)
        self.profile = profile(row.vendor_profile) if known else GENERIC
        self.interim_seconds = row.interim_seconds
        self.lacks_gigawords = row.lacks_gigawords
        # We wouldn't know what to tell a router of an unknown kind, so it is only observed.
        self.acted_upon = row.acted_upon and known
        self.source = row.last_source


class Peer:
    """Who shares a secret with us. `nases[kind][value]` finds a router by what a packet names it by (see `decode`)."""

    __slots__ = ("demand", "id", "is_proxy", "name", "nases", "secret")

    def __init__(self, row: PeerRow) -> None:
        self.id = row.id
        self.name = row.name
        self.secret = Secret(row.secret)
        self.demand: RequireMessageAuthenticator = row.require_message_authenticator
        self.is_proxy = row.is_proxy
        self.nases: tuple[dict[bytes, Nas], ...] = ({}, {}, {}, {})
        for nas in map(Nas, row.nases):
            for kind, value in _names(nas.identifier):
                self.nases[kind].setdefault(value, nas)


class Source:
    """An address that packets come from, and whose it is."""

    __slots__ = ("address", "peer")

    def __init__(self, address: str, peer: Peer) -> None:
        self.address = address
        self.peer = peer


class Directory:
    """All peers. `source(address)` finds the one with the longest matching network."""

    def __init__(self, rows: Iterable[PeerRow]) -> None:
        self._networks: dict[tuple[int, int], dict[int, Peer]] = {}  # (IP version, prefix length) -> network -> peer
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


def identifier_of(kind: int, value: bytes, source: str) -> str:
    """How a router is entered that names itself so; one that doesn't name itself is its address."""
    if kind == NAS_IDENTIFIER:
        return text_of(value)
    if kind == NAS_UNNAMED:
        return source
    return str(ip_address(value))


def find_nas(peer: Peer, named: Iterable[tuple[int, bytes]], source: str) -> Nas | None:
    """The registered router that a packet means by any of the names it carries, best first."""
    for kind, value in named:
        nas = peer.nases[kind].get(value)
        if nas is not None:
            return nas
    return peer.nases[NAS_UNNAMED].get(source.encode())


def _names(identifier: str) -> list[tuple[int, bytes]]:
    names = [(NAS_IDENTIFIER, identifier.encode())]
    try:
        address = ip_address(identifier)
    except ValueError:
        return names
    kind = NAS_IPV4 if address.version == 4 else NAS_IPV6
    return [*names, (kind, address.packed), (NAS_UNNAMED, str(address).encode())]
