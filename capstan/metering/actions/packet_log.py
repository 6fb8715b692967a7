"""The packet log: streams of numbered rows, appended durably before anything in them is acknowledged.

One database connection writes one stream. Its rows are numbered without gaps in commit order, so the meter can
tell by a single number what it has folded; one serial id for all writers could not, because transactions commit
in another order than they take ids. A writer whose append failed gives up its stream and opens a new one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from struct import Struct
from typing import Any

import psycopg
from psycopg import sql
from psycopg.errors import LockNotAvailable
from psycopg.pq import Format

# One serialised place for partition changes in all processes; the number only has to be ours.
_PARTITIONS_LOCK = 0x63617073_706C6F67

_LOCK_TIMEOUT = "2s"
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

    A partition is built aside and then attached, which leaves appends running; making it in place would lock the log.
    Raises LockNotAvailable when even that lock could not be had in time: nothing has changed then, try again.
    """
    today = now.astimezone(UTC).date()
    wanted = [today + timedelta(days=ahead) for ahead in range(-1, days_ahead + 1)]
    if _partitions(conn).issuperset(wanted):
        return []
    with _changing_partitions(conn):
        missing = [day for day in wanted if day not in _partitions(conn)]
        for day in missing:
            _attach(conn, day)
    return [_name(day) for day in missing]


def drop_partitions(conn: "psycopg.Connection[Any]", *, now: datetime, keep_days: int) -> list[str]:
    """Drop the days that are older than `keep_days` and folded by the meter to their last row. Returns their names.

    A day that can't be locked in time is left for the next run.
    """
    oldest_kept = now.astimezone(UTC).date() - timedelta(days=keep_days)
    dropped: list[str] = []
    for day in sorted(day for day in _partitions(conn) if day < oldest_kept):
        if not _is_folded(conn, day):
            continue
        try:
            with _changing_partitions(conn):
                name = sql.Identifier(_name(day))
                conn.execute(sql.SQL("ALTER TABLE metering_packetlog DETACH PARTITION {}").format(name))
                conn.execute(sql.SQL("DROP TABLE {}").format(name))
        except LockNotAvailable:
            break
        dropped.append(_name(day))
    return dropped


@contextmanager
def _changing_partitions(conn: "psycopg.Connection[Any]") -> Iterator[None]:
    """A transaction that is alone in changing partitions and gives up rather than queue others behind itself."""
    with conn.transaction():
        conn.execute("SELECT set_config('lock_timeout', %s, true)", (_LOCK_TIMEOUT,))
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_PARTITIONS_LOCK,))
        yield


def _partitions(conn: "psycopg.Connection[Any]") -> set[date]:
    rows = conn.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'metering_packetlog'::regclass"
    ).fetchall()
    return {datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC).date() for (name,) in rows}


def _name(day: date) -> str:
    return f"metering_packetlog_{day:%Y%m%d}"


def _attach(conn: "psycopg.Connection[Any]", day: date) -> None:
    name, first, end = sql.Identifier(_name(day)), sql.Literal(day), sql.Literal(day + timedelta(days=1))
    conn.execute(sql.SQL("CREATE TABLE {} (LIKE metering_packetlog INCLUDING ALL)").format(name))
    # The same bounds as a check first: then attaching needs no scan.
    bounds = sql.SQL("ALTER TABLE {} ADD CONSTRAINT day_bounds CHECK (day >= {} AND day < {})")
    conn.execute(bounds.format(name, first, end))
    attach = sql.SQL("ALTER TABLE metering_packetlog ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")
    conn.execute(attach.format(name, first, end))
    conn.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT day_bounds").format(name))


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
