"""The steps in which the past is lived: some hours each, cut where cycles, days and the free nights turn."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from capstan.values.period import local_midnight

LATE_DAYS = 3
"""The last days are lived in shorter steps and reported more often: people look at their hours."""

_HOURS = (0, 6, 16)
_LATE_HOURS = (0, 6, 10, 14, 18, 22)
_SECOND = timedelta(seconds=1)


class Step(NamedTuple):
    """From `start` to `end`, exclusive; `opens_day` and `ends_day`: the provider's day begins or ends with it."""

    start: datetime
    end: datetime
    opens_day: bool
    ends_day: bool


def steps(since: datetime, now: datetime, zone: ZoneInfo) -> Iterator[Step]:
    """The steps from `since` to `now`, whose very second is in the last one."""
    edges = [(edge, is_midnight) for edge, is_midnight in _edges(since, now, zone) if since < edge < now]
    start, opens_day = since, False
    for edge, is_midnight in edges:
        yield Step(start, edge, opens_day, is_midnight)
        start, opens_day = edge, is_midnight
    if start < now:
        yield Step(start, now + _SECOND, opens_day, False)


def midnights(since: datetime, now: datetime, zone: ZoneInfo) -> list[int]:
    """The seconds since 1970 at which the provider's days begin, from the one before `since` to the one after `now`."""
    first = since.astimezone(zone).date() - timedelta(days=1)
    days = (now - since).days + 4
    return [int(local_midnight(zone, first + timedelta(days=day)).timestamp()) for day in range(days)]


def _edges(since: datetime, now: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, bool]]:
    day = since.astimezone(zone).date()
    late = (now - timedelta(days=LATE_DAYS)).astimezone(zone).date()
    while (midnight := local_midnight(zone, day)) < now:
        for hour in _LATE_HOURS if day >= late else _HOURS:
            yield midnight + timedelta(hours=hour), hour == 0
        day += timedelta(days=1)
