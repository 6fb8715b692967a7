"""The SQL of a settlement: cap rows, buckets and marks of many services, read and written in one statement each.

This is the listed hot-path module of `caps` (see docs/ARCHITECTURE.md); it knows the tables by name.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from capstan.caps.rules.cap import CapRow, Crossing, Lot, draw_order
from capstan.caps.rules.turn import Allowance, Closing, Contract, Release
from capstan.caps.rules.words import BucketKind, CapState, Limit
from capstan.catalog.queries import terms
from capstan.services.rules import Standing, Urgency

Cursor = Any  # psycopg.Cursor, whichever row type

_CAP_COLUMNS = (
    "service_id, version_id, state, cycle_start, cycle_end, counted_bytes, settled_bytes, check_at_bytes, steady_from, "
    "changes_at, weight_up, weight_down, sink_bucket_id, sessions_from, drawn_bytes, remaining_bytes, overshoot_bytes, "
    "overage_bytes, day_start, day_bytes, week_start, week_bytes, arming, "
    "crossed_cycle, crossed_day, crossed_week"
)
_CAP_TYPES = (
    "bigint, bigint, text, timestamptz, timestamptz, bigint, bigint, bigint, timestamptz, "
    "timestamptz, smallint, smallint, bigint, bigint, bigint, bigint, bigint, "
    "bigint, timestamptz, bigint, timestamptz, bigint, int, "
    "smallint, smallint, smallint"
)
_ARRAYS = ", ".join(f"%s::{kind.strip()}[]" for kind in _CAP_TYPES.split(","))
_SET = ", ".join(f"{c.strip()} = d.{c.strip()}" for c in _CAP_COLUMNS.split(",")[1:])
_VALUES = attrgetter(*(one.name for one in fields(CapRow) if one.name != "earlier"))


class SessionBytes(NamedTuple):
    """A session's bytes since its baseline, and how many of them have been attributed."""

    id: int
    open: bool
    up: int
    down: int
    marked_up: int
    marked_down: int


def lock_caps(cursor: Cursor, service_ids: Sequence[int], *, skip_locked: bool = False) -> list[CapRow]:
    """Lock these cap rows in id order and read them; `skip_locked` leaves out those that somebody else holds."""
    how = "SKIP LOCKED" if skip_locked else ""
    cursor.execute(
        f"SELECT {_CAP_COLUMNS} FROM caps_cap WHERE service_id = ANY(%s) ORDER BY service_id FOR NO KEY UPDATE {how}",
        [list(service_ids)],
    )
    return [CapRow(row[0], row[1], CapState(row[2]), *row[3:]) for row in cursor.fetchall()]


def save_caps(cursor: Cursor, caps: Sequence[CapRow]) -> None:
    """Write rows that `lock_caps` read."""
    cursor.execute(
        f"UPDATE caps_cap c SET {_SET} FROM unnest({_ARRAYS}) AS d({_CAP_COLUMNS}) WHERE c.service_id = d.service_id",
        _columns(caps),
    )


def insert_caps(cursor: Cursor, caps: Sequence[CapRow]) -> list[int]:
    """Write first rows and hand back their services; a row that somebody else has made stays as it is."""
    if not caps:
        return []
    cursor.execute(
        f"INSERT INTO caps_cap ({_CAP_COLUMNS}) SELECT * FROM unnest({_ARRAYS})"
        " ON CONFLICT DO NOTHING RETURNING service_id",
        _columns(caps),
    )
    return [row[0] for row in cursor.fetchall()]


def _columns(caps: Sequence[CapRow]) -> list[list[Any]]:
    return [list(column) for column in zip(*map(_VALUES, caps), strict=True)]


def load_earlier(cursor: Cursor, caps: Iterable[CapRow]) -> None:
    """Fill in what was drawn in earlier days and weeks, for lines that have such limits."""
    limited = {cap.service_id: cap for cap in caps if cap.day_start or cap.week_start}
    if limited:
        cursor.execute(
            'SELECT service_id, "limit", start, bytes FROM caps_limittally WHERE service_id = ANY(%s)',
            [list(limited)],
        )
        for service_id, limit, start, amount in cursor.fetchall():
            limited[service_id].earlier[Limit(limit), start] = amount


