"""What caps keep about single sessions, deleted when those are."""

from collections.abc import Sequence

from capstan.db.partitions import Connection


def drop_of_sessions(conn: Connection, ids: Sequence[int]) -> None:
    """Delete the draw-downs and marks of these sessions; tallies and cycles keep the sums."""
    conn.execute(
        "DELETE FROM caps_drawdown d USING metering_radiussession s"
        " WHERE s.id = ANY(%s) AND d.service_id = s.service_id AND d.session_id = s.id",
        (list(ids),),
    )
    conn.execute("DELETE FROM caps_sessionmark WHERE session_id = ANY(%s)", (list(ids),))
