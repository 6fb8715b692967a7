"""What a package says: the words, the terms of a version, free windows and cycles. Free of storage."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from capstan.values import period
from capstan.values.period import Period
from capstan.values.refused import Refused


class CycleKind(StrEnum):
    """How long an allowance lasts."""

    DAY = "day"
    WEEK = "week"
    DAYS_30 = "30days"
    MONTH = "month"
    YEAR = "year"


class CycleAnchor(StrEnum):
    """Where a cycle starts: on the calendar's first day, or on the service's own day."""

    CALENDAR = "calendar"
    ANNIVERSARY = "anniversary"


class Counting(StrEnum):
    """Which direction uses up data."""

    BOTH = "both"
    DOWN = "down"
    UP = "up"


class AtCap(StrEnum):
    """What happens when every bucket is used up."""

    BLOCK = "block"
    THROTTLE = "throttle"
    WALL = "wall"
    OPEN = "open"
    OVERAGE = "overage"  # charged, and only with the customer's recorded consent; without it: block


class OvershootPolicy(StrEnum):
    """Who bears the bytes between the cap and the cut."""

    FORGIVE = "forgive"
    CARRY = "carry"
    BILL = "bill"


class FreeWindow(NamedTuple):
    """Local times whose bytes are free: on these weekdays (1 is Monday) from minute `start` to minute `end`
    of the day.

    `end` is exclusive and at most 1440. One that is not after `start` lies on the next day: `5 22:00-06:00`
    is Friday night, until Saturday morning.
    """

    weekdays: frozenset[int]
    start: int
    end: int


class Terms(NamedTuple):
    """What one version of a package says, as plain values.

    Meanings are those of `catalog.models.PackageVersion`.
    """

    allowance_bytes: int | None = None
    cycle_kind: CycleKind = CycleKind.MONTH
    cycle_anchor: CycleAnchor = CycleAnchor.CALENDAR
    day_limit_bytes: int | None = None
    week_limit_bytes: int | None = None
    counting: Counting = Counting.BOTH
    rate_up_kbps: int | None = None
    rate_down_kbps: int | None = None
    at_cap: AtCap = AtCap.BLOCK
    throttle_up_kbps: int = 256
    throttle_down_kbps: int = 512
    overshoot: OvershootPolicy = OvershootPolicy.FORGIVE
    free_windows: tuple[FreeWindow, ...] = ()
    rollover_allowance_cycles: int = 0
    rollover_topup_cycles: int = 0
    thresholds: tuple[int, ...] = (50, 80, 90, 100)


class Dated(NamedTuple):
    """A row's id and the instant from which it holds."""

    valid_from: datetime
    id: int


def in_force_at(rows: Iterable[Dated], instant: datetime) -> int:
    """The id of the latest row that holds at this instant. Before the first one, the first one holds already.

    That is meant: the cycle in which a service starts begins before the service, and often before its
    package was entered. Raises ValueError when there is no row at all.
    """
    dated = sorted(rows)
    if not dated:
        raise ValueError("nothing is dated here")
    after = bisect_right(dated, instant, key=lambda row: row.valid_from)
    return dated[max(after - 1, 0)].id


def version_at(versions: Iterable[Dated], instant: datetime) -> int:
    """The id of the package version in force: see `in_force_at`."""
    return in_force_at(versions, instant)


def cycle_at(terms: Terms, *, activated_at: datetime, zone: ZoneInfo, instant: datetime) -> Period:
    """The cycle, by these terms, that the instant lies in: see `values.period.cycle_at`."""
    return period.cycle_at(terms.cycle_kind, terms.cycle_anchor, activated_at, zone, instant)


# --- free windows ----------------------------------------------------------------------------------------

