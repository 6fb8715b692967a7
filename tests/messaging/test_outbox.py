"""What leaves first, how fast, how often it is tried, and by which gateway."""

import threading
from datetime import timedelta

import pytest

from capstan.messaging.actions import outbox
from capstan.messaging.actions.gateways import set_active
from capstan.messaging.actions.send import supersede
from capstan.messaging.actions.transports.http import transport as http
from capstan.messaging.models import Gateway, Message
from capstan.messaging.queries.messages import messages_for_person
from capstan.messaging.rules.words import Lane, Medium, MessageState, Reason
from tests.carrier import Carrier, Says
from tests.messaging.conftest import NOW, Stepped, handset, http_gateway, queue

pytestmark = pytest.mark.django_db

S = MessageState


def order(carrier: Carrier) -> list[str]:
    return [asked.form["text"].removeprefix("Nothing was added. ") for asked in carrier.asked]


def test_answers_go_first_then_notices_then_bills_then_the_rest(carrier: Carrier, sender: Stepped) -> None:
    http_gateway(carrier, parallel=1, per_second=100)
    for lane in (Lane.BULK, Lane.BILLING, Lane.CAP, Lane.REPLY, Lane.CAP):
        queue(lane=lane, values={"reason": lane.name})
    while sender.step():
        sender.later(1)
    assert order(carrier) == ["REPLY", "CAP", "CAP", "BILLING", "BULK"]


def test_bulk_leaves_one_place_free_for_answers(carrier: Carrier, sender: Stepped) -> None:
    slow = threading.Event()
    carrier.answer = lambda asked: Says(after=slow)
    http_gateway(carrier, parallel=3)
    for _ in range(5):
        queue(lane=Lane.BULK, values={"reason": "bulk"})
    try:
        sender.sender.step(sender.now)
        carrier.wait(2)
        queue(lane=Lane.REPLY, values={"reason": "answer"})
        sender.later(1)
        assert sender.sender.step(sender.now) == 1
        assert order(carrier)[:2] == ["bulk", "bulk"]
        carrier.wait(3)
        assert order(carrier)[2] == "answer"
        sender.later(1)
        assert sender.sender.step(sender.now) == 0, "three are under way"
    finally:
        slow.set()
        sender.finish()


def test_no_more_leave_than_a_gateway_takes(carrier: Carrier, sender: Stepped) -> None:
    http_gateway(carrier, per_second=2, parallel=16)
    for _ in range(20):
        queue()
    begun = []
    for _ in range(10):
        begun.append(sender.step())
        sender.later(0.25)
    assert begun[0] == 2
    assert sum(begun) == 2 + 4, "2.25 seconds at 2 a second, and those of the second before"


@pytest.mark.parametrize(
    ("ago", "per_second", "free"),
    [(None, 10, 10), (3600, 10, 10), (0.5, 10, 5), (0, 10, 0), (-5, 10, 0), (1, 1, 1), (0.99, 1, 0)],
)
def test_slots(ago: float | None, per_second: int, free: int) -> None:
    slot_at = None if ago is None else NOW - timedelta(seconds=ago)
    assert outbox.slots(slot_at, per_second, NOW) == free


def test_tries_grow_rarer_and_end_visibly(carrier: Carrier, sender: Stepped) -> None:
    carrier.answer = lambda asked: Says("busy", 503)
    http_gateway(carrier)
    message = queue(lane=Lane.REPLY)
    times = []
    for _ in range(4 * 3600):
        if sender.step():
            times.append((sender.now - NOW).total_seconds())
        message.refresh_from_db()
        if message.state != S.QUEUED:
            break
        sender.later(1)
    assert (message.state, message.reason, message.due_at) == (S.FAILED, Reason.TOO_LATE, None)
    assert "503" in message.detail
    assert 5 <= len(times) <= 12
    assert times[-1] >= 1800
    assert [one.pk for one in messages_for_person(now=sender.now)] == [message.pk]
    assert sender.step() == 0


def test_a_gateway_in_trouble_is_left_alone_for_a_while_and_its_messages_stay(
    carrier: Carrier, sender: Stepped
) -> None:
    carrier.answer = lambda asked: Says("busy", 503)
    gateway = http_gateway(carrier, parallel=1)
    for _ in range(10):
        queue()
    for _ in range(10):
        sender.step()
    assert len(carrier.asked) == 1
    gateway.refresh_from_db()
    assert (gateway.troubles, gateway.trouble_since) == (1, NOW)
    assert gateway.trouble.startswith("status 503")
    carrier.answer = lambda asked: Says()
    sender.later(600)
    while sender.step():
        sender.later(1)
    gateway.refresh_from_db()
    assert (gateway.troubles, gateway.trouble, gateway.paused_until) == (0, "", None)
    assert Message.objects.filter(state=S.SENT).count() == 10


def test_a_message_goes_by_another_gateway_when_the_first_is_out_of_order(
    carrier: Carrier, sender: Stepped
) -> None:
    carrier.answer = lambda asked: Says("busy", 503)
    http_gateway(carrier, priority=1)
    second = handset(cost_minor=50)
    messages = [queue() for _ in range(20)]
    sender.step()
    assert outbox.route_waiting(now=sender.now) > 10
    while sender.step():
        sender.later(1)
    for message in messages:
        message.refresh_from_db()
    assert {message.state for message in messages} == {S.DELIVERED}
    assert {message.gateway_id for message in messages} == {second.pk}
    assert {message.cost_minor for message in messages} == {50}
    assert len(carrier.asked) < len(messages)


