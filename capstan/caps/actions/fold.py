"""One step of the meter: read the log, fold it, draw down, move the position – in one transaction.

Order matters for those who wait: everything is worked out and the sessions are written before the cap rows are locked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
import structlog

from capstan.caps.actions.cap import open_caps, provider_zone
from capstan.caps.actions.settle import Settlement
from capstan.db.arrays import Int8Array
from capstan.metering.actions import log_reader, sessions
from capstan.metering.actions.control import decision_of
from capstan.metering.actions.sessions import Memory
from capstan.metering.records import pack, texts_of
from capstan.metering.rules.fold import Folder
from capstan.metering.rules.state import CAUSE_DECIDED, CLOSED, Incoming, Session, Usage
from capstan.metering.rules.token import decode_token
from capstan.metering.rules.words import FaultKind, Status
from capstan.services.rules import LoginBy, Urgency, normalise_mac
from capstan.values.micros import from_micros

log = structlog.get_logger()

_CONTROL = Status.CONTROL.value
_RESETS = (Status.ON.value, Status.OFF.value)
_MAC_LIKE = re.compile(r"[0-9a-f]{2}([:.-]?[0-9a-f]{2}){5}|[0-9a-f]{4}([:.-][0-9a-f]{4}){2}")

# What a single record may cause: the step is then halved until the record is found, and that one is set aside.
_RECORD_FAILURES = (
    psycopg.DataError,
    psycopg.IntegrityError,
    ArithmeticError,
    AssertionError,
    LookupError,
    TypeError,
    ValueError,
)

_ADD_FAST = (
    "UPDATE caps_cap c SET counted_bytes = c.counted_bytes + c.weight_up * d.up + c.weight_down * d.down"
    " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"
    " AS d(service_id, up, down, since, until)"
    " WHERE c.service_id = d.service_id AND to_timestamp(d.since::float8 / 1e6) >= c.steady_from"
    " AND to_timestamp(d.until::float8 / 1e6) < c.changes_at"
    " AND c.counted_bytes + c.weight_up * d.up + c.weight_down * d.down < c.check_at_bytes"
    " RETURNING c.service_id"
)


@dataclass(slots=True)
class FoldResult:
    """What a step did; `records` is 0 when the log was read to its end."""

    records: int = 0
    opened: int = 0
    closed: int = 0
    settled: int = 0
    set_aside: int = 0
    due: set[int] = field(default_factory=set)


def fold_step(
    conn: "psycopg.Connection[Any]", *, now: datetime, limit: int = 5000, memory: Memory | None = None
) -> FoldResult:
    """Fold the next records of the log, about `limit` of them.

    `memory` carries what a meter may remember to the next step. Raises log_reader.PositionTaken when another meter got
    there first; nothing has changed then.
    """
    memory = Memory() if memory is None else memory
    result = FoldResult()
    try:
        with conn.transaction(), conn.cursor() as cursor:
            incoming, reached, spoilt = log_reader.read_next(cursor, limit=limit)
            for row in spoilt:
                _show_spoilt(cursor, row)
                result.set_aside += 1
            if incoming:
                _fold_or_halve(conn, incoming, memory, now, result)
                result.records = len(incoming)
            log_reader.move_positions(cursor, reached)
    except BaseException:
        memory.forget()
        raise
    memory.settle()
    return result


def fold_received(cursor: Any, incoming: Sequence[Incoming], *, now: datetime, memory: Memory) -> FoldResult:
    """Fold records that the caller hands over, in its transaction; their place in the log is its affair.

    For a past that is made up: nothing is set aside, what a record causes is raised.
    """
    result = FoldResult(records=len(incoming))
    if incoming:
        _fold(cursor, incoming, memory, now, result)
        memory.settle()
    return result


def _fold_or_halve(
    conn: "psycopg.Connection[Any]",
    incoming: Sequence[Incoming],
    memory: Memory,
    now: datetime,
    result: FoldResult,
) -> None:
    """Fold these records; where one of them makes that fail, halve until it stands alone, and set it aside."""
    try:
        with conn.transaction(), conn.cursor() as cursor:
            _fold(cursor, incoming, memory, now, result)
    except _RECORD_FAILURES as failure:
        memory.forget()
        if len(incoming) == 1:
            _set_aside(conn, incoming[0], failure)
            result.set_aside += 1
            return
        middle = len(incoming) // 2
        _fold_or_halve(conn, incoming[:middle], memory, now, result)
        _fold_or_halve(conn, incoming[middle:], memory, now, result)


def _set_aside(conn: "psycopg.Connection[Any]", item: Incoming, failure: Exception) -> None:
    log.error("record set aside", stream=item.stream, seq=item.seq, nas=item.record.nas_id, exc_info=failure)
    at = from_micros(item.received)
    conn.execute(
        "INSERT INTO metering_fault (kind, state, nas_id, session_id, username, first_at, last_at, packets, held_up,"
        " held_down, seconds, counter_up, counter_down, detail, record)"
        " SELECT %s, 'open', (SELECT id FROM metering_nas WHERE id = %s), NULL, %s, %s, %s, 1, %s, %s, %s, %s, %s, %s, %s"
        " ON CONFLICT (kind, nas_id, session_id, username) WHERE state = 'open' DO UPDATE SET"
        " last_at = excluded.last_at, packets = metering_fault.packets + 1, detail = excluded.detail,"
        " record = excluded.record",
        [
            FaultKind.UNREADABLE, item.record.nas_id, sessions.shown(texts_of(item.record).username), at, at,
            0, 0, 0, 0, 0, f"{type(failure).__name__}: {failure}"[:500].replace("\0", ""), pack([item.record]),
        ],
    )  # fmt: skip


def _show_spoilt(cursor: Any, row: log_reader.Spoilt) -> None:
    """A row of the log that nobody can read is kept as a fault, and the log goes on behind it."""
    log.error("packet log row can't be read", stream=row.stream, seq=row.seq, error=row.error)
    cursor.execute(
        "INSERT INTO metering_fault AS f (kind, state, username, first_at, last_at, packets, held_up, held_down, seconds,"
        " counter_up, counter_down, detail, record) VALUES (%s, 'open', '', %s, %s, 1, 0, 0, 0, 0, 0, %s, %s)"
        " ON CONFLICT (kind, nas_id, session_id, username) WHERE state = 'open' DO UPDATE SET"
        " last_at = excluded.last_at, packets = f.packets + 1, detail = excluded.detail, record = excluded.record",
        [
            FaultKind.UNREADABLE, row.received_at, row.received_at,
            f"packet log row {row.seq} of stream {row.stream}: {row.error}", row.payload,
        ],
    )  # fmt: skip


def _fold(
    cursor: Any, incoming: Sequence[Incoming], memory: Memory, now: datetime, result: FoldResult
) -> None:
    folder = _prepare(cursor, incoming, memory)
    folder.learn_clocks(incoming)
    for item in incoming:
        if item.record.status == _CONTROL:
            _apply_decision(cursor, folder, decision_of(texts_of(item.record).extra))
        else:
            folder.take(item)
    opened = [session for session in folder.opened if session.id == 0]
    sessions.insert_sessions(cursor, opened)
    new = {id(session) for session in opened}
    touched = [session for session in folder.touched if id(session) not in new]
    sessions.update_sessions(cursor, touched)
    sessions.reshape_sessions(cursor, [session for session in touched if session.reshaped])
    sessions.add_hours(cursor, folder.hours)
    sessions.add_faults(cursor, folder.faults)
    due = {
        session.service_id: "a session came up whose access is not known"
        for session in opened
        if session.service_id is not None and session.state != CLOSED and not _has_token(session.texts)
    }
    due.update(dict.fromkeys(_redialled(cursor, opened), "another session of the line came up"))
    _watch_again(cursor, folder.reopened)
    _draw_down(cursor, folder.usage, due, now, result)
    result.opened += len(opened)
    result.closed += _remember(folder, memory)


def _remember(folder: Folder, memory: Memory) -> int:
    """Keep what was touched for the next step, but for closed sessions; returns how many those are."""
    closed = 0
    for session in folder.touched:
        session.dirty = session.reshaped = False
        session.texts = None
        if session.state == CLOSED:
            closed += 1
            memory.sessions.pop(session.key, None)
        else:
            memory.sessions[session.key] = folder.sessions[session.key]
    return closed


def _redialled(cursor: Any, opened: Sequence[Session]) -> list[int]:
    """Services with new sessions that now have several: one of them may be over the line's session limit."""
    ids = {
        session.service_id for session in opened if session.service_id is not None and session.state != CLOSED
    }
    if not ids:
        return []
    # `state + 0`: else the partial index of open sessions is read in full when it looks empty to the planner.
    cursor.execute(
        "SELECT s.service_id FROM caps_cap c JOIN metering_radiussession s"
        " ON s.service_id = c.service_id AND s.id >= c.sessions_from AND s.state + 0 = 1"
        " WHERE c.service_id = ANY(%s::bigint[]) GROUP BY s.service_id HAVING count(*) > 1",
        [Int8Array(list(ids))],
    )
    return [row[0] for row in cursor.fetchall()]


