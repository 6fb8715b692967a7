"""Change-of-Authorization and Disconnect packets on the wire (RFC 5176)."""

from collections.abc import Sequence
from hashlib import md5
from hmac import compare_digest
from typing import NamedTuple

from capstan.network.radius.avp import Avp, encode_avps
from capstan.network.radius.packet import HEADER_BYTES, MESSAGE_AUTHENTICATOR, Secret, trim, walk

DISCONNECT_REQUEST = 40
DISCONNECT_ACK = 41
DISCONNECT_NAK = 42
COA_REQUEST = 43
COA_ACK = 44
COA_NAK = 45

_EVENT_TIMESTAMP = 55
_ERROR_CAUSE = 101
_ANSWERS = {
    DISCONNECT_REQUEST: (DISCONNECT_ACK, DISCONNECT_NAK),
    COA_REQUEST: (COA_ACK, COA_NAK),
}
_ZEROS = bytes(16)
_MESSAGE_AUTHENTICATOR_HEAD = bytes((MESSAGE_AUTHENTICATOR, 18))


class Answer(NamedTuple):
    acknowledged: bool
    error_cause: int | None  # Error-Cause (RFC 5176 §3.5), where a NAK gives one


def encode_request(
    code: int, identifier: int, avps: Sequence[Avp], *, secret: Secret, timestamp: int
) -> bytes:
    """A request with Event-Timestamp and Message-Authenticator (RFC 5176 §3.3, §3.4; RFC 3579 §3.2).

    Raises ValueError when the attributes don't fit into a packet.
    """
    attributes = encode_avps((*avps, Avp(0, _EVENT_TIMESTAMP, timestamp.to_bytes(4, "big"))))
    length = HEADER_BYTES + len(_MESSAGE_AUTHENTICATOR_HEAD) + 16 + len(attributes)
    if length > 4096:
        raise ValueError(f"a request of {length} bytes does not fit into a RADIUS packet")
    head = bytes((code, identifier)) + length.to_bytes(2, "big")
    proof = secret.hmac(head + _ZEROS + _MESSAGE_AUTHENTICATOR_HEAD + _ZEROS + attributes)
    body = _MESSAGE_AUTHENTICATOR_HEAD + proof + attributes
    return head + md5(head + _ZEROS + body + secret.value).digest() + body


def read_answer(data: bytes, request: bytes, secret: Secret) -> Answer:
    """What a router answered to `request`.

    Raises ValueError (DecodeError among them) for a packet that isn't its answer: cut short, forged, or of another
    kind.
    """
    packet = trim(data)
    acknowledgement, refusal = _ANSWERS[request[0]]
    if packet[0] not in (acknowledgement, refusal) or packet[1] != request[1]:
        raise ValueError(f"a packet of code {packet[0]} is no answer to one of code {request[0]}")
    made = md5(packet[:4] + request[4:20] + packet[HEADER_BYTES:] + secret.value).digest()
    if not compare_digest(made, packet[4:HEADER_BYTES]):
        raise ValueError("its Response Authenticator was not made with this secret")
    cause = None
    for kind, start, end in walk(packet):
        if kind == MESSAGE_AUTHENTICATOR and not _is_authentic(packet, start, end, request, secret):
            raise ValueError("its Message-Authenticator was not made with this secret")
        if kind == _ERROR_CAUSE and end - start == 4:
            cause = int.from_bytes(packet[start:end], "big")
    return Answer(packet[0] == acknowledgement, cause)


def _is_authentic(packet: bytes, start: int, end: int, request: bytes, secret: Secret) -> bool:
    """In an answer the Request Authenticator stands in the header while the proof is made (RFC 3579 §3.2)."""
    covered = packet[:4] + request[4:20] + packet[HEADER_BYTES:start] + _ZEROS + packet[end:]
    return end - start == 16 and compare_digest(secret.hmac(covered), packet[start:end])
