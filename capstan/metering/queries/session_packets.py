"""A session's records, found again in the packet log."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q

from capstan.metering.models import RadiusSession, Stream
from capstan.metering.records import Record, unpack

_ROWS_AT_ONCE = 2_000

# The database looks for the session's key, 16 bytes, in each payload: only rows that have it are sent whole.
_PAGE = """
    SELECT seq, received_at, CASE WHEN position(%(key)s IN payload) > 0 THEN payload END
    FROM metering_packetlog
    WHERE stream_id = %(stream)s AND seq < %(before)s AND day BETWEEN %(first_day)s AND %(last_day)s
    ORDER BY seq DESC LIMIT %(rows)s
"""


class LoggedRecord(NamedTuple):
    """A record, and where in the log it stands."""

    received_at: datetime
    stream: int
    seq: int
    record: Record


def last_records(session: RadiusSession, *, limit: int, look_back: timedelta) -> list[LoggedRecord]:
    """The session's newest `limit` records, newest first, not older than `look_back` before its last packet.

    A session's packets may have come through several listeners, hence several streams. A log row's sequence follows its
    time of receipt, so each stream is read backwards until it is older than was asked for.
    """
    since = max(session.first_seen_at, session.last_seen_at - look_back)
    streams = Stream.objects.filter(opened_at__lte=session.last_seen_at)
    streams = streams.filter(Q(closed_at=None) | Q(closed_at__gte=since))
    found = [_backwards(session, stream, since) for stream in streams.values_list("pk", flat=True)]
    return list(islice(merge(*found, key=attrgetter("received_at"), reverse=True), limit))


def _backwards(session: RadiusSession, stream: int, since: datetime) -> Iterator[LoggedRecord]:
    key = bytes(session.key)
    asked: dict[str, Any] = {
        "key": key,
        "stream": stream,
        # A row's day is never lower than the one before it in the stream, so it may be that of a later hour.
        "first_day": since.astimezone(UTC).date(),
        "last_day": session.last_seen_at.astimezone(UTC).date() + timedelta(days=1),
        "before": session.last_seq + 1 if stream == session.last_stream else 2**63 - 1,
        "rows": _ROWS_AT_ONCE,
    }
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PAGE, asked)
            rows = cursor.fetchall()
        for seq, received_at, payload in rows:
            if received_at < since:
                return
            if payload is not None:
                matching = [record for record in unpack(bytes(payload)) if record.key == key]
                yield from (LoggedRecord(received_at, stream, seq, record) for record in reversed(matching))
        if len(rows) < _ROWS_AT_ONCE:
            return
        asked["before"] = rows[-1][0]