def save_earlier(cursor: Cursor, rows: Sequence[tuple[int, Limit, datetime, int]]) -> None:
    """(service, limit, start, bytes) of earlier days and weeks that have changed."""
    if rows:
        cursor.executemany(
            'INSERT INTO caps_limittally (service_id, "limit", start, bytes) VALUES (%s, %s, %s, %s)'
            ' ON CONFLICT (service_id, "limit", start) DO UPDATE SET bytes = excluded.bytes',
            rows,
        )


def forget_earlier(cursor: Cursor, service_ids: Sequence[int]) -> None:
    """Drop days and weeks that ended before the oldest cycle that may still get late usage."""
    cursor.execute(
        "DELETE FROM caps_limittally t USING caps_cap c WHERE c.service_id = ANY(%s) AND t.service_id = c.service_id"
        " AND t.start + interval '8 days' < least(c.cycle_start, (SELECT min(start) FROM caps_cycle"
        " WHERE service_id = c.service_id AND sealed_at IS NULL))",
        [list(service_ids)],
    )


def load_lots(cursor: Cursor, service_ids: Sequence[int]) -> dict[int, list[Lot]]:
    """Buckets that aren't empty, expired or voided, in draw order."""
    cursor.execute(
        "SELECT b.service_id, b.id, b.kind, b.starts_at, b.expires_at, b.granted_at,"
        " b.size_bytes - t.drawn_bytes - t.expired_bytes - t.voided_bytes - t.moved_bytes AS rest"
        " FROM caps_bucket b JOIN caps_buckettally t ON t.bucket_id = b.id"
        " WHERE b.service_id = ANY(%s)"
        " AND b.size_bytes > t.drawn_bytes + t.expired_bytes + t.voided_bytes + t.moved_bytes",
        [list(service_ids)],
    )
    lots: dict[int, list[Lot]] = {service_id: [] for service_id in service_ids}
    for service_id, bucket_id, kind, *rest in cursor.fetchall():
        lots[service_id].append(Lot(bucket_id, BucketKind(kind), *rest))
    for mine in lots.values():
        mine.sort(key=draw_order)
    return lots


def load_unsealed(
    cursor: Cursor, service_ids: Sequence[int]
) -> dict[int, list[tuple[datetime, datetime, int]]]:
    """(start, end, version) of each cycle that has ended and may still get late usage."""
    cursor.execute(
        'SELECT service_id, start, "end", version_id FROM caps_cycle'
        " WHERE service_id = ANY(%s) AND sealed_at IS NULL ORDER BY start",
        [list(service_ids)],
    )
    cycles: dict[int, list[tuple[datetime, datetime, int]]] = {}
    for service_id, *cycle in cursor.fetchall():
        cycles.setdefault(service_id, []).append((cycle[0], cycle[1], cycle[2]))
    return cycles


def load_session_bytes(cursor: Cursor, caps: Iterable[CapRow]) -> dict[int, list[SessionBytes]]:
    """Sessions whose counters may not be fully attributed yet."""
    pairs = [(cap.service_id, cap.sessions_from) for cap in caps]
    cursor.execute(
        "SELECT s.service_id, s.id, s.state < 3, s.bytes_up - s.base_up, s.bytes_down - s.base_down,"
        " coalesce(m.bytes_up, 0), coalesce(m.bytes_down, 0)"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS d(service_id, sessions_from)"
        " JOIN metering_radiussession s ON s.service_id = d.service_id AND s.id >= d.sessions_from"
        " LEFT JOIN caps_sessionmark m ON m.session_id = s.id ORDER BY s.id",
        [[pair[0] for pair in pairs], [pair[1] for pair in pairs]],
    )
    sessions: dict[int, list[SessionBytes]] = {}
    for service_id, *rest in cursor.fetchall():
        sessions.setdefault(service_id, []).append(SessionBytes(*rest))
    return sessions


