"""Where staff begin: the search, what needs attention, and the newest top-ups."""

from typing import NamedTuple

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from capstan.caps.models import ThresholdCrossing
from capstan.caps.queries import waiting
from capstan.console import links
from capstan.console.attention import Attention, attention
from capstan.console.shown import COLUMNS, order_row
from capstan.metering.queries.online import connected
from capstan.network.queries.state import states
from capstan.operator.words import count, lasting
from capstan.topups.queries.orders import visible_to
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.navigation import address
from capstan.ui.parts import state_badge
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.ui.templatetags.capstan import breakable
from capstan.values import clock
from capstan.values.period import day_at

_TOP_UPS_SHOWN = 12
_LINES_A_PAGE = 50


class Tile(NamedTuple):
    """A figure that leads to its page."""

    figure: str
    words: str
    url: str
    icon: str
    tone: Tone


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    now = clock.now()
    found = attention(now=now)
    context = {
        "tiles": _tiles(found),
        "top_ups": _top_ups(request),
        "is_search_on_page": True,
    }
    return render(request, "console/home/page.html", context)


@require_GET
@staff_required()
def part(request: StaffRequest) -> HttpResponse:
    """What renews itself: the figures and the newest top-ups."""
    context = {"tiles": _tiles(attention(now=clock.now())), "top_ups": _top_ups(request)}
    return render(request, "console/home/now.html", context)


@require_GET
@staff_required()
def capped(request: StaffRequest) -> HttpResponse:
    """Lines that reached their cap today, and how they are now."""
    now = clock.now()
    day = day_at(settings.FORMATS.zone, now)
    found = ThresholdCrossing.objects.filter(recorded_at__gte=day.start, percent__gte=100)
    newest = found.order_by("service_id", "-recorded_at", "-pk").distinct("service_id").values("pk")
    lines = ThresholdCrossing.objects.filter(pk__in=newest).select_related("service__customer")
    page = Paginator(lines.order_by("-recorded_at", "-pk"), _LINES_A_PAGE).get_page(request.GET.get("page"))
    crossings = list(page)
    ids = [one.service_id for one in crossings]
    state_of, online, waits = states(ids, now=now), connected(ids), waiting(ids, now=now)
    rows = tuple(
        Row(
            (
                breakable(one.service.username), settings.FORMATS.time(one.crossed_at), one.service.customer.name,
                settings.FORMATS.size(one.drawn_bytes),
                state_badge(state_of[one.service_id], one.service_id in online, one.service_id in waits),
            ),
            links.service(one.service_id),
        )
        for one in crossings
    )  # fmt: skip
    nothing = Empty("No line has reached its cap today", "As soon as one does, it is listed here.")
    table = Table("Lines that reached their cap today, the newest first", _CAPPED_COLUMNS, rows, nothing)
    context = {
        "table": table,
        "page": page,
        "words": _lines(page.paginator.count),
        "crumbs": [("Start", reverse("console:home")), ("At their cap today", None)],
    }
    return render(request, "console/home/capped.html", context)


_CAPPED_COLUMNS = (
    Column("Line", Place.LEAD),
    Column("Reached its cap", Place.NOTE),
    Column("Customer"),
    Column("Used by then", Place.AMOUNT, is_number=True),
    Column("Now", Place.STATE),
)


def _lines(number: int) -> str:
    return f"{count(number, 'line')} reached {'its' if number == 1 else 'their'} cap today"


def _tiles(found: Attention) -> list[Tile]:
    """The figures; what is nothing is quiet, and a page that doesn't exist has no link."""
    lag = lasting(found.meter_lag) if found.meter_waiting else "0 s"
    return [
        Tile(
            str(found.waiting_orders), _orders(found.waiting_orders), address("console:waiting_orders"), "clock",
            Tone.SLOW if found.waiting_orders else Tone.QUIET,
        ),
        Tile(
            str(found.needs_person), "needs a person" if found.needs_person == 1 else "need a person",
            address("console:needs_person"), "hand-stop", Tone.WARN if found.needs_person else Tone.QUIET,
        ),
        Tile(
            str(found.capped_today), "line at its cap today" if found.capped_today == 1 else "lines at their cap today",
            address("console:capped"), "gauge", Tone.NEWS if found.capped_today else Tone.QUIET,
        ),
        Tile(
            lag, "meter behind", address("console:network"), "refresh", Tone.BAD if found.is_meter_late else Tone.QUIET,
        ),
    ]  # fmt: skip


def _orders(number: int) -> str:
    return "order waits" if number == 1 else "orders wait"


def _top_ups(request: StaffRequest) -> Table:
    newest = visible_to(request.actor).order_by("-created_at", "-pk")[:_TOP_UPS_SHOWN]
    nothing = Empty(
        "No top-ups yet", "Those by SMS, on the website and by agents show here the moment they are ordered."
    )
    return Table("The newest top-ups", COLUMNS, tuple(order_row(one) for one in newest), nothing)
