"""What the routers reported in the past, handed to the fold; of the last days it is in the packet log as well.

Days before those are folded without a log, as if their log had been dropped by its retention: three months of it would take
long to enter, and nobody looks up a packet of two months ago.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Self

import psycopg

from capstan.caps.actions.fold import fold_received
from capstan.db.arrays import teach
from capstan.db.hot import prepared
from capstan.metering.actions.log_reader import Reached, move_positions
from capstan.metering.actions.packet_log import StreamWriter, open_stream
from capstan.metering.actions.sessions import Memory
from capstan.metering.records import Record, pack
from capstan.metering.rules.state import Incoming
from capstan.values.micros import from_micros

LOG_DAYS = 7
"""So many days before now are in the packet log."""

Received = tuple[int, Record]
"""When a record was received, in microseconds since 1970, and what it says."""


class Journal:
    """Folds records at their time, on a connection whose transactions the caller commits."""

    def __init__(self, conn: "psycopg.Connection[Any]", *, logs_from: datetime) -> None:
        teach(conn)
        self._conn = conn
        self._logs_from = logs_from
        self._memory = Memory()
        self._stream: StreamWriter | None = None
        self._day: date | None = None
        self.records = 0

    def fold(self, received: Sequence[Received], *, now: datetime) -> None:
        """Fold these records, the earliest first, as a meter does that has just received them."""
        incoming: list[Incoming] = []
        for day, group in groupby(sorted(received, key=itemgetter(0)), key=_day):
            records = list(group)
            if from_micros(records[0][0]) < self._logs_from:
                incoming += [Incoming(record, micros, 0, 0) for micros, record in records]
            else:
                incoming += self._log(day, records)
        self.records += len(incoming)
        with _Prepared(self._conn) as cursor:
            fold_received(cursor, incoming, now=now, memory=self._memory)

    def close(self, *, now: datetime) -> None:
        """No more records come: what is in the log is folded to its end."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(now=now)
            with prepared(self._conn) as cursor:
                move_positions(cursor, [Reached(stream.stream_id, 0, stream.seq, stream.day, False, True)])

    def _log(self, day: date, records: Sequence[Received]) -> list[Incoming]:
        """Append them, each as a row: they came one by one. A day has a stream of its own."""
        if self._stream is None or day != self._day:
            began = from_micros(records[0][0])
            self.close(now=began)
            self._stream, self._day = open_stream(self._conn, writer="demo, the past", now=began), day
        stream, first = self._stream, self._stream.seq + 1
        stream.append_all([(pack([record]), 1, from_micros(micros)) for micros, record in records])
        placed = enumerate(records, first)
        return [Incoming(record, micros, stream.stream_id, seq) for seq, (micros, record) in placed]


class _Prepared(psycopg.Cursor[Any]):
    """Each statement is planned once, as on a meter's own connection."""

    def execute(self, query: Any, params: Any = None, **more: Any) -> Self:
        return super().execute(query, params, **{**more, "prepare": True})


def _day(received: Received) -> date:
    return from_micros(received[0]).astimezone(UTC).date()
