"""Access-Requests: reading one, and whether it may be answered at all (RFC 2865, 3579, CVE-2024-3596)."""

from capstan.db.fields import decrypt
from capstan.metering.rules.words import RequireMessageAuthenticator
from capstan.network.listener.answers import Key, key_of
from capstan.network.listener.peers import Nas, Peer, Source
from capstan.network.listener.sockets import Address, UdpSocket
from capstan.network.listener.status import BAD_MESSAGE_AUTHENTICATOR, message_authenticator_at, proxy_states
from capstan.network.radius.avp import VENDOR_SPECIFIC, Avp, encode_avps
from capstan.network.radius.decode import Names
from capstan.network.radius.dictionary import open_vendor
from capstan.network.radius.packet import is_authentic_message, text_of, walk
from capstan.network.radius.passwords import is_chap, mschap2_success, reveal_password
from capstan.network.rules.login import (
    EAP,
    GARBLED_PASSWORD,
    MSCHAP1,
    NO_PASSWORD,
    WRONG_PASSWORD,
    Device,
    LineRow,
    Refusal,
)

_USER_NAME = 1
_USER_PASSWORD = 2
_CHAP_PASSWORD = 3
_NAS_IP_ADDRESS = 4
_CALLING_STATION_ID = 31
_NAS_IDENTIFIER = 32
_CHAP_CHALLENGE = 60
_EAP_MESSAGE = 79
_MESSAGE_AUTHENTICATOR = 80
_NAS_PORT_ID = 87
_NAS_IPV6_ADDRESS = 95

_MICROSOFT = 311
_MICROSOFT_HEAD = _MICROSOFT.to_bytes(4, "big")
_MSCHAP_RESPONSE, _MSCHAP_ERROR, _MSCHAP_CHALLENGE, _MSCHAP2_RESPONSE, _MSCHAP2_SUCCESS = 1, 2, 11, 25, 26

DEMANDED = "no Message-Authenticator, which is demanded from this peer"
ONCE_STRICT = "no Message-Authenticator, although this address has sent it before"
PROXIED = "Proxy-State without Message-Authenticator from a peer that is no proxy (CVE-2024-3596)"


