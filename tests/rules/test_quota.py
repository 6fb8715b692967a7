"""What a session is lent of what is left."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.catalog.rules import Counting
from capstan.network.rules.quota import (
    WINDOW_MARGIN_SECONDS,
    Budget,
    Lent,
    OpenSession,
    Quota,
    Router,
    Way,
    counted_bytes,
    desired_quota,
    login_quota,
    quota_of,
)

MB = 1_000_000
GB = 1_000 * MB
DAY = 86_400

# 10 Mbit/s both ways together: 1.25 MB/s, 108 GB a day.
BUDGET = Budget(5 * GB, True, Counting.BOTH, False, False, 10 * DAY, 2_000, 8_000)
RAISES = Router(acted_upon=True, can_limit=True, can_raise=True, lacks_gigawords=False, interim_seconds=300)
FIXED = RAISES._replace(can_raise=False)


LOGINS = [
    ("all that is left", BUDGET, RAISES, 0, False, 5 * GB),
    ("without what others hold", BUDGET, RAISES, 2 * GB, False, 3 * GB),
    ("half of it where more sessions may follow", BUDGET, RAISES, 2 * GB, True, 1_500 * MB),
    ("but no crumbs", BUDGET, RAISES, 5 * GB - 3 * MB // 2, True, MB),
    ("nothing unlent", BUDGET, RAISES, 5 * GB, True, None),
    ("less than a megabyte is capped", BUDGET._replace(remaining_bytes=MB - 1), RAISES, 0, False, None),
    ("just a megabyte", BUDGET._replace(remaining_bytes=MB), RAISES, 0, False, MB),
    ("uncapped", BUDGET._replace(remaining_bytes=None), RAISES, 0, False, None),
    ("a cap that throttles needs no cut", BUDGET._replace(cuts=False), RAISES, 0, False, None),
    ("a free window", BUDGET._replace(free_now=True), RAISES, 0, False, None),
    (
        "a free window is near",
        BUDGET._replace(
            has_free_windows=True, seconds_to_boundary=WINDOW_MARGIN_SECONDS, rate_down_kbps=None
        ),
        RAISES,
        0,
        False,
        None,
    ),
    ("can't be reached at line rate", BUDGET._replace(seconds_to_boundary=3_999), RAISES, 0, False, None),
    ("can just be reached", BUDGET._replace(seconds_to_boundary=4_000), RAISES, 0, False, 5 * GB),
    (
        "an unknown line rate",
        BUDGET._replace(seconds_to_boundary=60, rate_up_kbps=None),
        RAISES,
        0,
        False,
        5 * GB,
    ),
    (
        "the other direction's speed doesn't matter",
        BUDGET._replace(counting=Counting.UP, seconds_to_boundary=4_000),
        RAISES,
        0,
        False,
        None,
    ),
    ("observe only", BUDGET, RAISES._replace(acted_upon=False), 0, False, None),
    ("a router without limits", BUDGET, RAISES._replace(can_limit=False), 0, False, None),
    ("counters that wrap", BUDGET, RAISES._replace(lacks_gigawords=True), 0, False, None),
    ("no CoA raises it and the cap is far", BUDGET, FIXED, 0, False, None),
    (
        "no CoA raises it and the cap is near",
        BUDGET._replace(remaining_bytes=1_500 * MB),
        FIXED,
        0,
        False,
        1_500 * MB,
    ),
]


@pytest.mark.parametrize(("why", "budget", "router", "lent", "shared", "expected"), LOGINS)
def test_a_login(
    why: str, budget: Budget, router: Router, lent: int, shared: bool, expected: int | None
) -> None:
    assert login_quota(budget, router, lent_bytes=lent, shared=shared) == expected, why


def session(counted: int, limit: int | None, router: Router = RAISES) -> OpenSession:
    return OpenSession(router, counted, limit)


LIVE = [
    ("a right limit stays", BUDGET, [session(3 * GB, 8 * GB)], [Lent(8 * GB, Way.KEEP)]),
    ("a grant raises it", BUDGET, [session(3 * GB, 4 * GB)], [Lent(8 * GB, Way.COA)]),
    ("another session's late bytes lower it", BUDGET, [session(3 * GB, 8 * GB + 1)], [Lent(8 * GB, Way.COA)]),
    ("a session without gets one", BUDGET, [session(3 * GB, None)], [Lent(8 * GB, Way.COA)]),
    (
        "a right limit stays although the boundary is now near",
        BUDGET._replace(seconds_to_boundary=10),
        [session(3 * GB, 8 * GB)],
        [Lent(8 * GB, Way.KEEP)],
    ),
    (
        "a stale one is lifted when the cap is out of reach",
        BUDGET._replace(seconds_to_boundary=10),
        [session(3 * GB, 4 * GB)],
        [Lent(None, Way.COA)],
    ),
    (
        "a free window lifts it",
        BUDGET._replace(free_now=True),
        [session(3 * GB, 8 * GB)],
        [Lent(None, Way.COA)],
    ),
    (
        "two share evenly",
        BUDGET,
        [session(0, 5 * GB), session(GB, None)],
        [Lent(2_500 * MB, Way.COA), Lent(3_500 * MB, Way.COA)],
    ),
    (
        "drifting apart is no reason",
        BUDGET,
        [session(0, 3_400 * MB), session(0, 1_600 * MB)],
        [Lent(3_400 * MB, Way.KEEP), Lent(1_600 * MB, Way.KEEP)],
    ),
    (
        "too thin a slice is",
        BUDGET,
        [session(0, 4 * GB), session(0, GB)],
        [Lent(2_500 * MB, Way.COA), Lent(2_500 * MB, Way.COA)],
    ),
    (
        "too little for two",
        BUDGET._replace(remaining_bytes=3 * MB // 2),
        [session(0, MB), session(0, MB)],
        [Lent(None, Way.COA), Lent(None, Way.COA)],
    ),
    (
        "all or none",
        BUDGET,
        [session(0, 5 * GB), session(0, None, RAISES._replace(can_limit=False, can_raise=False))],
        [Lent(None, Way.COA), Lent(None, Way.KEEP)],
    ),
    ("without CoA a right one stays", BUDGET, [session(0, 5 * GB, FIXED)], [Lent(5 * GB, Way.KEEP)]),
    ("without CoA a high one stays", BUDGET, [session(0, 9 * GB, FIXED)], [Lent(9 * GB, Way.KEEP)]),
    ("without CoA a grant needs a login", BUDGET, [session(0, GB, FIXED)], [Lent(None, Way.LOGIN)]),
    ("without CoA none is set on a live session", BUDGET, [session(0, None, FIXED)], [Lent(None, Way.KEEP)]),
    ("nobody is there", BUDGET, [], []),
]


@pytest.mark.parametrize(("why", "budget", "sessions", "expected"), LIVE)
def test_live_sessions(why: str, budget: Budget, sessions: list[OpenSession], expected: list[Lent]) -> None:
    assert desired_quota(budget, sessions) == expected, why


def test_the_limit_goes_on_the_direction_that_counts() -> None:
    assert quota_of(Counting.BOTH, 5) == Quota(5, None, None)
    assert quota_of(Counting.UP, 5) == Quota(None, 5, None)
    assert quota_of(Counting.DOWN, 5) == Quota(None, None, 5)
    assert quota_of(Counting.BOTH, None) is None
    assert [counted_bytes(rule, 1, 2) for rule in (Counting.BOTH, Counting.UP, Counting.DOWN)] == [3, 1, 2]


budgets = st.builds(
    Budget,
    remaining_bytes=st.integers(0, 50 * GB),
    cuts=st.booleans(),
    counting=st.sampled_from(Counting),
    free_now=st.booleans(),
    has_free_windows=st.booleans(),
    seconds_to_boundary=st.integers(0, 40 * DAY),
    rate_up_kbps=st.none() | st.integers(1, 10_000_000),
    rate_down_kbps=st.none() | st.integers(1, 10_000_000),
)
routers = st.builds(
    Router,
    acted_upon=st.booleans(),
    can_limit=st.booleans(),
    can_raise=st.booleans(),
    lacks_gigawords=st.booleans(),
    interim_seconds=st.integers(60, 3600),
)


def slices(sessions: list[OpenSession], lent: list[Lent]) -> list[int]:
    pairs = zip(sessions, lent, strict=True)
    return [
        max(one.limit_bytes - live.counted_bytes, 0) for live, one in pairs if one.limit_bytes is not None
    ]


@given(
    budgets, st.lists(st.tuples(st.integers(0, 90 * GB), st.none() | st.integers(1, 120 * GB)), max_size=5)
)
def test_what_a_coa_lends_never_exceeds_what_is_left(
    budget: Budget, live: list[tuple[int, int | None]]
) -> None:
    sessions = [session(counted, limit) for counted, limit in live]
    lent = desired_quota(budget, sessions)
    assert budget.remaining_bytes is not None
    assert sum(slices(sessions, lent)) <= budget.remaining_bytes
    assert all(one.limit_bytes is None or one.limit_bytes > 0 for one in lent)


@given(budgets, st.lists(st.booleans(), max_size=8))
def test_logins_one_after_the_other_never_lend_more_than_is_left(budget: Budget, shared: list[bool]) -> None:
    lent = 0
    for more_may_follow in shared:
        limit = login_quota(budget, RAISES, lent_bytes=lent, shared=more_may_follow)
        assert limit is None or limit >= MB
        lent += limit or 0
    assert budget.remaining_bytes is not None
    assert lent <= budget.remaining_bytes


@given(budgets, routers, st.integers(0, 60 * GB), st.booleans())
def test_a_login_is_lent_nothing_or_at_least_a_megabyte(
    budget: Budget, router: Router, lent: int, shared: bool
) -> None:
    limit = login_quota(budget, router, lent_bytes=lent, shared=shared)
    assert limit is None or limit >= MB


@given(budgets, st.lists(st.integers(0, 50 * GB), min_size=2, max_size=6))
def test_more_left_never_means_a_smaller_limit(budget: Budget, left: list[int]) -> None:
    """Within what may be lent at all: a full purse may be out of reach before the boundary, then there is no limit."""
    limits = [
        login_quota(budget._replace(remaining_bytes=amount), RAISES, lent_bytes=0, shared=False)
        for amount in sorted(left)
    ]
    known = [limit for limit in limits if limit is not None]
    assert all(lower <= higher for lower, higher in pairwise(known))


@given(st.integers(2, 4), st.lists(st.tuples(st.integers(0, 3), st.integers(1, 900 * MB)), max_size=40))
def test_sessions_that_use_data_keep_right_limits(count: int, moves: list[tuple[int, int]]) -> None:
    """Whoever moves bytes, no slice lent before is exceeded and the sum stays what is left."""
    left = 20 * GB
    live = [session(0, None) for _ in range(count)]
    for place, amount in moves:
        lent = desired_quota(BUDGET._replace(remaining_bytes=left), live)
        live = [one._replace(limit_bytes=given.limit_bytes) for one, given in zip(live, lent, strict=True)]
        open_slices = slices(live, lent)
        assert sum(open_slices) <= left
        who = place % count
        limit = live[who].limit_bytes
        moved = amount if limit is None else min(amount, limit - live[who].counted_bytes)
        live[who] = live[who]._replace(counted_bytes=live[who].counted_bytes + moved)
        left -= moved
