"""Refused logins, kept with their reason. Raw SQL in batches, on the listener's side connection."""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import psycopg


class FailedLogin(NamedTuple):
    """Equal failures within an hour, since they were last written."""

    username: str
    service_id: int | None
    nas_id: int
    calling_station: str
    reason: str
    hour: int  # hours since 1970, UTC
    times: int
    first_at: datetime
    last_at: datetime


_KEY = itemgetter(0, 2, 3, 4, 5)  # as the table's constraint has it


def add_login_failures(conn: "psycopg.Connection[Any]", failures: Sequence[FailedLogin]) -> None:
    """Count refused logins; repeats within the hour add to the row there is. In one order, as other listeners do."""
    conn.cursor().executemany(
        "INSERT INTO network_loginfailure AS f (username, service_id, nas_id, calling_station, reason, hour, count,"
        " first_at, last_at) VALUES (%s, (SELECT id FROM services_service WHERE id = %s),"
        " (SELECT id FROM metering_nas WHERE id = %s), %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (username, nas_id, calling_station, reason, hour) DO UPDATE SET"
        " count = f.count + excluded.count, last_at = excluded.last_at, service_id = excluded.service_id",
        sorted(failures, key=_KEY),
    )
