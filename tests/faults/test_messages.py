"""`kill -9` while messages are sent: none is lost, none leaves twice, what nobody can know is shown."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from socket import SOCK_STREAM
from threading import Event

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from capstan.messaging.actions.receipts import take_receipt
from capstan.messaging.models import Gateway, Inbound, Message
from capstan.messaging.queries.messages import messages_for_person
from capstan.messaging.rules.callbacks import ReceiptFacts
from capstan.messaging.rules.words import MessageState
from capstan.values import clock
from tests.carrier import Carrier, Says, carrier
from tests.config.running import free_port
from tests.messaging.conftest import TOKEN, http_gateway, queue
from tests.product import DurableServer, Product, database, eventually

S = MessageState


@pytest.fixture
def company() -> Iterator[Carrier]:
    with carrier() as one:
        yield one


@pytest.fixture
def product(durable: DurableServer, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Product]:
    if durable.server.process.poll() is not None:
        durable.start()
    with django_db_blocker.unblock(), database(durable.server) as url:
        made = Product(url, tmp_path)
        try:
            yield made
        finally:
            made.end()


def state_of(message: Message) -> str:
    return Message.objects.values_list("state", flat=True).get(pk=message.pk)


def end_leases() -> None:
    """As if the two minutes had passed."""
    Message.objects.filter(lease_until__isnull=False).update(lease_until=clock.now() - timedelta(seconds=1))


def blocked(conn: "psycopg.Connection[object]") -> bool:
    """Whether somebody waits for a lock that this connection holds."""
    row = conn.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    ).fetchone()
    assert isinstance(row, tuple)
    return bool(row[0])


def test_killed_between_claim_and_its_commit(product: Product, company: Carrier) -> None:
    """The gateway has heard nothing, and the next worker sends it."""
    http_gateway(company)
    with psycopg.connect(product.database_url, autocommit=True) as other, other.transaction():
        other.execute("LOCK TABLE messaging_gateway IN SHARE MODE")  # its rate is the last that is written
        message = queue(now=clock.now())
        product.start("worker")
        eventually(lambda: blocked(other), 30, "the worker at the lock")
        product.kill("worker")
    assert company.asked == []
    assert state_of(message) == S.QUEUED
    product.start("worker")
    eventually(lambda: state_of(message) == S.SENT, 30)
    assert len(company.asked) == 1


@pytest.mark.parametrize("dedupes", [False, True])
def test_killed_while_the_gateway_has_it(dedupes: bool, product: Product, company: Carrier) -> None:
    """It may have left: shown to a person, or repeated under its reference where the gateway takes that once."""
    never = Event()
    company.answer = lambda asked: Says(after=never)
    http_gateway(company, settings={"dedupes": dedupes})
    product.start("worker")
    message = queue(now=clock.now())
    company.wait(1)
    assert state_of(message) == S.SENDING
    product.kill("worker")
    never.set()
    company.answer = lambda asked: Says()
    product.start("worker")
    end_leases()
    if dedupes:
        eventually(lambda: state_of(message) == S.SENT, 30)
        assert [asked.form["ref"] for asked in company.asked] == [message.reference] * 2
    else:
        eventually(lambda: state_of(message) == S.UNCERTAIN, 30)
        product.stop("worker")
        assert len(company.asked) == 1
        assert [one.pk for one in messages_for_person(now=clock.now())] == [message.pk]


def test_killed_after_the_answer_and_before_it_was_written(product: Product, company: Carrier) -> None:
    """A receipt makes certain what the worker could not write any more."""
    http_gateway(company)
    held = Event()
    company.answer = lambda asked: Says(after=held)
    product.start("worker")
    message = queue(now=clock.now())
    company.wait(1)
    with psycopg.connect(product.database_url, autocommit=True) as other, other.transaction():
        other.execute("SELECT 1 FROM messaging_message FOR UPDATE")
        held.set()
        eventually(lambda: blocked(other), 30, "the worker with the answer")
        product.kill("worker")
    assert state_of(message) == S.SENDING
    end_leases()
    product.start("worker")
    eventually(lambda: state_of(message) == S.UNCERTAIN, 30)
    assert len(company.asked) == 1
    take_receipt(Gateway.objects.get(), ReceiptFacts(message.reference, "", "1", "", {}), now=clock.now())
    assert state_of(message) == S.DELIVERED


def test_killed_with_many_under_way(product: Product, company: Carrier) -> None:
    """Five kills under load: every message is sent once, or shown as uncertain."""
    http_gateway(company, per_second=1000, parallel=4)
    messages = [queue(now=clock.now(), recipient=f"+2760000{number:04}") for number in range(60)]
    for _ in range(5):
        product.launch("worker")
        company.wait(min(len(company.asked) + 5, 30), 40)  # each kill may take four unheard
        product.kill("worker")
    end_leases()
    product.start("worker")
    eventually(lambda: not Message.objects.filter(state__in=(S.QUEUED, S.SENDING)).exists(), 60, "an end")
    asked = [one.form["to"] for one in company.asked]
    assert len(asked) == len(set(asked)), "nothing left twice"
    uncertain = set(Message.objects.filter(state=S.UNCERTAIN).values_list("pk", flat=True))
    sent = Message.objects.filter(state=S.SENT)
    assert len(uncertain) + sent.count() == len(messages)
    assert {one.recipient for one in sent} <= set(asked)
    assert {one.pk for one in messages_for_person(now=clock.now())} == uncertain


def bring(port: int, carrier_id: str) -> bool:
    """Whether the web server says that it has this SMS."""
    conn = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        conn.request("GET", f"/hooks/sms/carrier/{TOKEN}/in?from=27600000001&text=C&id={carrier_id}")
        return conn.getresponse().status == 200
    except OSError:
        return False
    finally:
        conn.close()


def test_an_sms_that_was_acknowledged_is_there_whatever_dies(product: Product, company: Carrier) -> None:
    """The web server answers 200 only after the commit; killed at once after it, nothing is missing."""
    http_gateway(company)
    port = free_port(SOCK_STREAM)
    product.environment["CAPSTAN_WEB_BIND"] = f"127.0.0.1:{port}"
    for number in range(0, 30, 10):
        product.launch("web")
        eventually(partial(bring, port, str(number)), 60, "the web server")
        assert all(bring(port, str(more)) for more in range(number + 1, number + 10))
        product.kill("web")
        assert Inbound.objects.count() == number + 10
