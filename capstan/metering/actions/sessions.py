"""The SQL of the fold: touched sessions, their routers and owners, read and written in one statement each.

This is the listed hot-path module of `metering` (see docs/ARCHITECTURE.md); it knows the tables by name.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address, ip_network
from itertools import islice
from operator import attrgetter
from typing import Any

from capstan.db.arrays import Int8Array, bytes_array, int_array
from capstan.metering.records import Texts
from capstan.metering.rules.state import CAUSE_SILENT, DoubtfulUsage, NasFacts, Session
from capstan.values.micros import from_micros, to_micros

Cursor = Any  # psycopg.Cursor, whichever row type

SESSIONS_KEPT = 150_000  # in a meter's memory, about 1 kB each

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


@dataclass(slots=True)
class Memory:
    """What a meter remembers from step to step. Only a saving: an empty one gives the same results.

    Sessions are kept because only the meter writes them; whoever writes one behind the fold's back (`mark_silent`) forgets it
    here. After a step that failed everything is forgotten.
    """

    clocks: dict[int, tuple[int, int]] = field(default_factory=dict)  # see metering.rules.fold.Folder
    sessions: dict[bytes, list[Session]] = field(default_factory=dict)

    def settle(self) -> None:
        """After a step was written: let go of what is closed, and of the oldest where there are too many."""
        surplus = len(self.sessions) - SESSIONS_KEPT
        if surplus > 0:
            for key in list(islice(self.sessions, surplus)):
                del self.sessions[key]

    def forget(self) -> None:
        self.sessions.clear()


def load_sessions(
    cursor: Cursor, memory: Memory, keys: Collection[bytes], nas_ids: Collection[int]
) -> dict[bytes, list[Session]]:
    """All generations of these keys, and all open sessions of these NASes; by key, oldest start first."""
    known = memory.sessions
    missing = [key for key in keys if key not in known]
    if missing:
        cursor.execute(_LOAD + " WHERE key = ANY(%s::bytea[])", [bytes_array(missing)])
        _collect(cursor, known)
    found = {key: known[key] for key in keys if key in known}
    if nas_ids:
        cursor.execute(_LOAD + " WHERE nas_id = ANY(%s) AND state < 3", [list(nas_ids)])
        for key, generations in _collect(cursor, {}).items():
            found.setdefault(key, known.get(key, generations))
    return found


def load_sessions_by_id(cursor: Cursor, ids: Collection[int]) -> dict[bytes, list[Session]]:
    """The sessions that staff decided about."""
    if not ids:
        return {}
    cursor.execute(_LOAD + " WHERE id = ANY(%s)", [list(ids)])
    return _collect(cursor, {})


def _collect(cursor: Cursor, found: dict[bytes, list[Session]]) -> dict[bytes, list[Session]]:
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
    return found


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
        [_array(column) for column in zip(*rows, strict=True)],
    )
    for session, (row_id,) in zip(sessions, cursor.fetchall(), strict=True):
        session.id = row_id


def _array(column: Sequence[Any]) -> Any:
    """Numbers in the form that is cheap to make."""
    return (
        int_array(column)
        if type(column[0]) is int and all(type(value) is int for value in column)
        else list(column)
    )


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


_INTERIM_COLUMNS = (
    "last_mark", "seconds", "bytes_up", "bytes_down", "hour", "hour_up", "hour_down", "last_stream", "last_seq",
)  # fmt: skip
_UPDATE = (
    "UPDATE metering_radiussession s SET last_seen_at = to_timestamp(d.last_seen::float8 / 1e6),"
    " counted_until = to_timestamp(d.counted_until::float8 / 1e6),"
    f" {', '.join(f'{name} = d.{name}' for name in _INTERIM_COLUMNS)}"
    f" FROM unnest({', '.join(['%s::bigint[]'] * (3 + len(_INTERIM_COLUMNS)))})"
    f" AS d(id, last_seen, counted_until, {', '.join(_INTERIM_COLUMNS)}) WHERE s.id = d.id"
)
_INTERIM_VALUES = attrgetter("id", "last_seen", "counted_until", *_INTERIM_COLUMNS)
_BY_ID = attrgetter("id")


def update_sessions(cursor: Cursor, sessions: Sequence[Session]) -> None:
    """Write what an interim changes, in id order."""
    if sessions:
        rows = map(_INTERIM_VALUES, sorted(sessions, key=_BY_ID))
        cursor.execute(_UPDATE, [Int8Array(column) for column in zip(*rows, strict=True)])


def reshape_sessions(cursor: Cursor, sessions: Sequence[Session]) -> None:
    """Write what interims leave alone: state, stop, baseline, owner, and an address that came late."""
    if not sessions:
        return
    ordered = sorted(sessions, key=_BY_ID)
    cursor.execute(
        "UPDATE metering_radiussession s SET state = d.state, stopped_at = d.stopped_at, terminate_cause = d.cause,"
        " base_up = d.base_up, base_down = d.base_down, service_id = d.service_id,"
        " framed_ip = coalesce(s.framed_ip, d.framed_ip)"
        " FROM unnest(%s::bigint[], %s::smallint[], %s::timestamptz[], %s::smallint[], %s::bigint[], %s::bigint[],"
        " %s::bigint[], %s::inet[])"
        " AS d(id, state, stopped_at, cause, base_up, base_down, service_id, framed_ip) WHERE s.id = d.id",
        [
            int_array(one.id for one in ordered),
            int_array(one.state for one in ordered),
            [_stopped(one) for one in ordered],
            int_array(one.cause for one in ordered),
            int_array(one.base_up for one in ordered),
            int_array(one.base_down for one in ordered),
            int_array(one.service_id for one in ordered),
            [_address(one.texts) if one.texts else None for one in ordered],
        ],
    )


def mark_silent(cursor: Cursor, memory: Memory, *, now: datetime) -> tuple[int, int]:
    """Sessions whose router has missed interims become stale; stale for a day, they are closed. Returns how many of each."""
    cursor.execute(
        "UPDATE metering_radiussession s SET state = 2 FROM metering_nas n"
        " WHERE s.nas_id = n.id AND s.state = 1 AND s.last_seen_at < %s - n.interim_seconds * interval '2.5 seconds'"
        " RETURNING s.key",
        [now],
    )
    stale = [bytes(row[0]) for row in cursor.fetchall()]
    cursor.execute(
        "UPDATE metering_radiussession s SET state = 3, stopped_at = s.counted_until, terminate_cause = %s,"
        " hour_up = 0, hour_down = 0 FROM metering_radiussession old"
        " WHERE s.state = 2 AND s.last_seen_at < %s - interval '1 day' AND old.id = s.id"
        " RETURNING old.service_id, old.hour, old.hour_up, old.hour_down, old.key",
        [CAUSE_SILENT, now],
    )
    hours: dict[tuple[int, int], list[int]] = {}
    rows = cursor.fetchall()
    for service_id, hour, up, down, _ in rows:
        if service_id is not None and (up or down):
            total = hours.setdefault((service_id, hour), [0, 0])
            total[0] += up
            total[1] += down
    add_hours(cursor, hours)
    for key in (*stale, *(bytes(row[4]) for row in rows)):
        memory.sessions.pop(key, None)
    return len(stale), len(rows)


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
                int_array(key[0] for key in keys),
                int_array(key[1] for key in keys),
                int_array(hours[key][0] for key in keys),
                int_array(hours[key][1] for key in keys),
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
