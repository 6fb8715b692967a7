"""A message is written once for its cause, with its words, what it costs and how it goes."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from capstan.messaging.actions.send import send, supersede
from capstan.messaging.actions.texts import edit_text
from capstan.messaging.models import Message
from capstan.messaging.queries import messages as queries
from capstan.messaging.rules.templates import Text
from capstan.messaging.rules.words import Lane, Medium, MessageState
from tests.carrier import Carrier
from tests.messaging.conftest import NOW, Stepped, draft, handset, http_gateway, queue

pytestmark = pytest.mark.django_db


def test_the_words_their_segments_and_their_cost_are_kept(carrier: Carrier) -> None:
    gateway = http_gateway(carrier, cost_minor=22)
    message = queue(values={"reason": "Ê" * 100})
    assert message.text == "Nothing was added. " + "E" * 100
    assert (message.encoding, message.segments, message.cost_minor) == ("gsm7", 1, 22)
    assert (message.gateway, message.state, message.due_at) == (gateway, MessageState.QUEUED, NOW)
    assert message.values == {"provider": "Sandpiper Net", "reason": "Ê" * 100}
    long = queue(values={"reason": "Ж" * 100})
    assert (long.encoding, long.segments, long.cost_minor) == ("ucs2", 2, 44)


def test_one_message_for_a_cause_and_address() -> None:
    handset()
    first = queue(cause="crossing:5")
    again = queue(cause="crossing:5", values={"reason": "Something else."})
    assert again.pk == first.pk
    assert queue(cause="crossing:5", recipient="+27600000002").pk != first.pk
    assert queue(cause="crossing:5", medium=Medium.EMAIL, recipient="a@example.net").pk != first.pk
    assert queue(cause="crossing:6").pk != first.pk
    assert Message.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_message_is_written_with_its_cause_or_not_at_all() -> None:
    with pytest.raises(AssertionError, match="together with its cause"):
        send(draft(), now=NOW)
    with transaction.atomic():
        send(draft(), now=NOW)
        transaction.set_rollback(True)
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"recipient": "0600000001"},
        {"recipient": "MTN"},
        {"recipient": "+27600000001 "},
        {"medium": Medium.EMAIL, "recipient": "+27600000001"},
        {"medium": Medium.EMAIL, "recipient": "a@b\nBcc: c@d"},
        {"values": {}},
        {"values": {"reason": "x", "reasn": "x"}},
    ],
)
def test_what_cant_be_sent_is_our_mistake(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the rules' own tests read the words
        queue(**wrong)


def test_without_a_gateway_it_waits_and_is_shown(carrier: Carrier, sender: Stepped) -> None:
    message = queue()
    assert message.gateway is None
    assert [one.pk for one in queries.messages_for_person(now=NOW)] == [message.pk]
    assert sender.step() == 0
    handset()
    from capstan.messaging.actions.outbox import route_waiting

    assert route_waiting(now=NOW) == 1
    assert sender.step() == 1
    message.refresh_from_db()
    assert message.state == MessageState.DELIVERED
    assert not queries.messages_for_person(now=NOW).exists()


def test_what_expects_an_answer_leaves_by_a_two_way_gateway_or_not_at_all(carrier: Carrier) -> None:
    cheap = http_gateway(carrier, "cheap", two_way=False, priority=1)
    assert queue(two_way=True).gateway is None
    two_way = http_gateway(carrier, "two-way", priority=5)
    assert queue(two_way=True).gateway == two_way
    assert queue(two_way=False).gateway == cheap


def test_an_answer_leaves_by_the_gateway_that_the_question_came_by(carrier: Carrier) -> None:
    from capstan.messaging.actions.inbound import store

    http_gateway(carrier, "first", priority=1)
    second = http_gateway(carrier, "second", priority=5)
    came = store(
        second, sender="27600000001", recipient="31234", text="BAL", sent_at=None, carrier_id="1", parent_carrier_id="",
        now=NOW,
    )  # fmt: skip
    message = queue(in_reply_to=came.pk, lane=Lane.REPLY)
    assert (message.gateway, message.in_reply_to) == (second, came)


def test_quiet_hours_hold_bills_but_neither_notices_nor_answers() -> None:
    handset()
    morning = NOW + timedelta(hours=10)
    due = {lane: queue(lane=lane, not_before=morning).due_at for lane in Lane}
    assert due == {Lane.REPLY: NOW, Lane.CAP: NOW, Lane.BILLING: morning, Lane.BULK: morning}


def test_secret_values_are_not_kept_in_the_clear(carrier: Carrier, sender: Stepped) -> None:
    http_gateway(carrier)
    message = queue(template="line.login", values={"username": "jenny", "password": "correct horse"})
    stored = Message.objects.get(pk=message.pk)
    assert "correct horse" not in f"{stored.text} {stored.values}"
    assert stored.values["username"] == "jenny"
    with transaction.atomic():
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT messaging_message::text FROM messaging_message")
            assert "correct horse" not in cursor.fetchone()[0]
    sender.step()
    assert "Password: correct horse" in carrier.asked[0].form["text"]
    stored.refresh_from_db()
    assert (stored.state, stored.sealed_text) == (MessageState.SENT, None)


def test_the_demo_handset_reads_secret_words_as_a_telephone_would(sender: Stepped) -> None:
    handset()
    message = queue(template="list.code", values={"code": "4821", "minutes": "10"}, lane=Lane.REPLY)
    sender.step()
    message.refresh_from_db()
    assert message.state == MessageState.DELIVERED
    assert "4821" not in message.text
    assert queries.words_of(message).startswith("4821 is your code")


def test_a_higher_notice_takes_the_place_of_those_that_wait() -> None:
    handset()
    waiting = queue(cause="cap:17:90", lane=Lane.CAP)
    other_line = queue(cause="cap:18:90", subject="service:18")
    other_cause = queue(cause="order:9")
    gone = queue(cause="cap:17:80")
    Message.objects.filter(pk=gone.pk).update(state=MessageState.SENT, due_at=None)
    with transaction.atomic():
        newest = send(draft(cause="cap:17:100"), now=NOW)
        assert supersede(subject="service:17", cause_prefix="cap:17:", by=newest, now=NOW) == 1
    states = {one.pk: one.state for one in Message.objects.all()}
    assert states == {
        waiting.pk: MessageState.SUPERSEDED,
        other_line.pk: MessageState.QUEUED,
        other_cause.pk: MessageState.QUEUED,
        gone.pk: MessageState.SENT,
        newest.pk: MessageState.QUEUED,
    }
    waiting.refresh_from_db()
    assert (waiting.due_at, waiting.finished_at, waiting.detail) == (
        None,
        NOW,
        f"superseded by message {newest.pk}",
    )


def test_an_edited_text_is_used_for_its_brand_and_language() -> None:
    handset()
    edit_text(
        code="topup.refused", medium=Medium.SMS, language="en", brand_id=2, text=Text("No: {reason}"), actor="staff:t",
        now=NOW,
    )  # fmt: skip
    assert queue(brand_id=2).text == "No: No."
    assert queue(brand_id=1).text == "Nothing was added. No."
    assert queue(brand_id=2, language="af-ZA").text.startswith("Niks is bygevoeg nie.")
    assert queue(brand_id=2, language="zu").text == "No: No."
