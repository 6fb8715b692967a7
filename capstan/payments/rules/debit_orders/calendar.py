"""Days on which debit orders run, and until when a batch must be with Netcash.

Source: help.netcash.co.za, “Debit Orders”: two-day debits run Monday to Friday, same-day debits Monday to Saturday,
public holidays excluded. The times of day come from a description of Netcash's service by one of its users, not from
Netcash itself: check them in your Netcash account, and leave room.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from capstan.values.refused import Refused

SOUTH_AFRICA = ZoneInfo("Africa/Johannesburg")
_DAY = timedelta(days=1)
_SATURDAY = 5
_LOOK_DAYS = 60
_LOOK_AHEAD_DAYS = 21
_SAME_DAY_BEFORE = time(10, 59)
_OTHERWISE_BEFORE = time(23, 59)


class Instruction(StrEnum):
    """Netcash's two services, by the word in the batch's header."""

    SAME_DAY = "Sameday"
    TWO_DAY = "TwoDay"


class Shift(StrEnum):
    """Where to a debit order goes that falls on a day without processing; the mandate says which."""

    BEFORE = "business day before"
    AFTER = "business day after"


def is_business_day(day: date, holidays: AbstractSet[date]) -> bool:
    """Monday to Friday and no public holiday."""
    return day.weekday() < _SATURDAY and day not in holidays


def runs_on(day: date, instruction: Instruction, holidays: AbstractSet[date]) -> bool:
    """Whether debit orders of this service are processed on the day."""
    also_saturday = instruction is Instruction.SAME_DAY and day.weekday() == _SATURDAY
    return is_business_day(day, holidays) or (also_saturday and day not in holidays)


def action_day(
    wanted: date,
    holidays: AbstractSet[date],
    shift: Shift = Shift.AFTER,
    instruction: Instruction = Instruction.TWO_DAY,
) -> date:
    """The wanted day, or the nearest before or after it on which this service runs.

    Raises Refused if there is none within two months: the list of holidays must be wrong.
    """
    step = _DAY if shift is Shift.AFTER else -_DAY
    return _nearest(wanted, step, lambda day: runs_on(day, instruction, holidays))


def submit_by(action_date: date, instruction: Instruction, holidays: AbstractSet[date]) -> datetime:
    """The last moment, in South African time, at which the batch must be authorised.

    Two-day: the end of the second business day before. Same-day: that morning, and for a Saturday the end of the
    business day before. Raises Refused for a day on which the service doesn't run.
    """
    if not runs_on(action_date, instruction, holidays):
        raise Refused(f"{action_date.isoformat()} is a day on which {instruction} debit orders don't run.")
    day, until = action_date, _OTHERWISE_BEFORE
    if instruction is Instruction.TWO_DAY:
        day = _business_day_before(_business_day_before(action_date, holidays), holidays)
    elif action_date.weekday() == _SATURDAY:
        day = _business_day_before(action_date, holidays)
    else:
        until = _SAME_DAY_BEFORE
    return datetime.combine(day, until, SOUTH_AFRICA)


def days_to_propose(today: date, instruction: Instruction, holidays: AbstractSet[date]) -> list[date]:
    """The action dates for which a batch is proposed today, so that a whole business day is left for a person to look at it."""
    found = []
    for ahead in range(1, _LOOK_AHEAD_DAYS):
        day = today + _DAY * ahead
        if runs_on(day, instruction, holidays):
            last = submit_by(day, instruction, holidays).date()
            if _business_day_before(last, holidays) <= today < last:
                found.append(day)
    return found


def _business_day_before(day: date, holidays: AbstractSet[date]) -> date:
    return _nearest(day - _DAY, -_DAY, lambda one: is_business_day(one, holidays))


def _nearest(start: date, step: timedelta, fits: Callable[[date], bool]) -> date:
    for count in range(_LOOK_DAYS):
        try:
            day = start + step * count
        except OverflowError:
            break
        if fits(day):
            return day
    raise Refused(f"No business day was found near {start.isoformat()}: check the list of public holidays.")
