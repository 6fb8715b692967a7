"""A line's usage: a drawing by days or hours, and the same as a table, for this cycle and those before."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from babel.dates import format_date
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from capstan.caps.models import Cap, Cycle
from capstan.console.views.found import service_or_404
from capstan.console.views.line import frame
from capstan.metering.queries.usage import Moved, by_day, by_hour
from capstan.services.models import Service
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.charts import Bar, bars
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock
from capstan.values.period import Period, local_midnight

_CYCLES_BEFORE = 3
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_BY_HOURS_UP_TO = timedelta(days=2)
_BY_MONTHS_FROM = timedelta(days=93)


class Span(NamedTuple):
    """What is shown: a cycle, or one day."""

    title: str
    period: Period


@require_GET
@staff_required()
def show(request: StaffRequest, service_id: int) -> HttpResponse:
    service, now = service_or_404(service_id), clock.now()
    spans = _cycles(service, now)
    place = _number(request.GET.get("cycle", "0"), len(spans))
    day = _day(request.GET.get("day", ""))
    zone = settings.FORMATS.zone
    shown = _whole_day(zone, day) if day else spans[place]
    here = reverse("console:usage", args=[service.pk])
    given = _bars(service.pk, shown.period, zone, now)
    unit = int(settings.FORMATS.units)
    total = sum((Moved(bar.upper, bar.lower) for bar in given), Moved())
    context = {
        **frame(service, "usage", now),
        "spans": [
            (span.title, f"{here}?cycle={number}", not day and number == place)
            for number, span in enumerate(spans)
        ],
        "shown": shown,
        "total": total,
        "chart": bars(shown.title, "down", "up", given, unit),
        "table": _table(given, here, _is_by_day(shown.period)),
        "day": day,
        "back_url": f"{here}?cycle={_cycle_of(day, spans, zone)}" if day else "",
    }
    return render(request, "console/line/usage.html", context)


def _cycles(service: Service, now: datetime) -> list[Span]:
    """The running cycle, then those before it."""
    running = Cap.objects.filter(pk=service.pk).values_list("cycle_start", "cycle_end").first()
    if running is None:
        return [Span("Since it began", Period(service.activated_at, max(now, service.activated_at + _DAY)))]
    before = Cycle.objects.filter(service=service, start__lt=running[0]).order_by("-start")
    ended = list(before.values_list("start", "end")[:_CYCLES_BEFORE])
    return [_span("This cycle", *running), *(_span("", *one) for one in ended)]


def _span(title: str, start: datetime, end: datetime) -> Span:
    formats = settings.FORMATS
    last = formats.date(end - timedelta(seconds=1))
    dates = formats.date(start) if last == formats.date(start) else f"{formats.date(start)} – {last}"
    return Span(f"{title}: {dates}" if title else dates, Period(start, end))


def _whole_day(zone: ZoneInfo, day: date) -> Span:
    period = Period(local_midnight(zone, day), local_midnight(zone, day + _DAY))
    return Span(settings.FORMATS.date(period.start), period)


def _cycle_of(day: date, spans: Sequence[Span], zone: ZoneInfo) -> int:
    start = local_midnight(zone, day)
    return next((place for place, span in enumerate(spans) if span.period.covers(start)), 0)


# --- bars ------------------------------------------------------------------------------------------------


def _is_by_hour(period: Period) -> bool:
    return period.end - period.start <= _BY_HOURS_UP_TO


def _is_by_day(period: Period) -> bool:
    return not _is_by_hour(period) and period.end - period.start <= _BY_MONTHS_FROM


def _bars(service_id: int, period: Period, zone: ZoneInfo, now: datetime) -> list[Bar]:
    if _is_by_hour(period):
        return _hours(service_id, period, zone, now)
    first = period.start.astimezone(zone).date()
    last = (period.end - timedelta(microseconds=1)).astimezone(zone).date()
    moved = by_day(service_id, first, last, zone=zone, now=now)
    today = now.astimezone(zone).date()
    days = [first + step * _DAY for step in range((last - first).days + 1)]
    return _days(days, moved, today) if _is_by_day(period) else _months(days, moved, today)


def _hours(service_id: int, period: Period, zone: ZoneInfo, now: datetime) -> list[Bar]:
    moved = by_hour(service_id, period.start, period.end)
    first = period.start.replace(minute=0, second=0, microsecond=0)
    hours = [first + step * _HOUR for step in range(int((period.end - first) / _HOUR))]
    found = []
    for hour in hours:
        local, one = hour.astimezone(zone), moved.get(hour, Moved())
        label = f"{settings.FORMATS.date(hour)} {local:%H:%M}–{(hour + _HOUR).astimezone(zone):%H:%M}"
        found.append(Bar(label, f"{local:%H:%M}", one.bytes_down, one.bytes_up, hour <= now < hour + _HOUR))
    return found


def _days(days: Sequence[date], moved: dict[date, Moved], today: date) -> list[Bar]:
    found = []
    for place, day in enumerate(days):
        one = moved.get(day, Moved())
        is_new_month = place == 0 or day.day == 1
        label, short = _date(day, "EEE d MMM y"), _date(day, "d MMM" if is_new_month else "d")
        found.append(Bar(label, short, one.bytes_down, one.bytes_up, day == today, day.isoformat()))
    return found


def _months(days: Sequence[date], moved: dict[date, Moved], today: date) -> list[Bar]:
    sums: dict[date, Moved] = {}
    for day in days:
        first = day.replace(day=1)
        sums[first] = sums.get(first, Moved()) + moved.get(day, Moved())
    return [
        Bar(
            _date(first, "MMMM y"),
            _date(first, "MMM"),
            one.bytes_down,
            one.bytes_up,
            first == today.replace(day=1),
        )
        for first, one in sums.items()
    ]


def _date(day: date, pattern: str) -> str:
    return str(format_date(day, pattern, locale=settings.FORMATS.locale))


# --- the table -------------------------------------------------------------------------------------------

_COLUMNS = (
    Column("When", Place.LEAD),
    Column("Down", Place.NOTE, is_number=True),
    Column("Up", Place.STATE, is_number=True),
    Column("Together", Place.AMOUNT, is_number=True),
)


def _table(given: Sequence[Bar], here: str, by_day: bool) -> Table:
    """The bars that have anything, the newest first; a day leads to its hours."""
    formats = settings.FORMATS
    rows = tuple(
        Row((bar.label, _named(bar.lower, "down"), _named(bar.upper, "up"), formats.size(bar.total)), url)
        for bar, url in reversed([(bar, f"{here}?day={bar.key}" if by_day else "") for bar in given])
        if bar.total
    )
    nothing = Empty(
        "No usage", "Nothing was moved in this time. Usage shows within one interim of being moved."
    )
    return Table("Usage, the newest first", _COLUMNS, rows, nothing)


def _named(size_bytes: int, direction: str) -> SafeString:
    """With its direction where no heading of a column says it."""
    return format_html(
        '{}<span class="cap-on-phone"> {}</span>', settings.FORMATS.size(size_bytes), direction
    )


def _number(text: str, end: int) -> int:
    """A place in a list; the first for anything else."""
    return int(text) if text.isdigit() and len(text) < 4 and int(text) < end else 0


def _day(text: str) -> date | None:
    """None for what is no day, and for one that no clock of ours has seen."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < 3000 else None
