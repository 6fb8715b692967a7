"""Whether a mandate's day has come."""

from calendar import monthrange
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from typing import NamedTuple

from capstan.payments.rules.debit_orders.calendar import Instruction, action_day
from capstan.values.refused import Refused

LAST_DAY = 31
"""As the billing day has it: the month's last day."""
LATE_AT_MOST = timedelta(days=7)
"""So much later than its day a mandate may be debited; its form says so."""


class Debited(NamedTuple):
    """A mandate's day of the month, and when it was debited last."""

    day: int
    last_on: date | None = None


def check_day(day: int) -> int:
    """Raises Refused for what isn't a day of every month."""
    if not (1 <= day <= 28 or day == LAST_DAY):
        raise Refused("The day is one from 1 to 28, or 31 for the month's last day.")
    return day


def last_day_of(day: int, on: date, instruction: Instruction, holidays: AbstractSet[date]) -> date:
    """The mandate's latest day at or before `on`, moved to one on which debit orders run."""
    month, moved = on, on + timedelta(days=1)
    while moved > on:  # three times at the most: the month's last day may move beyond the next one's first
        moved = action_day(_in_month(day, month), holidays, instruction=instruction)
        month = month.replace(day=1) - timedelta(days=1)
    return moved


def not_due(of: Debited, on: date, instruction: Instruction, holidays: AbstractSet[date]) -> str:
    """Why it isn't debited on the day `on`; empty if it is: its day has come within the last week."""
    last = last_day_of(of.day, on, instruction, holidays)
    if on - last > LATE_AT_MOST:
        return f"its day is {day_words(of.day)}"
    if of.last_on is not None and of.last_on >= last:
        return "it was debited for this month's day already"
    return ""


def may_try_again(again_on: date, on: date) -> bool:
    """Whether one that came back is tried again on the day `on`: within a week from the day `again_on`, or not at all."""
    return timedelta(0) <= on - again_on <= LATE_AT_MOST


def day_words(day: int) -> str:
    return (
        "the month's last"
        if day == LAST_DAY
        else f"the {day}{_ORDINALS.get(day % 10 if day // 10 != 1 else 0, 'th')}"
    )


_ORDINALS = {1: "st", 2: "nd", 3: "rd"}


def _in_month(day: int, month: date) -> date:
    return month.replace(day=min(day, monthrange(month.year, month.month)[1]))
