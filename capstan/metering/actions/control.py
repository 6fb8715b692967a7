"""Decisions of staff about sessions and faults. They are appended to the packet log as control records, so that the meter stays
the only writer of sessions and usage and a replay of the log gives the same result.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from capstan.audit.actions import record
from capstan.db.connection import connect
from capstan.metering.actions.packet_log import open_stream
from capstan.metering.models import Fault, RadiusSession
from capstan.metering.records import Record, Texts, make_record, pack
from capstan.metering.rules.words import FaultKind, FaultState, SessionState, Status
from capstan.services.models import Service
from capstan.values.refused import Refused


def close_session(session_id: int, *, actor: str, reason: str, now: datetime) -> None:
    """Close a session that its router doesn't know any more. Closed already: nothing happens.

    Raises Refused for a session that doesn't exist.
    """
    session = _session(session_id)
    if session.state != SessionState.CLOSED:
        _decide(
            {"do": "close", "session": session_id},
            f"session:{session_id}",
            actor=actor,
            reason=reason,
            now=now,
        )


def close_sessions(session_ids: Sequence[int], *, actor: str, reason: str, now: datetime) -> None:
    """`close_session` for many at once: one row of the packet log. Those closed already, or gone, are left out."""
    live = RadiusSession.objects.filter(pk__in=session_ids).exclude(state=SessionState.CLOSED)
    ids = sorted(live.values_list("pk", flat=True))
    if ids:
        _append([{"do": "close", "session": session_id} for session_id in ids], actor=actor, now=now)
        for session_id in ids:
            details = {"do": "close", "session": session_id}
            _audit(details, f"session:{session_id}", actor=actor, reason=reason, now=now)


def assign_session(session_id: int, *, service_id: int, actor: str, reason: str, now: datetime) -> None:
    """Give an unknown user's session, with all its usage, to a service.

    Raises Refused for a session that belongs to a service already, and for a service that doesn't exist.
    """
    session = _session(session_id)
    if session.service_id is not None:
        raise Refused(f"session {session_id} belongs to service {session.service_id} already")
    if not Service.objects.filter(pk=service_id).exists():
        raise Refused(f"there is no service {service_id}")
    what = {"do": "assign", "session": session_id, "service": service_id}
    _decide(what, f"session:{session_id}", actor=actor, reason=reason, now=now)


def decide_fault(fault_id: int, *, count: bool, actor: str, reason: str, now: datetime) -> None:
    """Count what a fault holds apart (`count`), or dismiss it. Either way the session goes on from the doubtful counters.

    Raises Refused for a fault that is decided already, or that holds nothing that could be counted.
    """
    fault = Fault.objects.filter(pk=fault_id).first()
    if fault is None or fault.state != FaultState.OPEN:
        raise Refused(f"fault {fault_id} is not open")
    if count and fault.kind not in (FaultKind.COUNTERS_BACK, FaultKind.RATE):
        raise Refused(f"a fault of kind {fault.kind} holds no counters: assign its sessions, or dismiss it")
    what = {"do": "fault", "fault": fault_id, "count": count, "session": fault.session_id}
    _decide(what, f"fault:{fault_id}", actor=actor, reason=reason, now=now)


def _session(session_id: int) -> RadiusSession:
    session = RadiusSession.objects.filter(pk=session_id).first()
    if session is None:
        raise Refused(f"there is no session {session_id}")
    return session


def _decide(what: dict[str, Any], subject: str, *, actor: str, reason: str, now: datetime) -> None:
    """Append the decision, then note who took it."""
    _append([what], actor=actor, now=now)
    _audit(what, subject, actor=actor, reason=reason, now=now)


def _append(decisions: Sequence[dict[str, Any]], *, actor: str, now: datetime) -> None:
    """Append decisions on a connection and stream of their own."""
    with connect(name="capstan control") as conn:
        stream = open_stream(conn, writer=f"control by {actor}", now=now)
        stream.append(pack([control_record(what) for what in decisions]), len(decisions), now)
        stream.close(now=now)


def _audit(what: dict[str, Any], subject: str, *, actor: str, reason: str, now: datetime) -> None:
    with transaction.atomic():
        record(
            actor=actor,
            action=f"metering.{what['do']}",
            subject=subject,
            reason=reason,
            details=what,
            now=now,
        )


def control_record(what: dict[str, Any]) -> Record:
    """A decision as a record of the packet log."""
    texts = Texts(b"", b"", b"", b"", b"", b"", b"", json.dumps(what).encode())
    return make_record(status=Status.CONTROL, nas_id=0, texts=texts)


def decision_of(extra: bytes) -> dict[str, Any]:
    """The decision in a control record's `extra`."""
    what: dict[str, Any] = json.loads(extra)
    return what
