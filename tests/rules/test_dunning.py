"""Which step of chasing a debt is due."""

from collections import Counter
from datetime import date, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capstan.billing.rules.dunning import (
    DEFAULT_STEPS,
    Debt,
    Deed,
    DunningStep,
    Policy,
    check,
    due_step,
    is_chased,
    next_business_day,
    next_look,
    rows_of,
    steps_of,
    suspends_on,
)
from capstan.values.refused import Refused

DUE = date(2026, 3, 2)  # a Monday
POLICY = Policy(DEFAULT_STEPS)
HOLIDAYS = {date(2026, 3, 23), date(2026, 4, 3), date(2026, 4, 6)}


def is_business_day(day: date) -> bool:
    return day.weekday() < 5 and day not in HOLIDAYS


def on(days: int) -> date:
    return DUE + timedelta(days=days)


def late(last_days: int | None = None, warned: int | None = None, **more: object) -> Debt:
    debt = Debt(50000, DUE, last_days=last_days, warned_on=None if warned is None else on(warned))
    return debt._replace(**more)  # type: ignore[arg-type]


def code(debt: Debt, days: int, policy: Policy = POLICY) -> str:
    step = due_step(debt, policy, on(days), is_business_day)
    return step.code if step else ""


@pytest.mark.parametrize(
    ("debt", "days", "expected"),
    [
        (late(), 1, "first"),
        (late(1), 1, ""),
        (late(1), 4, ""),
        (late(1), 5, "second"),
        (late(), 6, "second"),  # nobody looked: the first is superseded
        (late(5), 8, "warning"),
        (late(8, warned=8), 11, ""),
        (late(8, warned=8), 12, ""),  # a Saturday
        (late(8, warned=8), 13, ""),
        (late(8, warned=8), 14, "suspension"),
        (late(8, warned=14), 15, ""),  # warned yesterday
        (late(8, warned=14), 16, "suspension"),
        (late(), 40, "warning"),  # never without a warning
        (late(12, warned=8), 40, ""),
        (late(is_held=True), 6, ""),
        (late(overdue_minor=4999), 6, ""),
        (late(overdue_minor=5000), 6, "second"),
        (late(8, warned=8), 21, ""),  # a public holiday
        (late(8, warned=8), 22, "suspension"),
    ],
)
def test_the_step_that_is_due(debt: Debt, days: int, expected: str) -> None:
    assert code(debt, days) == expected


@pytest.mark.parametrize(
    ("days", "soon_for", "soon_days", "expected"),
    [
        (-4, None, None, ""),
        (-3, None, None, "soon"),
        (-1, None, None, "soon"),
        (-2, DUE, -3, ""),
        (-3, on(-30), -3, "soon"),  # that was another invoice
        (0, None, None, ""),
    ],
)
def test_what_is_due_soon_is_said_once(
    days: int, soon_for: date | None, soon_days: int | None, expected: str
) -> None:
    debt = Debt(next_minor=50000, next_due_on=DUE, soon_for=soon_for, soon_days=soon_days)
    assert code(debt, days) == expected


def test_grace_days_move_what_follows() -> None:
    policy = POLICY._replace(grace_days=3)
    assert [code(late(), days, policy) for days in (1, 3, 4)] == ["", "", "first"]
    assert suspends_on(late(), policy, on(11), is_business_day) == on(15)


def test_who_suspends_nobody_warns_nobody() -> None:
    policy = POLICY._replace(suspends=False)
    assert code(late(5), 40, policy) == ""
    assert suspends_on(late(5), policy, on(8), is_business_day) is None


def test_the_warning_says_the_first_day_that_is_possible() -> None:
    assert suspends_on(late(), POLICY, on(8), is_business_day) == on(14)  # the 12th day is a Saturday
    assert suspends_on(late(), POLICY, on(40), is_business_day) == on(42)
    assert suspends_on(late(), POLICY._replace(skip_weekends=False), on(8), is_business_day) == on(12)


def test_reminders_may_skip_weekends_too() -> None:
    policy = POLICY._replace(reminders_skip=True)
    assert [code(late(1), days, policy) for days in (5, 6, 7)] == ["", "", "second"]
    soon = Debt(next_minor=1, next_due_on=on(1))
    assert (code(soon, -2, policy), next_look(soon, policy, on(-2))) == ("", on(-1))


