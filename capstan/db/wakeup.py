"""NOTIFY as a wake-up: it carries nothing, it may be lost, and every loop that waits for one polls as well.

Never within the listener's or the meter's own transaction: NOTIFY serialises commits. They use `wake_now` on a second
connection after their commit, everything else uses `wake`.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection, transaction
from psycopg import sql

Channel = Literal["enforce", "roll", "message", "bill", "pay"]
_PREFIX = "capstan_"
_listening: "WeakKeyDictionary[psycopg.Connection[Any], set[Channel]]" = WeakKeyDictionary()


def wake(channel: Channel) -> None:
    """Wake who waits on `channel` after the present transaction commits; once, however often it is called in it."""
    send = _SENDERS[channel]
    if not any(waiting[1] is send for waiting in connection.run_on_commit):
        transaction.on_commit(send)


def wake_now(conn: psycopg.Connection[Any], channel: Channel) -> None:
    """Wake who waits on `channel` at once. `conn` is in autocommit mode."""
    conn.execute(sql.SQL("NOTIFY {}").format(sql.Identifier(_PREFIX + channel)))


def wait(conn: psycopg.Connection[Any], channels: Sequence[Channel], timeout: float) -> bool:
    """Wait at most `timeout` seconds for a wake-up on `channels`; True if one came. `conn` is in autocommit mode.

    Wake-ups since the last call count, and several that came together are one. A connection hears only from its first
    call on, so look for work once more after that. Raises psycopg.OperationalError when the connection is lost.
    """
    listening = _listening.setdefault(conn, set())
    for channel in channels:
        if channel not in listening:
            conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(_PREFIX + channel)))
            listening.add(channel)
    return any(True for _ in conn.notifies(timeout=timeout, stop_after=1))


def _send(channel: Channel) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {_PREFIX}{channel}")


_CHANNELS: tuple[Channel, ...] = ("enforce", "roll", "message", "bill", "pay")
_SENDERS = {channel: partial(_send, channel) for channel in _CHANNELS}
