"""The database away and back, packets lost both ways, and the power returning to a whole town."""

import asyncio
import time
from statistics import quantiles

from capstan.caps.actions.cap import grant
from capstan.caps.models import Cap
from capstan.caps.rules.words import BucketKind, CapState
from capstan.metering.models import RadiusSession
from capstan.metering.rules.words import SessionState
from capstan.network.models import LoginFailure
from capstan.services.models import Service
from capstan.values import clock
from tests import radius, truth
from tests.product import DurableServer, eventually, wait_folded
from tests.provider import MB
from tests.routers import Line, Router
from tests.scene import Scene, some_capped

TOWN = 1500
USED = 60 * MB


def test_the_database_away_and_back(scene: Scene, durable: DurableServer) -> None:
    """Nothing is answered meanwhile, not even "are you there?"; then all goes on by itself."""
    router = scene.router()
    scene.field.run(router.bring_up(scene.lines(10, allowance_bytes=1000 * MB)))
    durable.stop()
    eventually(
        lambda: scene.product.log("radius").count("nothing is acknowledged") >= 2,
        what="the listener's notice of it",
    )

    async def ask_in_vain() -> list[object]:
        silence = [router.account(line, radius.INTERIM, tries=3) for line in router.lines]
        stranger = Line(router.lines[0].username)
        status = router.acct.ask(
            lambda identifier: radius.status_server(identifier, router.secret, authenticator=bytes(16)),
            tries=3,
        )
        return await asyncio.gather(*silence, router.login(stranger, tries=3), status)

    for line in router.lines:
        line.down += MB
    before = set(router.acknowledged)
    answers = scene.field.run(ask_in_vain())
    assert answers == [False] * 10 + [None, None]
    assert router.acknowledged == before

    durable.start()
    started = time.monotonic()
    scene.field.run(router.report_last())
    print(f"acknowledged again after {time.monotonic() - started:.1f} s")
    assert all(process.poll() is None for process in scene.product.processes.values())
    scene.check()


def test_a_third_of_all_packets_lost(scene: Scene) -> None:
    """Requests, answers, CoA and its answers: repeats bring everything through, once."""
    router = scene.router()
    short = scene.lines(8, allowance_bytes=8 * MB)
    names = short + scene.lines(8, start=100, allowance_bytes=1000 * MB)
    router.wire.loss = 0.33
    scene.field.run(router.bring_up(names))

    def top_up() -> None:
        for service in Service.objects.filter(username__in=short[:4]):
            grant(
                service_id=service.pk, kind=BucketKind.TOPUP, size_bytes=500 * MB, source="test", actor="test",
                now=clock.now(),
            )  # fmt: skip

    scene.under_load(router, top_up, until=some_capped)
    scene.check()


def test_the_power_returns_to_a_town(scene: Scene) -> None:
    """Thousands log in within seconds, their routers say Accounting-On, some of it late and twice: nobody is falsely capped."""
    routers = [scene.router(f"tower-{number}", sockets=8) for number in (1, 2)]
    names = scene.lines(TOWN, allowance_bytes=100 * MB)
    share = TOWN // len(routers)
    for number, router in enumerate(routers):
        router.lines = [Line(name) for name in names[number * share : (number + 1) * share]]
    spent = {line.username for router in routers for line in router.lines[: share // 10]}

    async def evening(router: Router) -> None:
        await asyncio.gather(*(router.connect(line) for line in router.lines))
        for line in router.lines:
            line.down = 100 * MB if line.username in spent else USED
        await router.report_last()

    scene.field.run(_all(evening(router) for router in routers), 60)
    wait_folded()
    times: list[float] = []

    async def timed(router: Router, line: Line) -> None:
        began = time.monotonic()
        await router.connect(line)
        times.append(time.monotonic() - began)

    async def power_back(router: Router) -> None:
        began = time.monotonic()
        for line in router.lines:
            line.is_up = False
        first = router.announce(radius.ACCOUNTING_ON)
        logins = [timed(router, line) for line in router.chance.sample(router.lines, len(router.lines))]
        await asyncio.gather(first, *logins)
        await router.announce(
            radius.ACCOUNTING_ON, delay=round(time.monotonic() - began) + 1
        )  # a repeat, late

    started = time.monotonic()
    scene.field.run(_all(power_back(router) for router in routers), 60)
    slowest = quantiles(times, n=100)[98]
    print(f"{TOWN} logins and Starts in {time.monotonic() - started:.1f} s, 99 % in {slowest:.2f} s")
    wait_folded()

    assert len(times) == TOWN
    assert not LoginFailure.objects.exists()
    assert RadiusSession.objects.filter(state=SessionState.LIVE).count() == TOWN
    assert RadiusSession.objects.filter(state=SessionState.CLOSED).count() == TOWN
    throttled = Cap.objects.filter(state=CapState.THROTTLED).values_list("service__username", flat=True)
    assert set(throttled) == spent
    truth.check_totals()
    eventually(lambda: not truth.unlike(routers), 20, "the right access")


async def _all(works: object) -> None:
    await asyncio.gather(*works)  # type: ignore[misc]
