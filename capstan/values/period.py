"""Half-open stretches of time, and the days, weeks and cycles of a provider's time zone.

Instants are aware datetimes; every instant handed out is in UTC, because Python's arithmetic on aware
datetimes of another zone is arithmetic on wall clocks. Days, weeks and cycles begin at *local* midnights, so
a day may have 23 or 25 hours. They tile the time line: each instant lies in exactly one of each.
"""

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

_ONE_DAY = timedelta(days=1)


class Period(NamedTuple):
    """From `start`, inclusive, to `end`, exclusive."""

    start: datetime
    end: datetime

    def covers(self, instant: datetime) -> bool:
        """Whether the instant lies in this period."""
        return self.start <= instant < self.end


def local_midnight(zone: ZoneInfo, day: date) -> datetime:
    """The instant at which this local date begins.

    Where the clock shows midnight twice it is the first time. Where a change of clocks skips midnight, the
    date begins at the change itself: `fold=0` reads a skipped time with the offset before the change, and
    every change that skips a midnight begins at that midnight (true of every zone in the tz database since
    1990).
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def day_at(zone: ZoneInfo, instant: datetime) -> Period:
    """The local day the instant lies in."""
    return _tile(zone, instant, lambda day: day, lambda start: start + _ONE_DAY)


def week_at(zone: ZoneInfo, instant: datetime) -> Period:
    """The local week, Monday to Sunday, the instant lies in."""
    return _tile(zone, instant, _repeating(date(1970, 1, 5), 7), lambda start: start + 7 * _ONE_DAY)


def cycle_at(kind: str, anchor: str, activated_at: datetime, zone: ZoneInfo, instant: datetime) -> Period:
    """The cycle the instant lies in.

    `kind` is `day`, `week`, `30days`, `month` or `year`, `anchor` is `calendar` or `anniversary`. A calendar
    week begins on Monday, a calendar month on the 1st, a calendar year on 1 January. Anniversaries count
    from the local date of `activated_at` – its weekday, its day of the month, its day of the year; 30 days
    always count from that date, having no calendar of their own. A day that a month lacks becomes that
    month's last day, and the next month has it again. Cycles go back before `activated_at` too, so that
    every instant has one.

    Raises ValueError for a kind or an anchor it doesn't know.
    """
    if anchor not in ("calendar", "anniversary"):
        raise ValueError(f"unknown cycle anchor {anchor!r}")
    by_calendar = anchor == "calendar"
    activated_on = activated_at.astimezone(zone).date()
    match kind:
        case "day":
            return day_at(zone, instant)
        case "week" if by_calendar:
            return week_at(zone, instant)
        case "week":
            return _tile(zone, instant, _repeating(activated_on, 7), lambda start: start + 7 * _ONE_DAY)
        case "30days":
            return _tile(zone, instant, _repeating(activated_on, 30), lambda start: start + 30 * _ONE_DAY)
        case "month":
            return _months(zone, instant, 1 if by_calendar else activated_on.day)
        case "year":
            return _years(zone, instant, *((1, 1) if by_calendar else (activated_on.month, activated_on.day)))
    raise ValueError(f"unknown cycle kind {kind!r}")


def _tile(
    zone: ZoneInfo, instant: datetime, first_day: Callable[[date], date], following: Callable[[date], date]
) -> Period:
    """The period of local dates from `first_day(date)` to `following(first day)` that holds the instant.

    Normally that of the instant's local date. But when clocks go back over midnight, a stretch of
    yesterday's clock time comes after today has begun (Newfoundland until 2011): it belongs to today, or
    days would overlap.
    """
    start = first_day(instant.astimezone(zone).date())
    while True:
        period = Period(local_midnight(zone, start), local_midnight(zone, following(start)))
        if instant < period.end:
            return period
        start = following(start)


def _repeating(origin: date, days: int) -> Callable[[date], date]:
    return lambda day: day - timedelta(days=(day - origin).days % days)


def _clamped(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))


def _months(zone: ZoneInfo, instant: datetime, anchor_day: int) -> Period:
    """Months that begin on `anchor_day`.

    Each start is worked out from the anchor, never from the last start: no drift.
    """

    def beginning(months: int) -> date:
        return _clamped(months // 12, months % 12 + 1, anchor_day)

    def first_day(day: date) -> date:
        months = day.year * 12 + day.month - 1
        return beginning(months if day >= beginning(months) else months - 1)

    return _tile(zone, instant, first_day, lambda start: beginning(start.year * 12 + start.month))


def _years(zone: ZoneInfo, instant: datetime, month: int, anchor_day: int) -> Period:
    """Years that begin on this day; 29 February falls back to the 28th in a year that lacks it."""

    def first_day(day: date) -> date:
        start = _clamped(day.year, month, anchor_day)
        return start if day >= start else _clamped(day.year - 1, month, anchor_day)

    return _tile(zone, instant, first_day, lambda start: _clamped(start.year + 1, month, anchor_day))
