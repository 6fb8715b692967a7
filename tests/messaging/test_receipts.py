"""Receipts are kept as they come; in whatever order, early or twice, they mean the same."""

from datetime import timedelta
from itertools import permutations

import pytest

from capstan.messaging.actions.receipts import apply_waiting, take_receipt
from capstan.messaging.models import Gateway, Message, Receipt
from capstan.messaging.queries.messages import unknown_subscribers
from capstan.messaging.rules.callbacks import ReceiptFacts
from capstan.messaging.rules.words import Medium, MessageState, Reason
from tests.carrier import Carrier, Says
from tests.messaging.conftest import NOW, Stepped, http_gateway, queue

pytestmark = pytest.mark.django_db

S = MessageState


def facts(status: str, *, reference: str = "", carrier_id: str = "", error: str = "") -> ReceiptFacts:
    return ReceiptFacts(reference, carrier_id, status, error, {"status": status, "any": "thing"})


@pytest.fixture
def gateway(carrier: Carrier) -> Gateway:
    carrier.answer = lambda asked: Says('{"id": "mt-1"}')
    return http_gateway(carrier, settings={"answer": {"carrier_id": {"json": "id"}}})


@pytest.mark.parametrize("key", ["reference", "carrier_id"])
def test_delivered(key: str, gateway: Gateway, sender: Stepped) -> None:
    message = queue()
    sender.step()
    known = {"reference": message.reference} if key == "reference" else {"carrier_id": "mt-1"}
    later = NOW + timedelta(seconds=9)
    receipt = take_receipt(gateway, facts("DELIVRD", **known), now=later)
    message.refresh_from_db()
    assert (message.state, message.finished_at, message.reason) == (S.DELIVERED, later, "")
    assert (receipt.message, receipt.applied_at, receipt.raw["any"]) == (message, later, "thing")


def test_any_order_and_any_repetition_ends_the_same(gateway: Gateway, sender: Stepped) -> None:
    for order in permutations(["8", "2", "1", "purple"]):
        message = queue()
        sender.later(10)
        sender.step()
        for status in (*order, *order):
            take_receipt(gateway, facts(status, reference=message.reference), now=sender.now)
        message.refresh_from_db()
        assert message.state == S.DELIVERED, order
        assert Receipt.objects.filter(message=message).count() == 4


def test_a_final_state_is_never_undone(gateway: Gateway, sender: Stepped) -> None:
    message = queue()
    sender.step()
    for status in ("2", "8", "4"):
        take_receipt(gateway, facts(status, reference=message.reference), now=NOW)
    message.refresh_from_db()
    assert (message.state, message.reason, message.detail) == (S.FAILED, Reason.UNDELIVERED, "2")


def test_a_receipt_that_is_faster_than_the_answer_waits_for_it(gateway: Gateway, sender: Stepped) -> None:
    """It knows only the carrier's id, which comes with the answer."""
    early = take_receipt(gateway, facts("DELIVRD", carrier_id="mt-1"), now=NOW)
    assert early.message is None
    message = queue()
    assert apply_waiting(now=NOW, limit=10) == 0, "not at once"
    sender.step()
    assert apply_waiting(now=NOW + timedelta(seconds=5), limit=10) == 1
    message.refresh_from_db()
    early.refresh_from_db()
    assert message.state == S.DELIVERED
    assert early.message_id == message.pk
    assert early.due_at is None


def test_a_receipt_with_our_reference_counts_while_we_still_wait_for_the_answer(
    gateway: Gateway, sender: Stepped, carrier: Carrier
) -> None:
    message = queue()
    told = []

    def tell_first(asked: object) -> Says:
        return Says('{"id": "mt-1"}')

    carrier.answer = tell_first
    sender.sender.step(NOW)
    told.append(take_receipt(gateway, facts("1", reference=message.reference), now=NOW))
    sender.finish()
    message.refresh_from_db()
    assert (message.state, message.carrier_id, message.lease_until) == (S.DELIVERED, "mt-1", None)


def test_a_receipt_of_nothing_we_sent_is_given_up_after_an_hour(gateway: Gateway) -> None:
    take_receipt(gateway, facts("1", reference="nobody's"), now=NOW)
    for minutes in (1, 30, 59):
        assert apply_waiting(now=NOW + timedelta(minutes=minutes), limit=10) == 1
    assert apply_waiting(now=NOW + timedelta(minutes=61), limit=10) == 1
    assert apply_waiting(now=NOW + timedelta(days=1), limit=10) == 0
    assert Receipt.objects.get().applied_at is None


def test_another_gateways_receipt_changes_nothing(
    gateway: Gateway, sender: Stepped, carrier: Carrier
) -> None:
    other = http_gateway(carrier, "other", priority=99)
    message = queue()
    sender.step()
    take_receipt(other, facts("1", reference=message.reference), now=NOW)
    take_receipt(other, facts("1", carrier_id="mt-1"), now=NOW)
    message.refresh_from_db()
    assert message.state == S.SENT


def test_what_was_uncertain_becomes_certain(gateway: Gateway, sender: Stepped, carrier: Carrier) -> None:
    carrier.answer = lambda asked: Says(cut=True)
    message = queue()
    sender.step()
    for status, state in (("purple", S.UNCERTAIN), ("8", S.SENT), ("1", S.DELIVERED)):
        take_receipt(gateway, facts(status, reference=message.reference), now=NOW)
        message.refresh_from_db()
        assert message.state == state


def test_a_number_that_doesnt_exist_is_told_to_whoever_asks(gateway: Gateway, sender: Stepped) -> None:
    message = queue()
    other = queue(recipient="+27600000002")
    sender.step()
    later = NOW + timedelta(minutes=5)
    take_receipt(gateway, facts("2", reference=message.reference, error="Unknown Subscriber"), now=later)
    take_receipt(gateway, facts("2", reference=other.reference, error="memory full"), now=later)
    assert Message.objects.get(pk=message.pk).reason == Reason.UNKNOWN_SUBSCRIBER
    assert unknown_subscribers(NOW) == [("+27600000001", Medium.SMS, message.pk, later)]
    assert unknown_subscribers(later + timedelta(seconds=1)) == []
