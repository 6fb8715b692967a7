"""When a line is used: hour by hour through all of its past, by the shape of its user's day."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import accumulate
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

HOUR = 3600
_SATURDAY = 6


class Hours(NamedTuple):
    """The hours of a stretch of time, each with its place in the provider's day."""

    since: int
    """Seconds since 1970 at which the first hour begins."""
    places: tuple[tuple[date, int], ...]
    """Of each hour: local date and hour of the day."""


def hours_between(since: datetime, until: datetime, zone: ZoneInfo) -> Hours:
    """The whole hours that cover this time."""
    first, last = int(since.timestamp()) // HOUR, -(-int(until.timestamp()) // HOUR)
    local = (datetime.fromtimestamp(hour * HOUR, tz=UTC).astimezone(zone) for hour in range(first, last))
    return Hours(first * HOUR, tuple((moment.date(), moment.hour) for moment in local))


class Rhythm:
    """How much of a user's appetite falls into a stretch of time. Only the ratio of two stretches means anything."""

    def __init__(
        self, hours: Hours, shape: Sequence[float], *, busy_share: float, weekend: float, chance: Random
    ) -> None:
        """`busy_share` is the share of hours with anything going on, `weekend` how a weekend compares to a weekday."""
        self._since = hours.since
        weights: list[float] = []
        today, mood = None, 1.0
        for day, hour in hours.places:
            if day != today:
                today, mood = day, 0.35 + 1.3 * chance.random()
                mood *= weekend if day.isoweekday() >= _SATURDAY else 1.0
            burst = 0.25 + 1.5 * chance.random() if chance.random() < busy_share else 0.02
            weights.append(shape[hour] * mood * burst)
        self._sums = [0.0, *accumulate(weights)]

    def until(self, second: float) -> float:
        """What lies between the beginning and this second since 1970."""
        place, rest = divmod(second - self._since, HOUR)
        hour = int(place)
        if not 0 <= hour < len(self._sums) - 1:
            return 0.0 if hour < 0 else self._sums[-1]
        return self._sums[hour] + (self._sums[hour + 1] - self._sums[hour]) * rest / HOUR
