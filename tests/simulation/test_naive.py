"""The second model against small stories worked out by hand: a model that is wrong checks nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from simulation.naive.calendar import cycle_around, is_free, window_edges
from simulation.naive.caps import Change, Line, Terms
from simulation.naive.metering import Delta, Meter, Nas, Packet, Session

GB = 10**9
ZONE = ZoneInfo("Africa/Johannesburg")  # UTC+2 all year
BERLIN = ZoneInfo("Europe/Berlin")
LONG_AGO = datetime(2027, 1, 1, tzinfo=UTC)
TEN = datetime(2028, 2, 10, 10, tzinfo=UTC)
NAS = Nas(1, LONG_AGO, 300)


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


Sent = tuple[str, int, int, int, int]  # status, minute, session seconds, up, down


@dataclass(frozen=True)
class MeterStory:
    name: str
    sent: list[Sent]
    bytes_of_sessions: list[tuple[int, int]]
    open_sessions: int
    nas: Nas = NAS
    faults: int = 0


METER_STORIES = [
    MeterStory(
        "plain", [("start", 0, 0, 0, 0), ("interim", 5, 300, 10, 90), ("stop", 9, 540, 20, 95)], [(20, 95)], 0
    ),
    MeterStory("lost start", [("interim", 5, 300, 10, 90)], [(10, 90)], 1),
    MeterStory("lone stop", [("stop", 60, 3600, 7, 8)], [(7, 8)], 0),
    MeterStory(
        "duplicate",
        [("interim", 5, 300, 10, 90), ("interim", 6, 360, 12, 91), ("interim", 6, 360, 12, 91)],
        [(12, 91)],
        1,
    ),
    MeterStory(
        "stop at the interim's second", [("interim", 5, 300, 10, 90), ("stop", 5, 300, 10, 90)], [(10, 90)], 0
    ),
    MeterStory(
        "counters back", [("interim", 5, 300, 10, 90), ("interim", 10, 600, 9, 95)], [(10, 90)], 1, faults=1
    ),
    MeterStory(
        "counters back, then on",
        [("interim", 5, 300, 10, 90), ("interim", 10, 600, 0, 0), ("interim", 15, 900, 11, 97)],
        [(11, 97)],
        1,
        faults=1,
    ),
    MeterStory(
        "wrap",
        [("interim", 5, 300, 10, 4294967290), ("interim", 10, 600, 15, 4), ("interim", 15, 900, 15, 3)],
        [(15, 2 * 4294967296 + 3)],
        1,
        Nas(1, LONG_AGO, 300, lacks_gigawords=True, max_rate_mbps=1_000_000),
    ),
    MeterStory(
        "too fast",
        [("interim", 5, 300, 0, 10**9), ("interim", 10, 600, 0, 10**12)],
        [(0, 10**9)],
        1,
        faults=1,
    ),
    MeterStory(
        "fast as allowed",
        [("interim", 5, 300, 0, 0), ("interim", 10, 600, 0, 387_500_000_000)],
        [(0, 387_500_000_000)],
        1,
    ),
    MeterStory(
        "id used again",
        [("stop", 60, 3600, 7, 8), ("start", 70, 0, 0, 0), ("interim", 75, 300, 1, 2)],
        [(7, 8), (1, 2)],
        1,
    ),
    MeterStory(
        "id used again without stop",
        [("interim", 60, 3600, 7, 8), ("interim", 75, 300, 9, 9)],
        [(7, 8), (9, 9)],
        2,
    ),
    MeterStory(
        "late stop of the old session after the id was used again",
        [
            ("interim", 60, 3600, 7, 8),
            ("start", 70, 0, 0, 0),
            ("stop", 62, 3720, 8, 9),
            ("interim", 75, 300, 1, 2),
        ],
        [(8, 9), (1, 2)],
        1,
    ),
    MeterStory(
        "accounting-on closes",
        [("interim", 5, 300, 1, 1), ("on", 8, 0, 0, 0), ("interim", 6, 360, 2, 2)],
        [(2, 2)],
        0,
    ),
    MeterStory("accounting-on leaves later ones", [("start", 9, 0, 0, 0), ("on", 8, 0, 0, 0)], [(0, 0)], 1),
    MeterStory(
        "begun before the router was registered",
        [("interim", 5, 300, 100, 900), ("interim", 10, 600, 110, 990)],
        [(10, 90)],
        1,
        Nas(1, TEN + timedelta(minutes=1), 300),
    ),
]


def packet(sent: Sent) -> Packet:
    """Its Event-Timestamp is the story's minute: the place in the list is the order of arrival."""
    status, minute, seconds, up, down = sent
    at = TEN + timedelta(minutes=minute)
    return Packet(status, 1, at, "id", "user", "", int(at.timestamp()), 0, seconds, up, down)


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
@pytest.mark.parametrize("story", METER_STORIES, ids=lambda s: s.name)
def test_metering(story: MeterStory, together: bool) -> None:
    meter = Meter([story.nas])
    packets = [packet(sent) for sent in story.sent]
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


