"""The made-up customers that both sides hold.

The generator derives the same names, passwords and sessions from a customer's number.
"""

from typing import Final

NASES: Final = 16
SECRET: Final = "bench-secret"
TAG: Final = 0xA1
"""First byte of the open sessions' Acct-Session-Id."""

_REALMS: Final = (
    "example.net",
    "a.example.net",
    "fibre.example.net",
    "wireless.example.net",
    "example.org",
    "be.example.org",
    "lte.example.org",
    "estate.example.org",
)  # as in radload/packet.c


def username(user: int) -> str:
    return f"user{user:06d}@{_REALMS[user // NASES % len(_REALMS)]}"


def password(user: int) -> str:
    return f"pass{user:06d}"


def phone(user: int) -> str:
    return f"+2761{user:07d}"


def session_id(user: int, tag: int = TAG) -> str:
    return f"{tag << 24 | user:08X}"


def username_sql(user: str) -> str:
    """The SQL expression for the user name of the number that the expression `user` gives."""
    realms = ", ".join(f"'{realm}'" for realm in _REALMS)
    realm = f"(ARRAY[{realms}])[mod(({user}) / {NASES}, {len(_REALMS)}) + 1]"
    return f"'user' || lpad(({user})::text, 6, '0') || '@' || {realm}"


def nas_address(nas: int) -> str:
    """Where the generator sends this NAS's packets from."""
    return f"127.0.2.{nas + 1}"
