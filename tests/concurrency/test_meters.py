"""Two meters: one works, the other stands by, and one that lost its lock can't write another word."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from capstan.caps.actions import fold
from capstan.caps.actions.fold import fold_step
from capstan.config.embedded.server import Server
from capstan.db.connection import connect
from capstan.db.locks import try_lock
from capstan.metering.actions import log_reader
from capstan.metering.actions.log_reader import PositionTaken
from capstan.metering.actions.packet_log import open_stream
from capstan.metering.actions.sessions import Memory
from capstan.metering.models import MeterPosition, RadiusSession
from capstan.metering.records import Record, Texts, make_record, pack
from capstan.metering.rules.words import Status
from capstan.values import clock
from tests import truth
from tests.product import Product, database, eventually, wait_folded
from tests.provider import MB, Provider
from tests.scene import Scene

USER = "thandi@example.net"


@pytest.fixture
def url(server: Server, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    with django_db_blocker.unblock(), database(server) as lent:
        yield lent


@pytest.fixture
def scene(url: str, tmp_path: Path) -> Iterator[Scene]:
    """A router with ten sessions; the listener runs, meters not yet."""
    product = Product(url, tmp_path)
    made = Scene(product, seed=5)
    try:
        router = made.router()
        names = made.lines(10, allowance_bytes=20 * MB)
        product.start("radius")
        made.field.run(router.bring_up(names))
        yield made
    finally:
        made.close()
        product.end()


def active(pid: int) -> bool:
    """Whether the meter with this process id says that it is the one at work."""
    with connect() as conn:
        row = conn.execute(
            "SELECT (figures->>'meter_active')::float FROM db_processbeat WHERE pid = %s", [pid]
        ).fetchone()
    return bool(row and row[0])


def check(scene: Scene) -> None:
    assert truth.check_logged(scene.routers) > 50
    wait_folded()
    truth.check_sessions(scene.routers)
    truth.check_totals()


def test_the_second_meter_takes_over_at_once(scene: Scene) -> None:
    product = scene.product
    product.start("meter")
    product.start("meter:2")
    first, second = product.processes["meter"].pid, product.processes["meter:2"].pid
    eventually(lambda: active(first), what="work of the first meter")
    assert not active(second)

    def kill() -> None:
        product.kill("meter")
        killed = time.monotonic()
        eventually(lambda: active(second), 8, "work of the second meter")  # it says so every 2 s
        print(
            f"the second meter says that it works {time.monotonic() - killed:.1f} s after the first was killed"
        )

    scene.under_load(scene.routers[0], kill)
    check(scene)


def test_a_meter_whose_connection_is_cut_again_and_again(scene: Scene) -> None:
    """Whichever of the two has the lock: what it was doing is undone, and done by the next."""
    scene.product.start("meter", "meter:2")

    def cut() -> None:
        for _ in range(6):
            time.sleep(scene.chance.uniform(0.1, 0.6))
            truth.kill_connections("capstan meter")

    scene.under_load(scene.routers[0], cut)
    check(scene)
    assert all(process.poll() is None for process in scene.product.processes.values())


# --- in one process, where the moment can be chosen --------------------------------------------------------------


def interim(nas_id: int, seconds: int, down: int, session: str = "81a0") -> Record:
    texts = Texts(b"", USER.encode(), session.encode(), b"", b"", b"", b"", b"")
    return make_record(
        status=Status.INTERIM, nas_id=nas_id, seconds=seconds, bytes_up=0, bytes_down=down, texts=texts
    )


@pytest.fixture
def nas_id(url: str) -> int:
    provider = Provider()
    provider.service(USER, allowance_bytes=1000 * MB)
    nas = provider.nas(provider.peer(), "nas-1").pk
    now = clock.now()
    with connect() as conn:
        stream = open_stream(conn, writer="test", now=now)
        for n in range(1, 6):
            stream.append(pack([interim(nas, 60 * n, n * MB)]), 1, now + timedelta(milliseconds=n))
    return nas


def test_a_meter_that_was_overtaken_gives_its_step_up(nas_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has read the log when its lock is gone and another folds the same records first."""
    really_fold = fold._fold
    overtaken = False

    def slowly(*arguments: object) -> None:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            with connect() as other:
                assert fold_step(other, now=clock.now()).records == 5
        really_fold(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fold, "_fold", slowly)
    memory = Memory()
    with connect() as conn:
        with pytest.raises(PositionTaken):
            fold_step(conn, now=clock.now(), memory=memory)
        assert fold_step(conn, now=clock.now(), memory=memory).records == 0
    assert RadiusSession.objects.get().bytes_down == 5 * MB
    assert MeterPosition.objects.get().seq == 5
    truth.check_totals()


def test_a_cut_connection_loses_lock_and_step_together(nas_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    really_move = log_reader.move_positions

    def cut(cursor: psycopg.Cursor[object], reached: list[log_reader.Reached]) -> None:
        assert truth.kill_connections("meter under test") == 1
        really_move(cursor, reached)

    monkeypatch.setattr(log_reader, "move_positions", cut)
    conn = connect(name="meter under test")
    assert try_lock(conn, "meter")
    with pytest.raises(psycopg.OperationalError):
        fold_step(conn, now=clock.now())
    assert not RadiusSession.objects.exists()

    monkeypatch.undo()
    with connect() as next_one:
        assert try_lock(next_one, "meter")
        assert fold_step(next_one, now=clock.now()).records == 5
    assert RadiusSession.objects.get().bytes_down == 5 * MB
    truth.check_totals()
