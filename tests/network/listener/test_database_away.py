"""The database goes and comes back: nothing is acknowledged meanwhile, nothing acknowledged is lost."""

import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from capstan.db.connection import connect
from capstan.metering.models import Stream
from capstan.metering.records import texts_of
from capstan.network.listener import process
from capstan.network.listener.process import Listener
from tests.network.listener.client import Client, interim
from tests.network.listener.conftest import PASSWORD, Provider, logged, wait_for
from tests.network.listener.test_authentication import ACCEPT, NAS, USER


def terminate_backends() -> None:
    with connect(name="the test") as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'capstan radius%'"
        )


def test_a_lost_connection_heals(provider: Provider, client: Client) -> None:
    provider.service()
    for number in range(3):
        assert client.ask(client.accounting(interim(f"s{number}")))
        assert client.login(USER, PASSWORD, NAS).code == ACCEPT
        terminate_backends()
    assert client.ask(client.accounting(interim("last")), timeout=5)
    sessions = {texts_of(record).session_id for record in logged()}
    assert sessions == {b"s0", b"s1", b"s2", b"last"}
    assert Stream.objects.count() >= 2, "a new connection is a new stream"
    assert Stream.objects.filter(closed_at=None).count() == 1, "and the old one will get no more"


def test_nothing_is_acknowledged_while_the_database_is_away(
    provider: Provider, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client("127.0.0.1", listener.auth_port, listener.acct_port)
    provider.service()
    away = threading.Event()
    away.set()

    def refuse(**values: str) -> "psycopg.Connection[tuple[object, ...]]":
        if away.is_set():
            raise psycopg.OperationalError("connection refused")
        return connect(**values)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "connect", refuse)
    terminate_backends()
    wait_for(lambda: listener.accounting.pipe is None and listener.authentication.pipe is None)
    accounting = client.accounting(interim())
    status = client.access([], code=12)
    assert client.ask(accounting, timeout=0.5) is None
    assert client.ask(status, to_acct=True, timeout=0.2) is None, (
        "it must look dead, so that another is asked"
    )
    assert logged() == []
    away.clear()
    assert client.receive(accounting) is None or logged()
    client.socket.settimeout(10)
    assert wait_for(lambda: logged() and client.ask(client.accounting(interim()), timeout=1))
    assert client.login(USER, PASSWORD, NAS).code == ACCEPT


def test_what_was_acknowledged_under_kills_is_in_the_log(provider: Provider, client: Client) -> None:
    acknowledged: set[bytes] = set()
    stop = time.monotonic() + 4

    def kill() -> None:
        for _ in range(4):
            time.sleep(0.7)
            terminate_backends()

    killer = threading.Thread(target=kill)
    killer.start()
    number = 0
    while time.monotonic() < stop:
        number += 1
        session = f"s{number}"
        if client.ask(client.accounting(interim(session)), timeout=0.4):
            acknowledged.add(session.encode())
    killer.join()
    assert len(acknowledged) > 20
    assert acknowledged <= {texts_of(record).session_id for record in logged()}


def test_a_burst_in_doubt_is_written_again(provider: Provider, start: Callable[..., Listener]) -> None:
    """Its routers may never repeat it, so it is not dropped with the connection."""
    listener = start()
    client = Client("127.0.0.1", listener.auth_port, listener.acct_port)
    with connect(autocommit=False) as blocker:
        blocker.execute("LOCK TABLE metering_packetlog IN ACCESS EXCLUSIVE MODE")
        packet = client.accounting(interim("once"))
        client.socket.sendto(packet, client.acct)
        wait_for(lambda: listener.accounting.is_flying)
        terminate_backends()
        blocker.rollback()
    assert client.receive(packet) is not None
    assert [texts_of(record).session_id for record in logged()] == [b"once"]


def test_a_missing_day_is_made(provider: Provider, client: Client) -> None:
    assert client.ask(client.accounting(interim("one")))
    with connect() as conn:
        names = conn.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'metering_packetlog'::regclass"
        ).fetchall()
        for (name,) in names:
            conn.execute(f"DROP TABLE {name}")
    assert client.ask(client.accounting(interim("two")), timeout=5)
    assert [texts_of(record).session_id for record in logged()] == [b"two"]
