"""Free windows, versions and terms of packages."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.catalog.rules import (
    AtCap,
    CycleAnchor,
    CycleKind,
    Dated,
    FreeWindow,
    Terms,
    check_terms,
    cycle_at,
    format_window,
    is_free,
    next_edge,
    parse_window,
    version_at,
)
from capstan.values.refused import Refused

JOBURG = ZoneInfo("Africa/Johannesburg")
BERLIN = ZoneInfo("Europe/Berlin")


def local(text: str, zone: ZoneInfo = JOBURG) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "weekdays", "start", "end"),
    [
        ("1234567 00:00-06:00", {1, 2, 3, 4, 5, 6, 7}, 0, 360),
        ("5 22:30-06:00", {5}, 1350, 360),
        ("67 00:00-24:00", {6, 7}, 0, 1440),
        ("31 18:00-00:00", {1, 3}, 1080, 1440),
    ],
)
def test_parse_window(text: str, weekdays: set[int], start: int, end: int) -> None:
    assert parse_window(text) == FreeWindow(frozenset(weekdays), start, end)
    assert parse_window(format_window(parse_window(text))) == parse_window(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "write it like"),
        ("00:00-06:00", "write it like"),
        ("8 00:00-06:00", "write it like"),
        ("1 0:00-6:00", "write it like"),
        ("1 00:00-06:00 ", "write it like"),
        ("1 24:00-06:00", "no clock shows"),
        ("1 00:00-24:01", "no clock shows"),
        ("1 00:60-06:00", "no clock shows"),
        ("11 00:00-06:00", "twice"),
        ("1 06:00-06:00", "empty"),
        ("1 00:00-00:00", "empty"),
    ],
)
def test_parse_window_refuses(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        parse_window(text)


# 2026-03-06 is a Friday; Berlin skips 02:00-03:00 on Sunday 2026-03-29 and has it twice on Sunday 2026-10-25.
@pytest.mark.parametrize(
    ("windows", "zone", "instant", "free", "edge"),
    [
        (["1234567 00:00-06:00"], JOBURG, "2026-03-06 05:59:59", True, "2026-03-06 06:00"),
        (["1234567 00:00-06:00"], JOBURG, "2026-03-06 06:00", False, "2026-03-07 00:00"),
        (["5 22:00-06:00"], JOBURG, "2026-03-06 21:00", False, "2026-03-06 22:00"),
        (["5 22:00-06:00"], JOBURG, "2026-03-06 23:00", True, "2026-03-07 06:00"),
        (["5 22:00-06:00"], JOBURG, "2026-03-07 05:59", True, "2026-03-07 06:00"),
        (["5 22:00-06:00"], JOBURG, "2026-03-06 05:00", False, "2026-03-06 22:00"),
        (["5 22:00-06:00"], JOBURG, "2026-03-07 06:00", False, "2026-03-13 22:00"),
        (["7 22:00-06:00"], JOBURG, "2026-03-09 03:00", True, "2026-03-09 06:00"),  # Sunday night, on Monday
        # windows that touch or overlap make one stretch
        (["67 00:00-24:00"], JOBURG, "2026-03-06 12:00", False, "2026-03-07 00:00"),
        (["67 00:00-24:00"], JOBURG, "2026-03-07 12:00", True, "2026-03-09 00:00"),
        (
            ["5 20:00-24:00", "6 00:00-04:00", "6 03:00-05:00"],
            JOBURG,
            "2026-03-06 21:00",
            True,
            "2026-03-07 05:00",
        ),
        ([], JOBURG, "2026-03-06 12:00", False, None),
        (["1234567 00:00-24:00"], JOBURG, "2026-03-06 12:00", True, None),
        # the clock decides when it is changed
        (["7 01:00-02:30"], BERLIN, "2026-03-29 01:30", True, "2026-03-29 03:00"),
        (["7 02:15-02:45"], BERLIN, "2026-03-28 12:00", False, "2026-04-05 02:15"),
        (["7 02:30-04:00"], BERLIN, "2026-03-29 01:59", False, "2026-03-29 03:00"),
        (["7 02:30-03:00"], BERLIN, "2026-10-25 02:29", False, "2026-10-25 02:30"),
    ],
)
def test_free_and_next_edge(
    windows: list[str], zone: ZoneInfo, instant: str, free: bool, edge: str | None
) -> None:
    parsed = [parse_window(text) for text in windows]
    assert is_free(parsed, zone, local(instant, zone)) is free
    assert next_edge(parsed, zone, local(instant, zone)) == (edge and local(edge, zone))


def test_an_hour_that_comes_twice_is_free_twice() -> None:
    windows = [parse_window("7 02:00-02:30")]
    first = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)  # 02:00 in summer time
    edges: list[datetime] = []
    edge = next_edge(windows, BERLIN, first - timedelta(hours=1))
    while edge and len(edges) < 4:
        edges.append(edge)
        edge = next_edge(windows, BERLIN, edge)
    assert edges == [first + timedelta(minutes=minutes) for minutes in (0, 30, 60, 90)]


window_texts = st.builds(
    lambda weekdays, start, end: FreeWindow(frozenset(weekdays), start * 15, end * 15),
    st.sets(st.integers(1, 7), min_size=1),
    st.integers(0, 95),
    st.integers(1, 96),
).filter(lambda window: window.start != window.end)


@given(
    windows=st.lists(window_texts, max_size=3),
    zone=st.sampled_from([JOBURG, BERLIN, ZoneInfo("America/Havana"), ZoneInfo("Australia/Lord_Howe")]),
    quarter=st.integers(0, 2 * 365 * 96),
)
def test_nothing_changes_before_the_next_edge(
    windows: list[FreeWindow], zone: ZoneInfo, quarter: int
) -> None:
    """Against a walk in quarters of an hour: up to the edge the answer stays, at the edge it differs."""
    instant = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * quarter)
    free = is_free(windows, zone, instant)
    edge = next_edge(windows, zone, instant)
    walked = instant
    until = edge or instant + timedelta(days=9)
    while (walked := walked + timedelta(minutes=15)) < until:
        assert is_free(windows, zone, walked) is free
    assert edge is None or is_free(windows, zone, edge) is not free


def test_version_at_takes_the_latest_that_has_begun_in_any_order() -> None:
    rows = [Dated(local("2026-01-01"), 7), Dated(local("2026-03-01"), 5), Dated(local("2026-02-01"), 9)]
    for shuffled in permutations(rows):
        assert version_at(shuffled, local("2025-12-31")) == 7  # before the first, the first
        assert version_at(shuffled, local("2026-01-01")) == 7
        assert version_at(shuffled, local("2026-02-28 23:59")) == 9
        assert version_at(shuffled, local("2026-03-01")) == 5
    with pytest.raises(ValueError, match="nothing"):
        version_at([], local("2026-01-01"))


def test_cycle_at_takes_kind_and_anchor_from_the_terms() -> None:
    terms = Terms(cycle_kind=CycleKind.MONTH, cycle_anchor=CycleAnchor.ANNIVERSARY)
    cycle = cycle_at(terms, activated_at=local("2026-01-31"), zone=JOBURG, instant=local("2026-02-10"))
    assert (cycle.start, cycle.end) == (local("2026-01-31"), local("2026-02-28"))


@pytest.mark.parametrize(
    ("changed", "sentences"),
    [
        ({}, 0),
        ({"allowance_bytes": 0}, 0),
        ({"allowance_bytes": None}, 0),
        ({"allowance_bytes": -1}, 1),
        ({"allowance_bytes": None, "day_limit_bytes": 5}, 1),
        ({"day_limit_bytes": 0}, 1),
        ({"week_limit_bytes": 1}, 0),
        ({"thresholds": ()}, 0),
        ({"thresholds": (0, 50)}, 1),
        ({"thresholds": (50, 101)}, 1),
        ({"thresholds": (80, 50)}, 1),
        ({"thresholds": (50, 50)}, 1),
        ({"rate_up_kbps": 0}, 1),
        ({"throttle_down_kbps": 0}, 1),
        ({"at_cap": AtCap.THROTTLE, "rate_down_kbps": 256}, 1),
        ({"rollover_topup_cycles": -1}, 1),
        ({"allowance_bytes": None, "rollover_allowance_cycles": 1}, 1),
        ({"rate_up_kbps": -3, "thresholds": (101,), "week_limit_bytes": 0}, 3),
    ],
)
def test_check_terms(changed: dict[str, Any], sentences: int) -> None:
    assert len(check_terms(Terms(allowance_bytes=10**10)._replace(**changed))) == sentences
