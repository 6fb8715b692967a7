"""Session advisory locks by name: one process works, others stand by, and a dead connection frees it."""

import hashlib
from typing import Any

import psycopg


def lock_key(name: str) -> int:
    """The 64-bit key PostgreSQL's advisory locks take, the same for a name on every machine."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


def try_lock(conn: psycopg.Connection[Any], name: str) -> bool:
    """Take the lock `name` for as long as `conn` lives, without waiting; False when another session has it.

    A session that has it already gets it once more (True). In a transaction that rolls back it stays taken.
    """
    row = conn.execute("SELECT pg_try_advisory_lock(%s)", [lock_key(name)]).fetchone()
    assert row is not None
    return bool(row[0])


def unlock(conn: psycopg.Connection[Any], name: str) -> None:
    """Give the lock up before the connection ends. Nothing happens if it wasn't ours."""
    conn.execute("SELECT pg_advisory_unlock(%s)", [lock_key(name)])
