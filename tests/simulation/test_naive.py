"""The second model against small stories worked out by hand: a model that is wrong checks nothing."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.simulation.naive.calendar import cycle_around, is_free, window_edges
from tests.simulation.naive.caps import Change, Line
from tests.simulation.naive.metering import Delta, Meter, Nas, Packet, Session
from tests.simulation.stories import (
    CAP_STORIES,
    GB,
    LONG_AGO,
    METER_STORIES,
    MONTH_END,
    TEN,
    CapStory,
    MeterStory,
    at,
    changes_of,
    packet,
    terms,
)

ZONE = ZoneInfo("Africa/Johannesburg")  # UTC+2 all year
BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "anchor", "activated", "instant", "start", "end"),
    [
        ("month", "calendar", "2027-05-20", "2028-02-15", "2028-02-01", "2028-03-01"),
        ("month", "anniversary", "2027-05-31", "2028-02-28", "2028-01-31", "2028-02-29"),
        ("month", "anniversary", "2027-05-31", "2028-02-29", "2028-02-29", "2028-03-31"),
        ("month", "anniversary", "2027-05-30", "2027-02-28", "2027-02-28", "2027-03-30"),
        ("week", "calendar", "2027-05-20", "2028-02-10", "2028-02-07", "2028-02-14"),
        ("week", "anniversary", "2027-05-20", "2028-02-09", "2028-02-03", "2028-02-10"),  # a Thursday
        ("day", "calendar", "2027-05-20", "2028-02-10", "2028-02-10", "2028-02-11"),
        ("30days", "anniversary", "2028-01-05", "2028-02-04", "2028-02-04", "2028-03-05"),
        ("year", "anniversary", "2028-02-29", "2029-02-28", "2029-02-28", "2030-02-28"),
        ("year", "calendar", "2027-05-20", "2028-02-10", "2028-01-01", "2029-01-01"),
    ],
)
def test_cycles(kind: str, anchor: str, activated: str, instant: str, start: str, end: str) -> None:
    local = timedelta(hours=2)
    found = cycle_around(utc(instant) - local, kind, anchor, utc(activated), ZONE)
    assert found == (utc(start) - local, utc(end) - local)


def test_a_cycle_over_the_change_to_summer_time_is_an_hour_short() -> None:
    start, end = cycle_around(utc("2028-03-26"), "day", "calendar", LONG_AGO, BERLIN)
    assert end - start == timedelta(hours=23)


@pytest.mark.parametrize(
    ("instant", "windows", "free"),
    [
        ("2028-02-10 00:00", ["1234567 02:00-06:00"], True),  # 02:00 local time, a Thursday
        ("2028-02-10 04:00", ["1234567 02:00-06:00"], False),
        ("2028-02-10 00:00", ["123567 02:00-06:00"], False),
        ("2028-02-10 20:30", ["4 22:00-06:00"], True),  # Thursday 22:30
        ("2028-02-10 22:30", ["4 22:00-06:00"], True),  # Friday 00:30, still Thursday's night
        ("2028-02-10 22:30", ["5 22:00-06:00"], False),
        ("2028-02-12 21:59", ["6 00:00-24:00"], True),
    ],
)
def test_free_windows(instant: str, windows: list[str], free: bool) -> None:
    assert is_free(utc(instant), windows, ZONE) is free


def test_edges_of_a_window_follow_the_wall_clock() -> None:
    windows = ["1234567 00:00-06:00"]
    edges = window_edges(utc("2028-03-25 12:00"), utc("2028-03-27 12:00"), windows, BERLIN)
    assert edges == [
        utc(t) for t in ("2028-03-25 23:00", "2028-03-26 04:00", "2028-03-26 22:00", "2028-03-27 04:00")
    ]


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
@pytest.mark.parametrize("story", METER_STORIES, ids=lambda s: s.name)
def test_metering(story: MeterStory, together: bool) -> None:
    meter = Meter([story.nas])
    packets = [packet(sent, tells_time=story.tells_time) for sent in story.sent]
    for batch in [packets] if together else [[p] for p in packets]:
        meter.fold(batch)
    assert [(s.up, s.down) for s in meter.sessions] == story.bytes_of_sessions
    assert sum(not s.closed for s in meter.sessions) == story.open_sessions
    assert sum(s.faults for s in meter.sessions) == story.faults


def test_a_router_with_a_wrong_clock_counts_at_receipt() -> None:
    meter = Meter([Nas(1, LONG_AGO, 300)])
    for minute, seconds, down in ((5, 300, 30), (10, 600, 60)):
        at = TEN + timedelta(minutes=minute)
        (delta,) = meter.fold(
            [Packet("interim", 1, at, "id", "u", event=1000 + seconds, seconds=seconds, down=down)]
        )
        assert (delta.begin, delta.end, delta.down) == (at - timedelta(minutes=5), at, 30)


def play(story: CapStory) -> Line:
    line = Line(ZONE, LONG_AGO, list(changes_of(story)), story.prepaid, story.consents)
    line.open(TEN)
    now = TEN
    for step in story.steps:
        now = max(now, at(step[1]))
        match step:
            case ("use", minute, int(up), int(down)):
                session = Session((1, "id", "u", ""), "u", at(minute - 5), 0)
                line.book([Delta(session, at(minute - 5), at(minute), up, down)], now)
            case ("grant", _, str(kind), int(size), int(until)):
                line.grant(kind, size, now, expires_at=at(until))
            case ("turn", _):
                line.advance(now)
            case ("seal", _):
                line.seal(now)
    return line


@pytest.mark.parametrize("story", CAP_STORIES, ids=lambda s: s.name)
def test_caps(story: CapStory) -> None:
    line = play(story)
    now = max(at(step[1]) for step in story.steps)
    assert [bucket.drawn for bucket in line.buckets] == story.drawn
    assert (line.overage, line.overshoot) == (story.overage, story.overshoot)
    assert line.state(now) == story.state
    assert [(c.limit, c.percent, c.arming) for c in line.crossings] == list(story.crossings)
    assert sum(b.drawn for b in line.buckets) + line.overage + line.overshoot == line.counted


def test_what_is_left_rolls_over_once() -> None:
    line = play(
        CapStory(
            "",
            terms(rollover_allowance=1),
            [("use", 5, 0, 4 * GB), ("seal", MONTH_END + 60)],
            [],
            0,
            0,
            "",
            [],
        )
    )
    ended, running, rolled = line.buckets
    assert (ended.moved, ended.expired, ended.left) == (6 * GB, 0, 0)
    assert (rolled.kind, rolled.size, rolled.starts_at, rolled.expires_at) == (
        "rollover",
        6 * GB,
        at(MONTH_END + 60),
        running.expires_at,
    )
    line.seal(running.expires_at + timedelta(hours=1))
    assert (rolled.moved, rolled.expired) == (0, 6 * GB)
    assert running.moved == 10 * GB


def test_an_hour_holds_its_share_of_a_delta() -> None:
    line = Line(ZONE, LONG_AGO, [Change(LONG_AGO, (terms(),))])
    line.open(TEN)
    session = Session((1, "id", "u", ""), "u", at(50), 0)
    line.book([Delta(session, at(50), at(80), 100, 10)], at(80))
    assert {hour.hour: tuple(both) for hour, both in line.hours.items()} == {10: (33, 3), 11: (67, 7)}


def test_a_package_change_holds_from_its_moment_its_allowance_from_the_next_cycle() -> None:
    changed = Change(at(10), (terms(50 * GB, counting="down", thresholds=()),))
    line = Line(ZONE, LONG_AGO, [Change(LONG_AGO, (terms(thresholds=()),)), changed])
    line.open(TEN)
    session = Session((1, "id", "u", ""), "u", TEN, 0)
    line.book([Delta(session, at(0), at(20), 2 * GB, 2 * GB)], at(20))
    assert line.buckets[0].drawn == 3 * GB
    line.advance(at(MONTH_END))
    assert [bucket.size for bucket in line.buckets] == [10 * GB, 50 * GB]
