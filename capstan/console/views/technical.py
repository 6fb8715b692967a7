"""Technical support for a line (J5, G15): sessions, packets, refused logins, what its routers were told, and what differs."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from capstan.console.technical_shown import (
    commands_table,
    due_words,
    failures_table,
    fault_cards,
    line_facts,
    past_sessions,
    quarantine_table,
    session_cards,
    should_words,
)
from capstan.console.views.found import service_or_404
from capstan.console.views.line import frame
from capstan.metering.models import RadiusSession
from capstan.metering.rules.words import SessionState
from capstan.operator.circumstances import saying
from capstan.operator.explain.collect import LAST_PACKETS, PACKETS_LOOK_BACK, explain
from capstan.operator.explain.facts import Explanation
from capstan.operator.explain.view import page_of
from capstan.operator.packets import PacketFacts, packets_of
from capstan.services.models import Service
from capstan.ui.access import StaffRequest, staff_required
from capstan.values import clock

_SESSIONS_A_PAGE = 15
_PACKETS_LOOK_BACK = timedelta(days=1)
_PACKETS_SHOWN = 12
_COLOURS = ("\033[", "m")


@require_GET
@staff_required()
def show(request: StaffRequest, service_id: int) -> HttpResponse:
    service, now = service_or_404(service_id), clock.now()
    say, found = saying(now), _explained(service, now)
    past = RadiusSession.objects.filter(service=service, state=SessionState.CLOSED).select_related("nas")
    page = Paginator(past.order_by("-pk"), _SESSIONS_A_PAGE).get_page(request.GET.get("page"))
    here = reverse("console:technical", args=[service.pk])
    chosen, packets = _packets(request, service, found)
    waits = found.cap is not None and found.cap.waits
    context = {
        **frame(service, "technical", now),
        "say": say,
        "state": found.state,
        "waits": waits,
        "should": should_words(found.should, waits=waits),
        "due": due_words(found.due, say),
        "sessions": session_cards(found.sessions, say),
        "last_ended_at": found.last_session_ended_at,
        "line_facts": line_facts(found.line, say),
        "past": past_sessions(list(page), here),
        "page": page,
        "packets": [(_heard(one.received_at, now), one) for one in packets],
        "packets_session": chosen,
        "look_back": _PACKETS_LOOK_BACK if chosen else PACKETS_LOOK_BACK,
        "failures": failures_table(found.failures, say),
        "commands": commands_table(found.commands, say),
        "faults": fault_cards(found.faults, say),
        "quarantine": quarantine_table(found.quarantine, say),
    }
    return render(request, "console/line/technical.html", context)


@require_GET
@staff_required()
def as_text(request: StaffRequest, service_id: int) -> HttpResponse:
    """What `capstan explain` prints."""
    service, now = service_or_404(service_id), clock.now()
    text = _plain(page_of(_explained(service, now), saying(now)))
    command = f"capstan explain {service.username}"
    context = {**frame(service, "explain", now), "text": text, "command": command}
    return render(request, "console/line/explain.html", context)


def _explained(service: Service, now: datetime) -> Explanation:
    found = explain(service.username, now=now)
    assert isinstance(found, Explanation), "the service was read a moment ago"
    return found


def _packets(
    request: StaffRequest, service: Service, found: Explanation
) -> tuple[int | None, list[PacketFacts]]:
    """The packets of the session that was chosen, else of the one that was heard of last."""
    wanted = request.GET.get("session", "")
    if wanted.isdigit():
        session = RadiusSession.objects.filter(service=service, pk=int(wanted)).select_related("nas").first()
        if session is not None:
            return session.pk, packets_of(session, limit=_PACKETS_SHOWN, look_back=_PACKETS_LOOK_BACK)
    return None, found.packets[:LAST_PACKETS]


def _heard(at: datetime, now: datetime) -> str:
    """To the second; with the date unless it was today."""
    formats = settings.FORMATS
    is_today = formats.local(at).date() == formats.local(now).date()
    return formats.clock(at) if is_today else f"{formats.date(at)} {formats.clock(at)}"


def _plain(text: str) -> str:
    """Without colours: the server may have been started at a terminal."""
    begin, end = _COLOURS
    parts = text.split(begin)
    return parts[0] + "".join(part.partition(end)[2] for part in parts[1:])
