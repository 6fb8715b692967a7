"""The Class token: what an Access-Accept hands to the router, and the router echoes in accounting (RFC 2865 §5.25).

It tells the meter which service logged in, and enforcement which access and which byte limit the session got, without a
look-up and without a race.
"""

import struct
from typing import NamedTuple

_TOKEN = struct.Struct(">2sQ8s6sQ")
_MAGIC = b"C1"

TOKEN_BYTES = _TOKEN.size
_LOGIN = slice(18, 24)


class Token(NamedTuple):
    service_id: int
    access_hash: bytes  # 8 bytes: see network.rules.access
    login: bytes  # 6 random bytes, one value per accepted login
    limit_bytes: int = 0  # the session total at which the router will cut, as the Accept told it; 0: none


def encode_token(token: Token) -> bytes:
    return _TOKEN.pack(_MAGIC, *token)


def decode_token(value: bytes) -> Token | None:
    """The token in a Class attribute, or None when the value is not ours."""
    if len(value) != TOKEN_BYTES or value[:2] != _MAGIC:
        return None
    return Token(*_TOKEN.unpack(value)[1:])


def login_of(value: bytes) -> bytes:
    """The login in a Class attribute, empty when the value is not ours: what `decode_token` finds, but cheap."""
    return value[_LOGIN] if len(value) == TOKEN_BYTES and value[:2] == _MAGIC else b""