def test_what_may_have_left_stays_with_its_gateway(carrier: Carrier, sender: Stepped) -> None:
    answers = [Says(cut=True), Says("busy", 503), Says()]
    carrier.answer = lambda asked: answers.pop(0)
    first = http_gateway(carrier, settings={"dedupes": True}, priority=1)
    handset()
    message = queue()
    for _ in range(3):
        sender.step()
        outbox.route_waiting(now=sender.now)
        sender.later(120)
    message.refresh_from_db()
    assert (message.state, message.gateway) == (S.SENT, first)


def test_what_waits_for_a_gateway_that_is_switched_off_goes_by_another(
    carrier: Carrier, sender: Stepped
) -> None:
    first = http_gateway(carrier, priority=1)
    message = queue()
    assert set_active(gateway_id=first.pk, active=False, reason="moved", actor="staff:t", now=NOW)
    assert not set_active(gateway_id=first.pk, active=False, reason="moved", actor="staff:t", now=NOW)
    assert sender.step() == 0
    assert outbox.route_waiting(now=NOW) == 0
    second = handset()
    assert outbox.route_waiting(now=NOW) == 1
    sender.step()
    message.refresh_from_db()
    assert (message.gateway, message.state) == (second, S.DELIVERED)
    assert carrier.asked == []


def test_what_nothing_can_carry_holds_up_no_other(
    carrier: Carrier, sender: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_REROUTE_AT_ONCE", 2)
    first = http_gateway(carrier, priority=1)
    for _ in range(3):
        queue(two_way=True)
        queue(medium=Medium.EMAIL, recipient="a@example.net")
    behind = [queue() for _ in range(3)]
    assert set_active(gateway_id=first.pk, active=False, reason="moved", actor="staff:t", now=NOW)
    second = http_gateway(carrier, "second", two_way=False)
    assert [outbox.route_waiting(now=NOW) for _ in range(3)] == [2, 1, 0]
    assert list(Message.objects.filter(gateway=second).order_by("pk")) == behind
    Gateway.objects.update(paused_until=NOW + timedelta(minutes=1))
    assert outbox.route_waiting(now=NOW) == 0, "there is nothing better"


def test_a_worker_that_dies_while_sending_leaves_it_uncertain(carrier: Carrier, sender: Stepped) -> None:
    gateway = http_gateway(carrier)
    message = queue()
    assert outbox.take(gateway.pk, limit=1, reserved=0, now=NOW) is not None
    assert outbox.expire(now=NOW + outbox.LEASE - timedelta(seconds=1)) == 0
    assert outbox.expire(now=NOW + outbox.LEASE) == 1
    message.refresh_from_db()
    assert (message.state, message.reason, message.due_at) == (S.UNCERTAIN, Reason.INTERRUPTED, None)
    assert message.sent_at is not None, "it counts for the budget: it may have left"
    assert [one.pk for one in messages_for_person(now=NOW)] == [message.pk]


@pytest.mark.parametrize("kind", ["deduping carrier", "handset"])
def test_a_worker_that_dies_while_sending_is_followed_up_where_a_repeat_does_no_harm(
    kind: str, carrier: Carrier, sender: Stepped
) -> None:
    gateway = handset() if kind == "handset" else http_gateway(carrier, settings={"dedupes": True})
    message = queue()
    assert outbox.take(gateway.pk, limit=1, reserved=0, now=NOW) is not None
    sender.now = NOW + outbox.LEASE
    assert outbox.expire(now=sender.now) == 1
    sender.later(10)
    assert sender.step() == 1
    message.refresh_from_db()
    assert message.state in (S.SENT, S.DELIVERED)
    assert message.attempts == 2


def test_an_answer_that_comes_after_the_lease_still_counts(carrier: Carrier, sender: Stepped) -> None:
    late = threading.Event()
    carrier.answer = lambda asked: Says(after=late)
    http_gateway(carrier)
    message = queue()
    sender.sender.step(NOW)
    assert outbox.expire(now=NOW + outbox.LEASE) == 1
    late.set()
    sender.finish()
    message.refresh_from_db()
    assert (message.state, message.reason) == (S.SENT, "")


def test_what_is_being_sent_is_not_superseded(carrier: Carrier, sender: Stepped) -> None:
    http_gateway(carrier)
    queue(cause="cap:1")
    slow = threading.Event()
    carrier.answer = lambda asked: Says(after=slow)
    sender.sender.step(NOW)
    assert supersede(subject="service:17", cause_prefix="cap:", by=None, now=NOW) == 0
    slow.set()
    sender.finish()
    assert Message.objects.get().state == S.SENT


def test_a_transport_that_fails_by_our_own_mistake_leaves_it_uncertain(
    carrier: Carrier, sender: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(http, "send", fail)
    http_gateway(carrier)
    message = queue()
    sender.step()
    message.refresh_from_db()
    assert (message.state, message.reason) == (S.UNCERTAIN, Reason.NO_ANSWER)
    assert message.detail == "RuntimeError: a mistake"


def test_settings_that_an_update_has_made_wrong_are_the_gateways_trouble(
    carrier: Carrier, sender: Stepped
) -> None:
    gateway = http_gateway(carrier)
    Gateway.objects.filter(pk=gateway.pk).update(settings={"request": {"url": 5}})
    message = queue()
    sender.step()
    message.refresh_from_db()
    gateway.refresh_from_db()
    assert message.state == S.QUEUED
    assert gateway.trouble.startswith("its settings can't be used any more")


def test_a_message_that_waits_longer_than_it_should_is_shown(carrier: Carrier) -> None:
    http_gateway(carrier)
    message = queue()
    assert not messages_for_person(now=NOW + timedelta(minutes=9)).exists()
    assert [one.pk for one in messages_for_person(now=NOW + timedelta(minutes=10))] == [message.pk]
