"""Reading the packet log on behalf of the meter: what comes next in each stream, and how far it has been folded."""

import struct
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from capstan.metering.records import unpack
from capstan.metering.rules.state import Incoming
from capstan.values.micros import to_micros

Cursor = Any  # psycopg.Cursor, whichever row type
_ROWS_AT_ONCE = 64


class PositionTaken(Exception):
    """Another meter has moved the position: this step must be given up."""


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
    incoming: list[Incoming] = []
    spoilt: list[Spoilt] = []
    streams = cursor.fetchall()
    # Each its share first, so that one writer's backlog doesn't hold up the others; then what is left of the limit.
    share = max(1, limit // max(len(streams), 1))
    at = {stream: (seq, day) for stream, seq, day, _, _ in streams}
    unread = list(at)
    while unread:
        cut_short = []
        for stream in unread:
            records, seq, day = _read_stream(cursor, stream, *at[stream], share, spoilt)
            at[stream] = seq, day
            incoming += records
            if len(records) >= share:
                cut_short.append(stream)
        share = (limit - len(incoming)) // max(len(cut_short), 1)
        unread = cut_short if share > 0 else []
    if len(streams) > 1:
        incoming.sort(key=lambda item: item.received)
    reached = [
        Reached(stream, seq, *at[stream], known, closed and at[stream][0] == seq)
        for stream, seq, _, known, closed in streams
    ]
    return incoming, [to for to in reached if to.seq != to.from_seq or to.drained], spoilt


def _read_stream(
    cursor: Cursor, stream: int, seq: int, day: date, limit: int, spoilt: list[Spoilt]
) -> tuple[list[Incoming], int, date]:
    records: list[Incoming] = []
    rows_at_once = min(_ROWS_AT_ONCE, 1 + limit // _ROWS_AT_ONCE)  # a row holds one to a thousand records
    while len(records) < limit:
        cursor.execute(
            "SELECT seq, day, received_at, payload FROM metering_packetlog"
            " WHERE stream_id = %s AND seq > %s AND day >= %s ORDER BY seq LIMIT %s",
            [stream, seq, day, rows_at_once],
            binary=True,
        )
        rows = cursor.fetchall()
        for seq, day, received_at, payload in rows:
            received = to_micros(received_at)
            try:
                records += [Incoming(record, received, stream, seq) for record in unpack(payload)]
            except (ValueError, struct.error) as error:
                spoilt.append(Spoilt(stream, seq, received_at, payload, str(error)))
            if len(records) >= limit:
                return records, seq, day
        if len(rows) < rows_at_once:
            break
    return records, seq, day


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
