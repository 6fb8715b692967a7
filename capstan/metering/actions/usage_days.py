"""Days from hours: what pages show for months back is one row a day instead of twenty-four."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from capstan.values.period import local_midnight

_SERVICES_AT_ONCE = 5_000
_HOUR_SECONDS = 3_600

_NEXT = "SELECT id FROM services_service WHERE id > %s ORDER BY id LIMIT %s"

# One look into the primary key per service and day; rows that are right already are not written again.
_ROLL_UP = """
    INSERT INTO metering_usageday AS u (service_id, day, bytes_up, bytes_down)
    SELECT s.id, d.day, h.bytes_up, h.bytes_down
    FROM unnest(%(services)s::bigint[]) AS s(id)
    CROSS JOIN unnest(%(days)s::date[], %(since)s::int[], %(until)s::int[]) AS d(day, since, until)
    CROSS JOIN LATERAL (
        SELECT sum(bytes_up)::bigint AS bytes_up, sum(bytes_down)::bigint AS bytes_down FROM metering_usagehour
        WHERE service_id = s.id AND hour >= d.since AND hour < d.until
    ) AS h
    WHERE h.bytes_up IS NOT NULL
    ON CONFLICT (service_id, day) DO UPDATE SET bytes_up = excluded.bytes_up, bytes_down = excluded.bytes_down
    WHERE (u.bytes_up, u.bytes_down) IS DISTINCT FROM (excluded.bytes_up, excluded.bytes_down)
"""


def roll_up_days(conn: "psycopg.Connection[Any]", *, zone: ZoneInfo, now: datetime, days_back: int) -> int:
    """Add up today and the `days_back` local days before it again, for every service; returns how many rows changed.

    It may run as often as one likes, and at the same time as the meter: what comes later is in the next run. An hour
    belongs to the local day it begins in; that matters only in zones that are not a whole number of hours from UTC.
    """
    today = now.astimezone(zone).date()
    days = [today + timedelta(days=ahead) for ahead in range(-days_back, 2)]
    hours = [_first_hour(local_midnight(zone, day)) for day in days]
    bounds = list(pairwise(hours))
    changed, last_id = 0, 0
    while services := _next_services(conn, last_id):
        cursor = conn.execute(
            _ROLL_UP,
            {
                "services": services,
                "days": days[:-1],
                "since": [since for since, _ in bounds],
                "until": [until for _, until in bounds],
            },
        )
        changed += cursor.rowcount
        last_id = services[-1]
    return changed


def _next_services(conn: "psycopg.Connection[Any]", after_id: int) -> Sequence[int]:
    return [row[0] for row in conn.execute(_NEXT, [after_id, _SERVICES_AT_ONCE]).fetchall()]


def _first_hour(instant: datetime) -> int:
    """The first hour since 1970 that begins at or after this instant."""
    return -(-int(instant.timestamp()) // _HOUR_SECONDS)