# (what, minute from TEN, …); usage: (up, down) of the five minutes before; a grant: kind, size, minute of expiry.
Step = tuple[str, int] | tuple[str, int, int] | tuple[str, int, int, int] | tuple[str, int, str, int, int]


@dataclass(frozen=True)
class CapStory:
    name: str
    terms: Terms
    steps: list[Step]
    drawn: list[int]  # by bucket, in the order of their grants
    overage: int
    overshoot: int
    state: str
    crossings: list[tuple[str, int, int]]  # limit, percent, arming
    consents: bool = False
    prepaid: bool = False


def terms(allowance: int | None = 10 * GB, **more: object) -> Terms:
    return Terms(LONG_AGO, allowance, **more)  # type: ignore[arg-type]


DAY_MINUTES = 1440
MONTH_END = 19 * DAY_MINUTES + 720  # from 12:00 on 10 February to midnight after the 29th, in minutes
CAP_STORIES = [
    CapStory("below", terms(), [("use", 5, 1 * GB, 3 * GB)], [4 * GB], 0, 0, "open", []),
    CapStory("half", terms(), [("use", 5, 2 * GB, 3 * GB)], [5 * GB], 0, 0, "open", [("cycle", 50, 0)]),
    CapStory("only down", terms(counting="down"), [("use", 5, 2 * GB, 3 * GB)], [3 * GB], 0, 0, "open", []),
    CapStory(
        "over, blocked",
        terms(),
        [("use", 5, 0, 9 * GB), ("use", 10, 0, 2 * GB)],
        [10 * GB],
        0,
        GB,
        "blocked",
        [("cycle", 50, 0), ("cycle", 80, 0), ("cycle", 90, 0), ("cycle", 100, 0)],
    ),
    CapStory(
        "less than a megabyte left",
        terms(thresholds=(100,)),
        [("use", 5, 0, 10 * GB - 999_999)],
        [10 * GB - 999_999],
        0,
        0,
        "blocked",
        [("cycle", 100, 0)],
    ),
    CapStory(
        "a megabyte left",
        terms(thresholds=(100,)),
        [("use", 5, 0, 10 * GB - 10**6)],
        [10 * GB - 10**6],
        0,
        0,
        "open",
        [],
    ),
    CapStory(
        "throttled",
        terms(at_cap="throttle", thresholds=()),
        [("use", 5, 0, 12 * GB)],
        [10 * GB],
        2 * GB,
        0,
        "throttled",
        [],
    ),
    CapStory(
        "walled",
        terms(at_cap="wall", thresholds=()),
        [("use", 5, 0, 12 * GB)],
        [10 * GB],
        0,
        2 * GB,
        "walled",
        [],
    ),
    CapStory(
        "overage without consent",
        terms(at_cap="overage", thresholds=()),
        [("use", 5, 0, 12 * GB)],
        [10 * GB],
        0,
        2 * GB,
        "blocked",
        [],
    ),
    CapStory(
        "overage with consent",
        terms(at_cap="overage", thresholds=()),
        [("use", 5, 0, 12 * GB)],
        [10 * GB],
        2 * GB,
        0,
        "open",
        [],
        consents=True,
    ),
    CapStory("uncapped", terms(None), [("use", 5, 0, 12 * GB)], [], 12 * GB, 0, "open", []),
    CapStory(
        "prepaid has nothing by itself",
        terms(thresholds=()),
        [("use", 5, 0, GB)],
        [],
        0,
        GB,
        "blocked",
        [],
        prepaid=True,
    ),
    CapStory(
        "a top-up re-arms what it puts ahead",
        terms(),
        [("use", 5, 0, 9 * GB), ("grant", 5, "topup", 5 * GB, 100), ("use", 10, 0, 3 * GB)],
        [10 * GB, 2 * GB],
        0,
        0,
        "open",
        [("cycle", 50, 0), ("cycle", 80, 0), ("cycle", 90, 0), ("cycle", 80, 1)],
    ),  # 9 of 15 GB is 60 %: 50 counts as crossed; 12 of 15 GB is 80 %
    CapStory(
        "goodwill before top-up, the earlier expiry first",
        terms(GB, thresholds=()),
        [
            ("grant", 1, "topup", GB, 100),
            ("grant", 2, "topup", GB, 50),
            ("grant", 3, "goodwill", GB, 200),
            ("use", 10, 0, 3 * GB + 5),
        ],
        [GB, 5, GB, GB],
        0,
        0,
        "open",
        [],
    ),
    CapStory(
        "day limit",
        terms(day_limit=2 * GB, thresholds=(50, 100)),
        [("use", 5, 0, 3 * GB)],
        [2 * GB],
        0,
        GB,
        "blocked",
        [("day", 50, 0), ("day", 100, 0)],
    ),
    CapStory(
        "a top-up is free of the day limit",
        terms(day_limit=2 * GB, thresholds=()),
        [("grant", 0, "topup", 5 * GB, 9999), ("use", 5, 0, 3 * GB)],
        [2 * GB, GB],
        0,
        0,
        "open",
        [],
    ),
    CapStory(
        "the day limit ends with the day",
        terms(day_limit=2 * GB, thresholds=()),
        [("use", 5, 0, 3 * GB), ("use", 725, 0, GB)],
        [3 * GB],
        0,
        GB,
        "open",
        [],
    ),
    CapStory(
        "carry",
        terms(overshoot="carry", thresholds=()),
        [("use", 5, 0, 13 * GB), ("grant", 5, "topup", 5 * GB, 100)],
        [10 * GB, 3 * GB],
        0,
        0,
        "open",
        [],
    ),
    CapStory(
        "forgive",
        terms(thresholds=()),
        [("use", 5, 0, 13 * GB), ("grant", 5, "topup", 5 * GB, 100)],
        [10 * GB, 0],
        0,
        3 * GB,
        "open",
        [],
    ),
    CapStory(
        "free window",
        terms(windows=("1234567 12:00-12:05",), thresholds=()),
        [("use", 5, 0, 3 * GB), ("use", 10, 0, GB)],
        [GB],
        0,
        0,
        "open",
        [],
    ),
    CapStory(
        "half of it in the window",
        terms(windows=("4 12:02-24:00",), thresholds=()),
        [("use", 5, 0, 5 * GB)],
        [2 * GB],
        0,
        0,
        "open",
        [],
    ),
    CapStory(
        "an expired bucket gives nothing",
        terms(GB, thresholds=()),
        [("grant", 0, "topup", 5 * GB, 2), ("use", 5, 0, 5 * GB)],
        [GB, GB],
        0,
        3 * GB,
        "blocked",
        [],
    ),  # the first 2 of 5 minutes: 1 GB from the allowance, 1 GB from the top-up; 3 GB after it has expired
    CapStory(
        "late, before the seal",
        terms(thresholds=()),
        [("turn", MONTH_END + 30), ("use", MONTH_END - 5, 0, GB)],
        [GB, 0],
        0,
        0,
        "open",
        [],
    ),
    CapStory(
        "late, after the seal",
        terms(thresholds=()),
        [("seal", MONTH_END + 60), ("use", MONTH_END - 5, 0, GB)],
        [0, GB],
        0,
        0,
        "open",
        [],
    ),
    CapStory(
        "half before the turn",
        terms(thresholds=()),
        [("use", MONTH_END + 3, 0, 5 * GB)],
        [2 * GB, 3 * GB],
        0,
        0,
        "open",
        [],
    ),
    CapStory(
        "rollover",
        terms(rollover_allowance=1, thresholds=()),
        [("use", 5, 0, 4 * GB), ("seal", MONTH_END + 60), ("use", MONTH_END + 70, 0, 12 * GB)],
        [4 * GB, 10 * GB, 2 * GB],
        0,
        0,
        "open",
        [],
    ),
]


def at(minute: int) -> datetime:
    return TEN + timedelta(minutes=minute)


def play(story: CapStory) -> Line:
    line = Line(ZONE, LONG_AGO, [Change(LONG_AGO, (story.terms,))], story.prepaid, story.consents)
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
    assert [(c.limit, c.percent, c.arming) for c in line.crossings] == story.crossings
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
