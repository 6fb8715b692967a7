"""The SQL of the fold: touched sessions, their routers and owners, read and written in one statement each.

This is the listed hot-path module of `metering` (see docs/ARCHITECTURE.md); it knows the tables by name.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any

from capstan.metering.records import Texts
from capstan.metering.rules.fold import CAUSE_SILENT, DoubtfulUsage, NasFacts, Session
from capstan.values.micros import from_micros, to_micros

Cursor = Any  # psycopg.Cursor, whichever row type

_MICROS = "(extract(epoch FROM {0}) * 1000000)::bigint"
_LOAD = (
    "SELECT id, key, nas_id, service_id, username, state, {started}, {first_seen}, {last_seen}, {stopped},"
    " terminate_cause, {counted_until}, start_mark, last_mark, seconds, bytes_up, bytes_down, base_up, base_down,"
    " hour, hour_up, hour_down, framed_ip IS NOT NULL, first_stream, first_seq, last_stream, last_seq"
    " FROM metering_radiussession"
).format(
    started=_MICROS.format("started_at"),
    first_seen=_MICROS.format("first_seen_at"),
    last_seen=_MICROS.format("last_seen_at"),
    stopped=f"coalesce({_MICROS.format('stopped_at')}, 0)",
    counted_until=_MICROS.format("counted_until"),
)


def load_sessions(
    cursor: Cursor, keys: Collection[bytes], nas_ids: Collection[int]
) -> dict[bytes, list[Session]]:
    """All generations of these keys, and all open sessions of these NASes; by key, oldest start first."""
    found: dict[bytes, list[Session]] = {}
    if keys:
        cursor.execute(_LOAD + " WHERE key = ANY(%b::bytea[])", [list(keys)])
        _collect(cursor, found)
    if nas_ids:
        cursor.execute(
            _LOAD + " WHERE nas_id = ANY(%s) AND state < 3 AND NOT key = ANY(%b::bytea[])",
            [list(nas_ids), list(keys)],
        )
        _collect(cursor, found)
    return found


def load_sessions_by_id(cursor: Cursor, ids: Collection[int]) -> dict[bytes, list[Session]]:
    """The sessions that staff decided about."""
    found: dict[bytes, list[Session]] = {}
    if ids:
        cursor.execute(_LOAD + " WHERE id = ANY(%s)", [list(ids)])
        _collect(cursor, found)
    return found


def _collect(cursor: Cursor, found: dict[bytes, list[Session]]) -> None:
    for row in cursor.fetchall():
        session = Session(
            id=row[0], key=bytes(row[1]), nas_id=row[2], service_id=row[3], username=row[4], texts=None, state=row[5],
            started=row[6], first_seen=row[7], last_seen=row[8], stopped=row[9], cause=row[10], counted_until=row[11],
            start_mark=row[12], last_mark=row[13], seconds=row[14], bytes_up=row[15], bytes_down=row[16],
            base_up=row[17], base_down=row[18], hour=row[19], hour_up=row[20], hour_down=row[21], has_ip=row[22],
            first_stream=row[23], first_seq=row[24], last_stream=row[25], last_seq=row[26],
        )  # fmt: skip
        generations = found.setdefault(session.key, [])
        generations.append(session)
        if len(generations) > 1:
            generations.sort(key=lambda one: one.start_mark)


def load_nases(cursor: Cursor, ids: Collection[int]) -> dict[int, NasFacts]:
    cursor.execute(
        "SELECT id, registered_at, lacks_gigawords, max_rate_mbps FROM metering_nas WHERE id = ANY(%s)",
        [list(ids)],
    )
    return {row[0]: NasFacts(to_micros(row[1]), row[2], row[3]) for row in cursor.fetchall()}


def find_owners(cursor: Cursor, usernames: Collection[str], tokens: dict[str, int]) -> dict[str, int]:
    """Whose sessions these are. Keys: the lower-case username, or the hex of a Class value whose token names a service."""
    owners: dict[str, int] = {}
    if tokens:
        cursor.execute("SELECT id FROM services_service WHERE id = ANY(%s)", [list(set(tokens.values()))])
        real = {row[0] for row in cursor.fetchall()}
        owners.update((value, service_id) for value, service_id in tokens.items() if service_id in real)
    if usernames:
        cursor.execute(
            "SELECT username, id FROM services_service WHERE username = ANY(%s)", [list(usernames)]
        )
        owners.update(cursor.fetchall())
    return owners


def insert_sessions(cursor: Cursor, sessions: Sequence[Session]) -> None:
    """Store new sessions and give each its id."""
    if not sessions:
        return
    rows = [_new_row(session) for session in sessions]
    cursor.execute(
        "INSERT INTO metering_radiussession (key, nas_id, service_id, username, acct_session_id, class_token,"
        " calling_station, nas_port_id, framed_ip, framed_ipv6, state, started_at, first_seen_at, last_seen_at,"
        " counted_until, stopped_at, terminate_cause, start_mark, last_mark, seconds, bytes_up, bytes_down, base_up,"
        " base_down, hour, hour_up, hour_down, first_stream, first_seq, last_stream, last_seq)"
        " SELECT * FROM unnest(%b::bytea[], %s::bigint[], %s::bigint[], %s::text[], %b::bytea[], %b::bytea[], %s::text[],"
        " %s::text[], %s::inet[], %s::text[], %s::smallint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],"
        " %s::timestamptz[], %s::timestamptz[], %s::smallint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
        " %s::bigint[], %s::bigint[], %s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
        " %s::bigint[], %s::bigint[]) RETURNING id",
        [list(column) for column in zip(*rows, strict=True)],
    )
    for session, (row_id,) in zip(sessions, cursor.fetchall(), strict=True):
        session.id = row_id


def _new_row(session: Session) -> tuple[Any, ...]:
    texts = session.texts
    assert texts is not None, "a session made in this step has its texts"
    return (
        session.key, session.nas_id, session.service_id, session.username, texts.session_id,
        texts.class_value, shown(texts.calling_station), shown(texts.nas_port_id), _address(texts), _prefix(texts),
        session.state, from_micros(session.started), from_micros(session.first_seen), from_micros(session.last_seen),
        from_micros(session.counted_until), _stopped(session), session.cause, session.start_mark, session.last_mark,
        session.seconds, session.bytes_up, session.bytes_down, session.base_up, session.base_down, session.hour,
        session.hour_up, session.hour_down, session.first_stream, session.first_seq, session.last_stream,
        session.last_seq,
    )  # fmt: skip


def shown(raw: bytes) -> str:
    """Bytes from a packet as text that PostgreSQL can keep."""
    return raw.decode("utf-8", "replace").replace("\0", "")


def _address(texts: Texts) -> str | None:
    return str(ip_address(texts.framed_ip)) if texts.framed_ip else None


def _prefix(texts: Texts) -> str:
    """Framed-IPv6-Prefix (RFC 3162 §2.3): a reserved byte, the length in bits, then as many bytes as are needed."""
    raw = texts.framed_ipv6
    if len(raw) < 2 or raw[1] > 128:
        return ""
    return str(ip_network((raw[2:18].ljust(16, b"\0"), raw[1]), strict=False))


def _stopped(session: Session) -> datetime | None:
    return from_micros(session.stopped) if session.stopped else None


def update_sessions(cursor: Cursor, sessions: Sequence[Session]) -> None:
    """Write what an interim changes, in id order."""
    if not sessions:
        return
    ordered = sorted(sessions, key=lambda one: one.id)
    cursor.execute(
        "UPDATE metering_radiussession s SET last_seen_at = d.last_seen, counted_until = d.counted_until,"
        " last_mark = d.last_mark, seconds = d.seconds, bytes_up = d.bytes_up, bytes_down = d.bytes_down,"
        " hour = d.hour, hour_up = d.hour_up, hour_down = d.hour_down, last_stream = d.last_stream, last_seq = d.last_seq"
        " FROM (SELECT id, to_timestamp(last_seen::float8 / 1e6), to_timestamp(counted_until::float8 / 1e6), last_mark, seconds,"
        " bytes_up, bytes_down, hour, hour_up, hour_down, last_stream, last_seq"
        " FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[],"
        " %b::int[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[])"
        " AS u(id, last_seen, counted_until, last_mark, seconds, bytes_up, bytes_down, hour, hour_up, hour_down,"
        " last_stream, last_seq)) AS d(id, last_seen, counted_until, last_mark, seconds, bytes_up, bytes_down, hour,"
        " hour_up, hour_down, last_stream, last_seq) WHERE s.id = d.id",
        [
            [s.id for s in ordered],
            [s.last_seen for s in ordered],
            [s.counted_until for s in ordered],
            [s.last_mark for s in ordered],
            [s.seconds for s in ordered],
            [s.bytes_up for s in ordered],
            [s.bytes_down for s in ordered],
            [s.hour for s in ordered],
            [s.hour_up for s in ordered],
            [s.hour_down for s in ordered],
            [s.last_stream for s in ordered],
            [s.last_seq for s in ordered],
        ],
    )


def reshape_sessions(cursor: Cursor, sessions: Iterable[Session]) -> None:
    """Write what interims leave alone: state, stop, baseline, owner, and an address that came late."""
    for session in sessions:
        cursor.execute(
            "UPDATE metering_radiussession SET state = %s, stopped_at = %s, terminate_cause = %s, base_up = %s,"
            " base_down = %s, service_id = %s, framed_ip = coalesce(framed_ip, %s) WHERE id = %s",
            [
                session.state, _stopped(session), session.cause, session.base_up, session.base_down, session.service_id,
                _address(session.texts) if session.texts else None, session.id,
            ],
        )  # fmt: skip


def mark_silent(cursor: Cursor, *, now: datetime) -> tuple[int, int]:
    """Sessions whose router has missed interims become stale; stale for a day, they are closed. Returns how many of each."""
    cursor.execute(
        "UPDATE metering_radiussession s SET state = 2 FROM metering_nas n"
        " WHERE s.nas_id = n.id AND s.state = 1 AND s.last_seen_at < %s - n.interim_seconds * interval '2.5 seconds'",
        [now],
    )
    stale = cursor.rowcount
    cursor.execute(
        "UPDATE metering_radiussession s SET state = 3, stopped_at = s.counted_until, terminate_cause = %s,"
        " hour_up = 0, hour_down = 0 FROM metering_radiussession old"
        " WHERE s.state = 2 AND s.last_seen_at < %s - interval '1 day' AND old.id = s.id"
        " RETURNING old.service_id, old.hour, old.hour_up, old.hour_down",
        [CAUSE_SILENT, now],
    )
    hours: dict[tuple[int, int], list[int]] = {}
    rows = cursor.fetchall()
    for service_id, hour, up, down in rows:
        if service_id is not None and (up or down):
            total = hours.setdefault((service_id, hour), [0, 0])
            total[0] += up
            total[1] += down
    add_hours(cursor, hours)
    return stale, len(rows)


def add_hours(cursor: Cursor, hours: dict[tuple[int, int], list[int]]) -> None:
    """(service, hour) -> [up, down]: hours that are over."""
    if hours:
        keys = sorted(hours)
        cursor.execute(
            "INSERT INTO metering_usagehour AS u (service_id, hour, bytes_up, bytes_down)"
            " SELECT * FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::bigint[])"
            " ON CONFLICT (service_id, hour) DO UPDATE SET bytes_up = u.bytes_up + excluded.bytes_up,"
            " bytes_down = u.bytes_down + excluded.bytes_down",
            [
                [key[0] for key in keys],
                [key[1] for key in keys],
                [hours[key][0] for key in keys],
                [hours[key][1] for key in keys],
            ],
        )


def add_faults(cursor: Cursor, faults: Iterable[DoubtfulUsage]) -> None:
    """Open a fault, or add to the open one of its kind. An unknown user's bytes add up, doubtful counters replace."""
    for fault in faults:
        cursor.execute(
            "INSERT INTO metering_fault AS f (kind, state, nas_id, session_id, username, first_at, last_at, packets,"
            " held_up, held_down, seconds, counter_up, counter_down, detail)"
            " VALUES (%s, 'open', %s, %s, %s, %s, %s, 1, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (kind, nas_id, session_id, username) WHERE state = 'open' DO UPDATE SET"
            " last_at = excluded.last_at, packets = f.packets + 1, detail = excluded.detail, seconds = excluded.seconds,"
            " counter_up = excluded.counter_up, counter_down = excluded.counter_down,"
            " held_up = excluded.held_up + CASE f.kind WHEN 'unknown-user' THEN f.held_up ELSE 0 END,"
            " held_down = excluded.held_down + CASE f.kind WHEN 'unknown-user' THEN f.held_down ELSE 0 END",
            [
                fault.kind, fault.nas_id, fault.session.id if fault.session else None, fault.username,
                from_micros(fault.at), from_micros(fault.at), fault.held_up, fault.held_down, fault.seconds,
                fault.counter_up, fault.counter_down, fault.detail,
            ],
        )  # fmt: skip
