"""What waits, what is late and what failed, as cheap SQL over all apps: for `/metrics`.

Each query reads an index or a small table, so that asking every few seconds costs nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from capstan.metering.actions.log_reader import backlog


@dataclass(frozen=True)
class Gauge:
    """One figure. `sql` gives rows of (label value or '', number) and may use %(now)s."""

    name: str
    meaning: str
    sql: str = ""
    label: str = ""


METER_LAG = Gauge("capstan_meter_lag_seconds", "age of the oldest record that is not folded yet")
BACKLOG = Gauge("capstan_packet_log_backlog_records", "records in the packet log that are not folded yet")

GAUGES = (
    Gauge(
        "capstan_access_due",
        "services whose sessions are to be compared with the access they should have",
        "SELECT '', count(*) FROM services_accessdue WHERE due_at <= %(now)s",
    ),
    Gauge(
        "capstan_access_due_oldest_seconds",
        "age of the oldest such service",
        "SELECT '', coalesce(extract(epoch FROM %(now)s - min(due_at)), 0)"
        " FROM services_accessdue WHERE due_at <= %(now)s",
    ),
    Gauge(
        "capstan_faults_open",
        "metering faults nobody has dealt with",
        "SELECT kind, count(*) FROM metering_fault WHERE state = 'open' GROUP BY kind",
        label="kind",
    ),
    Gauge(
        "capstan_quarantined_packets",
        "packets that were not accepted, since the beginning",
        "SELECT reason, sum(count) FROM metering_quarantine GROUP BY reason",
        label="reason",
    ),
)


def read(conn: psycopg.Connection[Any], *, now: datetime) -> Iterator[tuple[Gauge, list[tuple[str, float]]]]:
    """Each gauge with its values. Raises psycopg.Error when the database can't say."""
    records, lag_seconds = backlog(conn.cursor(), now=now)
    yield METER_LAG, [("", lag_seconds)]
    yield BACKLOG, [("", records)]
    for gauge in GAUGES:
        rows = conn.execute(gauge.sql, {"now": now}).fetchall()
        yield gauge, [(str(label), float(value)) for label, value in rows]
