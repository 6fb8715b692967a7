"""Two worker processes: each line is brought to its access by one of them, once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from capstan.config.embedded.server import Server
from capstan.network.models import Command
from tests import radius, truth
from tests.product import Product, database, eventually, wait_folded
from tests.provider import MB
from tests.routers import Line
from tests.scene import Scene

LINES = 60


@pytest.fixture
def scene(server: Server, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Scene]:
    with django_db_blocker.unblock(), database(server) as url:
        product = Product(url, tmp_path)
        made = Scene(product, seed=7)
        try:
            product.start("radius", "meter", "worker", "worker:2")
            yield made
        finally:
            made.close()
            product.end()


def test_two_workers_share_what_is_due(scene: Scene) -> None:
    """Sixty lines reach their cap at once; some routers' answers are slow in coming, so commands overlap."""
    router = scene.router()
    slow = scene.chance.sample(range(LINES), LINES // 3)
    names = scene.lines(LINES, allowance_bytes=5 * MB)
    mute = {names[number] for number in slow}

    def first_time_mute(line: Line, packet: bytes) -> int | None:
        if line.username in mute:
            mute.remove(line.username)
            return 506  # short of resources: it is asked again (RFC 5176 §3.5)
        return None

    scene.field.run(router.bring_up(names))
    router.on_order = first_time_mute
    wait_folded()
    for line in router.lines:
        line.down = 5 * MB
    scene.field.run(router.report_last())
    scene.check()
    eventually(lambda: not Command.objects.filter(state="sending").exists(), what="every outcome")
    again = {names[number] for number in slow}
    assert {line.username: line.orders for line in router.lines} == {
        name: [radius.COA_REQUEST] * (2 if name in again else 1) for name in names
    }
    assert Command.objects.filter(state="ack").count() == LINES
    assert truth.check_logged([router]) > LINES
