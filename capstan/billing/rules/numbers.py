"""Numbers of documents. Free of storage."""

import re

from capstan.values.refused import Refused

_PREFIX = re.compile(r"[A-Z0-9/-]{0,12}", re.ASCII)


def number(prefix: str, running: int, width: int) -> str:
    """As documents print it: `INV0087754`."""
    return f"{prefix}{running:0{width}d}"


def check_prefix(prefix: str) -> str:
    """Raises Refused for what banks and people can't copy."""
    text = prefix.strip().upper()
    if not _PREFIX.fullmatch(text):
        raise Refused("A prefix has at most 12 letters, digits, hyphens and strokes.")
    return text
