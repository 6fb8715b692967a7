"""The past on paper: steps that tile it, sessions that follow from habits, the rhythm of a day."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest

from capstan.demo.history.aside import covered
from capstan.demo.history.plan import NEAR_CAP, plan_of, visits
from capstan.demo.history.rhythm import Rhythm, hours_between
from capstan.demo.history.steps import midnights, steps
from capstan.demo.roster import accounts
from capstan.demo.routers.traffic import Habit

NOW = datetime(2026, 4, 20, 16, 30, 7, tzinfo=UTC)
ZONES = [ZoneInfo("Africa/Johannesburg"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/St_Johns")]
LINES = [one for account in accounts() for one in account.lines]


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("days", [1, 40])
def test_steps_tile_the_past_and_are_cut_at_every_midnight(zone: ZoneInfo, days: int) -> None:
    since = NOW - timedelta(days=days)
    found = list(steps(since, NOW, zone))
    assert found[0].start == since
    assert found[-1].end == NOW + timedelta(seconds=1)
    assert all(earlier.end == later.start for earlier, later in pairwise(found))
    assert all(earlier.ends_day == later.opens_day for earlier, later in pairwise(found))
    opened = [step.start for step in found if step.opens_day]
    assert opened == [one for one in opened if one.astimezone(zone).hour == 0]
    assert len(opened) in (days, days + 1)
    assert {int(one.timestamp()) for one in opened} <= set(midnights(since, NOW, zone))


def test_no_past_has_no_steps() -> None:
    assert list(steps(NOW, NOW, ZONES[0])) == []


@pytest.mark.parametrize("one", LINES[::11], ids=lambda one: one.line.username)
def test_sessions_follow_each_other_and_end_before_now(one: object) -> None:
    since = NOW - timedelta(days=40)
    found = visits(one, plan_of(one), since, NOW, ZONES[0])  # type: ignore[arg-type]
    assert found == visits(one, plan_of(one), since, NOW, ZONES[0])  # type: ignore[arg-type]
    assert all(earlier.end < later.start for earlier, later in pairwise(found))
    assert all(since.timestamp() <= visit.start < visit.end <= NOW.timestamp() for visit in found)
    per_day: defaultdict[int, int] = defaultdict(int)
    for visit in found:
        per_day[visit.start // 86_400] += 1
    assert 1 <= max(per_day.values()) <= 5
    assert len(found) >= 12


def test_a_days_rhythm_has_its_shape_and_its_parts_add_up() -> None:
    hours = hours_between(NOW - timedelta(days=60), NOW, ZONES[0])
    shape = Habit.MEDIUM.value.hours
    rhythm = Rhythm(hours, shape, busy_share=0.6, weekend=1.0, chance=Random(5))
    first = hours.since
    assert rhythm.until(first) == 0
    by_hour: defaultdict[int, float] = defaultdict(float)
    for place, (_, hour) in enumerate(hours.places):
        at = first + place * 3600
        by_hour[hour] += rhythm.until(at + 3600) - rhythm.until(at)
        half = rhythm.until(at + 1800) - rhythm.until(at)
        assert half == pytest.approx((rhythm.until(at + 3600) - rhythm.until(at)) / 2)
    assert sum(by_hour.values()) == pytest.approx(rhythm.until(first + len(hours.places) * 3600))
    assert by_hour[20] > 3 * by_hour[3]


def test_lines_near_their_cap_exist_and_move() -> None:
    by_name = {one.line.username: one for one in LINES}
    for username, share in NEAR_CAP.items():
        assert 0.86 <= share < 1
        one = by_name[username]
        assert one.line.habit in (Habit.HEAVY, Habit.MEDIUM)
        assert not one.suspended
        assert plan_of(one).now == share


def test_everything_that_belongs_to_a_line_is_lived_aside() -> None:
    tables = set(covered())
    assert tables >= {
        "services_service", "services_packagechange", "caps_cap", "caps_drawdown", "metering_radiussession",
        "metering_usagehour", "metering_packetlog", "network_command", "topups_order", "topups_orderevent",
        "audit_auditentry",
    }  # fmt: skip
    assert not tables & {"customers_customer", "catalog_package", "metering_nas", "metering_peer"}
