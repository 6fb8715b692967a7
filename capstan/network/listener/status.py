"""Status-Server (RFC 5997): "are you there?", asked by proxies and routers before they rely on a server.

It is answered only while the database is there, because the loop takes packets only then: a server that can't store must
look dead, so that routers turn to another.
"""

from capstan.network.listener.peers import Source
from capstan.network.radius.packet import (
    MESSAGE_AUTHENTICATOR,
    PROXY_STATE,
    DecodeError,
    is_authentic_message,
    walk,
)

MISSING = "Status-Server without Message-Authenticator"
BAD_MESSAGE_AUTHENTICATOR = "bad Message-Authenticator: forged, or the secret differs"


def status_refusal(packet: bytes, source: Source) -> str | None:
    """Why this Status-Server is not answered, None when it is."""
    try:
        attributes = walk(packet)
    except DecodeError as error:
        return str(error)
    at = message_authenticator_at(attributes)
    if at is None:
        return MISSING
    return None if is_authentic_message(packet, at, source.peer.secret) else BAD_MESSAGE_AUTHENTICATOR


def message_authenticator_at(attributes: list[tuple[int, int, int]]) -> int | None:
    """Where the Message-Authenticator's value starts; None when there is none of the right length."""
    for kind, at, end in attributes:
        if kind == MESSAGE_AUTHENTICATOR and end - at == 16:
            return at
    return None


def proxy_states(packet: bytes, attributes: list[tuple[int, int, int]]) -> bytes:
    """The Proxy-State attributes, to be echoed unchanged and in order (RFC 2865 §5.33)."""
    return b"".join(packet[at - 2 : end] for kind, at, end in attributes if kind == PROXY_STATE)
