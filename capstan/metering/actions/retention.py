"""Old rows of tables that can't be dropped by the month, deleted some at a time."""

from collections.abc import Sequence
from datetime import datetime

from capstan.db.partitions import Connection


def ended_sessions(conn: Connection, *, before: datetime, limit: int) -> list[int]:
    """Ids of sessions that ended before this moment, among the oldest `limit` there are.

    Ids rise with time, so a look at the lowest is enough; an index on the end would cost every Stop.
    """
    rows = conn.execute(
        "SELECT id FROM (SELECT id, state, stopped_at FROM metering_radiussession ORDER BY id LIMIT %s) oldest"
        " WHERE state = 3 AND stopped_at < %s",
        (limit, before),
    ).fetchall()
    return [row[0] for row in rows]


def drop_sessions(conn: Connection, ids: Sequence[int]) -> int:
    """Delete these sessions and their faults. Rows of other apps that point to them must have gone before."""
    conn.execute("DELETE FROM metering_fault WHERE session_id = ANY(%s)", (list(ids),))
    return conn.execute("DELETE FROM metering_radiussession WHERE id = ANY(%s)", (list(ids),)).rowcount


def drop_refusals(conn: Connection, *, before: datetime) -> int:
    """Forget what was last refused before this moment, so that there is room for new sources."""
    return conn.execute("DELETE FROM metering_quarantine WHERE last_at < %s", (before,)).rowcount
