"""Which step of chasing a debt is due: reminders, a warning, suspension. Pure: dates and amounts in, a step out."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from capstan.values.refused import Refused

_DAYS_MAX = 180
_LOOKS_AHEAD_DAYS = 31
PROMISE_DAYS_MAX = 31

IsBusinessDay = Callable[[date], bool]


class Deed(StrEnum):
    """What a step does."""

    REMIND = "remind"
    WARN = "warn"
    SUSPEND = "suspend"


class HoldKind(StrEnum):
    """Why a debt, or an invoice, isn't chased for now."""

    PROMISE = "promise"
    DISPUTE = "dispute"
    STAFF = "staff"
    COLLECTION = "collection"  # a debit order is on its way


class DunningStep(NamedTuple):
    """`days` after the due date, grace days not counted; below zero: before it, for what is due soon."""

    code: str
    days: int
    deed: Deed


class Policy(NamedTuple):
    """Steps by rising days. `least_minor`: less than that overdue isn't chased. A suspension comes at least `warn_days` after the
    warning. Whoever skips weekends skips public holidays too, for suspension and, if wanted, for what is only said."""

    steps: Sequence[DunningStep]
    least_minor: int = 5000
    grace_days: int = 0
    warn_days: int = 2
    skip_weekends: bool = True
    reminders_skip: bool = False
    suspends: bool = True


DEFAULT_STEPS = (
    DunningStep("soon", -3, Deed.REMIND),
    DunningStep("first", 1, Deed.REMIND),
    DunningStep("second", 5, Deed.REMIND),
    DunningStep("warning", 8, Deed.WARN),
    DunningStep("suspension", 12, Deed.SUSPEND),
)


class Debt(NamedTuple):
    """What a customer owes, disputed invoices left out, and what was done about it.

    `last_days`: the days of the last step of this episode; `warned_on`: in this episode. `failed_warnings`: how many in a row
    reached nobody, though they were sent. `soon_days` is the last step before the due date `soon_for`.
    """

    overdue_minor: int = 0
    oldest_due_on: date | None = None
    next_minor: int = 0
    next_due_on: date | None = None
    last_days: int | None = None
    warned_on: date | None = None
    soon_for: date | None = None
    soon_days: int | None = None
    is_held: bool = False
    failed_warnings: int = 0


WARNINGS_MAX = 2
"""So many warnings in a row may fail: the second goes to everybody who can be reached; then a person has to tell him."""


def needs_person(debt: Debt) -> bool:
    """Whether he couldn't be warned, so that nothing goes on before somebody has told him."""
    return debt.warned_on is None and debt.failed_warnings >= WARNINGS_MAX


def is_chased(debt: Debt, policy: Policy) -> bool:
    """Whether enough is overdue to be worth it. The episode begins and ends with this."""
    return debt.oldest_due_on is not None and debt.overdue_minor >= max(policy.least_minor, 1)


def due_step(debt: Debt, policy: Policy, today: date, is_business_day: IsBusinessDay) -> DunningStep | None:
    """The one step to take today. Of several the highest; those below it are superseded."""
    if debt.is_held:
        return None
    if not is_chased(debt, policy):
        return _soon(debt, policy, today, is_business_day)
    assert debt.oldest_due_on is not None
    late = (today - debt.oldest_due_on).days - policy.grace_days
    steps = [step for step in policy.steps if 0 <= step.days <= late and _is_wanted(step, policy)]
    if debt.warned_on is None and debt.failed_warnings:
        again = [step for step in steps if step.deed == Deed.WARN and not needs_person(debt)]
        return again[-1] if again and _may_say(policy, today, is_business_day) else None
    left = [step for step in steps if debt.last_days is None or step.days > debt.last_days]
    if not left:
        return None
    if left[-1].deed == Deed.SUSPEND:
        if _may_suspend(debt, policy, today, is_business_day):
            return left[-1]
        left = [] if debt.warned_on else [step for step in steps if step.deed == Deed.WARN][-1:]
        left = left or [step for step in steps if step.deed != Deed.SUSPEND and _is_after(step, debt)]
    return left[-1] if left and _may_say(policy, today, is_business_day) else None


def suspends_on(debt: Debt, policy: Policy, today: date, is_business_day: IsBusinessDay) -> date | None:
    """The first day on which the lines may go, if a warning was or is given today; None where nobody is suspended."""
    last = policy.steps[-1] if policy.steps else None
    if last is None or last.deed != Deed.SUSPEND or not policy.suspends or debt.oldest_due_on is None:
        return None
    day = max(
        debt.oldest_due_on + timedelta(days=policy.grace_days + last.days),
        (debt.warned_on or today) + timedelta(days=policy.warn_days),
    )
    return next_business_day(day, is_business_day) if policy.skip_weekends else day


