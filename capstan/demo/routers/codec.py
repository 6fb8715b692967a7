"""RADIUS packets as the simulated routers write and read them: pyrad with a dictionary of their own.

Nothing of the product's codec is used here, so that the two check each other. Values are pyrad's: text as `str`,
addresses as text, numbers as `int`, everything else as `bytes`.
"""

import os
from collections.abc import Iterable
from enum import IntEnum
from functools import cache
from hashlib import md5
from pathlib import Path
from typing import Any

from pyrad.dictionary import Dictionary
from pyrad.packet import AcctPacket, AuthPacket, CoAPacket, Packet, PacketError

Attribute = tuple[str, Any]
"""An attribute's name in the routers' dictionary, and its value."""

ACCESS_ACCEPT = 2
ACCOUNTING_RESPONSE = 5
DISCONNECT_REQUEST = 40
COA_REQUEST = 43


class AcctStatus(IntEnum):
    """Acct-Status-Type (RFC 2866 §5.1)."""

    START = 1
    STOP = 2
    INTERIM = 3
    ON = 7
    OFF = 8


class Cause(IntEnum):
    """Acct-Terminate-Cause (RFC 2866 §5.10), as far as the routers use it."""

    USER_REQUEST = 1
    IDLE_TIMEOUT = 4
    SESSION_TIMEOUT = 5
    ADMIN_RESET = 6
    ADMIN_REBOOT = 7
    NAS_REQUEST = 10


class ErrorCause(IntEnum):
    """Error-Cause of a NAK (RFC 5176 §3.5)."""

    UNSUPPORTED_ATTRIBUTE = 401
    MISSING_ATTRIBUTE = 402
    NAS_MISMATCH = 403
    INVALID_VALUE = 407
    UNSUPPORTED_SERVICE = 405
    SESSION_NOT_FOUND = 503


@cache
def dictionary() -> Any:
    """The routers' own dictionary, read once."""
    return Dictionary(str(Path(__file__).with_name("dictionary")))


def access_request(secret: bytes, attributes: Iterable[Attribute], *, password: str, chap: bool) -> Any:
    """An Access-Request, the password by PAP or CHAP (RFC 2865 §5.2, 5.3).

    Message-Authenticator comes first (CVE-2024-3596).
    """
    packet = AuthPacket(secret=secret, dict=dictionary(), id=0)
    packet.add_message_authenticator()
    for name, value in attributes:
        packet.AddAttribute(name, value)
    if chap:
        challenge, ident = os.urandom(16), os.urandom(1)
        packet.AddAttribute("CHAP-Password", ident + md5(ident + password.encode() + challenge).digest())
        packet.AddAttribute("CHAP-Challenge", challenge)
    else:
        packet.AddAttribute("User-Password", packet.PwCrypt(password))
    return packet


def accounting_request(secret: bytes, attributes: Iterable[Attribute]) -> Any:
    """An Accounting-Request; its authenticator is worked out when it is sent."""
    packet = AcctPacket(secret=secret, dict=dictionary(), id=0)
    for name, value in attributes:
        packet.AddAttribute(name, value)
    return packet


def read_answer(request: Any, raw: bytes) -> Any | None:
    """The answer to `request` in these bytes; None when it is malformed, forged or meant for another request.

    An answer to an Access-Request must carry a Message-Authenticator.
    """
    try:
        answer = Packet(secret=request.secret, dict=dictionary(), packet=raw)
        return answer if request.VerifyReply(answer, raw, enforce_ma=True) else None
    except (PacketError, ValueError):
        return None


def read_order(secret: bytes, raw: bytes) -> Any | None:
    """A CoA- or Disconnect-Request in these bytes (RFC 5176); None when it is malformed or not made with our secret."""
    try:
        packet = CoAPacket(secret=secret, dict=dictionary(), packet=raw)
        genuine = packet.code in (COA_REQUEST, DISCONNECT_REQUEST) and packet.VerifyCoARequest()
        if genuine and packet.message_authenticator:
            genuine = packet.verify_message_authenticator()
    except (PacketError, ValueError):
        return None
    return packet if genuine else None


def order_answer(order: Any, error: ErrorCause | None) -> bytes:
    """ACK, or NAK with its Error-Cause; signed with a Message-Authenticator when the order was."""
    reply = order.CreateReply()
    if error is not None:
        reply.code += 1  # NAK follows ACK in both pairs: 41, 42 and 44, 45
        reply.AddAttribute("Error-Cause", int(error))
    if order.message_authenticator:
        reply.add_message_authenticator()
    raw: bytes = reply.ReplyPacket()
    return raw


def first(packet: Any, name: str) -> Any:
    """An attribute's first value, or None. Raises ValueError when its bytes don't fit its type."""
    values = packet.get(name)
    return values[0] if values else None
