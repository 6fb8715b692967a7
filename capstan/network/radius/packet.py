"""RADIUS packets: header, authenticators, Message-Authenticator, Proxy-State (RFC 2865, 2866, 3579, 5997)."""

from hmac import compare_digest
from struct import Struct

try:
    from _md5 import md5 as md5  # type: ignore[import-not-found]  # CPython's own, half the cost of hashlib's wrapper
except ImportError:  # pragma: no cover - an interpreter built without it
    from hashlib import md5 as md5

ACCESS_REQUEST = 1
ACCESS_ACCEPT = 2
ACCESS_REJECT = 3
ACCOUNTING_REQUEST = 4
ACCOUNTING_RESPONSE = 5
STATUS_SERVER = 12

HEADER_BYTES = 20
PACKET_BYTES_MAX = 4096

PROXY_STATE = 33
MESSAGE_AUTHENTICATOR = 80
_MESSAGE_AUTHENTICATOR_HEAD = bytes((MESSAGE_AUTHENTICATOR, 18))

_ZEROS = bytes(16)
_HEAD = Struct(">BBH")
_BLOCK_BYTES = 64  # of MD5, for HMAC (RFC 2104)

# The first four bytes of an Accounting-Response without attributes, by identifier: nearly every answer starts so.
_ACCOUNTING_HEADS = tuple(
    _HEAD.pack(ACCOUNTING_RESPONSE, identifier, HEADER_BYTES) for identifier in range(256)
)


class DecodeError(ValueError):
    """A packet that can't be read. Its text says why, for people."""


class Secret:
    """A shared secret, with the two half-done HMAC states that every Message-Authenticator starts from."""

    __slots__ = ("_inner", "_outer", "value")

    def __init__(self, value: bytes) -> None:
        self.value = value
        key = (md5(value).digest() if len(value) > _BLOCK_BYTES else value).ljust(_BLOCK_BYTES, b"\0")
        self._inner = md5(bytes(byte ^ 0x36 for byte in key))
        self._outer = md5(bytes(byte ^ 0x5C for byte in key))

    def hmac(self, data: bytes) -> bytes:
        """HMAC-MD5 of `data` (RFC 2104)."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(data)
        outer.update(inner.digest())
        return outer.digest()  # type: ignore[no-any-return]


def trim(data: bytes) -> bytes:
    """The packet without the padding that may follow it (RFC 2865 §3).

    Raises DecodeError when the header contradicts what arrived.
    """
    size = len(data)
    if size > PACKET_BYTES_MAX:
        raise DecodeError("longer than 4096 bytes")
    if size < HEADER_BYTES:
        raise DecodeError("shorter than a RADIUS header")
    length = data[2] << 8 | data[3]
    if length == size:
        return data
    if length > size:
        raise DecodeError("its length field says more than arrived")
    if length < HEADER_BYTES:
        raise DecodeError("its length field is shorter than a RADIUS header")
    return data[:length]


def is_authentic_accounting(packet: bytes, secret: Secret) -> bool:
    """Whether the Request Authenticator of an Accounting-Request was made with this secret (RFC 2866 §3).

    A Message-Authenticator in it would prove nothing more, as the authenticator covers the whole packet already.
    """
    made = md5(packet[:4] + _ZEROS + packet[20:] + secret.value).digest()
    return compare_digest(made, packet[4:20])


def accounting_response(request: bytes, secret: Secret, proxy_states: bytes = b"") -> bytes:
    """The acknowledgement of an Accounting-Request or of a Status-Server on the accounting port."""
    if proxy_states:
        head = _HEAD.pack(ACCOUNTING_RESPONSE, request[1], HEADER_BYTES + len(proxy_states))
    else:
        head = _ACCOUNTING_HEADS[request[1]]
    made: bytes = md5(head + request[4:20] + proxy_states + secret.value).digest()
    return head + made + proxy_states


def is_authentic_message(packet: bytes, value_at: int, secret: Secret) -> bool:
    """Whether the Message-Authenticator whose value starts at `value_at` holds, in a request (RFC 3579 §3.2)."""
    zeroed = packet[:value_at] + _ZEROS + packet[value_at + 16 :]
    return compare_digest(secret.hmac(zeroed), packet[value_at : value_at + 16])


def access_reply(code: int, request: bytes, secret: Secret, attributes: bytes) -> bytes:
    """An Access-Accept or -Reject. Its Message-Authenticator comes first, as CVE-2024-3596 demands.

    Raises ValueError when the attributes don't fit into one packet.
    """
    length = HEADER_BYTES + 18 + len(attributes)
    if length > PACKET_BYTES_MAX:
        raise ValueError(f"an answer of {length} bytes doesn't fit into a RADIUS packet")
    head = _HEAD.pack(code, request[1], length)
    request_authenticator = request[4:20]
    proof = secret.hmac(head + request_authenticator + _MESSAGE_AUTHENTICATOR_HEAD + _ZEROS + attributes)
    body = _MESSAGE_AUTHENTICATOR_HEAD + proof + attributes
    made: bytes = md5(head + request_authenticator + body + secret.value).digest()
    return head + made + body


def walk(packet: bytes) -> list[tuple[int, int, int]]:
    """(type, start of the value, end) of each attribute, in the packet's order.

    Raises DecodeError for an attribute that doesn't fit, naming it.
    """
    found: list[tuple[int, int, int]] = []
    at, size = HEADER_BYTES, len(packet)
    try:
        while at < size:
            kind, length = packet[at], packet[at + 1]
            end = at + length
            if length < 2 or end > size:
                raise DecodeError(f"attribute {kind} has the impossible length {length}")
            found.append((kind, at + 2, end))
            at = end
    except IndexError:
        raise DecodeError("it ends inside an attribute's header") from None
    return found


def text_of(value: bytes) -> str:
    """What a router sent as text, storable whatever it is: undecodable bytes and NUL are written as escapes."""
    return value.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
