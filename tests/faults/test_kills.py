"""`kill -9` at any moment under load: nothing acknowledged is lost, nothing counts twice, access comes right again."""

import time
from collections.abc import Callable

import pytest

from capstan.caps.actions.cap import grant
from capstan.caps.rules.words import BucketKind
from capstan.metering.models import RadiusSession
from capstan.services.models import Service
from capstan.values import clock
from tests import truth
from tests.faults.conftest import PROCESSES
from tests.product import DurableServer
from tests.provider import MB
from tests.routers import Router
from tests.scene import Scene, some_capped

ALLOWANCE = 9 * MB  # reached by half of the lines while faults happen
LINES = 30


def begin(scene: Scene) -> Router:
    router = scene.router()
    names = scene.lines(LINES // 2, allowance_bytes=ALLOWANCE)
    names += scene.lines(LINES - len(names), start=100, allowance_bytes=1000 * ALLOWANCE)
    scene.field.run(router.bring_up(names))
    return router


def often(scene: Scene, times: int, strike: Callable[[], None]) -> Callable[[], None]:
    """Strike so many times, at random moments."""

    def strikes() -> None:
        for _ in range(times):
            time.sleep(scene.chance.uniform(0.1, 1.5))
            strike()

    return strikes


@pytest.mark.parametrize("victim", PROCESSES)
def test_a_killed_process(scene: Scene, victim: str) -> None:
    router = begin(scene)

    def strike() -> None:
        scene.product.kill(victim)
        truth.check_logged(scene.routers)
        scene.product.start(victim)

    scene.under_load(router, often(scene, 2, strike), until=some_capped)
    scene.check()


def test_a_killed_database(scene: Scene, durable: DurableServer) -> None:
    router = begin(scene)

    def strike() -> None:
        acknowledged = set(router.acknowledged)
        durable.kill()
        durable.start()
        assert acknowledged <= truth.logged(router.identifier)

    scene.under_load(router, often(scene, 2, strike), until=some_capped)
    assert all(process.poll() is None for process in scene.product.processes.values()), (
        "they wait, they don't die"
    )
    scene.check()


def test_everything_killed_at_once_with_grants_in_between(scene: Scene, durable: DurableServer) -> None:
    router = begin(scene)
    short = list(Service.objects.filter(username__lt="line0100"))

    def strike() -> None:
        victims = scene.chance.sample(PROCESSES, scene.chance.randrange(1, 4))
        for victim in victims:
            scene.product.kill(victim)
        for service in scene.chance.sample(short, 5):
            grant(
                service_id=service.pk, kind=BucketKind.TOPUP, size_bytes=4 * MB, source="test", actor="test",
                now=clock.now(),
            )  # fmt: skip
        if scene.chance.random() < 0.5:
            durable.kill()
            durable.start()
        scene.product.start(*victims)

    scene.under_load(router, often(scene, 2, strike), until=some_capped)
    scene.check()
    assert RadiusSession.objects.count() == LINES