_WINDOW = re.compile(r"([1-7]{1,7}) (\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)
_DAY_MINUTES = 24 * 60
_EDGE_NEAR_DAYS = 2  # where the next edge of nearly every window is
_EDGE_SEARCH_DAYS = (
    9  # the pattern repeats each week; a change of clocks can hide one edge of it, not two in a row
)


def parse_window(text: str) -> FreeWindow:
    """The window in a text such as `1234567 00:00-06:00`: weekdays from 1, Monday, to 7, then local times.

    `24:00` is the end of the day; an end that is not after the start is on the next day. Raises Refused
    otherwise.
    """
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise Refused(f"{text!r} is not a free window: write it like '12345 22:00-06:00' (1 is Monday)")
    weekdays, *clock = match.groups()
    hours, minutes, end_hours, end_minutes = map(int, clock)
    start, end = hours * 60 + minutes, end_hours * 60 + end_minutes
    if minutes > 59 or end_minutes > 59 or start >= _DAY_MINUTES or end > _DAY_MINUTES:
        raise Refused(f"{text!r} has a time that no clock shows")
    if len(set(weekdays)) != len(weekdays):
        raise Refused(f"{text!r} names a weekday twice")
    if start == end:
        raise Refused(f"{text!r} is empty: a whole day is 00:00-24:00")
    return FreeWindow(frozenset(map(int, weekdays)), start, end or _DAY_MINUTES)


def format_window(window: FreeWindow) -> str:
    """The text that `parse_window` reads."""
    weekdays = "".join(map(str, sorted(window.weekdays)))
    return f"{weekdays} {_clock(window.start)}-{_clock(window.end)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def is_free(windows: Sequence[FreeWindow], zone: ZoneInfo, instant: datetime) -> bool:
    """Whether bytes of this instant are free:

    what the local clock shows decides, also when an hour comes twice.
    """
    local = instant.astimezone(zone)
    weekday, minute = local.isoweekday(), local.hour * 60 + local.minute
    return any(_shows(window, weekday, minute) for window in windows)


def _shows(window: FreeWindow, weekday: int, minute: int) -> bool:
    if window.start < window.end:
        return weekday in window.weekdays and window.start <= minute < window.end
    yesterday = weekday - 1 or 7
    return (weekday in window.weekdays and minute >= window.start) or (
        yesterday in window.weekdays and minute < window.end
    )


def next_edge(windows: Sequence[FreeWindow], zone: ZoneInfo, instant: datetime) -> datetime | None:
    """The first instant after this one at which bytes become free, or stop being free; None: never."""
    if not windows:
        return None
    today = instant.astimezone(zone).date()
    for days in (_EDGE_NEAR_DAYS, _EDGE_SEARCH_DAYS):
        edges = _edges(tuple(windows), zone, today, days)
        after = bisect_right(edges, instant)
        if after < len(edges):
            return edges[after]
    return None


@lru_cache(maxsize=4096)
def _edges(windows: Sequence[FreeWindow], zone: ZoneInfo, today: date, days: int) -> list[datetime]:
    """Every instant at which bytes become free or stop being free, from yesterday until so many days ahead."""
    dates = [today + timedelta(days=ahead) for ahead in range(-2, days + 1)]
    moments = sorted({moment for day in dates for moment in _moments(windows, zone, day)})
    # At the ends not all is known: a change of clocks may show an edge shortly before its own date.
    begin, end = (period.local_midnight(zone, day) for day in (dates[1], dates[-1]))
    free = [is_free(windows, zone, moment) for moment in moments]
    turns = [
        moment for (before, now), moment in zip(pairwise(free), moments[1:], strict=True) if before != now
    ]
    return [moment for moment in turns if begin <= moment < end]


def _moments(windows: Sequence[FreeWindow], zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """Every instant of this local date at which the answer could change.

    That is where the clock shows an edge of a window, both times if it does so twice, and where the clock is
    changed.
    """
    for minute in {minute for window in windows for minute in (window.start, window.end % _DAY_MINUTES)}:
        shown = datetime.combine(day, time(minute // 60, minute % 60), zone)
        yield from {shown.astimezone(UTC), shown.replace(fold=1).astimezone(UTC)}
    begins, ends = period.local_midnight(zone, day), period.local_midnight(zone, day + timedelta(days=1))
    if begins.astimezone(zone).utcoffset() != ends.astimezone(zone).utcoffset():
        yield _change_of_clocks(zone, begins, ends)


def _change_of_clocks(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which the zone's offset stops being what it is at `before`."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before).total_seconds() // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


# --- what may be entered ---------------------------------------------------------------------------------


def check_terms(terms: Terms) -> list[str]:
    """What is wrong with these terms, one sentence each; an empty list if they can be sold."""
    allowance, thresholds = terms.allowance_bytes, list(terms.thresholds)
    rollovers = (terms.rollover_allowance_cycles, terms.rollover_topup_cycles)
    wrong = {
        "The allowance can't be less than nothing.": allowance is not None and allowance < 0,
        "Thresholds are percentages from 1 to 100.": any(not 1 <= percent <= 100 for percent in thresholds),
        "Thresholds must rise, each one once.": sorted(set(thresholds)) != thresholds,
        "Rollover takes from 0 to 120 cycles.": any(not 0 <= cycles <= 120 for cycles in rollovers),
        "A package without an allowance has nothing to roll over.": allowance is None and bool(rollovers[0]),
    }
    for name, limit in (("day", terms.day_limit_bytes), ("week", terms.week_limit_bytes)):
        wrong[f"A {name} limit must be more than nothing."] = limit is not None and limit < 1
        wrong[f"A {name} limit needs an allowance that it limits."] = limit is not None and allowance is None
    return [sentence for sentence, applies in wrong.items() if applies] + _wrong_speeds(terms)


def _wrong_speeds(terms: Terms) -> list[str]:
    sentences = []
    for way, rate, throttle in (
        ("up", terms.rate_up_kbps, terms.throttle_up_kbps),
        ("down", terms.rate_down_kbps, terms.throttle_down_kbps),
    ):
        if rate is not None and rate < 1:
            sentences.append(f"The speed {way} must be at least 1 kbit/s; leave it out for no limit.")
        elif throttle < 1:
            sentences.append(f"The throttled speed {way} must be at least 1 kbit/s.")
        elif terms.at_cap == AtCap.THROTTLE and rate is not None and throttle > rate:
            sentences.append(
                f"The throttled speed {way} is faster than the line: {throttle} against {rate} kbit/s."
            )
    return sentences
