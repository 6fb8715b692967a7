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
    Gauge(
        "capstan_messages_due",
        "messages whose time to leave has come",
        "SELECT medium, count(*) FROM messaging_message WHERE due_at <= %(now)s GROUP BY medium",
        label="medium",
    ),
    Gauge(
        "capstan_messages_for_person",
        "messages that failed, or may have, which nobody has seen yet",
        "SELECT state, count(*) FROM messaging_message WHERE handled_at IS NULL AND state IN ('failed', 'uncertain')"
        " GROUP BY state",
        label="state",
    ),
    Gauge(
        "capstan_inbound_for_person",
        "SMS that came in and wait for a person",
        "SELECT '', count(*) FROM messaging_inbound WHERE state = 'needs_person'",
    ),
    Gauge(
        "capstan_gateways_in_trouble",
        "gateways for SMS and e-mail that should work and don't",
        "SELECT '', count(*) FROM messaging_gateway WHERE active AND trouble <> ''",
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
