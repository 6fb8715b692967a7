"""Two workers at once: each message leaves once, each SMS that came in is answered once."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import connections, transaction
from pytest_django import DjangoDbBlocker

from capstan.config.embedded.server import Server
from capstan.messaging.actions import inbound, outbox
from capstan.messaging.actions.receipts import take_receipt
from capstan.messaging.actions.send import send
from capstan.messaging.models import Inbound, Message, Receipt
from capstan.messaging.rules.callbacks import ReceiptFacts
from capstan.messaging.rules.words import Lane, MessageState
from capstan.values import clock
from tests.carrier import Carrier, carrier
from tests.messaging.conftest import NOW, draft, http_gateway, queue
from tests.product import Product, database, eventually

MESSAGES = 80


@pytest.fixture
def company() -> Iterator[Carrier]:
    with carrier() as one:
        yield one


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Each in a thread and on a connection of its own, begun together."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            barrier.wait(10)
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_two_worker_processes_send_each_message_once(
    server: Server, tmp_path: Path, company: Carrier, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock(), database(server) as url:
        product = Product(url, tmp_path)
        http_gateway(company, "one", per_second=1000, parallel=4)
        http_gateway(company, "two", per_second=1000, parallel=4, priority=1)
        try:
            product.start("worker", "worker:2")
            for number in range(MESSAGES):
                queue(now=clock.now(), lane=Lane(number % 4), recipient=f"+2760000{number:04}")
            eventually(
                lambda: not Message.objects.exclude(state=MessageState.SENT).exists(), 60, "every message"
            )
            product.stop()
        finally:
            product.end()
    times = Counter(asked.form["to"] for asked in company.asked)
    assert len(times) == MESSAGES
    assert set(times.values()) == {1}


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_the_same_moment_take_different_messages(company: Carrier) -> None:
    gateway = http_gateway(company, per_second=1000)
    for _ in range(40):
        queue()
    taken: list[int] = []
    while True:
        batches = at_once(*[lambda: outbox.take(gateway.pk, limit=5, reserved=0, now=NOW)] * 3)
        new = [outgoing.message_id for batch in batches if batch for outgoing in batch.messages]
        if not new:
            break
        taken += new
    assert len(taken) == len(set(taken)) == 40


@pytest.mark.django_db(transaction=True)
def test_a_gateways_rate_holds_for_all_workers_together(company: Carrier) -> None:
    gateway = http_gateway(company, per_second=3)
    for _ in range(40):
        queue()
    at = NOW
    taken = 0
    for _ in range(20):
        batches = at_once(*[lambda at=at: outbox.take(gateway.pk, limit=9, reserved=0, now=at)] * 3)
        taken += sum(len(batch.messages) for batch in batches if batch)
        at += timedelta(seconds=0.25)
    assert taken <= 3 + 15


@pytest.mark.django_db(transaction=True)
def test_one_cause_at_the_same_moment_is_one_message(company: Carrier) -> None:
    http_gateway(company)

    def write() -> int:
        with transaction.atomic():
            return send(draft(cause="crossing:1"), now=NOW).pk

    for _ in range(5):
        assert len(set(at_once(*[write] * 4))) == 1
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_sms_brought_at_the_same_moment_is_stored_and_claimed_once(company: Carrier) -> None:
    gateway = http_gateway(company)

    def bring() -> int:
        return inbound.store(
            gateway, sender="27600000001", recipient="31234", text="C", sent_at=NOW, carrier_id="", parent_carrier_id="",
            now=NOW,
        ).pk  # fmt: skip

    assert len(set(at_once(*[bring] * 4))) == 1
    assert Inbound.objects.get().times_received == 4
    claimed = at_once(*[lambda: len(inbound.claim(NOW, 5))] * 4)
    assert sorted(claimed) == [0, 0, 0, 1]


@pytest.mark.django_db(transaction=True)
def test_receipts_at_the_same_moment_end_in_one_state(company: Carrier) -> None:
    gateway = http_gateway(company)
    for _ in range(10):
        message = queue()
        Message.objects.filter(pk=message.pk).update(state=MessageState.SENT, due_at=None)
        facts = [ReceiptFacts(message.reference, "", status, "", {}) for status in ("8", "2", "1", "1")]
        at_once(*[lambda one=one: take_receipt(gateway, one, now=NOW) for one in facts])
        message.refresh_from_db()
        assert message.state == MessageState.DELIVERED
        assert Receipt.objects.filter(message=message).count() == 3
