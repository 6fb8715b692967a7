"""RADIUS packets for tests, written from the RFCs and sharing no code with the product: an honest counterpart."""

import hmac
from collections.abc import Iterable
from hashlib import md5

ACCESS_REQUEST, ACCESS_ACCEPT, ACCESS_REJECT = 1, 2, 3
ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE, STATUS_SERVER = 4, 5, 12
DISCONNECT_REQUEST, DISCONNECT_ACK, DISCONNECT_NAK = 40, 41, 42
COA_REQUEST, COA_ACK, COA_NAK = 43, 44, 45
START, STOP, INTERIM, ACCOUNTING_ON, ACCOUNTING_OFF = 1, 2, 3, 7, 8

USER_NAME, USER_PASSWORD, NAS_IP_ADDRESS, FILTER_ID, REPLY_MESSAGE, CLASS = 1, 2, 4, 11, 18, 25
SESSION_TIMEOUT, CALLING_STATION_ID, NAS_IDENTIFIER, PROXY_STATE = 27, 31, 32, 33
STATUS_TYPE, DELAY_TIME, INPUT_OCTETS, OUTPUT_OCTETS, SESSION_ID, SESSION_TIME = 40, 41, 42, 43, 44, 46
INPUT_GIGAWORDS, OUTPUT_GIGAWORDS, EVENT_TIMESTAMP, MESSAGE_AUTHENTICATOR, ERROR_CAUSE = 52, 53, 55, 80, 101
WISPR_UP, WISPR_DOWN = (14122, 7), (14122, 8)  # WISPr-Bandwidth-Max-Up and -Down, bit/s

Kind = int | tuple[int, int]  # an attribute's number, or (vendor, number)
Attributes = Iterable[tuple[Kind, bytes | str | int]]
_HEADER = 20
_PROOF = bytes((MESSAGE_AUTHENTICATOR, 18)) + bytes(16)


def encode(attributes: Attributes) -> bytes:
    """Attributes on the wire (RFC 2865 §5); an int is 32 bits."""
    return b"".join(_attribute(kind, given) for kind, given in attributes)


def _attribute(kind: Kind, given: bytes | str | int) -> bytes:
    value = given.encode() if isinstance(given, str) else given
    if isinstance(value, int):
        value = value.to_bytes(4, "big")
    if isinstance(kind, tuple):
        vendor, own = kind
        return _attribute(26, vendor.to_bytes(4, "big") + bytes((own, len(value) + 2)) + value)
    assert len(value) <= 253
    return bytes((kind, len(value) + 2)) + value


def read(packet: bytes) -> dict[Kind, list[bytes]]:
    """A packet's attributes by kind, vendors' own under (vendor, number)."""
    found: dict[Kind, list[bytes]] = {}
    at = _HEADER
    while at < len(packet):
        kind, length = packet[at], packet[at + 1]
        value = packet[at + 2 : at + length]
        if kind == 26:
            found.setdefault((int.from_bytes(value[:4], "big"), value[4]), []).append(value[6:])
        else:
            found.setdefault(kind, []).append(value)
        at += length
    return found


def number(attributes: dict[Kind, list[bytes]], kind: Kind) -> int | None:
    """The attribute as an integer, None without it."""
    return int.from_bytes(attributes[kind][0], "big") if kind in attributes else None


def accounting_request(identifier: int, attributes: Attributes, secret: bytes) -> bytes:
    body = encode(attributes)
    head = _head(ACCOUNTING_REQUEST, identifier, len(body))
    return head + md5(head + bytes(16) + body + secret).digest() + body


def access_request(
    identifier: int,
    attributes: Attributes,
    secret: bytes,
    *,
    authenticator: bytes,
    password: bytes | None = None,
) -> bytes:
    """With Message-Authenticator, and the password as PAP where one is given (RFC 2865 §5.2)."""
    hidden = b"" if password is None else encode([(USER_PASSWORD, _hide(password, secret, authenticator))])
    return _signed(ACCESS_REQUEST, identifier, hidden + encode(attributes), secret, authenticator)


def status_server(identifier: int, secret: bytes, *, authenticator: bytes) -> bytes:
    """RFC 5997."""
    return _signed(STATUS_SERVER, identifier, b"", secret, authenticator)


def answer(request: bytes, code: int, attributes: Attributes, secret: bytes) -> bytes:
    """The answer to a CoA- or Disconnect-Request."""
    body = encode(attributes)
    head = _head(code, request[1], len(body))
    return head + md5(head + request[4:_HEADER] + body + secret).digest() + body


def is_answer(packet: bytes, request: bytes, secret: bytes) -> bool:
    """Whether this answers the request, made with the secret; an Access answer must begin with its proof (CVE-2024-3596)."""
    if packet[1] != request[1] or int.from_bytes(packet[2:4], "big") != len(packet):
        return False
    if md5(packet[:4] + request[4:_HEADER] + packet[_HEADER:] + secret).digest() != packet[4:_HEADER]:
        return False
    if packet[0] == ACCOUNTING_RESPONSE:
        return True
    proof = packet[_HEADER : _HEADER + 18]
    covered = packet[:4] + request[4:_HEADER] + _PROOF + packet[_HEADER + 18 :]
    return proof[:2] == _PROOF[:2] and proof[2:] == hmac.digest(secret, covered, "md5")


def is_authentic_order(packet: bytes, secret: bytes) -> bool:
    """Whether a CoA- or Disconnect-Request was made with the secret, its Message-Authenticator too."""
    if md5(packet[:4] + bytes(16) + packet[_HEADER:] + secret).digest() != packet[4:_HEADER]:
        return False
    at = _HEADER
    while at < len(packet):
        if packet[at] == MESSAGE_AUTHENTICATOR:
            covered = packet[:4] + bytes(16) + packet[_HEADER:at] + _PROOF + packet[at + 18 :]
            return packet[at + 2 : at + 18] == hmac.digest(secret, covered, "md5")
        at += packet[at + 1]
    return False


def _head(code: int, identifier: int, body_bytes: int) -> bytes:
    return bytes((code, identifier)) + (_HEADER + body_bytes).to_bytes(2, "big")


def _signed(code: int, identifier: int, body: bytes, secret: bytes, authenticator: bytes) -> bytes:
    head = _head(code, identifier, len(_PROOF) + len(body)) + authenticator
    proof = hmac.digest(secret, head + _PROOF + body, "md5")
    return head + _PROOF[:2] + proof + body


def _hide(password: bytes, secret: bytes, authenticator: bytes) -> bytes:
    padded = password.ljust(-(-max(len(password), 1) // 16) * 16, b"\0")
    hidden, last = b"", authenticator
    for at in range(0, len(padded), 16):
        mask = md5(secret + last).digest()
        last = bytes(a ^ b for a, b in zip(padded[at : at + 16], mask, strict=True))
        hidden += last
    return hidden