def load_contracts(cursor: Cursor, service_ids: Sequence[int]) -> dict[int, Contract]:
    """What each service has agreed to over time."""
    cursor.execute(
        "SELECT service_id, starts_at, package_id FROM services_packagechange"
        " WHERE service_id = ANY(%s) ORDER BY starts_at",
        [list(service_ids)],
    )
    changes: dict[int, list[tuple[datetime, int]]] = {}
    for service_id, starts_at, package_id in cursor.fetchall():
        changes.setdefault(service_id, []).append((starts_at, package_id))
    packages = {package_id for mine in changes.values() for _, package_id in mine}
    cursor.execute(
        "SELECT package_id, valid_from, id FROM catalog_packageversion WHERE package_id = ANY(%s) ORDER BY valid_from",
        [list(packages)],
    )
    versions: dict[int, list[tuple[datetime, int]]] = {}
    for package_id, valid_from, version_id in cursor.fetchall():
        versions.setdefault(package_id, []).append((valid_from, version_id))
    known = {version_id: terms(version_id) for dated in versions.values() for _, version_id in dated}
    cursor.execute(
        "SELECT id, activated_at, standing, overage_consent IS NOT NULL FROM services_service WHERE id = ANY(%s)",
        [list(service_ids)],
    )
    services = cursor.fetchall()
    held = {service_id for service_id, _, standing, _ in services if standing == Standing.PREPAID}
    releases = _load_releases(cursor, held) if held else {}
    return {
        service_id: Contract(
            activated_at, service_id in held, releases.get(service_id, ()), consent, changes[service_id], dict(versions), known
        )
        for service_id, activated_at, _, consent in services
    }  # fmt: skip


def _load_releases(cursor: Cursor, service_ids: Iterable[int]) -> dict[int, list[Release]]:
    """For which cycles the allowances of held lines were released."""
    cursor.execute(
        "SELECT service_id, starts_at, ends_at, until FROM caps_allowancerelease WHERE service_id = ANY(%s) ORDER BY id",
        [list(service_ids)],
    )
    found: dict[int, list[Release]] = {}
    for service_id, *release in cursor.fetchall():
        found.setdefault(service_id, []).append(Release(*release))
    return found


def grant_allowances(
    cursor: Cursor, granted: Sequence[tuple[int, Allowance]], now: datetime
) -> list[tuple[int, Lot]]:
    """Insert these allowances, once per cycle whatever is retried; hand back those that are new."""
    if not granted:
        return []
    cursor.execute(
        "WITH new AS (INSERT INTO caps_bucket (service_id, kind, size_bytes, starts_at, expires_at, granted_at, cycle_start,"
        " rollover_left, source, reference, actor, reason)"
        " SELECT d.service_id, 'allowance', d.size, d.starts_at, d.expires_at, %s, d.starts_at, d.rollover_left,"
        " 'cycle', '', 'meter', ''"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::smallint[])"
        " AS d(service_id, size, starts_at, expires_at, rollover_left)"
        " ON CONFLICT (service_id, kind, cycle_start) WHERE cycle_start IS NOT NULL DO NOTHING"
        " RETURNING id, service_id, starts_at, expires_at, granted_at, size_bytes),"
        " tallied AS (INSERT INTO caps_buckettally"
        " (bucket_id, drawn_bytes, expired_bytes, voided_bytes, moved_bytes, is_open)"
        " SELECT id, 0, 0, 0, 0, true FROM new)"
        " SELECT service_id, id, starts_at, expires_at, granted_at, size_bytes FROM new",
        [
            now,
            [service_id for service_id, _ in granted],
            [one.size for _, one in granted],
            [one.start for _, one in granted],
            [one.end for _, one in granted],
            [one.rollover_left for _, one in granted],
        ],
    )
    return [(row[0], Lot(row[1], BucketKind.ALLOWANCE, *row[2:])) for row in cursor.fetchall()]


def add_cycles(cursor: Cursor, closings: Sequence[tuple[int, Closing]]) -> None:
    """Keep the figures of cycles that have just ended."""
    if closings:
        cursor.executemany(
            'INSERT INTO caps_cycle (service_id, start, "end", version_id, drawn_bytes, overshoot_bytes, overage_bytes)'
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [(service_id, *closing) for service_id, closing in closings],
        )


