"""Reading the packet log on behalf of the meter: what comes next in each stream, and how far it has been folded."""

import struct
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from heapq import merge
from operator import attrgetter
from typing import Any, NamedTuple

from capstan.metering.records import unpack
from capstan.metering.rules.state import Incoming
from capstan.values.micros import to_micros

Cursor = Any  # psycopg.Cursor, whichever row type
_ROWS_AT_ONCE = 64  # a row holds one to a thousand records


class PositionTaken(Exception):
    """Another meter has moved the position: this step must be given up."""


class _Row(NamedTuple):
    stream: int
    seq: int
    day: date
    received_at: datetime
    payload: bytes


_RECEIVED_AT = attrgetter("received_at")


class Reached(NamedTuple):
    """Where a stream was when the step began, and where the step has come to."""

    stream: int
    from_seq: int
    seq: int
    day: date
    known: bool  # a position row exists
    drained: bool


class Spoilt(NamedTuple):
    """A row of the log that can't be unpacked: another version's format, or damage."""

    stream: int
    seq: int
    received_at: datetime
    payload: bytes
    error: str


def read_next(cursor: Cursor, *, limit: int) -> tuple[list[Incoming], list[Reached], list[Spoilt]]:
    """The next records of all streams, about `limit` of them, by time of receipt; the positions this reaches; and rows that
    can't be read, which are passed by and have to be shown."""
    cursor.execute(
        "SELECT s.id, coalesce(p.seq, 0), coalesce(p.day, (s.opened_at AT TIME ZONE 'UTC')::date), p.stream_id IS NOT NULL,"
        " s.closed_at IS NOT NULL"
        " FROM metering_stream s LEFT JOIN metering_meterposition p ON p.stream_id = s.id"
        " WHERE p.stream_id IS NULL OR NOT p.drained ORDER BY s.id"
    )
    streams = cursor.fetchall()
    exhausted: set[int] = set()
    # By time, so that an older writer's backlog comes before what the next one wrote, and neither holds up the other.
    at_once = max(1, min(_ROWS_AT_ONCE, 1 + limit // _ROWS_AT_ONCE) // max(len(streams), 1))
    rows = merge(
        *(_rows(cursor, stream, seq, day, at_once, exhausted) for stream, seq, day, _, _ in streams),
        key=_RECEIVED_AT,
    )
    incoming: list[Incoming] = []
    spoilt: list[Spoilt] = []
    at = {stream: (seq, day) for stream, seq, day, _, _ in streams}
    for row in rows:
        at[row.stream] = row.seq, row.day
        received = to_micros(row.received_at)
        try:
            incoming += [Incoming(record, received, row.stream, row.seq) for record in unpack(row.payload)]
        except (ValueError, struct.error) as error:
            spoilt.append(Spoilt(row.stream, row.seq, row.received_at, row.payload, str(error)))
        if len(incoming) >= limit:
            break
    reached = [
        Reached(stream, seq, *at[stream], known, closed and stream in exhausted and at[stream][0] == seq)
        for stream, seq, _, known, closed in streams
    ]
    return incoming, [to for to in reached if to.seq != to.from_seq or to.drained], spoilt


def _rows(
    cursor: Cursor, stream: int, seq: int, day: date, at_once: int, exhausted: set[int]
) -> Iterator[_Row]:
    """A stream's rows from here on, read some at a time; at its end it is noted as exhausted."""
    while True:
        cursor.execute(
            "SELECT stream_id, seq, day, received_at, payload FROM metering_packetlog"
            " WHERE stream_id = %s AND seq > %s AND day >= %s ORDER BY seq LIMIT %s",
            [stream, seq, day, at_once],
            binary=True,
        )
        rows = cursor.fetchall()
        for row in map(_Row._make, rows):
            seq, day = row.seq, row.day
            yield row
        if len(rows) < at_once:
            exhausted.add(stream)
            return


def move_positions(cursor: Cursor, reached: Sequence[Reached]) -> None:
    """Move each position from where this step found it. Raises PositionTaken when it isn't there any more."""
    for to in reached:
        if to.known:
            cursor.execute(
                "UPDATE metering_meterposition SET seq = %s, day = %s, drained = %s WHERE stream_id = %s AND seq = %s",
                [to.seq, to.day, to.drained, to.stream, to.from_seq],
            )
        else:
            cursor.execute(
                "INSERT INTO metering_meterposition (stream_id, seq, day, drained) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                [to.stream, to.seq, to.day, to.drained],
            )
        if cursor.rowcount != 1:
            raise PositionTaken(f"stream {to.stream} is past {to.from_seq} already: another meter is at work")


def backlog(cursor: Cursor, *, now: datetime) -> tuple[int, float]:
    """(records that wait to be folded, seconds since the oldest of them was received)."""
    cursor.execute(
        "SELECT coalesce(sum(l.count), 0), min(l.received_at)"
        " FROM metering_stream s LEFT JOIN metering_meterposition p ON p.stream_id = s.id"
        " JOIN metering_packetlog l ON l.stream_id = s.id AND l.seq > coalesce(p.seq, 0)"
        " AND l.day >= coalesce(p.day, (s.opened_at AT TIME ZONE 'UTC')::date)"
        " WHERE p.stream_id IS NULL OR NOT p.drained"
    )
    count, oldest = cursor.fetchone()
    return int(count), max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
