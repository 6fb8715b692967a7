"""Collecting the state of the whole installation. Every query reads an index, a small table or counts once."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from capstan.caps.models import Cap, Cycle
from capstan.caps.rules.turn import SEAL_AFTER
from capstan.db.beat import ALIVE_FOR
from capstan.db.models import ProcessBeat
from capstan.metering.actions.log_reader import backlog
from capstan.metering.models import Fault, Nas, Quarantine, RadiusSession
from capstan.metering.rules.words import FaultState, SessionState
from capstan.network.models import Command, LoginFailure
from capstan.network.rules.enforcement import ErrorCause
from capstan.network.rules.words import CommandKind
from capstan.operator.status.facts import GONE, DueFacts, MeterFacts, ProcessFacts, RefusalFacts, Status
from capstan.operator.words import count
from capstan.payments.queries.desk import tills_in_trouble
from capstan.services.models import AccessDue, Service

_LATELY = timedelta(hours=1)
_QUARANTINE_AGE = timedelta(days=1)
_REASONS = 4
_FORGOTTEN = timedelta(hours=1)  # a process that was killed is shown that long


def status(*, now: datetime) -> Status:
    """How everything is at this moment."""
    beats = list(ProcessBeat.objects.filter(beat_at__gt=now - _FORGOTTEN).order_by("kind", "host", "pid"))
    with connection.cursor() as cursor:
        waiting, lag = backlog(cursor, now=now)
    return Status(
        as_of=now,
        processes=[_process(beat, now) for beat in beats],
        meter=MeterFacts(waiting, lag),
        access_due=_due(AccessDue.objects.all(), "due_at", now),
        rolls_due=_due(Cap.objects.filter(changes_at__lte=now), "changes_at", now),
        seals_due=_due(Cycle.objects.filter(sealed_at=None, end__lte=now - SEAL_AFTER), "end", now),
        failing_lines=AccessDue.objects.filter(attempts__gt=0).count(),
        silent_routers=_silent_routers(beats, now),
        commands=_commands(now),
        faults=_by(Fault.objects.filter(state=FaultState.OPEN), "kind"),
        quarantine=_quarantine(now),
        failures=_failures(now),
        services=_by(Service.objects.all(), "status"),
        caps=_by(Cap.objects.all(), "state"),
        sessions=_sessions(),
        routers=Nas.objects.count(),
        observed_routers=Nas.objects.filter(observe_only=True).count(),
        discovered=list(
            Nas.objects.filter(discovered=True).order_by("pk").values_list("identifier", flat=True)[:20]
        ),
        payment_gateways=[(one.name, one.trouble.rstrip(".")) for one in tills_in_trouble()],
    )


def _process(beat: ProcessBeat, now: datetime) -> ProcessFacts:
    is_up = now - beat.beat_at <= ALIVE_FOR
    note = (
        "standing by for the other meter"
        if beat.kind == "meter" and not beat.figures.get("meter_active", 1)
        else ""
    )
    return ProcessFacts(beat.kind, beat.host, beat.pid, beat.started_at, beat.beat_at, is_up, note)


def _silent_routers(beats: list[ProcessBeat], now: datetime) -> int:
    """Routers that a worker's breaker leaves alone; each worker has its own, so the most that any of them says."""
    alive = (beat for beat in beats if now - beat.beat_at <= ALIVE_FOR)
    return max((int(beat.figures.get("coa_routers_silent", 0)) for beat in alive), default=0)


def _due(rows: QuerySet[AccessDue] | QuerySet[Cap] | QuerySet[Cycle], field: str, now: datetime) -> DueFacts:
    due = rows.filter(**{f"{field}__lte": now}).aggregate(count=Count("pk"), oldest=Min(field))
    return DueFacts(due["count"], rows.filter(**{f"{field}__gt": now}).count(), due["oldest"])


def _by(rows: "QuerySet[Any]", field: str) -> dict[str, int]:
    counted = rows.order_by(field).values_list(field).annotate(Count("pk"))
    return {str(word): number for word, number in counted}


def _commands(now: datetime) -> dict[str, int]:
    """By state; a disconnect of a session that its router had no more is no refusal."""
    lately = Command.objects.filter(sent_at__gt=now - _LATELY)
    gone = Q(kind=CommandKind.DISCONNECT, error_cause=ErrorCause.SESSION_CONTEXT_NOT_FOUND)
    found = _by(lately.exclude(gone), "state")
    if number := lately.filter(gone).count():
        found[GONE] = number
    return found


def _sessions() -> dict[str, int]:
    found = _by(RadiusSession.objects.filter(state__lt=SessionState.CLOSED), "state")
    return {
        state.name.lower(): found.get(str(int(state)), 0) for state in (SessionState.LIVE, SessionState.STALE)
    }


def _quarantine(now: datetime) -> list[RefusalFacts]:
    rows = Quarantine.objects.filter(last_at__gt=now - _QUARANTINE_AGE).order_by("-last_at")[:_REASONS]
    return [
        RefusalFacts(row.reason, f"{row.source}, {row.port} port", row.count, row.last_at) for row in rows
    ]


def _failures(now: datetime) -> list[RefusalFacts]:
    rows = LoginFailure.objects.filter(last_at__gt=now - _LATELY).values("reason")
    counted = rows.annotate(times=Sum("count"), lines=Count("username", distinct=True), last=Max("last_at"))
    return [
        RefusalFacts(row["reason"], count(row["lines"], "username"), row["times"], row["last"])
        for row in counted.order_by("-times")[:_REASONS]
    ]
