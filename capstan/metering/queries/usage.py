"""What a service moved, by hours and by days of the provider's zone, up to the last packet."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from capstan.metering.models import RadiusSession, UsageDay, UsageHour
from capstan.metering.rules.words import SessionState
from capstan.values.period import local_midnight

_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FRESH_DAYS = 2
"""Days that are added up from their hours: the roll-up runs once an hour, and late packets come."""


class Moved(NamedTuple):
    """Bytes; up is from the customer."""

    bytes_up: int = 0
    bytes_down: int = 0

    def __add__(self, other: "Moved") -> "Moved":  # type: ignore[override]
        return Moved(self.bytes_up + other.bytes_up, self.bytes_down + other.bytes_down)

    @property
    def total(self) -> int:
        return self.bytes_up + self.bytes_down


def by_hour(service_id: int, since: datetime, until: datetime) -> dict[datetime, Moved]:
    """What was moved in each hour that begins in [since, until); hours without usage are left out."""
    first, end = _hour_of(since), _hour_of(until)
    found: defaultdict[datetime, Moved] = defaultdict(Moved)
    hours = UsageHour.objects.filter(service_id=service_id, hour__gte=first, hour__lt=end)
    running = RadiusSession.objects.filter(
        service_id=service_id, state__lt=SessionState.CLOSED, hour__gte=first, hour__lt=end
    )
    for hour, up, down in hours.values_list("hour", "bytes_up", "bytes_down"):
        found[_EPOCH + hour * _HOUR] += Moved(up, down)
    for hour, up, down in running.values_list("hour", "hour_up", "hour_down"):
        if up or down:
            found[_EPOCH + hour * _HOUR] += Moved(up, down)
    return dict(found)


def by_day(service_id: int, first: date, last: date, *, zone: ZoneInfo, now: datetime) -> dict[date, Moved]:
    """What was moved on each local day from first to last; days without usage are left out."""
    fresh_from = max(first, now.astimezone(zone).date() - timedelta(days=_FRESH_DAYS))
    rolled_up = UsageDay.objects.filter(service_id=service_id, day__gte=first, day__lte=last)
    found = {
        day: Moved(up, down)
        for day, up, down in rolled_up.values_list("day", "bytes_up", "bytes_down")
        if day < fresh_from
    }
    if fresh_from <= last:
        until = local_midnight(zone, last + timedelta(days=1))
        hours = by_hour(service_id, local_midnight(zone, fresh_from), until)
        found.update(_days_of(hours.items(), zone))
    return found


def _days_of(hours: Iterable[tuple[datetime, Moved]], zone: ZoneInfo) -> dict[date, Moved]:
    days: defaultdict[date, Moved] = defaultdict(Moved)
    for hour, moved in hours:
        days[hour.astimezone(zone).date()] += moved
    return dict(days)


def _hour_of(at: datetime) -> int:
    """The first hour since 1970 that begins at or after this instant."""
    return -((_EPOCH - at) // _HOUR)