def add_to_cycles(cursor: Cursor, late: dict[tuple[int, datetime], list[int]]) -> None:
    """Late usage of cycles that aren't sealed: (service, cycle start) -> [drawn, overshoot, overage]."""
    if late:
        cursor.executemany(
            "UPDATE caps_cycle SET drawn_bytes = drawn_bytes + %s, overshoot_bytes = overshoot_bytes + %s,"
            " overage_bytes = overage_bytes + %s WHERE service_id = %s AND start = %s",
            [(*amounts, service_id, start) for (service_id, start), amounts in late.items()],
        )


def add_to_tallies(cursor: Cursor, drawn: dict[int, int]) -> None:
    """bucket -> bytes drawn now."""
    buckets = sorted(bucket for bucket, amount in drawn.items() if amount)
    if buckets:
        cursor.execute(
            "UPDATE caps_buckettally t SET drawn_bytes = t.drawn_bytes + d.amount"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS d(bucket_id, amount) WHERE t.bucket_id = d.bucket_id",
            [buckets, [drawn[bucket] for bucket in buckets]],
        )


def close_tallies(cursor: Cursor, closed: Sequence[tuple[int, int, int]]) -> None:
    """(bucket, moved, expired): no usage of theirs can come any more, and this became of what was left."""
    if closed:
        cursor.execute(
            "UPDATE caps_buckettally t SET is_open = false, moved_bytes = t.moved_bytes + d.moved,"
            " expired_bytes = t.expired_bytes + d.expired"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(bucket_id, moved, expired)"
            " WHERE t.bucket_id = d.bucket_id",
            [list(column) for column in zip(*closed, strict=True)],
        )


DrawdownKey = tuple[
    int, int | None, int | None, str, datetime
]  # service, session, bucket, beyond, cycle start


def add_drawdowns(cursor: Cursor, drawn: dict[DrawdownKey, int]) -> None:
    """Add to what each session took from each bucket, or beyond."""
    rows = [(*key, amount) for key, amount in drawn.items() if amount]
    if rows:
        cursor.execute(
            "INSERT INTO caps_drawdown AS t (service_id, session_id, bucket_id, beyond, cycle_start, bytes)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[], %s::bigint[])"
            " ON CONFLICT (service_id, session_id, bucket_id, beyond, cycle_start)"
            " DO UPDATE SET bytes = t.bytes + excluded.bytes",
            [list(column) for column in zip(*rows, strict=True)],
        )


def add_crossings(cursor: Cursor, found: Sequence[tuple[int, Crossing]], now: datetime) -> None:
    if found:
        cursor.executemany(
            'INSERT INTO caps_thresholdcrossing (service_id, "limit", period_start, percent, arming, crossed_at,'
            " drawn_bytes, remaining_bytes, recorded_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(service_id, *crossing, now) for service_id, crossing in found],
        )


def save_marks(cursor: Cursor, marks: Sequence[tuple[int, int, int, int]]) -> None:
    """(session, service, up, down): attributed up to these bytes since the baseline."""
    if marks:
        cursor.execute(
            "INSERT INTO caps_sessionmark AS t (session_id, service_id, bytes_up, bytes_down)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"
            " ON CONFLICT (session_id) DO UPDATE SET bytes_up = excluded.bytes_up, bytes_down = excluded.bytes_down",
            [list(column) for column in zip(*marks, strict=True)],
        )


def raise_access_due(cursor: Cursor, due: dict[int, str], now: datetime, urgency: Urgency) -> None:
    """service -> cause. The raw twin of `services.actions.raise_access_due`, for transactions that aren't Django's."""
    ids = sorted(due)
    if ids:
        cursor.execute(
            "INSERT INTO services_accessdue AS t (service_id, version, cause, raised_at, urgency, due_at, attempts)"
            " SELECT d.service_id, 1, d.cause, %s, %s, %s, 0 FROM unnest(%s::bigint[], %s::text[]) AS d(service_id, cause)"
            " ON CONFLICT (service_id) DO UPDATE SET version = t.version + 1, cause = excluded.cause,"
            " raised_at = excluded.raised_at, urgency = least(t.urgency, excluded.urgency),"
            " due_at = least(t.due_at, excluded.due_at), attempts = 0",
            [now, urgency, now, ids, [due[service_id] for service_id in ids]],
        )
