"""What arrives beside accounting: routers nobody has entered yet, packets that were refused, samples of raw packets.

Raw SQL in batches, on the listener's side connection; each call is one transaction of its own.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

Connection = psycopg.Connection[Any]

SAMPLE_SLOTS = 32
QUARANTINE_ROWS_MAX = 10_000
MANY_SOURCES = "many others"


class Discovered(NamedTuple):
    """A router that sent an authentic packet and isn't in the register."""

    peer_id: int
    identifier: str
    source: str


class Refusal(NamedTuple):
    """Packets that were not accepted, since they were last written."""

    source: str
    port: str
    reason: str
    packets: int
    first_at: datetime
    last_at: datetime
    sample: bytes


def discover_nases(conn: Connection, found: Collection[Discovered], *, now: datetime) -> None:
    """Enter routers as `discovered`: metered from now on, never acted upon until staff take them over."""
    conn.cursor().executemany(
        "INSERT INTO metering_nas (peer_id, name, identifier, vendor_profile, coa_port, last_source, registered_at,"
        " discovered, observe_only, lacks_gigawords, interim_seconds, max_rate_mbps, coa_per_second)"
        " VALUES (%s, %s, %s, 'generic', 3799, %s, %s, true, false, false, 300, 10000, 50)"
        " ON CONFLICT (peer_id, identifier) DO NOTHING",
        [(one.peer_id, one.identifier, one.identifier, one.source, now) for one in sorted(found)],
    )


def note_sources(conn: Connection, sources: dict[int, str]) -> None:
    """Where routers' packets come from now: CoA goes there unless staff entered another address."""
    conn.cursor().executemany(
        "UPDATE metering_nas SET last_source = %s WHERE id = %s AND last_source IS DISTINCT FROM %s::inet",
        [(source, nas_id, source) for nas_id, source in sorted(sources.items())],
    )


def add_refusals(conn: Connection, refusals: Sequence[Refusal]) -> None:
    """Count refused packets per source, port and reason, with the last one's bytes.

    The table stays small whatever arrives: beyond `QUARANTINE_ROWS_MAX` rows new sources are counted together.
    """
    with conn.transaction():
        ordered = sorted(
            refusals, key=lambda one: (one.source, one.port, one.reason)
        )  # as other listeners do
        new = [one for one in ordered if not _add_to_known(conn, one)]
        if not new:
            return
        row = conn.execute("SELECT count(*) FROM metering_quarantine").fetchone()
        assert row is not None
        if row[0] + len(new) > QUARANTINE_ROWS_MAX:
            new = [one._replace(source=MANY_SOURCES) for one in new]
        for one in new:
            conn.execute(
                "INSERT INTO metering_quarantine AS q (source, port, reason, count, first_at, last_at, sample)"
                " VALUES (%s, %s, %s, %s, %s, %s, %b) ON CONFLICT (source, port, reason) DO UPDATE SET"
                " count = q.count + excluded.count, last_at = excluded.last_at, sample = excluded.sample",
                one,
            )


def _add_to_known(conn: Connection, one: Refusal) -> bool:
    done = conn.execute(
        "UPDATE metering_quarantine SET count = count + %s, last_at = %s, sample = %b"
        " WHERE source = %s AND port = %s AND reason = %s",
        (one.packets, one.last_at, one.sample, one.source, one.port, one.reason),
    )
    return done.rowcount == 1


def save_samples(conn: Connection, samples: Iterable[tuple[int, datetime, bytes]]) -> None:
    """Keep raw packets as (NAS id, receipt, bytes): of each router the last `SAMPLE_SLOTS`."""
    conn.cursor().executemany(
        "INSERT INTO metering_packetsample (nas_id, slot, received_at, raw)"
        " SELECT %(nas)s, coalesce((SELECT (last.slot + 1) %% %(slots)s FROM metering_packetsample last"
        " WHERE last.nas_id = %(nas)s ORDER BY last.received_at DESC, last.id DESC LIMIT 1), 0), %(at)s, %(raw)b"
        " ON CONFLICT (nas_id, slot) DO UPDATE SET received_at = excluded.received_at, raw = excluded.raw",
        [{"nas": nas_id, "at": at, "raw": raw, "slots": SAMPLE_SLOTS} for nas_id, at, raw in samples],
    )
