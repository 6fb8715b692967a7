"""Habits, the day's shape, and a session's limits as plain arithmetic."""

import pytest

from capstan.demo.routers.codec import Cause
from capstan.demo.routers.session import Area, Orders, Session
from capstan.demo.routers.traffic import GARDEN, Appetite, DayClock, Demand, Habit

DAY = 86_400


@pytest.mark.parametrize("habit", [Habit.IDLE, Habit.LIGHT, Habit.MEDIUM, Habit.HEAVY, Habit.OFFICE])
def test_a_habit_moves_its_bytes_a_day(habit: Habit) -> None:
    appetite = Appetite(habit, seed=3)
    days = 40
    bits = sum(sum(appetite.at(second)) * 60 for second in range(0, days * DAY, 60))
    assert bits / 8 / days == pytest.approx(habit.value.bytes_a_day, rel=0.1)


def test_evening_is_busier_than_night_and_more_comes_down_than_goes_up() -> None:
    def moved(from_hour: int, to_hour: int) -> Demand:
        all_days = [
            Appetite(Habit.MEDIUM, seed).at(hour * 3600 + minute * 60)
            for seed in range(50)
            for hour in range(from_hour, to_hour)
            for minute in range(0, 60, 5)
        ]
        return Demand(sum(one.up_bps for one in all_days), sum(one.down_bps for one in all_days))

    evening, night = moved(19, 22), moved(2, 5)
    assert evening.down_bps > 4 * night.down_bps
    assert evening.down_bps > 3 * evening.up_bps


@pytest.mark.parametrize(
    ("demand", "bps", "fits"),
    [
        (Demand(10, 100), 200, Demand(10, 100)),
        (Demand(10, 100), 50, Demand(5, 50)),
        (Demand(0, 0), 50, Demand(0, 0)),
    ],
)
def test_a_line_carries_no_more_than_it_can(demand: Demand, bps: int, fits: Demand) -> None:
    assert demand.within(bps) == fits


def test_the_same_seed_does_the_same() -> None:
    first, second = Appetite(Habit.HEAVY, 7), Appetite(Habit.HEAVY, 7)
    assert [first.at(t) for t in range(0, DAY, 900)] == [second.at(t) for t in range(0, DAY, 900)]


def test_clock_runs_faster_than_life() -> None:
    day = DayClock(started=1000.0, speed=60.0, start_hour=18.0)
    assert day.seconds(1000.0) == 18 * 3600
    assert day.seconds(1060.0) == 19 * 3600


@pytest.mark.parametrize(
    ("orders", "demand", "seconds", "up", "down"),
    [
        (Orders(), Demand(8_000, 80_000), 2.0, 2_000, 20_000),
        (Orders(rate_up=4_000, rate_down=8_000), Demand(8_000, 80_000), 2.0, 1_000, 2_000),
        (Orders(rate_up=0, rate_down=0), Demand(8_000, 80_000), 2.0, 2_000, 20_000),
        (Orders(quota_total=11_000), Demand(8_000, 80_000), 2.0, 1_000, 10_000),
        (Orders(quota_down=5), Demand(8_000, 80_000), 2.0, 2_000, 5),
        (Orders(quota_up=7), Demand(8_000, 80_000), 2.0, 7, 20_000),
        (
            Orders(area=Area.GARDEN),
            Demand(8_000_000, 80_000_000),
            1.0,
            GARDEN.up_bps // 8,
            GARDEN.down_bps // 8,
        ),
        (Orders(area=Area.NOWHERE), Demand(8_000_000, 80_000_000), 1.0, 0, 0),
    ],
)
def test_limits(orders: Orders, demand: Demand, seconds: float, up: int, down: int) -> None:
    session = Session("1", began=50.0, orders=orders)
    assert session.move(50.0 + seconds, demand) == (up, down)
    assert (session.up, session.down) == (up, down)


def test_quota_is_met_to_the_byte_however_it_is_approached() -> None:
    session = Session("1", began=0.0, orders=Orders(quota_total=1_000_003))
    now = 0.0
    while not session.is_used_up:
        now += 0.37
        session.move(now, Demand(1_234_567, 7_654_321))
    assert session.up + session.down == 1_000_003


@pytest.mark.parametrize(
    ("orders", "leaves_at", "now", "cause"),
    [
        (Orders(session_seconds=10), 99.0, 9.9, None),
        (Orders(session_seconds=10), 99.0, 10.0, Cause.SESSION_TIMEOUT),
        (Orders(idle_seconds=5), 99.0, 5.0, Cause.IDLE_TIMEOUT),
        (Orders(session_seconds=0, idle_seconds=0), 99.0, 50.0, None),
        (Orders(), 7.0, 7.0, Cause.USER_REQUEST),
    ],
)
def test_time_ends_a_session(orders: Orders, leaves_at: float, now: float, cause: Cause | None) -> None:
    session = Session("1", began=0.0, orders=orders)
    session.leaves_at = leaves_at
    assert session.ends_now(now) is cause


def test_orders_leave_what_they_do_not_mention() -> None:
    session = Session("1", began=0.0, orders=Orders(rate_up=5, quota_total=9, area=Area.GARDEN))
    session.obey(Orders(rate_up=0, area=Area.INTERNET))
    assert session.orders == Orders(rate_up=0, quota_total=9, area=Area.INTERNET)
