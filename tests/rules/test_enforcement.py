"""What is done about one live session. One case a line, the expected step last."""

from datetime import UTC, datetime, timedelta

import pytest

from capstan.network.rules.enforcement import (
    COA_REFUSAL_LASTS,
    STOP_MAY_TAKE,
    Case,
    Given,
    LastCommand,
    Step,
    next_step,
    retry_after,
)
from capstan.network.rules.quota import Lent, Way
from capstan.network.rules.words import AccessKind, CommandKind, CommandState

NOW = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
WANTED, OTHER = b"\1" * 8, b"\2" * 8
KEEP = Lent(None, Way.KEEP)
RIGHT, WRONG = Given(WANTED, None), Given(OTHER, None)
COA, DISCONNECT = CommandKind.COA, CommandKind.DISCONNECT
ACK, NAK, TIMEOUT = CommandState.ACK, CommandState.NAK, CommandState.TIMEOUT
MINUTE = timedelta(minutes=1)

CASE = Case(
    kind=AccessKind.WALLED,
    access_hash=WANTED,
    lent=KEEP,
    given=WRONG,
    displaced=False,
    by_coa=True,
    last=None,
    last_seen_at=NOW - MINUTE,
)


def last(
    kind: CommandKind,
    state: CommandState,
    cause: int | None = None,
    wanted: bytes = WANTED,
    ago: timedelta = MINUTE,
) -> LastCommand:
    return LastCommand(kind, state, wanted, cause, NOW - ago)


SENDING = LastCommand(COA, CommandState.SENDING, WANTED, None, None)

CASES: list[tuple[str, dict[str, object], Step]] = [
    ("right", {"given": RIGHT}, Step.NONE),
    ("wrong", {}, Step.COA),
    ("unknown", {"given": None}, Step.COA),
    ("wrong, no CoA can mend it", {"by_coa": False}, Step.DISCONNECT),
    ("displaced, though right", {"given": RIGHT, "displaced": True}, Step.DISCONNECT),
    ("its limit is stale", {"given": RIGHT, "lent": Lent(5, Way.COA)}, Step.COA),
    (
        "its limit is stale, no CoA raises it",
        {"given": Given(WANTED, 3), "lent": Lent(None, Way.LOGIN)},
        Step.DISCONNECT,
    ),
    ("CoA refused", {"last": last(COA, NAK, 401)}, Step.DISCONNECT),
    ("CoA unanswered", {"last": last(COA, TIMEOUT)}, Step.DISCONNECT),
    ("CoA refused for lack of resources", {"last": last(COA, NAK, 506)}, Step.COA),
    ("another CoA refused", {"last": last(COA, NAK, 401, OTHER)}, Step.COA),
    ("CoA refused long ago", {"last": last(COA, NAK, 401, ago=COA_REFUSAL_LASTS)}, Step.COA),
    ("CoA acknowledged, and it changed again", {"last": last(COA, ACK)}, Step.COA),
    ("nobody knows whether the CoA arrived", {"last": last(COA, CommandState.UNCERTAIN)}, Step.COA),
    ("a CoA that a dead worker sent", {"last": SENDING}, Step.COA),
    (
        "unknown and open, CoA refused",
        {"given": None, "kind": AccessKind.OPEN, "last": last(COA, NAK, 405)},
        Step.NONE,
    ),
    ("unknown and walled, CoA refused", {"given": None, "last": last(COA, NAK, 405)}, Step.DISCONNECT),
    (
        "only without a limit, CoA refused",
        {"given": RIGHT, "lent": Lent(5, Way.COA), "last": last(COA, NAK, 401)},
        Step.NONE,
    ),
    (
        "only with too high a limit, CoA refused",
        {"given": Given(WANTED, 9), "lent": Lent(5, Way.COA), "last": last(COA, NAK, 401)},
        Step.NONE,
    ),
    (
        "with too low a limit, CoA refused",
        {"given": Given(WANTED, 3), "lent": Lent(5, Way.COA), "last": last(COA, NAK, 401)},
        Step.DISCONNECT,
    ),
    (
        "with a limit that it should not have, CoA refused",
        {"given": Given(WANTED, 3), "lent": Lent(None, Way.COA), "last": last(COA, NAK, 401)},
        Step.DISCONNECT,
    ),
    ("disconnected, the Stop is on its way", {"last": last(DISCONNECT, ACK)}, Step.NONE),
    ("its router had not known it", {"last": last(DISCONNECT, NAK, 503)}, Step.NONE),
    (
        "disconnected, and its last packet came a moment later",
        {"last": last(DISCONNECT, ACK), "last_seen_at": NOW - MINUTE + STOP_MAY_TAKE},
        Step.NONE,
    ),
    (
        "disconnected, and it lives on",
        {"last": last(DISCONNECT, ACK), "last_seen_at": NOW - MINUTE + STOP_MAY_TAKE * 2},
        Step.COA,
    ),
    ("the disconnect failed: from the start again", {"last": last(DISCONNECT, TIMEOUT)}, Step.COA),
    ("the disconnect was refused", {"last": last(DISCONNECT, NAK, 501), "by_coa": False}, Step.DISCONNECT),
    (
        "displaced and disconnected",
        {"given": RIGHT, "displaced": True, "last": last(DISCONNECT, ACK)},
        Step.NONE,
    ),
]


@pytest.mark.parametrize(("why", "values", "expected"), CASES)
def test_next_step(why: str, values: dict[str, object], expected: Step) -> None:
    assert next_step(CASE._replace(**values), NOW) == expected, why  # type: ignore[arg-type]


def test_failed_disconnects_are_repeated_more_and_more_slowly() -> None:
    waits = [retry_after(DISCONNECT, 501, attempts).total_seconds() for attempts in range(1, 9)]
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert retry_after(DISCONNECT, None, 10_000) == timedelta(minutes=15)


def test_a_failed_coa_is_followed_up_at_once_unless_the_router_is_busy() -> None:
    assert retry_after(COA, 401, 0) == timedelta(0)
    assert retry_after(COA, 506, 0) == timedelta(seconds=5)
