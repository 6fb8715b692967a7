"""Old rows of tables that can't be dropped by the month, deleted some at a time."""

from collections.abc import Sequence
from datetime import datetime

from capstan.db.partitions import Connection


def ended_sessions(conn: Connection, *, after_id: int, before: datetime, limit: int) -> tuple[list[int], int]:
    """Ids of sessions that ended before this moment, among the next `limit` after an id; and the id to go on after.

    That is 0, the beginning, where only younger sessions follow: ids rise with time, so no index on the end is needed, which
    would cost every Stop.
    """
    rows = conn.execute(
        "SELECT id, state = 3 AND stopped_at < %s, first_seen_at < %s FROM metering_radiussession"
        " WHERE id > %s ORDER BY id LIMIT %s",
        (before, before, after_id, limit),
    ).fetchall()
    is_last = len(rows) < limit or not any(is_old for _, _, is_old in rows)
    return [session_id for session_id, has_ended, _ in rows if has_ended], 0 if is_last else rows[-1][0]


def drop_sessions(conn: Connection, ids: Sequence[int]) -> int:
    """Delete these sessions and their faults. Rows of other apps that point to them must have gone before."""
    conn.execute("DELETE FROM metering_fault WHERE session_id = ANY(%s)", (list(ids),))
    return conn.execute("DELETE FROM metering_radiussession WHERE id = ANY(%s)", (list(ids),)).rowcount


def drop_refusals(conn: Connection, *, before: datetime) -> int:
    """Forget what was last refused before this moment, so that there is room for new sources."""
    return conn.execute("DELETE FROM metering_quarantine WHERE last_at < %s", (before,)).rowcount
