"""Where a line is at this moment: its state in words, its meter, and whether something about it is under way."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import Max

from capstan.audit.models import AuditEntry
from capstan.billing.queries.prepaid import why_it_waits
from capstan.caps.models import Cap
from capstan.caps.queries import Standing, standing
from capstan.catalog.rules import Counting
from capstan.console.people import name_of
from capstan.metering.models import RadiusSession
from capstan.metering.queries.usage import Moved, by_hour
from capstan.metering.rules.words import SessionState
from capstan.network.queries.lines import compared, lines
from capstan.network.queries.state import should_have
from capstan.network.rules.compare import given
from capstan.network.rules.line_state import LineState, line_state
from capstan.operator.words import ago
from capstan.services.models import AccessDue, Service
from capstan.services.rules import ServiceStatus
from capstan.topups.models import Order
from capstan.topups.queries.orders import of_service, progress_of
from capstan.topups.rules.describe import Progress, in_the_past
from capstan.topups.rules.words import ADDED, Restore
from capstan.ui.meter import Meter, Recent, meter_of

SHOWN_FOR = timedelta(minutes=5)
"""How long a top-up that has come to its end stays on the line's page."""

RECENT_HOURS = 2
"""Besides the running one: what was used in them says how fast the line is used now."""

BACK_IS_NEWS_FOR = timedelta(minutes=5)
"""How long "back online" may stand beside a line on which nobody is connected any more."""

SESSIONS_SHOWN = 20
QUICK_SECONDS, SLOW_SECONDS = 2, 10

_CAPPED = (LineState.THROTTLED, LineState.WALLED, LineState.BLOCKED)


class LineNow(NamedTuple):
    """`words` say the state as a sentence each: why it is so, and who is connected."""

    state: LineState
    words: tuple[str, ...]
    standing: Standing | None
    meter: Meter | None
    sessions: tuple[RadiusSession, ...]  # open ones, the newest first
    order: Order | None  # the newest top-up, while it is news
    progress: Progress | None
    is_busy: bool  # something is about to change: look again soon

    @property
    def seconds(self) -> int:
        """When to look again."""
        return QUICK_SECONDS if self.is_busy else SLOW_SECONDS


def line_now(service: Service, *, now: datetime) -> LineNow:
    """All of it, for one line."""
    known = lines([service.pk])
    cases = compared([service.pk], now=now).get(service.pk, [])
    state = line_state(should_have(known.get(service.pk), cases, now=now))
    held = standing_of(service.pk, now)
    sessions = open_sessions(service.pk)
    order = _news(service.pk, now)
    progress = shown_progress(order, state, is_connected=bool(sessions), now=now) if order else None
    lacks = any(
        one.case and (has := given(one.session)) and has.access_hash != one.case.access_hash for one in cases
    )
    is_due = AccessDue.objects.filter(pk=service.pk, due_at__lte=now + timedelta(minutes=1)).exists()
    return LineNow(
        state=state,
        words=(_why(service, state, held, now), _connection(service, sessions, now)),
        standing=held,
        meter=meter_shown(held, state, is_connected=bool(sessions), now=now) if held else None,
        sessions=tuple(sessions),
        order=order,
        progress=progress,
        is_busy=is_due or bool(lacks) or (progress is not None and not progress.is_final),
    )


def standing_of(service_id: int, now: datetime) -> Standing | None:
    """Where its data stands; None for a line whose metering hasn't begun."""
    try:
        return standing(service_id, now=now)
    except Cap.DoesNotExist:
        return None


def meter_shown(held: Standing, state: LineState, *, is_connected: bool, now: datetime) -> Meter:
    """The line's meter; its forecast follows the last hours."""
    recent = recent_use(held, now)
    waits_for = why_it_waits(held.service_id, today=settings.FORMATS.local(now).date()) if held.waits else ""
    return meter_of(
        held, state, now, settings.FORMATS, is_connected=is_connected, recent=recent, waits_for=waits_for
    )


