"""A process's sign of life: one row, rewritten every two seconds, with its counters."""

import json
import os
import socket
from datetime import datetime, timedelta
from typing import Any

import psycopg

from capstan.db.connection import connect

EVERY = timedelta(seconds=2)
ALIVE_FOR = timedelta(seconds=10)
"""A process whose row is older than this is taken for dead."""

_WRITE = """
INSERT INTO db_processbeat (kind, host, pid, started_at, beat_at, figures)
VALUES (%(kind)s, %(host)s, %(pid)s, %(started_at)s, %(now)s, %(figures)s)
ON CONFLICT (kind, host, pid) DO UPDATE
SET beat_at = excluded.beat_at, figures = excluded.figures, started_at = excluded.started_at
"""
_ALIVE = "SELECT count(*) FROM db_processbeat WHERE kind = %s AND beat_at > %s"
_FORGET = "DELETE FROM db_processbeat WHERE kind = %s AND host = %s AND pid = %s"
_FORGET_DEAD = "DELETE FROM db_processbeat WHERE kind = %s AND beat_at < %s"


class Beat:
    """The sign of life of this process as a `kind` (web, radius, meter, worker, …).

    It writes through a connection of its own, so that a long transaction of the process doesn't hide that it lives,
    and it never raises for a database that is away: a process must not die of its own sign of life.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._host = socket.gethostname()
        self._pid = os.getpid()
        self._started_at: datetime | None = None
        self._next_at: datetime | None = None
        self._conn: psycopg.Connection[Any] | None = None

    def tick(self, now: datetime, figures: dict[str, float]) -> bool:
        """Write the row if two seconds have passed since the last; True if it was written."""
        if self._next_at is not None and self._next_at - EVERY <= now < self._next_at:
            return False
        first = self._started_at is None
        self._started_at = self._started_at or now
        self._next_at = now + EVERY
        row = {
            "kind": self.kind,
            "host": self._host,
            "pid": self._pid,
            "started_at": self._started_at,
            "now": now,
        }
        try:
            conn = self._connection()
            if first:
                conn.execute(_FORGET_DEAD, [self.kind, now - timedelta(days=1)])
            conn.execute(_WRITE, {**row, "figures": json.dumps(figures)})
        except psycopg.OperationalError:
            self._close()
            return False
        return True

    def peers(self, now: datetime) -> int:
        """How many processes of this kind are alive, this one included; 1 while the database is away."""
        try:
            row = self._connection().execute(_ALIVE, [self.kind, now - ALIVE_FOR]).fetchone()
        except psycopg.OperationalError:
            self._close()
            return 1
        return max(1, row[0] if row else 0)

    def stop(self) -> None:
        """Take the row away: the process ends as it should. What was killed leaves its row, and `status` shows it."""
        try:
            self._connection().execute(_FORGET, [self.kind, self._host, self._pid])
        except psycopg.OperationalError:
            pass  # the database went first: the row will be seen as old
        finally:
            self._close()

    def _connection(self) -> psycopg.Connection[Any]:
        if self._conn is None or self._conn.closed:
            self._conn = connect(name=f"capstan {self.kind} beat")
        return self._conn

    def _close(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None
