"""What caps keep about single sessions, deleted when those are."""

from collections.abc import Sequence

from capstan.db.partitions import Connection


def attributed(conn: Connection, ids: Sequence[int]) -> list[int]:
    """Those of these sessions whose bytes have all been attributed; the others wait for their line's next settlement."""
    rows = conn.execute(
        "SELECT s.id FROM metering_radiussession s LEFT JOIN caps_cap c ON c.service_id = s.service_id"
        " WHERE s.id = ANY(%s) AND (c.service_id IS NULL OR s.id < c.sessions_from)",
        (list(ids),),
    ).fetchall()
    return [row[0] for row in rows]


def drop_of_sessions(conn: Connection, ids: Sequence[int]) -> None:
    """Delete the draw-downs and marks of these sessions; tallies and cycles keep the sums."""
    conn.execute(
        "DELETE FROM caps_drawdown d USING metering_radiussession s"
        " WHERE s.id = ANY(%s) AND d.service_id = s.service_id AND d.session_id = s.id",
        (list(ids),),
    )
    conn.execute("DELETE FROM caps_sessionmark WHERE session_id = ANY(%s)", (list(ids),))
