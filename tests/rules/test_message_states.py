"""News of a message mean the same in any order; tries grow rarer and end."""

from datetime import timedelta
from itertools import permutations

import pytest

from capstan.messaging.rules.states import ReceiptKind, after_receipt, backoff, patience
from capstan.messaging.rules.words import Lane, MessageState

S, R = MessageState, ReceiptKind


@pytest.mark.parametrize(
    ("state", "receipt", "after"),
    [
        (S.SENT, R.DELIVERED, S.DELIVERED),
        (S.SENT, R.FAILED, S.FAILED),
        (S.SENT, R.UNKNOWN_SUBSCRIBER, S.FAILED),
        (S.SENT, R.PROGRESS, S.SENT),
        (S.SENT, R.UNKNOWN, S.SENT),
        (S.SENDING, R.PROGRESS, S.SENT),
        (S.SENDING, R.DELIVERED, S.DELIVERED),
        (S.UNCERTAIN, R.PROGRESS, S.SENT),
        (S.UNCERTAIN, R.FAILED, S.FAILED),
        (S.QUEUED, R.DELIVERED, S.DELIVERED),  # a try that seemed lost had got through: it isn't repeated
        (S.DELIVERED, R.FAILED, S.DELIVERED),
        (S.DELIVERED, R.PROGRESS, S.DELIVERED),
        (S.FAILED, R.PROGRESS, S.FAILED),
        (S.FAILED, R.DELIVERED, S.DELIVERED),  # the telephone acknowledged it
        (S.SUPERSEDED, R.PROGRESS, S.SUPERSEDED),
    ],
)
def test_after_a_receipt(state: MessageState, receipt: ReceiptKind, after: MessageState) -> None:
    assert after_receipt(state, receipt) == after


@pytest.mark.parametrize("start", MessageState)
def test_the_order_of_receipts_makes_no_difference(start: MessageState) -> None:
    ends = set()
    for order in permutations(ReceiptKind):
        state = start
        for receipt in order:
            state = after_receipt(state, receipt)
        ends.add(state)
    assert len(ends) == 1


def test_tries_grow_rarer() -> None:
    seconds = [backoff(attempt).total_seconds() for attempt in (1, 2, 3, 4, 9, 10, 500)]
    assert seconds == [5, 10, 20, 40, 1280, 1800, 1800]


def test_an_answer_is_worth_less_waiting_than_a_notice() -> None:
    waits = [patience(lane) for lane in Lane]
    assert waits == sorted(waits)
    assert patience(Lane.REPLY) < timedelta(hours=1)
