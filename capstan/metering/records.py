"""The packet log's own format: a burst of decoded accounting records, packed by the listener and read by the meter.

A payload is the format version (one byte) and then the records, each a fixed part followed by its variable parts in the
order of the `n_…` lengths. Strings stay packed in `tail` until somebody needs them: most records belong to a session that
the meter knows already, and for those the 16-byte key and the counters are enough.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

try:
    from _md5 import md5  # type: ignore[import-not-found]  # CPython's own, half the cost of hashlib's wrapper
except ImportError:  # pragma: no cover - an interpreter built without it
    from hashlib import md5

from capstan.metering.rules.token import login_of

FORMAT = b"\x01"
_FIXED = struct.Struct("<BBHIIIIQQ16sBBBBBBBH")
_FIXED_BYTES = _FIXED.size

FLAG_GIGAWORDS = 1  # the packet carried gigawords attributes
FLAG_EVENT_TIME = 2  # `event` holds an Event-Timestamp


class Record(NamedTuple):
    """One accounting request. Bytes are from the customer's side: up is RADIUS *input* (RFC 2866 §5.3)."""

    status: int  # metering.rules.words.Status
    flags: int
    cause: int  # Acct-Terminate-Cause, 0 if absent
    nas_id: int
    delay: int  # Acct-Delay-Time, seconds
    event: int  # Event-Timestamp, seconds since 1970; 0 if absent
    seconds: int  # Acct-Session-Time
    bytes_up: int  # gigawords joined
    bytes_down: int
    key: bytes  # session_key(…), 16 bytes; zeros for On, Off and control records
    n_ip: int  # 0, 4 or 16: Framed-IP-Address
    n_user: int
    n_session: int
    n_class: int
    n_calling: int
    n_port: int
    n_ipv6: int
    n_extra: int
    tail: bytes


class Texts(NamedTuple):
    """A record's variable parts, unpacked. `extra` is raw TLVs that we did not know: kept to be shown."""

    framed_ip: bytes
    username: bytes
    session_id: bytes
    class_value: bytes
    calling_station: bytes
    nas_port_id: bytes
    framed_ipv6: bytes
    extra: bytes


def session_key(nas_id: int, session_id: bytes, username: bytes, class_value: bytes) -> bytes:
    """The 16 bytes that tell sessions apart: NAS, Acct-Session-Id, user and, where our Class is echoed, the login.

    An id used again for a later session has the same key; the fold tells the two apart by their start.
    """
    return bytes(md5(b"\0".join((b"%d" % nas_id, session_id, username, login_of(class_value)))).digest())


def make_record(
    *,
    status: int,
    nas_id: int,
    flags: int = 0,
    cause: int = 0,
    delay: int = 0,
    event: int = 0,
    seconds: int = 0,
    bytes_up: int = 0,
    bytes_down: int = 0,
    texts: Texts,
) -> Record:
    """A record with its key and lengths worked out. For paths that aren't hot, and for tests."""
    has_session = bool(texts.session_id)
    key = (
        session_key(nas_id, texts.session_id, texts.username, texts.class_value) if has_session else bytes(16)
    )
    return Record._make(
        (
            status, flags, cause, nas_id, delay, event, seconds, bytes_up, bytes_down, key,
            *(len(part) for part in texts), b"".join(texts),
        )
    )  # fmt: skip


def pack(records: Iterable[Record]) -> bytes:
    """A payload of these records."""
    fixed = _FIXED.pack
    parts = [FORMAT]
    for record in records:
        parts.append(fixed(*record[:-1]))
        parts.append(record[-1])
    return b"".join(parts)


def unpack(payload: bytes) -> list[Record]:
    """The records of a payload, in the order they were packed.

    Raises ValueError for a format this version doesn't know and struct.error for a payload that was cut short.
    """
    if payload[:1] != FORMAT:
        raise ValueError(f"packet log payload of unknown format {payload[:1].hex()!r}")
    records: list[Record] = []
    append, fixed, make = records.append, _FIXED.unpack_from, Record._make
    at, end = 1, len(payload)
    while at < end:
        head = fixed(payload, at)
        at += _FIXED_BYTES
        tail_end = at + sum(head[10:])
        append(make((*head, payload[at:tail_end])))
        at = tail_end
    if at != end:
        raise struct.error("the last record is cut short")
    return records


def texts_of(record: Record) -> Texts:
    """The record's variable parts."""
    parts: list[bytes] = []
    at = 0
    for length in record[10:18]:
        parts.append(record.tail[at : at + length])
        at += length
    return Texts._make(parts)
