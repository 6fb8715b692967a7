"""What each customer has done with his line so far: how much of his data he wants, when he is online, whether he buys more.

All of it follows from the roster: the same past in every run.
"""

from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from capstan.demo.catalogue import REALM
from capstan.demo.roster import Subscription
from capstan.demo.routers.traffic import Habit
from capstan.values.period import local_midnight

LOST_CARRIER, USER_REQUEST, NAS_REQUEST = 2, 1, 10  # Acct-Terminate-Cause (RFC 2866 §5.10)
ADMIN_RESET, ADMIN_REBOOT = 6, 7

NEAR_CAP = {
    f"ruth.naidoo@{REALM}": 0.893,
    f"ruth.smith@{REALM}": 0.992,
    f"nomvula.sokhela@{REALM}": 0.971,
    f"elsabe.reddy@{REALM}": 0.896,
    f"ines.october@{REALM}": 0.945,
    f"grace.mabaso@{REALM}": 0.863,
}
"""Lines that have used this share of their data when the routers come on: the first to need a top-up."""

_AT_MOST_NOW = 0.85  # of what they may use, for most others: some have used up all by the end of a month
_EAGER_NOW = 0.04  # they download without end from then on, and their speed is chosen for a fresh start

# Share of what may be used in a cycle that is wanted; the lower and the upper end of a habit's people.
_WANTED = {
    Habit.IDLE: (0.03, 0.09),
    Habit.LIGHT: (0.15, 0.5),
    Habit.MEDIUM: (0.5, 1.05),
    Habit.HEAVY: (1.0, 1.7),
    Habit.EAGER: (0.5, 0.95),
    Habit.OFFICE: (0.3, 0.8),
}
_ON_THE_WAY = 1.2  # a hotspot's day is small
_BUYS = {Habit.MEDIUM: 0.5, Habit.HEAVY: 0.8, Habit.EAGER: 0.5}
_WEEKEND = {Habit.OFFICE: 0.12}


class Visit(NamedTuple):
    """A stretch of time online: seconds since 1970, and why it ended."""

    start: int
    end: int
    cause: int


class Plan(NamedTuple):
    """How somebody uses his line."""

    hours: tuple[float, ...]
    busy_share: float
    weekend: float
    up_share: float
    wanted: float
    is_buyer: bool
    is_at_home: bool  # always on; else he comes by
    comes_by: float  # the share of days on which he does
    now: float | None  # used at the end of the past, as a share of what he may use; None: as it comes
    most_now: float


def plan_of(one: Subscription) -> Plan:
    """The plan that follows from the roster's entry."""
    habit, chance = one.line.habit, Random(f"plan {one.line.seed}")
    usual = (Habit.MEDIUM if habit == Habit.EAGER else habit).value
    low, high = _WANTED[habit]
    at_home = not one.line.stay_seconds and one.connection_type != "hotspot"
    return Plan(
        hours=usual.hours,
        busy_share=max(usual.busy_share, 0.5),
        weekend=_WEEKEND.get(habit, 1.3),
        up_share=usual.up_share,
        wanted=(low + (high - low) * chance.random()) * (1.0 if at_home else _ON_THE_WAY),
        is_buyer=chance.random() < _BUYS.get(habit, 0.25),
        is_at_home=at_home,
        comes_by=0.95 if one.by_mac else 0.35 + 0.4 * chance.random(),
        now=_EAGER_NOW if habit == Habit.EAGER else NEAR_CAP.get(one.line.username),
        most_now=2.0 if habit == Habit.HEAVY and one.line.seed // 6 % 3 == 0 else _AT_MOST_NOW,
    )


def visits(one: Subscription, plan: Plan, since: datetime, until: datetime, zone: ZoneInfo) -> list[Visit]:
    """When the line was online between these instants; it is offline at the end."""
    first, last = int(since.timestamp()), int(until.timestamp())
    if last - first < 600:
        return []
    chance = Random(f"visits {one.line.seed}")
    days = _days(since, until, zone)
    found = (
        _always_on(days, first, last, chance)
        if plan.is_at_home
        else _coming_by(one, plan, days, last, chance)
    )
    return [visit for visit in found if visit.start >= first and visit.end - visit.start >= 120]


def _days(since: datetime, until: datetime, zone: ZoneInfo) -> list[tuple[date, int]]:
    """The local days and the second at which each begins."""
    day, end = since.astimezone(zone).date(), until.astimezone(zone).date()
    found = []
    while day <= end:
        found.append((day, int(local_midnight(zone, day).timestamp())))
        day += timedelta(days=1)
    return found


def _always_on(days: list[tuple[date, int]], first: int, last: int, chance: Random) -> list[Visit]:
    """Online from one break to the next: routers that redial at night, and now and then a lost carrier."""
    at_night = 2 * 3600 + chance.randrange(3 * 3600)
    breaks: list[tuple[int, int]] = []
    for _, midnight in days:
        if chance.random() < 0.8:
            breaks.append((midnight + at_night + chance.randrange(300), NAS_REQUEST))
        times = chance.choices((0, 1, 2), (0.62, 0.28, 0.1))[0]
        lost = sorted(chance.randrange(6 * 3600, 23 * 3600) for _ in range(times))
        breaks += [(midnight + second, LOST_CARRIER) for second in lost]
    found, start = [], first + chance.randrange(60, 900)
    for moment, cause in breaks:
        if start + 600 < moment < last - 600:
            found.append(Visit(start, moment, cause))
            start = moment + chance.randrange(20, 90 if cause == NAS_REQUEST else 600)
    return [*found, Visit(start, last, ADMIN_REBOOT)]


def _coming_by(
    one: Subscription, plan: Plan, days: list[tuple[date, int]], last: int, chance: Random
) -> list[Visit]:
    """Some visits on some days; a firm's devices are on from morning to evening, but on Sundays."""
    found: list[Visit] = []
    for day, midnight in days:
        comes = chance.random() < plan.comes_by
        if one.by_mac:
            opens = midnight + 7 * 3600 + chance.randrange(3600)
            shifts = [(opens, 9 * 3600 + chance.randrange(2 * 3600))] if day.isoweekday() < 7 else []
        else:
            hours = chance.choices(range(24), plan.hours, k=chance.choices((1, 2, 3), (0.5, 0.35, 0.15))[0])
            starts = sorted(midnight + hour * 3600 + chance.randrange(3600) for hour in hours)
            shifts = [(start, 900 + chance.randrange(5400)) for start in starts]
        for start, seconds in shifts if comes else ():
            end = min(start + seconds, last)
            if end - start >= 300 and (not found or start > found[-1].end + 60):
                found.append(Visit(start, end, USER_REQUEST if end < last else ADMIN_REBOOT))
    return found
