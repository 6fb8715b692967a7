"""`/demo/`: what there is to see, and where, in a few lines; the lines that are about to reach their cap move on it."""

from datetime import datetime
from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from capstan.caps.models import Cap
from capstan.caps.queries import standing
from capstan.demo.roster import accounts
from capstan.demo.routers.traffic import Habit
from capstan.demo.sales import STAFF, staff_password
from capstan.network.queries.state import states
from capstan.network.rules.line_state import LineState
from capstan.services.models import Service
from capstan.topups.models import AccountRule, ListEntry
from capstan.ui.meter import Meter, meter_of
from capstan.values import clock

_SHOWN = 8


class WatchedLine(NamedTuple):
    """A line that is about to reach its cap, or has."""

    service: Service
    state: LineState
    percent: int
    meter: Meter
    phone: str
    password: str
    console_url: str


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """The way in."""
    logins = [(username, name, role.value, staff_password(username)) for username, name, role in STAFF]
    context = {"lines": watched(clock.now()), "logins": logins, "pays_first": _pays_first()}
    return render(request, "demo/start.html", context)


@require_safe
def lines(request: HttpRequest) -> HttpResponse:
    """The moving part alone."""
    return render(request, "demo/lines.html", {"lines": watched(clock.now())})


def _pays_first() -> Service | None:
    """A line whose top-ups are paid first, for who wants to see that."""
    lines = Service.objects.filter(customer_id__in=AccountRule.objects.filter(pays_first=True).values("pk"))
    return lines.select_related("connection_type").order_by("pk").first()


@cache
def passwords() -> dict[str, str]:
    """Username to password of the lines that download without end."""
    return {
        one.line.username.lower(): one.line.password
        for account in accounts()
        for one in account.lines
        if one.line.habit == Habit.EAGER and not one.by_mac
    }


def watched(now: datetime) -> list[WatchedLine]:
    """Those lines, the fullest first."""
    services = Service.objects.filter(username__in=passwords(), pk__in=Cap.objects.values("pk"))
    known = {service.pk: service for service in services.select_related("connection_type", "customer")}
    state_of = states(known, now=now)
    found = [_watched(service, state_of[service.pk], now) for service in known.values()]
    return sorted(found, key=lambda one: (-one.percent, one.service.username))[:_SHOWN]


def _watched(service: Service, state: LineState, now: datetime) -> WatchedLine:
    held = standing(service.pk, now=now)
    number = ListEntry.objects.filter(service=service, medium="sms").values_list("address", flat=True).first()
    return WatchedLine(
        service,
        state,
        held.percent,
        meter_of(held, state, now, settings.FORMATS),
        (number or "").lstrip("+"),
        passwords()[service.username],
        reverse("console:service", args=[service.pk]),
    )