class AccessRequest:
    """One login as it arrived. Raises DecodeError when it can't be read."""

    __slots__ = (
        "_device", "address", "attributes", "key", "mac_tried", "message_authenticator_at", "nas", "packet", "peer",
        "settled", "sock", "source", "username", "values",
    )  # fmt: skip

    nas: Nas
    _device: Device | None

    def __init__(self, packet: bytes, sock: UdpSocket, address: Address, source: Source) -> None:
        self.packet = packet
        self.sock = sock
        self.address = address
        self.source = source
        self.peer: Peer = source.peer
        self.key: Key = key_of(packet, address)
        self.attributes = walk(packet)
        # Backwards, so that of equal attributes the first one stays.
        self.values = {kind: packet[at:end] for kind, at, end in reversed(self.attributes)}
        has_proof = _MESSAGE_AUTHENTICATOR in self.values
        self.message_authenticator_at = message_authenticator_at(self.attributes) if has_proof else None
        self.username = text_of(self.values.get(_USER_NAME, b"")).strip().lower()
        self.mac_tried = False  # looked up by MAC address as well
        self.settled = False  # its cap row was brought up to date, or that has failed

    def meet(self, nas: Nas) -> None:
        """The router is known now."""
        self.nas = nas
        self._device = None

    @property
    def device(self) -> Device:
        """Where the login comes from; worked out only for the lines that it matters to."""
        if self._device is None:
            calling = text_of(self.values.get(_CALLING_STATION_ID, b""))
            port = text_of(self.values.get(_NAS_PORT_ID, b""))
            self._device = Device(self.username, calling, self.nas.id, port)
        return self._device

    def names(self) -> Names:
        """What names its router; an address of the wrong length names nothing."""
        value = self.values.get
        ipv6, ipv4 = value(_NAS_IPV6_ADDRESS, b""), value(_NAS_IP_ADDRESS, b"")
        return value(_NAS_IDENTIFIER, b""), ipv6 if len(ipv6) == 16 else b"", ipv4 if len(ipv4) == 4 else b""

    def proxy_states(self) -> bytes:
        return proxy_states(self.packet, self.attributes)

    def untrusted(self, *, is_strict: bool) -> str | None:
        """Why this request must not be answered, None when it may be. `is_strict`: its address has proved it can sign."""
        if self.message_authenticator_at is not None:
            signed = is_authentic_message(self.packet, self.message_authenticator_at, self.peer.secret)
            return None if signed else BAD_MESSAGE_AUTHENTICATOR
        if _MESSAGE_AUTHENTICATOR in self.values or _EAP_MESSAGE in self.values:
            return BAD_MESSAGE_AUTHENTICATOR
        demand = self.peer.demand
        if demand == RequireMessageAuthenticator.YES:
            return DEMANDED
        if demand == RequireMessageAuthenticator.AUTO and is_strict:
            return ONCE_STRICT
        return PROXIED if 33 in self.values and not self.peer.is_proxy else None

    def proof(self, row: LineRow) -> tuple[Refusal | None, bytes]:
        """Check the password. Returns why it is refused, and attributes that the answer carries either way.

        Raises ValueError or cryptography's InvalidTag when the stored password can't be opened.
        """
        values = self.values
        if (hidden := values.get(_USER_PASSWORD)) is not None:
            return self._pap(hidden, row), b""
        if (response := values.get(_CHAP_PASSWORD)) is not None:
            challenge = values.get(_CHAP_CHALLENGE) or self.packet[4:20]
            right = is_chap(response, challenge, decrypt(row.line_password))
            return (None if right else WRONG_PASSWORD), b""
        if _EAP_MESSAGE in values:
            return EAP, b""
        microsoft = self._microsoft()
        if (response := microsoft.get(_MSCHAP2_RESPONSE)) is not None:
            return self._mschap2(response, microsoft.get(_MSCHAP_CHALLENGE, b""), row)
        return (MSCHAP1 if _MSCHAP_RESPONSE in microsoft else NO_PASSWORD), b""

    def unspoken(self) -> Refusal | None:
        """Why a login of an unknown user would be refused anyway: EAP tells more than "no such user"."""
        return EAP if _EAP_MESSAGE in self.values else None

    def _pap(self, hidden: bytes, row: LineRow) -> Refusal | None:
        password = reveal_password(hidden, self.peer.secret.value, self.packet[4:20])
        if password is not None and password == decrypt(row.line_password):
            return None
        try:
            readable = (password or b"").decode().isprintable()
        except UnicodeDecodeError:
            readable = False
        return WRONG_PASSWORD if readable else GARBLED_PASSWORD

    def _mschap2(self, response: bytes, challenge: bytes, row: LineRow) -> tuple[Refusal | None, bytes]:
        nt_hash = bytes.fromhex(decrypt(row.nt_hash).decode())
        success = mschap2_success(response, challenge, self.values.get(_USER_NAME, b""), nt_hash)
        if success is None:
            error = response[:1] + b"E=691 R=0 V=3"  # RFC 2759 §6: authentication failure, no retry
            return WRONG_PASSWORD, encode_avps([Avp(_MICROSOFT, _MSCHAP_ERROR, error)])
        return None, encode_avps([Avp(_MICROSOFT, _MSCHAP2_SUCCESS, success)])

    def _microsoft(self) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for kind, at, end in self.attributes:
            if kind == VENDOR_SPECIFIC and self.packet[at : at + 4] == _MICROSOFT_HEAD:
                for avp in open_vendor(self.packet[at:end]):
                    if avp.vendor == _MICROSOFT:
                        found.setdefault(avp.type, avp.value)
        return found