def next_business_day(day: date, is_business_day: IsBusinessDay) -> date:
    """That day, or the first one after it that is one; a month without any is taken as it is."""
    days = (day + timedelta(days=n) for n in range(_LOOKS_AHEAD_DAYS))
    return next((one for one in days if is_business_day(one)), day)


def next_look(debt: Debt, policy: Policy, today: date) -> date | None:
    """The next day on which there may be something to do; None: not before something happens."""
    if is_chased(debt, policy):
        return today + timedelta(days=1)
    if debt.next_due_on is None:
        return None
    before = _before(policy)
    if (
        before
        and policy.reminders_skip
        and debt.next_due_on + timedelta(days=before[0]) <= today < debt.next_due_on
    ):
        return today + timedelta(days=1)
    days = [debt.next_due_on + timedelta(days=n) for n in (*before, policy.grace_days + 1)]
    return min((day for day in days if day > today), default=today + timedelta(days=1))


def is_kept(promised_minor: int | None, paid_minor: int, overdue_minor: int) -> bool:
    """Whether a promise was kept by its last day: the amount that was promised was paid, or, where none was said, nothing is
    overdue any more."""
    return paid_minor >= promised_minor if promised_minor is not None else overdue_minor == 0


def check(policy: Policy) -> None:
    """Refuse steps that nobody could follow: doubles, falling days, a suspension that isn't last or comes without warning."""
    codes, days = [step.code for step in policy.steps], [step.days for step in policy.steps]
    if len(set(codes)) < len(codes) or not all(codes):
        raise Refused("Each step needs a name of its own.")
    if days != sorted(set(days)) or any(abs(day) > _DAYS_MAX for day in days):
        raise Refused(f"Each step comes later than the one before, within {_DAYS_MAX} days.")
    deeds = [step.deed for step in policy.steps]
    if Deed.SUSPEND in deeds[:-1]:
        raise Refused("Suspension is the last step.")
    if Deed.SUSPEND in deeds and Deed.WARN not in deeds:
        raise Refused("Nobody is suspended without a warning: add that step.")
    if any(step.days < 0 and step.deed != Deed.REMIND for step in policy.steps):
        raise Refused("Before the due date there are reminders only.")
    if policy.least_minor < 0 or policy.warn_days < 0 or not 0 <= policy.grace_days <= _DAYS_MAX:
        raise Refused("Amounts and days aren't below zero.")


def steps_of(rows: Sequence[Mapping[str, object]]) -> tuple[DunningStep, ...]:
    """Steps as they are stored: `{code, days, deed}`. Raises Refused for what isn't one."""
    try:
        return tuple(
            DunningStep(str(row["code"]), int(str(row["days"])), Deed(str(row["deed"]))) for row in rows
        )
    except (KeyError, ValueError) as problem:
        raise Refused("A step has a name, a number of days and a deed: remind, warn or suspend.") from problem


def rows_of(steps: Sequence[DunningStep]) -> list[dict[str, object]]:
    """The steps as they are stored."""
    return [{"code": step.code, "days": step.days, "deed": step.deed.value} for step in steps]


def _is_wanted(step: DunningStep, policy: Policy) -> bool:
    """Where nobody is suspended there is nothing to warn of either."""
    return policy.suspends or step.deed == Deed.REMIND


def _is_after(step: DunningStep, debt: Debt) -> bool:
    return debt.last_days is None or step.days > debt.last_days


def _may_say(policy: Policy, today: date, is_business_day: IsBusinessDay) -> bool:
    return not policy.reminders_skip or is_business_day(today)


def _may_suspend(debt: Debt, policy: Policy, today: date, is_business_day: IsBusinessDay) -> bool:
    if debt.warned_on is None or today < debt.warned_on + timedelta(days=policy.warn_days):
        return False
    return not policy.skip_weekends or is_business_day(today)


def _before(policy: Policy) -> list[int]:
    return [step.days for step in policy.steps if step.days < 0]


def _soon(debt: Debt, policy: Policy, today: date, is_business_day: IsBusinessDay) -> DunningStep | None:
    if debt.next_due_on is None or debt.next_minor <= 0:
        return None
    said = debt.soon_days if debt.soon_for == debt.next_due_on else None
    days = (today - debt.next_due_on).days
    steps = [step for step in policy.steps if step.days <= days < 0 and step.days < 0]
    left = [step for step in steps if said is None or step.days > said]
    return left[-1] if left and _may_say(policy, today, is_business_day) else None
