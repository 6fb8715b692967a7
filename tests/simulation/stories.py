"""Small stories of routers and of lines, their outcomes worked out by hand from the text of the design."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.simulation.naive.caps import Change, Terms
from tests.simulation.naive.metering import Nas, Packet

GB = 10**9
LONG_AGO = datetime(2027, 1, 1, tzinfo=UTC)
TEN = datetime(2028, 2, 10, 10, tzinfo=UTC)
NAS = Nas(1, LONG_AGO, 300)

Sent = tuple[str, int, int, int, int]  # status, minute, session seconds, up, down


@dataclass(frozen=True)
class MeterStory:
    name: str
    sent: list[Sent]
    bytes_of_sessions: list[tuple[int, int]]
    open_sessions: int
    nas: Nas = NAS
    faults: int = 0
    tells_time: bool = True


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
        "id used again, its start lost, by a router that does not tell the time",
        [("stop", 60, 3600, 7, 8), ("stop", 90, 300, 1, 2)],
        [(7, 8), (1, 2)],
        0,
        tells_time=False,
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


def packet(sent: Sent, *, tells_time: bool = True) -> Packet:
    """Its Event-Timestamp is the story's minute: the place in the list is the order of arrival."""
    status, minute, seconds, up, down = sent
    at = TEN + timedelta(minutes=minute)
    return Packet(
        status, 1, at, "id", "user", "", int(at.timestamp()) if tells_time else None, 0, seconds, up, down
    )


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
    crossings: Sequence[tuple[str, int, int]] = ()  # limit, percent, arming
    consents: bool = False
    prepaid: bool = False
    changed: tuple[int, Terms] | None = None  # other terms from this minute on


def terms(allowance: int | None = 10 * GB, **more: object) -> Terms:
    return Terms(LONG_AGO, allowance, **more)  # type: ignore[arg-type]


DAY_MINUTES = 1440
MONTH_END = 19 * DAY_MINUTES + 720  # from 12:00 on 10 February to midnight after the 29th, in minutes
SUNDAY_END = 3 * DAY_MINUTES + 720
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
    CapStory(
        "usage of yesterday that comes today is under yesterday's limit",
        terms(day_limit=2 * GB, thresholds=()),
        [("use", 5, 0, 2 * GB), ("turn", 725), ("use", 715, 0, GB)],
        [2 * GB],
        0,
        GB,
        "open",
    ),
    CapStory(
        "usage of yesterday that comes today is under the week's limit",
        terms(week_limit=3 * GB, thresholds=()),
        [("use", 5, 0, 2 * GB), ("turn", 725), ("use", 715, 0, 2 * GB)],
        [3 * GB],
        0,
        GB,
        "blocked",
    ),
    CapStory(
        "usage of last week that comes this week leaves this week's limit alone",
        terms(week_limit=3 * GB, thresholds=()),
        [("turn", SUNDAY_END + 5), ("use", SUNDAY_END - 5, 0, 2 * GB), ("use", SUNDAY_END + 10, 0, 3 * GB)],
        [5 * GB],
        0,
        0,
        "blocked",
    ),
    CapStory(
        "usage from before a package change counts by the old terms",
        terms(counting="up", thresholds=()),
        [("turn", 105), ("use", 95, GB, 4 * GB)],
        [GB],
        0,
        0,
        "open",
        changed=(100, terms(counting="down", thresholds=())),
    ),
    CapStory(
        "a package with an allowance gives it, and caps, from the next cycle",
        terms(None),
        [("use", 110, 0, 3 * GB)],
        [],
        3 * GB,
        0,
        "open",
        changed=(100, terms(thresholds=())),
    ),
    CapStory(
        "a week limit that comes with a package change counts from there on",
        terms(thresholds=()),
        [("use", 5, 0, 2 * GB), ("use", 100, 0, 0), ("use", 110, 0, 4 * GB)],
        [5 * GB],
        0,
        GB,
        "blocked",
        changed=(100, terms(week_limit=3 * GB, thresholds=())),
    ),
]


def at(minute: int) -> datetime:
    return TEN + timedelta(minutes=minute)


def changes_of(story: CapStory) -> tuple[Change, ...]:
    """The packages that the story's line has, one after the other."""
    first = Change(LONG_AGO, (story.terms,))
    return (first,) if story.changed is None else (first, Change(at(story.changed[0]), (story.changed[1],)))