def _watch_again(cursor: Any, reopened: Sequence[Session]) -> None:
    """Sessions that can gather bytes again: settlements and enforcement look from `sessions_from` on."""
    for session in sorted(reopened, key=lambda one: one.service_id or 0):
        cursor.execute(
            "UPDATE caps_cap SET sessions_from = least(sessions_from, %s) WHERE service_id = %s",
            [session.id, session.service_id],
        )


def _has_token(texts: Any) -> bool:
    return texts is not None and decode_token(texts.class_value) is not None


def _prepare(cursor: Any, incoming: Sequence[Incoming], memory: Memory) -> Folder:
    """Load what these records touch."""
    keys: set[bytes] = set()
    nas_ids: set[int] = set()
    resets: set[int] = set()
    decided: set[int] = set()
    for record, _, _, _ in incoming:
        if record.status == _CONTROL:
            decided.add(decision_of(texts_of(record).extra)["session"] or 0)
        else:
            nas_ids.add(record.nas_id)
            if record.status in _RESETS:
                resets.add(record.nas_id)
            else:
                keys.add(record.key)
    known = sessions.load_sessions_by_id(cursor, decided)
    known = sessions.load_sessions(cursor, memory, keys | set(known), resets)
    return Folder(
        sessions=known,
        nases=sessions.load_nases(cursor, nas_ids),
        owners=_owners(cursor, [item for item in incoming if item.record.key not in known]),
        clocks=memory.clocks,
    )


