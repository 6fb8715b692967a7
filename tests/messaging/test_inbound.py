"""What comes in is stored once, answered once, and never lost."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction

from capstan.messaging.actions.inbound import ATTEMPTS_MAX, LEASE, claim, finish, store
from capstan.messaging.actions.people import handle_inbound
from capstan.messaging.models import Gateway, Inbound, Message
from capstan.messaging.queries.messages import answered_message, conversation, inbound_for_person
from capstan.messaging.rules.words import InboundState
from tests.carrier import Carrier
from tests.messaging.conftest import NOW, handset, http_gateway, queue

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def came(
    gateway: Gateway,
    text: str = "C",
    *,
    sender: str = "27600000001",
    carrier_id: str = "",
    sent_at: datetime | None = None,
    now: datetime = NOW,
    parent: str = "",
) -> Inbound:
    return store(
        gateway, sender=sender, recipient="31234", text=text, sent_at=sent_at, carrier_id=carrier_id,
        parent_carrier_id=parent, now=now,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ({"carrier_id": "1"}, {"carrier_id": "1"}, True),
        ({"carrier_id": "1"}, {"carrier_id": "1", "text": "another", "now": NOW + MINUTE * 999}, True),
        ({"carrier_id": "1"}, {"carrier_id": "2"}, False),
        ({"sent_at": NOW}, {"sent_at": NOW, "now": NOW + MINUTE * 999}, True),
        ({"sent_at": NOW}, {"sent_at": NOW, "sender": "0600000001"}, True),
        ({"sent_at": NOW}, {"sent_at": NOW + timedelta(seconds=1)}, False),
        ({"sent_at": NOW}, {"sent_at": NOW, "text": "D"}, False),
        ({"sent_at": NOW}, {"sent_at": NOW, "sender": "27600000002"}, False),
        ({}, {"now": NOW + MINUTE * 4}, True),
        ({"now": NOW + MINUTE * 4}, {"now": NOW + MINUTE * 6}, True),
        ({}, {"now": NOW + MINUTE * 11}, False),
        ({}, {"text": "D"}, False),
    ],
)
def test_what_is_delivered_twice_is_stored_once(
    first: dict[str, object], second: dict[str, object], is_same: bool
) -> None:
    gateway = handset()
    one, other = (came(gateway, **values) for values in (first, second))  # type: ignore[arg-type]
    assert (one.pk == other.pk) is is_same
    one.refresh_from_db()
    assert one.times_received == (2 if is_same else 1)


def test_two_gateways_ids_have_nothing_to_do_with_each_other(carrier: Carrier) -> None:
    assert came(handset(), carrier_id="1").pk != came(http_gateway(carrier), carrier_id="1").pk


@pytest.mark.parametrize(
    ("sender", "kept", "is_automatic"),
    [("27600000001", "+27600000001", False), ("MTN", "MTN", True), ("121", "121", True)],
)
def test_whose_it_is(sender: str, kept: str, is_automatic: bool) -> None:
    one = came(handset(), sender=sender)
    assert (one.sender, one.is_automatic) == (kept, is_automatic)


@pytest.mark.parametrize("text", ["", "Да 😀", "a\0b", "x" * 10_000, "'; DROP TABLE messaging_message; --"])
def test_any_text_is_stored(text: str) -> None:
    assert came(handset(), text).text == text.replace("\0", "")[:4000]


def test_each_is_claimed_once_oldest_first_and_given_back_by_a_dead_worker() -> None:
    gateway = handset()
    ids = [came(gateway, carrier_id=str(ago), now=NOW - MINUTE * ago).pk for ago in (5, 4, 3, 2, 1)]
    assert [one.pk for one in claim(NOW, 3)] == ids[:3]
    assert [one.pk for one in claim(NOW, 9)] == ids[3:]
    assert claim(NOW, 9) == []
    finish(ids[0], InboundState.ANSWERED, "2 GB added", NOW)
    assert [one.pk for one in claim(NOW + LEASE, 9)] == ids[1:]


def test_what_was_finished_is_not_finished_again() -> None:
    one = came(handset())
    assert finish(one.pk, InboundState.ANSWERED, "2 GB added", NOW)
    assert not finish(one.pk, InboundState.IGNORED, "an automatic reply", NOW)
    one.refresh_from_db()
    assert (one.state, one.outcome, one.finished_at, one.due_at) == ("answered", "2 GB added", NOW, None)


def test_what_fails_again_and_again_goes_to_a_person() -> None:
    one = came(handset())
    now = NOW
    for _ in range(ATTEMPTS_MAX):
        assert [found.pk for found in claim(now, 5)] == [one.pk]
        now += LEASE
    assert claim(now, 5) == []
    assert [found.pk for found in inbound_for_person()] == [one.pk]
    assert handle_inbound(inbound_id=one.pk, note="called back", actor="staff:t", now=now)
    assert not handle_inbound(inbound_id=one.pk, note="called back", actor="staff:t", now=now)
    assert not inbound_for_person().exists()


def test_the_message_that_an_answer_is_to(carrier: Carrier) -> None:
    gateway = http_gateway(carrier)
    message = queue()
    Message.objects.filter(pk=message.pk).update(carrier_id="mt-1")
    assert answered_message(came(gateway, carrier_id="1", parent="mt-1")) == message
    assert answered_message(came(gateway, carrier_id="2", parent=message.reference)) == message
    assert answered_message(came(gateway, carrier_id="3", parent="mt-2")) is None
    assert answered_message(came(gateway, carrier_id="4")) is None
    assert answered_message(came(handset(), carrier_id="5", parent="mt-1")) is None


def test_a_conversation_reads_in_order() -> None:
    gateway = handset()
    queue(values={"reason": "one"})
    came(gateway, "C", now=NOW + MINUTE)
    queue(values={"reason": "two"}, now=NOW + MINUTE * 2)
    came(gateway, "other", sender="27600000009", now=NOW)
    read = [
        (entry.message.text if entry.message else "", entry.inbound.text if entry.inbound else "")
        for entry in conversation("+27600000001")
    ]
    assert read == [("Nothing was added. one", ""), ("", "C"), ("Nothing was added. two", "")]
    assert len(conversation("+27600000001", limit=2)) == 2


@pytest.mark.django_db(transaction=True)
def test_it_is_stored_or_not_with_the_transaction_around_it() -> None:
    gateway = handset()
    with transaction.atomic():
        came(gateway)
        transaction.set_rollback(True)
    assert not Inbound.objects.exists()