def test_when_to_look_again() -> None:
    assert next_look(Debt(), POLICY, DUE) is None
    assert next_look(late(), POLICY, on(20)) == on(21)
    soon = Debt(next_minor=1, next_due_on=DUE)
    assert [next_look(soon, POLICY, on(days)) for days in (-10, -3, 0)] == [on(-3), on(1), on(1)]
    assert next_look(late(overdue_minor=10), POLICY, on(3)) is None


def test_a_year_without_business_days_is_no_endless_search() -> None:
    assert next_business_day(DUE, lambda _: False) == DUE


def step(name: str, days: int, deed: Deed = Deed.REMIND) -> DunningStep:
    return DunningStep(name, days, deed)


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([step("a", 1), step("a", 2)], "name of its own"),
        ([step("", 1)], "name of its own"),
        ([step("a", 2), step("b", 2)], "later than the one before"),
        ([step("a", 181)], "within 180 days"),
        ([step("w", 1, Deed.WARN), step("s", 2, Deed.SUSPEND), step("r", 3)], "the last step"),
        ([step("s", 2, Deed.SUSPEND)], "without a warning"),
        ([step("w", -1, Deed.WARN)], "reminders only"),
    ],
)
def test_steps_that_nobody_could_follow_are_refused(steps: list[DunningStep], why: str) -> None:
    with pytest.raises(Refused, match=why):
        check(Policy(steps))


def test_steps_are_stored_and_read_back() -> None:
    check(POLICY)
    assert steps_of(rows_of(DEFAULT_STEPS)) == DEFAULT_STEPS
    for row in ({}, {"code": "a", "days": "x", "deed": "remind"}, {"code": "a", "days": 1, "deed": "shout"}):
        with pytest.raises(Refused):
            steps_of([row])


class Told(NamedTuple):
    day: date
    step: DunningStep


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    days = sorted(draw(st.sets(st.integers(1, 40), min_size=2, max_size=5)))
    deeds = [draw(st.sampled_from([Deed.REMIND, Deed.WARN])) for _ in days[:-1]]
    if Deed.WARN not in deeds:
        deeds[-1] = Deed.WARN
    steps = [DunningStep(f"s{n}", n, deed) for n, deed in zip(days, [*deeds, Deed.SUSPEND], strict=True)]
    return Policy(
        steps, grace_days=draw(st.integers(0, 5)), warn_days=draw(st.integers(0, 5)),
        skip_weekends=draw(st.booleans()), reminders_skip=draw(st.booleans()),
    )  # fmt: skip


def live(policy: Policy, looked: list[bool], amounts: list[int], held: list[bool]) -> list[list[Told]]:
    """An episode's steps, for each episode: as the action keeps its notes."""
    episodes: list[list[Told]] = [[]]
    debt = Debt()
    for n, (looks, amount, is_held) in enumerate(zip(looked, amounts, held, strict=True)):
        today = on(n)
        debt = debt._replace(overdue_minor=amount, oldest_due_on=DUE if amount else None, is_held=is_held)
        if not looks:
            continue
        if not is_chased(debt, policy) and episodes[-1]:
            episodes.append([])
            debt = debt._replace(last_days=None, warned_on=None)
        found = due_step(debt, policy, today, is_business_day)
        if found:
            episodes[-1].append(Told(today, found))
            last = found.days if debt.last_days is None else max(debt.last_days, found.days)
            debt = debt._replace(last_days=last)
            debt = debt._replace(warned_on=today) if found.deed == Deed.WARN else debt
    return episodes


@settings(max_examples=300)
@given(data=st.data(), policy=policies())
def test_an_episode_has_each_step_once_and_no_suspension_without_warning(
    data: st.DataObject, policy: Policy
) -> None:
    check(policy)
    length = 70

    def days(of: st.SearchStrategy[object]) -> list[object]:
        return data.draw(st.lists(of, min_size=length, max_size=length))

    amounts = days(st.sampled_from([50000] * 12 + [0, 4000]))
    held = days(st.sampled_from([False] * 8 + [True]))
    for steps in live(policy, days(st.booleans()), amounts, held):  # type: ignore[arg-type]
        assert all(count == 1 for count in Counter(told.step.code for told in steps).values())
        for told in steps:
            if told.step.deed != Deed.SUSPEND:
                assert is_business_day(told.day) or not policy.reminders_skip
                continue
            warned = [one.day for one in steps if one.step.deed == Deed.WARN]
            assert warned
            assert told.day >= warned[-1] + timedelta(days=policy.warn_days)
            assert is_business_day(told.day) or not policy.skip_weekends