def _owners(cursor: Any, unknown: Sequence[Incoming]) -> dict[str, int]:
    """Owners of sessions that aren't known yet: by our token, by username, and for MAC lines by the device."""
    usernames: set[str] = set()
    tokens: dict[str, int] = {}
    for item in unknown:
        texts = texts_of(item.record)
        usernames.add(sessions.shown(texts.username).lower())
        token = decode_token(texts.class_value)
        if token is not None:
            tokens[texts.class_value.hex()] = token.service_id
    owners = sessions.find_owners(cursor, usernames, tokens)
    macs = {
        name: normalise_mac(name) for name in usernames if name not in owners and _MAC_LIKE.fullmatch(name)
    }
    if macs:
        cursor.execute(
            "SELECT mac_address, id FROM services_service WHERE mac_address = ANY(%s) AND mac_address <> '' AND login_by = %s",
            [list(macs.values()), LoginBy.MAC],
        )
        by_mac = dict(cursor.fetchall())
        owners.update({name: by_mac[mac] for name, mac in macs.items() if mac in by_mac})
    return owners


def _apply_decision(cursor: Any, folder: Folder, what: dict[str, Any]) -> None:
    """A decision of staff. The session may be gone from under it only if rows were removed by hand."""
    generations = [one for known in folder.sessions.values() for one in known]
    session = next((one for one in generations if one.id == what["session"]), None)
    if what["do"] == "fault":
        cursor.execute(
            "UPDATE metering_fault SET state = %s WHERE id = %s AND state = 'open'"
            " RETURNING kind, seconds, counter_up, counter_down, held_up, held_down",
            ["released" if what["count"] else "dismissed", what["fault"]],
        )
        row = cursor.fetchone()
        if row is not None and session is not None and row[0] in (FaultKind.COUNTERS_BACK, FaultKind.RATE):
            _, seconds, *counters = row
            folder.settle_fault(
                session, count=what["count"], back=row[0] == FaultKind.COUNTERS_BACK, seconds=seconds,
                counters=(counters[0], counters[1]), held=(counters[2], counters[3]),
            )  # fmt: skip
    elif session is None:
        raise LookupError(f"control record for session {what['session']}, which does not exist")
    elif what["do"] == "close":
        folder.close(session, CAUSE_DECIDED)
    elif what["do"] == "assign":
        folder.assign(session, what["service"])
    else:
        raise ValueError(f"control record with unknown decision {what['do']!r}")


def _draw_down(
    cursor: Any, usage: Sequence[Usage], due: dict[int, str], now: datetime, result: FoldResult
) -> None:
    by_service: dict[int, list[Usage]] = {}
    for item in usage:
        by_service.setdefault(item.service_id, []).append(item)
    left = _add_fast(cursor, by_service)
    zone = provider_zone()
    while left or due:
        settlement = Settlement(cursor, sorted(left), zone=zone, now=now, urgency=Urgency.USAGE)
        settlement.due.update(due)
        settlement.run(
            {service_id: by_service[service_id] for service_id in left if service_id in settlement.caps}
        )
        settlement.save()
        result.settled += len(settlement.caps)
        result.due.update(settlement.due)
        due = {}
        left = set(settlement.missing)
        if left:
            open_caps(cursor, sorted(left), zone=zone, now=now)


def _add_fast(cursor: Any, by_service: dict[int, list[Usage]]) -> set[int]:
    """The common step: one addition per service that reaches nothing by it. Returns the services that are left."""
    ids: list[int] = []
    ups: list[int] = []
    downs: list[int] = []
    since: list[int] = []
    until: list[int] = []
    for service_id in sorted(by_service):
        items = by_service[service_id]
        if any(item.late for item in items):
            continue
        first = items[0]
        ids.append(service_id)
        if len(items) == 1:
            ups.append(first.up)
            downs.append(first.down)
            since.append(first.since)
            until.append(first.until)
        else:
            ups.append(sum(item.up for item in items))
            downs.append(sum(item.down for item in items))
            since.append(min(item.since for item in items))
            until.append(max(item.until for item in items))
    if ids:
        cursor.execute(_ADD_FAST, [Int8Array(column) for column in (ids, ups, downs, since, until)])
        return set(by_service).difference([row[0] for row in cursor.fetchall()])
    return set(by_service)
