"""Collecting everything that bears on one line."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from capstan.caps.models import Cap
from capstan.caps.queries import Standing, standing
from capstan.caps.rules.words import CapState
from capstan.catalog.models import Package
from capstan.catalog.queries import offers_on_sale
from capstan.metering.models import Fault, Quarantine, RadiusSession
from capstan.metering.rules.words import FaultState, SessionState
from capstan.network.models import Command, LoginFailure, SessionAccess
from capstan.network.queries import lines
from capstan.network.queries.state import idle, should_have
from capstan.network.rules.access import Access, access_hash, desired_access
from capstan.network.rules.compare import Compared, given
from capstan.network.rules.compare import LineFacts as ComparedLine
from capstan.network.rules.enforcement import next_step
from capstan.network.rules.line_state import line_state
from capstan.network.rules.words import Reason
from capstan.operator.explain.facts import (
    AccessFacts,
    CommandFacts,
    DueFacts,
    Explanation,
    FailureFacts,
    FaultFacts,
    LineFacts,
    QuarantineFacts,
    SessionFacts,
    UnknownLine,
)
from capstan.operator.packets import packets_of
from capstan.services.models import AccessDue, PackageChange, Service
from capstan.services.queries import by_username, next_package_change, package_in_force
from capstan.services.rules import Addresses, ServiceStatus

LAST_COMMANDS = 5
LAST_PACKETS = 6
LAST_FAILURES = 6
OPEN_FAULTS = 10
SIMILAR_NAMES = 8
QUARANTINE_AGE = timedelta(days=1)
PACKETS_LOOK_BACK = timedelta(hours=1)

HANDS_OFF = "hands-off"
OTHER = "other"  # rates of an earlier package


def explain(username: str, *, now: datetime) -> Explanation | UnknownLine:
    """Everything about the line with this username, or what there is about the name if no service has it.

    Raises Refused for what can't be a username.
    """
    service = by_username(username)
    if service is None:
        return _unknown(username.strip().lower(), now)
    known = lines.lines([service.pk]).get(service.pk)
    compared = lines.compared([service.pk], now=now).get(service.pk, [])
    newest = RadiusSession.objects.filter(service=service).order_by("-id")
    open_now = list(newest.exclude(state=SessionState.CLOSED).select_related("nas", "nas__peer"))
    should = should_have(known, compared, now=now)
    latest = max(newest[:5], key=lambda one: one.last_seen_at, default=None)
    return Explanation(
        as_of=now,
        line=_line(service, now),
        state=line_state(should),
        cap=_standing(service.pk, now),
        offers=offers_on_sale(at=now, brand_id=service.customer.brand_id),
        should=None if should is None or known is None else _access(should, known),
        sessions=_sessions(open_now, known, compared, now),
        last_session_ended_at=latest.last_seen_at if latest and not open_now else None,
        due=_due(service.pk),
        commands=_commands(service.pk),
        packets=packets_of(latest, limit=LAST_PACKETS, look_back=PACKETS_LOOK_BACK) if latest else [],
        failures=_failures(LoginFailure.objects.filter(service=service)),
        faults=_faults(Fault.objects.filter(Q(session__service=service) | Q(username=service.username))),
        quarantine=_quarantine(open_now, now),
    )


def _unknown(username: str, now: datetime) -> UnknownLine:
    orphans = RadiusSession.objects.filter(service=None, username__iexact=username)
    open_now = (
        orphans.exclude(state=SessionState.CLOSED).select_related("nas", "nas__peer").order_by("-id")[:5]
    )
    stem = username.split("@", maxsplit=1)[0][:4]
    similar = (
        Service.objects.filter(username__startswith=stem).order_by("username")
        if stem
        else Service.objects.none()
    )
    return UnknownLine(
        as_of=now,
        username=username,
        similar=list(similar.values_list("username", flat=True)[:SIMILAR_NAMES]),
        failures=_failures(LoginFailure.objects.filter(username__iexact=username)),
        faults=_faults(Fault.objects.filter(username__iexact=username)),
        sessions=_sessions(list(open_now), None, [], now),
    )


def _line(service: Service, now: datetime) -> LineFacts:
    change = next_package_change(service.pk, now)
    package = Package.objects.get(pk=package_in_force(service.pk, now))
    changes = PackageChange.objects.select_related("package").filter(service=service)
    coming = changes.get(starts_at=change) if change else None
    addresses = {name: getattr(service, name) for name in Addresses._fields}
    return LineFacts(
        service_id=service.pk,
        username=service.username,
        customer=service.customer.name,
        account_code=service.customer.account_code,
        status=service.status,
        standing=service.standing,
        connection_type=service.connection_type.name,
        package=f"{package.name} ({package.code})",
        next_package="" if coming is None else f"{coming.package.name} ({coming.package.code})",
        next_package_at=change,
        activated_at=service.activated_at,
        login_by=service.login_by,
        mac_lock=service.mac_lock,
        mac_address=service.mac_address,
        session_limit=service.session_limit,
        addresses={
            name: ", ".join(held) if isinstance(held, list) else held
            for name, held in addresses.items()
            if held
        },
    )


def _standing(service_id: int, now: datetime) -> Standing | None:
    try:
        return standing(service_id, now=now)
    except Cap.DoesNotExist:
        return None


def _access(access: Access, known: ComparedLine) -> AccessFacts:
    reasons = [str(reason) for reason in access.reasons]
    until = known.checkout_until if Reason.CHECKOUT in access.reasons else None
    return AccessFacts(access.kind, access.rate_up_kbps, access.rate_down_kbps, reasons, until)


def _sessions(
    sessions: Sequence[RadiusSession], known: ComparedLine | None, compared: Sequence[Compared], now: datetime
) -> list[SessionFacts]:
    told = {row.pk: row for row in SessionAccess.objects.filter(pk__in=[session.pk for session in sessions])}
    cases = {one.session.id: one for one in compared}
    names = _names_of_hashes(known, now) if known else {}
    return [
        _session(session, told.get(session.pk), cases.get(session.pk), names, now) for session in sessions
    ]


def _session(
    session: RadiusSession,
    told: SessionAccess | None,
    compared: Compared | None,
    names: dict[bytes, str],
    now: datetime,
) -> SessionFacts:
    case = None if compared is None else compared.case
    has = given(compared.session) if compared else None
    confirmed_at = told.confirmed_at if told else session.started_at if has else None
    return SessionFacts(
        session_id=session.pk,
        router=session.nas.name,
        vendor=session.nas.vendor_profile,
        state=SessionState(session.state).name.lower(),
        started_at=session.started_at,
        last_seen_at=session.last_seen_at,
        bytes_up=session.bytes_up,
        bytes_down=session.bytes_down,
        framed_ip=session.framed_ip or session.framed_ipv6,
        calling_station=session.calling_station,
        port=session.nas_port_id,
        has=names.get(has.access_hash, OTHER) if has else "",
        has_right_access=None if case is None or has is None else has.access_hash == case.access_hash,
        limit_bytes=has.limit_bytes if has else None,
        confirmed_at=confirmed_at,
        proved_at=session.last_seen_at if confirmed_at and session.last_seen_at > confirmed_at else None,
        next_step=HANDS_OFF if case is None else str(next_step(case, now)),
    )


def _names_of_hashes(known: ComparedLine, now: datetime) -> dict[bytes, str]:
    """The kind of access behind each hash that the line could have got on its present terms."""
    active = idle(known, now)._replace(status=ServiceStatus.ACTIVE, in_checkout=False)
    by_state = (desired_access(active._replace(cap_state=state)) for state in CapState)
    return {access_hash(access): access.kind for access in by_state}


def _due(service_id: int) -> DueFacts | None:
    row = AccessDue.objects.filter(pk=service_id).first()
    return None if row is None else DueFacts(row.cause, row.due_at, row.attempts, row.lease_until)


def _commands(service_id: int) -> list[CommandFacts]:
    rows = Command.objects.filter(service_id=service_id).select_related("nas").order_by("-sent_at")
    return [
        CommandFacts(
            sent_at=row.sent_at,
            kind=row.kind,
            access=row.access_kind,
            router=row.nas.name,
            session_id=row.session_id,
            state=row.state,
            error_cause=row.error_cause,
            detail=row.detail,
            cause=row.cause,
            answered_at=row.answered_at,
            proved_at=row.proved_at,
        )
        for row in rows[:LAST_COMMANDS]
    ]


def _failures(rows: QuerySet[LoginFailure]) -> list[FailureFacts]:
    return [
        FailureFacts(row.last_at, row.count, row.reason, row.nas.name if row.nas else "", row.calling_station)
        for row in rows.select_related("nas").order_by("-last_at")[:LAST_FAILURES]
    ]


def _faults(rows: QuerySet[Fault]) -> list[FaultFacts]:
    return [
        FaultFacts(
            fault_id=row.pk,
            kind=row.kind,
            session_id=row.session_id,
            last_at=row.last_at,
            packets=row.packets,
            held_bytes=row.held_up + row.held_down,
            detail=row.detail,
        )
        for row in rows.filter(state=FaultState.OPEN).order_by("-last_at")[:OPEN_FAULTS]
    ]


def _quarantine(sessions: Sequence[RadiusSession], now: datetime) -> list[QuarantineFacts]:
    """What the line's routers, or whoever sends from their addresses, sent in vain within a day."""
    nases = [session.nas for session in sessions]
    sources = {source for nas in nases for source in (nas.last_source, nas.coa_address) if source}
    rows = Quarantine.objects.filter(source__in=sources, last_at__gte=now - QUARANTINE_AGE).order_by(
        "-last_at"
    )
    return [QuarantineFacts(row.source, row.port, row.reason, row.count, row.last_at) for row in rows[:5]]
