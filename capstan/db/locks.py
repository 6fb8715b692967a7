"""Advisory locks by name: a session's, which a dead connection frees, and a transaction's, which its end frees."""

import hashlib
from collections.abc import Iterable
from typing import Any

import psycopg
from django.db import connection


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


def hold(names: Iterable[str]) -> None:
    """Take these locks for the rest of the present transaction, and wait for whoever has them.

    In one order for everybody: whoever takes all that he needs in one call can't meet another one crosswise.
    """
    assert connection.in_atomic_block, "without a transaction it would be free again at once"
    with connection.cursor() as cursor:
        for key in sorted({lock_key(name) for name in names}):
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def try_hold(name: str) -> bool:
    """Take the lock for the rest of the present transaction without waiting; False when another one has it."""
    assert connection.in_atomic_block, "without a transaction it would be free again at once"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_key(name)])
        return bool(cursor.fetchone()[0])