def recent_use(held: Standing, now: datetime) -> Recent | None:
    """What counted against the cap in the last hours; None where nothing can run out."""
    if held.is_uncapped:
        return None
    since = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=RECENT_HOURS)
    moved = sum(by_hour(held.service_id, since, now).values(), Moved())
    used = {Counting.UP: moved.bytes_up, Counting.DOWN: moved.bytes_down, Counting.BOTH: moved.total}
    return Recent(used[held.terms.counting], now - since)


def shown_progress(order: Order, state: LineState, *, is_connected: bool, now: datetime) -> Progress:
    """The order's four steps; that its line came back is said in the past where the line is something else by now."""
    shown = progress_of(order, now=now)
    if order.confirmed_at is None or order.state not in ADDED:
        return shown
    is_gone = not is_connected and now - order.confirmed_at > BACK_IS_NEWS_FOR
    if state == LineState.OPEN and not is_gone:
        return shown
    restore = Restore(order.restore) if order.restore else None
    return in_the_past(shown, restore, settings.FORMATS.clock(order.confirmed_at))


def open_sessions(service_id: int) -> list[RadiusSession]:
    """The line's open sessions, the newest first."""
    found = RadiusSession.objects.filter(service_id=service_id, state__lt=SessionState.CLOSED)
    return list(found.select_related("nas").order_by("-pk")[:SESSIONS_SHOWN])


def _news(service_id: int, now: datetime) -> Order | None:
    """The newest top-up if it is under way, or has just come to its end."""
    newest = next(iter(of_service(service_id, limit=1)), None)
    if newest is None:
        return None
    progress = progress_of(newest, now=now)
    last = max(filter(None, (newest.created_at, newest.granted_at, newest.proved_at, newest.confirmed_at)))
    is_old = now - last > SHOWN_FOR
    return None if is_old and (progress.is_final or newest.follow_at is None) else newest


def _why(service: Service, state: LineState, held: Standing | None, now: datetime) -> str:
    """The state, and since when or why."""
    formats = settings.FORMATS
    if state == LineState.SUSPENDED:
        deed = _last_deed(service.pk, "service.suspend")
        if deed is None:
            return "On hold."
        return f"On hold since {formats.moment(deed.at)}, by {name_of(deed.actor)}: {deed.reason or 'no reason given'}."
    if state == LineState.ENDED:
        deed = _last_deed(service.pk, "service.end_service")
        return (
            f"Ended {formats.moment(deed.at)}, by {name_of(deed.actor)}: {deed.reason}." if deed else "Ended."
        )
    if state == LineState.WRONG_DEVICE:
        return "The device that is connected is not the one the line is locked to."
    if state == LineState.UNKNOWN:
        return "Metering hasn't begun: the line has no cap row yet."
    if state in _CAPPED and held is not None and held.waits:
        waits_for = why_it_waits(service.pk, today=formats.local(now).date())
        return f"Prepaid: this cycle's data waits for {waits_for}."
    if state in _CAPPED and held is not None:
        used_up = [one.crossed_at for one in held.crossings if one.percent >= 100]
        since = f" since {formats.moment_beside(max(used_up), now)}" if used_up else ""
        return f"Its data is used up{since}."
    return "Nothing holds the line back."


def _connection(service: Service, sessions: list[RadiusSession], now: datetime) -> str:
    """Who is connected, or when somebody was."""
    formats = settings.FORMATS
    if not sessions:
        if service.status == ServiceStatus.ENDED:
            return "Nobody is connected."
        last = RadiusSession.objects.filter(service_id=service.pk).aggregate(at=Max("last_seen_at"))["at"]
        heard = (
            f"last heard of {formats.moment_beside(last, now)} ({ago(last, now)})" if last else "never was"
        )
        return f"Nobody is connected; {heard}."
    newest = sessions[0]
    address = newest.framed_ip or newest.framed_ipv6
    where = f"on {newest.nas.name}" + (f" with {address}" if address else "")
    stale = ", but its router has gone silent" if newest.state == SessionState.STALE else ""
    more = f", and {len(sessions) - 1} more" if len(sessions) > 1 else ""
    return f"Connected since {formats.moment_beside(newest.started_at, now)} {where}{stale}{more}."


def _last_deed(service_id: int, action: str) -> AuditEntry | None:
    found = AuditEntry.objects.filter(subject=f"service:{service_id}", action=action)
    return found.order_by("-at", "-pk").first()
