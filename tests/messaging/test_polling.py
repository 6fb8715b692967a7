"""Gateways that can't call us are asked: all that they have is kept, once, and where it was read to."""

import json
from datetime import timedelta
from typing import Any

import pytest

from capstan.messaging.actions.gateways import set_active
from capstan.messaging.models import Gateway, Inbound, Message
from capstan.messaging.rules.words import InboundState, MessageState
from tests.carrier import Asked, Carrier, Says
from tests.messaging.conftest import NOW, Stepped, http_gateway, queue

pytestmark = pytest.mark.django_db


def polled(carrier: Carrier, **more: Any) -> Gateway:
    poll = {
        "every_seconds": 30,
        "inbound": {"url": f"{carrier.url}/in", "method": "GET", "query": {"since": "{cursor}", "key": "{password}"}},
        "inbound_cursor": {"json": "next"},
        "receipts": {"url": f"{carrier.url}/dlr", "method": "GET"},
    }  # fmt: skip
    settings = {"poll": poll, "inbound": {"items": "messages"}, "receipt": {"items": "receipts"}, **more}
    return http_gateway(carrier, settings=settings, hook_token="", password="pw")


class Box:
    """What the carrier has; `next` is its cursor."""

    def __init__(self, carrier: Carrier) -> None:
        self.messages: list[object] = []
        self.receipts: list[object] = []
        self.next = "c1"
        carrier.answer = self.answer

    def answer(self, asked: Asked) -> Says:
        if asked.path == "/in":
            return Says(json.dumps({"messages": self.messages, "next": self.next}))
        if asked.path == "/dlr":
            return Says(json.dumps({"receipts": self.receipts}))
        return Says()


def ask(sender: Stepped, seconds: float = 30) -> int:
    sender.later(seconds)
    begun = sender.sender.poll(sender.now)
    sender.finish()
    return begun


def test_what_came_in_and_receipts_are_fetched(carrier: Carrier, sender: Stepped) -> None:
    gateway, box = polled(carrier), Box(carrier)
    message = queue()
    sender.step()
    box.messages = [
        {"from": "27600000001", "text": "C", "id": "1"},
        {"from": "27600000002", "text": "D", "id": "2"},
    ]
    box.receipts = [{"reference": message.reference, "status": "DELIVRD"}]
    assert ask(sender) == 1
    assert list(Inbound.objects.order_by("pk").values_list("sender", "text")) == [
        ("+27600000001", "C"), ("+27600000002", "D"),
    ]  # fmt: skip
    message.refresh_from_db()
    assert message.state == MessageState.DELIVERED
    first = next(asked for asked in carrier.asked if asked.path == "/in")
    assert first.query == {"since": "", "key": "pw"}
    box.next = "c2"
    assert ask(sender, 29) == 0, "not before its time"
    assert ask(sender, 1) == 1
    assert [asked.query["since"] for asked in carrier.asked if asked.path == "/in"] == ["", "c1"]
    assert Inbound.objects.count() == 2
    gateway.refresh_from_db()
    assert (gateway.poll_cursors["inbound"], gateway.polled_at) == ("c2", sender.now)


@pytest.mark.parametrize("wrong", [Says("no JSON"), Says('{"messages": "x"}'), Says("", 500), Says(cut=True)])
def test_a_bad_answer_is_shown_and_asked_for_again(wrong: Says, carrier: Carrier, sender: Stepped) -> None:
    gateway, box = polled(carrier), Box(carrier)
    carrier.answer = lambda asked: wrong if asked.path == "/in" else Says("{}")
    ask(sender)
    gateway.refresh_from_db()
    assert gateway.poll_trouble
    assert (gateway.poll_cursors, gateway.polled_at) == ({}, None)
    box.messages = [{"from": "27600000001", "text": "C", "id": "1"}]
    carrier.answer = box.answer
    ask(sender)
    gateway.refresh_from_db()
    assert gateway.poll_trouble == ""
    assert Inbound.objects.count() == 1


def test_one_that_cant_be_read_holds_up_no_other_and_goes_to_a_person(
    carrier: Carrier, sender: Stepped
) -> None:
    polled(carrier)
    box = Box(carrier)
    box.messages = [{"msisdn": "27600000001"}, {"from": "27600000002", "text": "D", "id": "2"}]
    box.receipts = [{"nothing": "here"}, {"reference": "x", "status": "1"}]
    ask(sender)
    strange, sound = Inbound.objects.order_by("pk")
    assert (strange.state, strange.text) == (InboundState.NEEDS_PERSON, '{"msisdn": "27600000001"}')
    assert "from is missing" in strange.outcome
    assert sound.state == InboundState.NEW


def test_two_workers_dont_ask_at_once_and_a_dead_one_is_followed(carrier: Carrier, sender: Stepped) -> None:
    polled(carrier)
    Box(carrier)
    other = Stepped()
    assert sender.sender.poll(NOW) == 1
    assert other.sender.poll(NOW) == 0
    assert other.sender.poll(NOW + timedelta(minutes=3)) == 1
    sender.finish()
    other.finish()


def test_a_gateway_that_is_off_is_not_asked(carrier: Carrier, sender: Stepped) -> None:
    gateway = polled(carrier)
    Box(carrier)
    set_active(gateway_id=gateway.pk, active=False, reason="x", actor="staff:t", now=NOW)
    assert ask(sender) == 0
    set_active(gateway_id=gateway.pk, active=True, reason="x", actor="staff:t", now=sender.now)
    assert ask(sender) == 1
    assert Message.objects.count() == 0
