"""Days, cycles and free windows, worked out by walking day by day and minute by minute."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which this day begins in the zone."""
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


def monday_of(day: date) -> date:
    while day.isoweekday() != 1:
        day -= DAY
    return day


def _clamped(day_number: int, day: date) -> int:
    """The day number, or the month's last day where the month is shorter."""
    return min(day_number, monthrange(day.year, day.month)[1])


def begins_cycle(day: date, kind: str, anchor: str, activated: date) -> bool:
    """Whether a cycle of this kind and anchor begins on this day."""
    own = anchor == "anniversary"
    if kind == "day":
        return True
    if kind == "week":
        return day.isoweekday() == (activated.isoweekday() if own else 1)
    if kind == "30days":
        return (day - activated).days % 30 == 0
    if kind == "month":
        return day.day == (_clamped(activated.day, day) if own else 1)
    if kind == "year":
        month, number = (activated.month, activated.day) if own else (1, 1)
        return day.month == month and day.day == _clamped(number, day)
    raise ValueError(kind)


def cycle_around(
    instant: datetime, kind: str, anchor: str, activated_at: datetime, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """The cycle [start, end) that holds the instant."""
    activated = local_day(activated_at, zone)
    first = local_day(instant, zone)
    while not begins_cycle(first, kind, anchor, activated):
        first -= DAY
    last = first + DAY
    while not begins_cycle(last, kind, anchor, activated):
        last += DAY
    return midnight(first, zone), midnight(last, zone)


def _clock(text: str) -> time | None:
    """A time of day; None for 24:00."""
    return None if text == "24:00" else time.fromisoformat(text)


def is_free(instant: datetime, windows: list[str], zone: ZoneInfo) -> bool:
    """Whether a window like '67 00:00-06:00' (ISO weekdays, local times) holds the instant.

    A window that ends before it begins runs over midnight and belongs to the day on which it begins.
    """
    local = instant.astimezone(zone)
    today, yesterday = str(local.isoweekday()), str((local.date() - DAY).isoweekday())
    clock = local.time()
    for window in windows:
        days, span = window.split(" ")
        begin, end = (_clock(text) for text in span.split("-"))
        assert begin is not None
        if end is None or begin < end:
            if today in days and begin <= clock and (end is None or clock < end):
                return True
        elif (today in days and clock >= begin) or (yesterday in days and clock < end):
            return True
    return False


def window_edges(begin: datetime, end: datetime, windows: list[str], zone: ZoneInfo) -> list[datetime]:
    """The instants strictly inside (begin, end) at which a free window opens or closes."""
    if not windows:
        return []
    edges = []
    minute = begin.replace(second=0, microsecond=0)
    was_free = is_free(minute, windows, zone)
    while (minute := minute + MINUTE) < end:
        if is_free(minute, windows, zone) != was_free:
            was_free = not was_free
            edges.append(minute)
    return edges


def midnights(begin: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """The midnights strictly inside (begin, end)."""
    found = []
    day = local_day(begin, zone) + DAY
    while midnight(day, zone) < end:
        found.append(midnight(day, zone))
        day += DAY
    return [instant for instant in found if begin < instant]


def full_hours(begin: datetime, end: datetime) -> list[datetime]:
    """The full UTC hours strictly inside (begin, end)."""
    found = []
    hour = begin.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    while hour < end:
        found.append(hour)
        hour += timedelta(hours=1)
    return found
