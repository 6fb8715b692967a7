"""The message lane: woken at once, never waiting for a slow gateway, leaving nothing behind that it could have written."""

import time
from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import pytest

from capstan.messaging.models import Gateway, Message
from capstan.messaging.rules.words import Lane, MessageState
from capstan.values.clock import now
from capstan.worker.loop import MessageLane
from tests.carrier import Carrier, Says, carrier
from tests.messaging.conftest import handset, http_gateway, queue

pytestmark = pytest.mark.django_db(transaction=True)


def until(true: object, seconds: float = 20) -> bool:
    assert callable(true)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def company() -> Iterator[Carrier]:
    with carrier() as one:
        yield one


@pytest.fixture
def lane() -> Iterator[MessageLane]:
    stop = Event()
    made = MessageLane(stop, now)
    made.start()
    yield made
    stop.set()
    made.join(20)
    assert not made.is_alive()
    assert made.errors == 0


def is_in(message: Message, *states: MessageState) -> bool:
    return Message.objects.filter(pk=message.pk, state__in=states).exists()


def test_a_message_leaves_when_it_is_written(lane: MessageLane, company: Carrier) -> None:
    http_gateway(company)
    message = queue(now=now())
    assert until(lambda: is_in(message, MessageState.SENT))
    assert len(company.asked) == 1
    assert until(lambda: lane.figures()["messages_sent"] == 1)


def test_a_slow_gateway_holds_up_no_other(lane: MessageLane, company: Carrier) -> None:
    slow = Event()
    company.answer = lambda asked: Says(after=slow)
    http_gateway(company, "slow", two_way=False, priority=1)
    handset()
    try:
        waiting = [queue(now=now(), lane=Lane.BULK) for _ in range(6)]
        company.wait(3)
        quick = queue(now=now(), two_way=True)
        assert until(lambda: is_in(quick, MessageState.DELIVERED))
        assert not any(is_in(message, MessageState.SENT) for message in waiting)
    finally:
        slow.set()
    assert until(lambda: all(is_in(message, MessageState.SENT) for message in waiting))


def test_a_lane_that_stops_writes_what_its_gateways_still_say(company: Carrier) -> None:
    slow = Event()
    company.answer = lambda asked: Says(after=slow)
    http_gateway(company)
    stop = Event()
    lane = MessageLane(stop, now)
    message = queue(now=now())
    lane.start()
    company.wait(1)
    assert is_in(message, MessageState.SENDING)
    stop.set()
    slow.set()
    lane.join(20)
    assert is_in(message, MessageState.SENT)


def test_every_step_runs(company: Carrier) -> None:
    http_gateway(company)
    at = now()
    queue(now=at)
    lane = MessageLane(Event(), lambda: at)
    for seconds in range(100):
        moment = at + timedelta(seconds=seconds)
        lane.now = lambda moment=moment: moment  # type: ignore[misc]
        lane.do_what_is_due()
        lane.sender.calls.finish(moment)
    lane.sender.stop(at)
    assert lane.errors == 0
    assert Message.objects.get().state == MessageState.SENT
    assert Gateway.objects.get().troubles == 0
