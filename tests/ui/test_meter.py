"""The cap meter's view model: a table of places in a cycle, and what is said and drawn for each."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from capstan.caps.queries import BucketView, Standing
from capstan.caps.rules.words import NO_EXPIRY, BucketKind, CapState
from capstan.catalog.rules import AtCap, CycleKind, OvershootPolicy, Terms
from capstan.network.rules.line_state import LineState
from capstan.ui.meter import Meter, Recent, meter_of, meter_text
from capstan.ui.states import Tone
from capstan.values.data import Units, parse_bytes
from capstan.values.formats import Formats

ZONE = ZoneInfo("Africa/Johannesburg")
FORMATS = Formats("en_ZA", "ZAR", ZONE, Units.DECIMAL)
START = datetime(2026, 11, 1, tzinfo=ZONE).astimezone(UTC)
END = datetime(2026, 12, 1, tzinfo=ZONE).astimezone(UTC)
NOW = datetime(2026, 11, 22, 14, 2, 7, tzinfo=ZONE).astimezone(UTC)
GB = 10**9


def bucket(size: str, drawn: str = "0B", kind: BucketKind = BucketKind.ALLOWANCE, **more: Any) -> BucketView:
    size_bytes, drawn_bytes = parse_bytes(size), parse_bytes(drawn)
    given: dict[str, Any] = {
        "id": 1, "kind": kind, "size": size_bytes, "drawn": drawn_bytes, "left": size_bytes - drawn_bytes,
        "expired": 0, "voided": 0, "moved": 0, "starts_at": START, "expires_at": END, "granted_at": START,
        "source": "cycle", "actor": "system", "reason": "", "in_force": True, "is_sink": False,
    }  # fmt: skip
    return BucketView(**(given | more))


def top_up(size: str, drawn: str = "0B", **more: Any) -> BucketView:
    return bucket(size, drawn, BucketKind.TOPUP, **more)


def standing(*buckets: BucketView, terms: Terms | None = None, **more: Any) -> Standing:
    """A standing whose figures follow from its buckets, unless `more` says otherwise."""
    left = sum(one.left for one in buckets if one.in_force)
    drawn = sum(one.drawn for one in buckets)
    held = terms or Terms(allowance_bytes=15 * GB, at_cap=AtCap.THROTTLE)
    given: dict[str, Any] = {
        "service_id": 1, "state": CapState.OPEN, "terms": held, "next_terms": held, "version_id": 1,
        "cycle_start": START, "cycle_end": END, "changes_at": END, "counted": drawn, "drawn": drawn,
        "is_uncapped": False, "remaining": left, "total": drawn + left, "percent": 0, "overshoot": 0, "overage": 0,
        "day_bytes": 0, "week_bytes": 0, "is_free_now": False, "free_edge": None, "buckets": buckets, "crossings": (),
    }  # fmt: skip
    return Standing(**(given | more))


def meter(place: Standing, state: LineState = LineState.OPEN, now: datetime = NOW) -> Meter:
    return meter_of(place, state, now, FORMATS)


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def answer(shown: Meter) -> str:
    return plain(f"{shown.figure} {shown.words}")


BLOCKING = Terms(allowance_bytes=15 * GB, at_cap=AtCap.BLOCK)
DAILY = Terms(allowance_bytes=30 * GB, day_limit_bytes=2 * GB, at_cap=AtCap.THROTTLE)
SPENT = standing(bucket("15GB", "15GB"), state=CapState.BLOCKED, terms=BLOCKING)

ANSWERS = [
    ("the allowance alone", standing(bucket("15GB", "13.6GB")), "1.4 GB left of 15 GB until 1 Dec 2026"),
    (
        "with rollover",
        standing(bucket("15GB", "13.6GB"), bucket("3GB", kind=BucketKind.ROLLOVER)),
        "4.4 GB left of 18 GB until 1 Dec 2026",
    ),
    (
        "ends differ",
        standing(bucket("15GB"), top_up("2GB", expires_at=NOW + timedelta(days=3))),
        "17 GB left of 17 GB",
    ),
    (
        "one end is left",
        standing(bucket("15GB", "15GB"), top_up("2GB", expires_at=NOW + timedelta(days=3))),
        "2 GB left of 17 GB until 25 Nov 2026 14:02",
    ),
    (
        "ends today",
        standing(bucket("15GB", expires_at=NOW + timedelta(hours=2))),
        "15 GB left of 15 GB until 16:02",
    ),
    (
        "ends at midnight",
        standing(bucket("1GB", expires_at=datetime(2026, 11, 23, tzinfo=ZONE))),
        "1 GB left of 1 GB until midnight",
    ),
    ("never expires", standing(top_up("2GB", expires_at=NO_EXPIRY)), "2 GB left of 2 GB"),
    ("all used", SPENT, "0 GB left of 15 GB"),
    (
        "less than can be lent out",
        standing(bucket("15GB", "14.9995GB")),
        "0 GB left of 15 GB until 1 Dec 2026",
    ),
    ("all used of little", standing(bucket("500MB", "500MB")), "0 MB left of 500 MB"),
    ("no bucket", standing(terms=BLOCKING), "0 GB left: there is no data on this line"),
    (
        "no bucket, no allowance",
        standing(terms=Terms(allowance_bytes=0)),
        "0 B left: there is no data on this line",
    ),
    (
        "uncapped",
        standing(is_uncapped=True, terms=Terms(), overage=482 * GB),
        "482 GB used since 1 Nov 2026, no cap",
    ),
    (
        "a day limit holds back",
        standing(bucket("30GB", "19GB"), terms=DAILY, remaining=GB),
        "1 GB left right now, of 30 GB",
    ),
    (
        "part taken back",
        standing(bucket("15GB", "15GB"), top_up("5GB", "1GB", voided=4 * GB, left=0)),
        "0 GB left of 16 GB",
    ),
    ("huge", standing(bucket("40TB", "39.99TB")), "10 GB left of 40 TB until 1 Dec 2026"),
    (
        "to come doesn't count",
        standing(bucket("15GB", "1GB"), top_up("9GB", starts_at=END, in_force=False)),
        "14 GB left of 15 GB until 1 Dec 2026",
    ),
]


@pytest.mark.parametrize(
    ("place", "expected"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS]
)
def test_the_answer(place: Standing, expected: str) -> None:
    assert answer(meter(place)) == expected


PACES = [
    ("even", "10GB", NOW, "On pace: it lasts until 1 Dec 2026"),
    ("too fast", "13.6GB", NOW, "At this pace it runs out about 24 Nov 2026"),
    ("nothing used", "0B", NOW, "On pace: it lasts until 1 Dec 2026"),
    ("out today", "14.9GB", NOW, "At this pace it runs out about 17:30"),
    ("too early to tell", "1GB", START + timedelta(hours=5), None),
    ("nothing left", "15GB", NOW, None),
    ("the cycle is over", "1GB", END, None),
]


@pytest.mark.parametrize(
    ("drawn", "now", "expected"), [case[1:] for case in PACES], ids=[case[0] for case in PACES]
)
def test_the_pace(drawn: str, now: datetime, expected: str | None) -> None:
    shown = meter(standing(bucket("15GB", drawn)), now=now)
    if expected is None:
        assert shown.pace is None
    else:
        assert shown.pace is not None
        assert plain(shown.pace.words) == expected
        assert shown.pace.runs_out == ("runs out" in expected)


def test_the_tick_stands_where_even_use_would_have_come() -> None:
    halfway = START + (END - START) / 2
    shown = meter(standing(bucket("10GB", "9GB"), bucket("10GB", kind=BucketKind.ROLLOVER)), now=halfway)
    assert shown.pace is not None
    assert shown.pace.x == pytest.approx(50, abs=0.1)
    ended = bucket("20GB", kind=BucketKind.BONUS, left=0, expired=20 * GB, in_force=False, expires_at=NOW)
    shown = meter(standing(bucket("10GB", "4GB"), ended), now=halfway)
    assert shown.pace is not None
    assert shown.pace.x == pytest.approx(100 / 6, abs=0.1), "what expired can't be used evenly"


LATER = datetime(2026, 12, 22, 18, 18, tzinfo=ZONE).astimezone(UTC)
OLD = NOW - timedelta(days=2)


def older(size: str, until: datetime = LATER) -> BucketView:
    return top_up(size, granted_at=OLD, expires_at=until)


ENDS = [
    # used of 15 GB, a top-up beside it, what is said
    ("lasts as long as it is valid", "0.1GB", older("2GB"), "On pace: it lasts until 22 Dec 2026 18:18"),
    ("lasts beyond the reset", "15GB", older("9GB"), "On pace: it lasts until about 5 Dec 2026"),
    ("what expires first is lost", "10GB", older("2GB"), "On pace: it lasts until about 5 Dec 2026"),
    ("never expires", "0B", older("2GB", NO_EXPIRY), "On pace: it lasts well beyond 1 Dec 2026"),
    ("straight after a top-up", "10GB", top_up("2GB", granted_at=NOW - timedelta(minutes=5)), None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("drawn", "added", "expected"), [case[1:] for case in ENDS], ids=[case[0] for case in ENDS]
)
def test_the_pace_says_until_when_what_is_left_lasts(
    drawn: str, added: BucketView, expected: str | None
) -> None:
    shown = meter(standing(bucket("15GB", drawn), added)).pace
    assert (plain(shown.words) if shown else None) == expected


def paced(recent: Recent | None, drawn: str = "10GB", now: datetime = NOW) -> str | None:
    place = standing(bucket("15GB", drawn))
    shown = meter_of(place, LineState.OPEN, now, FORMATS, recent=recent).pace
    return plain(shown.words) if shown else None


HOURS = timedelta(hours=2)
LATELY = [
    ("fast", Recent(5 * GB, HOURS), "At the pace of the last hours it runs out about 16:02"),
    ("slow: the cycle's pace", Recent(GB // 100, HOURS), "On pace: it lasts until 1 Dec 2026"),
    ("nothing", Recent(0, HOURS), "On pace: it lasts until 1 Dec 2026"),
    ("too short a time", Recent(5 * GB, timedelta(minutes=5)), "On pace: it lasts until 1 Dec 2026"),
    ("not known", None, "On pace: it lasts until 1 Dec 2026"),
]


@pytest.mark.parametrize(
    ("recent", "expected"), [case[1:] for case in LATELY], ids=[case[0] for case in LATELY]
)
def test_fast_use_in_the_last_hours_decides_the_forecast(recent: Recent | None, expected: str) -> None:
    assert paced(recent) == expected


def test_fast_use_is_told_even_when_the_cycle_has_just_begun() -> None:
    early = START + timedelta(hours=3)
    assert paced(None, "5GB", early) is None
    assert (
        paced(Recent(5 * GB, HOURS), "5GB", early) == "At the pace of the last hours it runs out about 07:00"
    )


def test_an_open_line_on_which_nobody_is_connected_isnt_called_online() -> None:
    place = standing(bucket("15GB", "10GB"))
    assert "Online" in meter_text(meter(place))
    assert "Not connected" in meter_text(meter_of(place, LineState.OPEN, NOW, FORMATS, is_connected=False))


def test_only_an_open_line_has_a_pace() -> None:
    place = standing(bucket("15GB", "1GB"))
    assert meter(place).pace is not None
    assert [state for state in LineState if meter(place, state).pace] == [LineState.OPEN]


def kinds(shown: Meter) -> list[str]:
    return [piece.kind for piece in shown.pieces]


def test_the_bar_is_drawn_in_order_and_filled() -> None:
    shown = meter(
        standing(
            bucket("10GB", "10GB"),
            bucket("4GB", "1GB", BucketKind.BONUS, left=0, expired=3 * GB, in_force=False, expires_at=NOW),
            top_up("6GB", "2GB"),
            top_up("9GB", starts_at=END, in_force=False),
        )
    )
    assert kinds(shown) == ["used", "used", "expired", "used", "left"]
    assert [piece.width for piece in shown.pieces] == pytest.approx([50, 5, 15, 10, 20], abs=0.02)
    assert [piece.x for piece in shown.pieces] == pytest.approx([0, 50, 55, 70, 80], abs=0.02)
    assert shown.seams == pytest.approx((50, 70), abs=0.02)
    assert shown.tail is None


def test_tiny_parts_are_seen_and_nothing_leaves_the_bar() -> None:
    shown = meter(standing(bucket("40TB", "39.999TB"), top_up("500MB", "1B")))
    assert kinds(shown) == ["used", "left", "used", "left"]
    assert min(piece.width for piece in shown.pieces) > 0.6
    assert shown.pieces[-1].x + shown.pieces[-1].width == pytest.approx(100, abs=0.05)


@pytest.mark.parametrize(
    ("overshoot", "width"), [("31MB", 1.5), ("1.2GB", 8), ("900GB", 10)], ids=["small", "some", "huge"]
)
def test_overshoot_is_a_tail_past_the_end(overshoot: str, width: float) -> None:
    shown = meter(replace(SPENT, overshoot=parse_bytes(overshoot)), LineState.BLOCKED)
    assert shown.tail is not None
    assert shown.tail.width == pytest.approx(width)
    assert shown.tail.x == shown.end == pytest.approx(100 - width)
    assert shown.pieces[-1].x + shown.pieces[-1].width == pytest.approx(shown.end)


def test_without_buckets_there_is_no_bar() -> None:
    assert not meter(standing()).has_bar
    assert not meter(standing(is_uncapped=True, terms=Terms(), overshoot=5)).has_bar


def test_buckets_are_listed_next_to_expire_first() -> None:
    shown = meter(
        standing(
            bucket("15GB", "11GB", is_sink=True),
            bucket("2GB", "2GB", BucketKind.ROLLOVER),
            bucket(
                "1GB",
                "300MB",
                BucketKind.BONUS,
                left=0,
                expired=7 * 10**8,
                in_force=False,
                expires_at=NOW - timedelta(days=2),
            ),
            top_up("5GB", expires_at=NO_EXPIRY),
            top_up("2GB", "500MB", expires_at=NOW + timedelta(days=4)),
            top_up("9GB", starts_at=END, in_force=False, expires_at=END + timedelta(days=30)),
            top_up("3GB", moved=3 * GB, left=0),
        )
    )
    assert [(plain(part.words), part.status, part.is_next) for part in shown.parts] == [
        ("Top-up: 1.5 GB left of 2 GB, until 26 Nov 2026 14:02", "waiting", True),
        ("Monthly data: 4 GB left of 15 GB, until 1 Dec 2026", "now", False),
        ("Top-up: 5 GB left of 5 GB, does not expire", "waiting", False),
        ("Rolled over: 0 B left of 2 GB, used up", "used", False),
        ("Top-up: 9 GB left of 9 GB, from 1 Dec 2026", "coming", False),
        ("Bonus: 0 B left of 1 GB, ended 20 Nov 2026, 700 MB unused", "ended", False),
    ]


def test_what_ends_together_has_no_first() -> None:
    shown = meter(standing(bucket("15GB"), bucket("2GB", kind=BucketKind.ROLLOVER)))
    assert not any(part.is_next for part in shown.parts)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(CycleKind.DAY, "Daily data"), (CycleKind.WEEK, "Weekly data"), (CycleKind.DAYS_30, "30-day data")],
)
def test_an_allowance_is_named_after_its_cycle(kind: CycleKind, name: str) -> None:
    shown = meter(standing(bucket("15GB"), terms=Terms(allowance_bytes=15 * GB, cycle_kind=kind)))
    assert shown.parts[0].name == name


RESETS = "Resets on 1 Dec 2026 with 15 GB."
SLOWED = "512 kbit/s down, 256 kbit/s up"
NEXT = [
    (
        "throttles",
        standing(bucket("15GB")),
        LineState.OPEN,
        [f"When all is used, the line is slowed to {SLOWED}.", RESETS],
    ),
    (
        "blocks",
        standing(bucket("15GB"), terms=BLOCKING),
        LineState.OPEN,
        ["When all is used, the line stops until a top-up or the reset.", RESETS],
    ),
    (
        "walls",
        standing(bucket("15GB"), terms=BLOCKING._replace(at_cap=AtCap.WALL)),
        LineState.OPEN,
        ["When all is used, only the top-up page opens.", RESETS],
    ),
    (
        "stays open",
        standing(bucket("15GB"), terms=BLOCKING._replace(at_cap=AtCap.OPEN)),
        LineState.OPEN,
        ["When all is used, the line stays open.", RESETS],
    ),
    (
        "charges",
        standing(bucket("15GB"), terms=BLOCKING._replace(at_cap=AtCap.OVERAGE)),
        LineState.OPEN,
        ["When all is used, further data is charged if that was agreed, else the line stops.", RESETS],
    ),
    (
        "is throttled",
        standing(bucket("15GB", "15GB"), overage=GB),
        LineState.THROTTLED,
        [
            f"The line is slowed to {SLOWED}. A top-up restores it at once.",
            "1 GB went beyond the cap, as the package allows.",
            RESETS,
        ],
    ),
    (
        "is walled",
        SPENT,
        LineState.WALLED,
        ["The line is led to the top-up page. A top-up restores it at once.", RESETS],
    ),
    ("is blocked", SPENT, LineState.BLOCKED, ["The line is stopped. A top-up restores it at once.", RESETS]),
    (
        "overshoot forgiven",
        replace(SPENT, overshoot=31_000_000),
        LineState.BLOCKED,
        [
            "The line is stopped. A top-up restores it at once.",
            "31 MB passed between the cap and the cut: not counted.",
            RESETS,
        ],
    ),
    (
        "overshoot carried",
        standing(terms=BLOCKING._replace(overshoot=OvershootPolicy.CARRY), overshoot=31_000_000),
        LineState.BLOCKED,
        [
            "The line is stopped. A top-up restores it at once.",
            "31 MB passed between the cap and the cut: taken from the next top-up.",
            RESETS,
        ],
    ),
    (
        "overshoot billed",
        standing(terms=BLOCKING._replace(overshoot=OvershootPolicy.BILL), overshoot=31_000_000),
        LineState.BLOCKED,
        [
            "The line is stopped. A top-up restores it at once.",
            "31 MB passed between the cap and the cut: on the next invoice.",
            RESETS,
        ],
    ),
    (
        "free now",
        standing(bucket("15GB"), terms=BLOCKING, is_free_now=True, free_edge=NOW + timedelta(hours=2)),
        LineState.OPEN,
        [
            "Free hours: nothing counts until 16:02.",
            "When all is used, the line stops until a top-up or the reset.",
            RESETS,
        ],
    ),
    (
        "always free",
        standing(bucket("15GB"), terms=BLOCKING, is_free_now=True),
        LineState.OPEN,
        [
            "Free hours: nothing counts.",
            "When all is used, the line stops until a top-up or the reset.",
            RESETS,
        ],
    ),
    (
        "free tonight",
        standing(bucket("15GB"), terms=BLOCKING, free_edge=datetime(2026, 11, 23, tzinfo=ZONE)),
        LineState.OPEN,
        [
            "Free hours begin at midnight.",
            "When all is used, the line stops until a top-up or the reset.",
            RESETS,
        ],
    ),
    (
        "day limit",
        standing(bucket("30GB"), terms=DAILY, day_bytes=GB // 2),
        LineState.OPEN,
        [
            "Today's limit: 1.5 GB left of 2 GB until midnight.",
            f"When all is used, the line is slowed to {SLOWED}.",
            "Resets on 1 Dec 2026 with 30 GB.",
        ],
    ),
    (
        "day limit reached",
        standing(bucket("30GB"), terms=DAILY, day_bytes=2 * GB, remaining=0),
        LineState.THROTTLED,
        [
            "Today's limit of 2 GB is used up; it starts anew at midnight.",
            f"The line is slowed to {SLOWED}. A top-up restores it at once.",
            "Resets on 1 Dec 2026 with 30 GB.",
        ],
    ),
    (
        "week limit reached",
        standing(
            bucket("15GB"), terms=BLOCKING._replace(week_limit_bytes=4 * GB), week_bytes=5 * GB, remaining=0
        ),
        LineState.BLOCKED,
        [
            "This week's limit of 4 GB is used up; it starts anew at midnight.",
            "The line is stopped. A top-up restores it at once.",
            RESETS,
        ],
    ),
    (
        "a larger package next",
        standing(bucket("15GB"), next_terms=Terms(allowance_bytes=20 * GB), terms=BLOCKING),
        LineState.OPEN,
        [
            "When all is used, the line stops until a top-up or the reset.",
            "Resets on 1 Dec 2026 with 20 GB instead of 15 GB.",
        ],
    ),
    (
        "no cap next",
        standing(bucket("15GB"), next_terms=Terms(), terms=BLOCKING),
        LineState.OPEN,
        [
            "When all is used, the line stops until a top-up or the reset.",
            "No cap from the new cycle, which begins on 1 Dec 2026.",
        ],
    ),
    (
        "uncapped",
        standing(is_uncapped=True, terms=Terms()),
        LineState.OPEN,
        ["A new cycle begins on 1 Dec 2026."],
    ),
    (
        "uncapped, capped next",
        standing(is_uncapped=True, terms=Terms(), next_terms=BLOCKING),
        LineState.OPEN,
        ["Resets on 1 Dec 2026 with 15 GB instead of no cap."],
    ),
    (
        "on hold",
        standing(bucket("15GB"), terms=BLOCKING),
        LineState.SUSPENDED,
        [
            "On hold: what is left waits. When the payment is in, the line comes back by itself.",
            "When all is used, the line stops until a top-up or the reset.",
            RESETS,
        ],
    ),
    (
        "wrong device",
        standing(is_uncapped=True, terms=Terms()),
        LineState.WRONG_DEVICE,
        ["The line is locked to another device; its data waits.", "A new cycle begins on 1 Dec 2026."],
    ),
    ("ended", standing(bucket("15GB")), LineState.ENDED, ["The line has ended."]),
]


@pytest.mark.parametrize(
    ("place", "state", "expected"), [case[1:] for case in NEXT], ids=[case[0] for case in NEXT]
)
def test_what_happens_next(place: Standing, state: LineState, expected: list[str]) -> None:
    assert [plain(step) for step in meter(place, state).next_steps] == expected


def test_the_tone_is_the_brands_while_open_and_the_states_else() -> None:
    tones = {state: meter(SPENT, state).tone for state in LineState}
    assert tones[LineState.OPEN] == Tone.NEWS
    assert tones[LineState.THROTTLED] == Tone.SLOW
    assert tones[LineState.WALLED] == Tone.WARN
    assert tones[LineState.BLOCKED] == Tone.BAD
    assert tones[LineState.SUSPENDED] == Tone.HOLD
    assert tones[LineState.UNKNOWN] == Tone.QUIET


def test_as_text_it_says_the_same() -> None:
    shown = meter(standing(bucket("15GB", "13.6GB"), top_up("2GB", expires_at=NO_EXPIRY)))
    assert plain(meter_text(shown)).splitlines() == [
        "3.4 GB left of 17 GB",
        "Online",
        "At this pace it runs out about 27 Nov 2026",
        "Monthly data: 1.4 GB left of 15 GB, until 1 Dec 2026",
        "Top-up: 2 GB left of 2 GB, does not expire",
        f"When all is used, the line is slowed to {SLOWED}",
        "Resets on 1 Dec 2026 with 15 GB",
    ]
    assert plain(shown.label).startswith("3.4 GB left of 17 GB. Online. At this pace")
