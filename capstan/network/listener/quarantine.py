"""Packets that are not accepted: counted by source, port and reason, one of each kept as a sample, never answered."""

from datetime import datetime

from capstan.metering.actions.arrivals import MANY_SOURCES, Refusal
from capstan.network.radius.packet import PACKET_BYTES_MAX, DecodeError, walk

AUTHENTICATION = "authentication"
ACCOUNTING = "accounting"

UNKNOWN_PEER = "unknown peer: no peer has this address"
FORGED = "bad authenticator: forged, or the secret differs"

_KINDS_MAX = 256  # between two writings; a flood of made-up sources must not fill memory or table
_PASSWORDS = frozenset({2, 3})  # User-Password, CHAP-Password


def unhandled(error: Exception) -> str:
    """The reason of a packet that made us stumble."""
    return f"could not be handled: {type(error).__name__}"


class Quarantine:
    """Counts refusals until they are taken to be written."""

    def __init__(self) -> None:
        self.refused = 0
        self._kinds: dict[tuple[str, str, str], Refusal] = {}

    def add(self, *, source: str, port: str, reason: str, packet: bytes, now: datetime) -> None:
        self.refused += 1
        key = (source, port, reason)
        known = self._kinds.get(key)
        if known is None and len(self._kinds) >= _KINDS_MAX:
            key = (MANY_SOURCES, port, reason)
            known = self._kinds.get(key)
        if known is None:
            self._kinds[key] = Refusal(*key, 1, now, now, _sample(packet))
        else:
            self._kinds[key] = known._replace(packets=known.packets + 1, last_at=now)

    def take(self) -> list[Refusal]:
        """What has come since the last call."""
        taken = list(self._kinds.values())
        self._kinds.clear()
        return taken


def _sample(packet: bytes) -> bytes:
    """The packet's bytes, hidden passwords blanked: a sample is read by people, a secret may be weak."""
    packet = packet[:PACKET_BYTES_MAX]
    try:
        attributes = walk(packet)
    except DecodeError:
        return packet
    blanked = bytearray(packet)
    for kind, at, end in attributes:
        if kind in _PASSWORDS:
            blanked[at:end] = bytes(end - at)
    return bytes(blanked)
