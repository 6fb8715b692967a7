"""The packet log: streams of numbered rows, appended durably before anything in them is acknowledged.

One database connection writes one stream. Its rows are numbered without gaps in commit order, so the meter can
tell by a single number what it has folded; one serial id for all writers could not, because transactions commit
in another order than they take ids. A writer whose append failed gives up its stream and opens a new one.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from struct import Struct
from typing import Any

import psycopg
from psycopg.pq import Format

from capstan.db.arrays import bytes_array, int_array
from capstan.db.partitions import Series, drop_parts, ensure_parts

_LOG = Series("metering_packetlog", "day", "day", lambda day: day)

_APPEND = (
    "INSERT INTO metering_packetlog (stream_id, seq, day, received_at, count, payload)"
    " VALUES ($1::bigint, $2::bigint, $3::date, $4::timestamptz, $5::integer, $6::bytea)"
)
_TYPES = tuple(
    psycopg.adapters.types[name].oid for name in ("int8", "int8", "date", "timestamptz", "int4", "bytea")
)
_FORMATS = (Format.BINARY,) * len(_TYPES)
_STATEMENT = b"capstan_append"

# PostgreSQL counts days and microseconds from here in its binary format.
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INT4, _INT8 = Struct(">i"), Struct(">q")

# A stream is given up after this long, so that a stream older than that can be told to have ended.
STREAM_HOURS_MAX = 20


class StreamWriter:
    """One connection's run of the packet log.

    `append` writes a row and waits; `send` only hands it to libpq, for a caller that waits for the result itself.
    Either way the row counts as written when its transaction has committed. After an error the stream must not be
    used again.
    """

    def __init__(self, conn: "psycopg.Connection[Any]", stream_id: int, opened_at: datetime) -> None:
        self.conn = conn
        self.stream_id = stream_id
        self.opened_at = opened_at
        self.seq = 0
        self.day = opened_at.astimezone(UTC).date()
        self._head = _INT8.pack(stream_id)
        self._prepared = False

    def append(self, payload: bytes, count: int, received_at: datetime) -> None:
        """Write one row; the caller commits. Raises psycopg.Error when it could not be written."""
        self.seq += 1
        values = (self.stream_id, self.seq, self._day_of(received_at), received_at, count, payload)
        self.conn.execute(
            "INSERT INTO metering_packetlog (stream_id, seq, day, received_at, count, payload)"
            " VALUES (%s, %s, %s, %s, %s, %b)",
            values,
        )

    def append_all(self, rows: Sequence[tuple[bytes, int, datetime]]) -> None:
        """`append` for several rows (payload, count, received_at), the earliest first, in one statement."""
        first = self.seq + 1
        self.seq += len(rows)
        self.conn.execute(
            "INSERT INTO metering_packetlog (stream_id, seq, day, received_at, count, payload)"
            " SELECT %s, d.* FROM unnest(%s::bigint[], %s::date[], %s::timestamptz[], %s::integer[], %s::bytea[]) AS d",
            (
                self.stream_id,
                int_array(range(first, first + len(rows))),
                [self._day_of(received_at) for _, _, received_at in rows],
                [received_at for _, _, received_at in rows],
                int_array(count for _, count, _ in rows),
                bytes_array(payload for payload, _, _ in rows),
            ),
        )

    def send(self, payload: bytes, count: int, received_at: datetime) -> None:
        """Hand one row to libpq without waiting: one statement, its own transaction on an autocommit connection.

        The caller flushes the connection and fetches the result; COMMAND_OK says that the row is durable. Raises
        psycopg.OperationalError when the connection is broken.
        """
        if not self._prepared:
            self._prepare()
        self.seq += 1
        row = (
            self._head,
            _INT8.pack(self.seq),
            _INT4.pack(self._day_of(received_at).toordinal() - _EPOCH_DAY),
            _INT8.pack((received_at - _EPOCH) // _MICROSECOND),
            _INT4.pack(count),
            payload,
        )
        self.conn.pgconn.send_query_prepared(_STATEMENT, row, _FORMATS)

    def close(self, *, now: datetime) -> None:
        """Say that no further row will come."""
        close_stream(self.conn, self.stream_id, now=now)

    def _prepare(self) -> None:
        result = self.conn.pgconn.prepare(_STATEMENT, _APPEND.encode(), _TYPES)
        if result.error_message:
            raise psycopg.OperationalError(result.error_message.decode(errors="replace"))
        self._prepared = True

    def _day_of(self, received_at: datetime) -> date:
        """The row's day: never lower than the row's before, even when the clock was set back over midnight."""
        self.day = max(self.day, received_at.astimezone(UTC).date())
        return self.day


def open_stream(conn: "psycopg.Connection[Any]", *, writer: str, now: datetime) -> StreamWriter:
    """Start a stream on this connection and make its commits durable, whatever the server's default says.

    `writer` names process kind, host and pid for people.
    """
    conn.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    row = conn.execute(
        "INSERT INTO metering_stream (opened_at, writer) VALUES (%s, %s) RETURNING id", (now, writer)
    ).fetchone()
    assert row is not None
    return StreamWriter(conn, row[0], now)


def close_stream(conn: "psycopg.Connection[Any]", stream_id: int, *, now: datetime) -> None:
    """Say that a stream's writer has given it up; the meter then asks for no more of it.

    A row whose commit was in doubt may still come to it: its writer has appended the same records elsewhere.
    """
    conn.execute("UPDATE metering_stream SET closed_at = %s WHERE id = %s", (now, stream_id))


def close_ended_streams(conn: "psycopg.Connection[Any]", *, now: datetime) -> int:
    """Close streams whose writer must be gone, because no writer keeps one for so long. Returns how many."""
    ended = now - timedelta(hours=2 * STREAM_HOURS_MAX)
    done = conn.execute(
        "UPDATE metering_stream SET closed_at = %s WHERE closed_at IS NULL AND opened_at < %s", (now, ended)
    )
    return done.rowcount


def ensure_partitions(conn: "psycopg.Connection[Any]", *, now: datetime, days_ahead: int = 7) -> list[str]:
    """Make the log's partitions for yesterday until `days_ahead` days from now. Returns the names of the new ones.

    Raises LockNotAvailable when a lock could not be had in time: nothing has changed then, try again.
    """
    today = now.astimezone(UTC).date()
    return ensure_parts(conn, _LOG, since=today - timedelta(days=1), until=today + timedelta(days=days_ahead))


def drop_partitions(conn: "psycopg.Connection[Any]", *, now: datetime, keep_days: int) -> list[str]:
    """Drop the days that are older than `keep_days` and folded by the meter to their last row. Returns their names.

    A day that can't be locked in time is left for the next run.
    """
    oldest_kept = now.astimezone(UTC).date() - timedelta(days=keep_days)
    return drop_parts(conn, _LOG, before=oldest_kept, may_drop=lambda day: _is_folded(conn, day))


def drop_streams(conn: "psycopg.Connection[Any]", *, now: datetime, keep_days: int) -> int:
    """Forget streams that were drained and whose rows are older than `keep_days`. Returns how many."""
    oldest = now - timedelta(days=keep_days + 2)
    done = conn.execute(
        "WITH gone AS (DELETE FROM metering_meterposition p USING metering_stream s"
        " WHERE s.id = p.stream_id AND p.drained AND s.closed_at < %s RETURNING p.stream_id)"
        " DELETE FROM metering_stream s USING gone WHERE s.id = gone.stream_id",
        (oldest,),
    )
    return done.rowcount


def _is_folded(conn: "psycopg.Connection[Any]", day: date) -> bool:
    """Whether the meter's position is behind no row of this day, in any stream."""
    ahead = conn.execute(
        "SELECT 1 FROM metering_stream stream"
        " LEFT JOIN metering_meterposition position ON position.stream_id = stream.id"
        " WHERE EXISTS (SELECT 1 FROM metering_packetlog log WHERE log.day = %s AND log.stream_id = stream.id"
        " AND log.seq > coalesce(position.seq, 0)) LIMIT 1",
        (day,),
    ).fetchone()
    return ahead is None
