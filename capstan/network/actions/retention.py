"""What the network half keeps about sessions and logins, deleted when it is old."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from capstan.db.partitions import Connection
from capstan.metering.rules.state import CAUSE_SILENT

_ENDED_AFTER = timedelta(days=1)  # a closed session may be taken up again by a late packet


def drop_of_sessions(conn: Connection, ids: Sequence[int]) -> None:
    """Delete what was told to these sessions."""
    conn.execute("DELETE FROM network_sessionaccess WHERE session_id = ANY(%s)", (list(ids),))
    conn.execute("DELETE FROM network_command WHERE session_id = ANY(%s)", (list(ids),))


def drop_ended_accesses(conn: Connection, *, now: datetime) -> int:
    """Forget which access long-ended sessions had: nothing will be compared with it, and no packet will prove it.

    The commands stay. So the table holds about as many rows as lines are online. Sessions that we closed, for their
    router's silence or by a decision, keep theirs: a newer packet takes them up again, with the access they had.
    """
    return conn.execute(
        "DELETE FROM network_sessionaccess a USING metering_radiussession s"
        " WHERE s.id = a.session_id AND s.state = 3 AND s.terminate_cause < %s"
        " AND s.stopped_at < %s AND s.last_seen_at < %s",
        (CAUSE_SILENT, now - _ENDED_AFTER, now - _ENDED_AFTER),
    ).rowcount


def drop_login_failures(conn: Connection, *, before: datetime) -> int:
    return conn.execute("DELETE FROM network_loginfailure WHERE last_at < %s", (before,)).rowcount
