"""A checkout window: when one may be opened, and what it does to a line's access."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.caps.rules.words import CapState
from capstan.network.rules.access import Access, Line, access_hash, desired_access
from capstan.network.rules.words import AccessKind, Reason
from capstan.services.rules import NoWindow, ServiceStatus, no_window

NOW = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
ZONE = ZoneInfo("Africa/Johannesburg")  # UTC+2: the day began at 22:00 UTC
HOUR = timedelta(hours=1)

ACTIVE, SUSPENDED, ENDED = ServiceStatus.ACTIVE, ServiceStatus.SUSPENDED, ServiceStatus.ENDED

MAY_OPEN = [
    ("the first", ACTIVE, [], 3, None),
    ("the third", ACTIVE, [1, 2], 3, None),
    ("the fourth", ACTIVE, [1, 2, 3], 3, NoWindow.USED_UP),
    ("yesterday's don't count", ACTIVE, [1, 2, 10.01], 3, None),
    ("the day's first moment counts", ACTIVE, [1, 2, 10], 3, NoWindow.USED_UP),
    ("suspended", SUSPENDED, [], 3, None),
    ("ended", ENDED, [], 3, NoWindow.ENDED),
    ("ended, and used up", ENDED, [1, 2, 3], 3, NoWindow.ENDED),
    ("never", ACTIVE, [], 0, NoWindow.USED_UP),
]


@pytest.mark.parametrize(("why", "status", "hours_ago", "per_day", "expected"), MAY_OPEN)
def test_whether_one_may_be_opened(
    why: str, status: ServiceStatus, hours_ago: list[float], per_day: int, expected: NoWindow | None
) -> None:
    opened = [NOW - HOUR * ago for ago in hours_ago]
    assert no_window(status, opened, per_day=per_day, zone=ZONE, now=NOW) == expected, why


def line(status: ServiceStatus, state: CapState, *, wrong: bool = False, paying: bool = True) -> Line:
    return Line(status, state, wrong, 2_000, 10_000, 256, 512, paying)


OPEN, THROTTLED, WALLED, BLOCKED = CapState.OPEN, CapState.THROTTLED, CapState.WALLED, CapState.BLOCKED
CAPPED_PAYS = (Reason.CAPPED, Reason.CHECKOUT)

PAYING = [
    (line(ACTIVE, OPEN), AccessKind.OPEN, ()),
    (line(ACTIVE, THROTTLED), AccessKind.THROTTLED, CAPPED_PAYS),
    (line(ACTIVE, WALLED), AccessKind.THROTTLED, CAPPED_PAYS),
    (line(ACTIVE, BLOCKED), AccessKind.THROTTLED, CAPPED_PAYS),
    (line(SUSPENDED, OPEN), AccessKind.THROTTLED, (Reason.SUSPENDED, Reason.CHECKOUT)),
    (line(SUSPENDED, BLOCKED), AccessKind.THROTTLED, (Reason.SUSPENDED, *CAPPED_PAYS)),
    (line(ENDED, WALLED), AccessKind.BLOCKED, (Reason.ENDED, Reason.CAPPED)),
    (line(ACTIVE, WALLED, wrong=True), AccessKind.BLOCKED, (Reason.WRONG_DEVICE, Reason.CAPPED)),
    (line(SUSPENDED, OPEN, wrong=True), AccessKind.BLOCKED, (Reason.SUSPENDED, Reason.WRONG_DEVICE)),
]


@pytest.mark.parametrize(("paying", "kind", "reasons"), PAYING)
def test_access_while_somebody_pays(paying: Line, kind: AccessKind, reasons: tuple[Reason, ...]) -> None:
    rates = (256, 512) if kind == AccessKind.THROTTLED else (2_000, 10_000)
    assert desired_access(paying) == Access(kind, *rates, reasons)


def test_a_throttled_line_is_told_nothing_new() -> None:
    paying, before = line(ACTIVE, THROTTLED), line(ACTIVE, THROTTLED, paying=False)
    assert access_hash(desired_access(paying)) == access_hash(desired_access(before))


LINES = st.builds(
    Line, st.sampled_from(ServiceStatus), st.sampled_from(CapState), st.booleans(), st.none() | st.integers(1, 9),
    st.none() | st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.booleans(),
)  # fmt: skip


def without_windows(one: Line) -> tuple[AccessKind, tuple[Reason, ...]]:
    """What a line should have, as it was said before there were windows."""
    reasons = {
        Reason.ENDED: one.status == ENDED,
        Reason.SUSPENDED: one.status == SUSPENDED,
        Reason.WRONG_DEVICE: one.wrong_device,
        Reason.CAPPED: one.cap_state != OPEN,
    }
    kind = AccessKind(one.cap_state.value)
    if one.status == SUSPENDED:
        kind = AccessKind.WALLED
    if one.status == ENDED or one.wrong_device:
        kind = AccessKind.BLOCKED
    return kind, tuple(reason for reason, applies in reasons.items() if applies)


@given(LINES)
def test_without_a_window_nothing_has_changed(one: Line) -> None:
    access = desired_access(one._replace(in_checkout=False))
    assert (access.kind, access.reasons) == without_windows(one)
    assert Reason.CHECKOUT not in access.reasons


@given(LINES)
def test_a_window_only_ever_lets_a_line_out(one: Line) -> None:
    paying, before = (desired_access(one._replace(in_checkout=open_now)) for open_now in (True, False))
    if Reason.CHECKOUT not in paying.reasons:
        assert paying == before
        return
    assert paying.reasons == (*before.reasons, Reason.CHECKOUT)
    assert paying.kind == AccessKind.THROTTLED
    assert (paying.rate_up_kbps, paying.rate_down_kbps) == (one.throttle_up_kbps, one.throttle_down_kbps)
    assert before.kind != AccessKind.OPEN
    assert not {Reason.ENDED, Reason.WRONG_DEVICE} & set(paying.reasons)
