"""Each fault does to the packets what its name says."""

import asyncio
from random import Random

import pytest

from capstan.demo.routers.faults import FaultKind, Faults, Wire
from capstan.demo.routers.vendors import MIKROTIK
from tests.demo.bench_room import LINE, bench, run
from tests.demo.fake_radius import COA_ACK, INTERIM, ON, START, STOP, accept, octets, order, until

USER = ("User-Name", LINE.username)


@pytest.mark.parametrize(("kind", "ons"), [(FaultKind.REBOOT, 2), (FaultKind.REBOOT_SILENT, 1)])
def test_reboot_sends_no_stop(kind: FaultKind, ons: int) -> None:
    async def story() -> None:
        async with bench() as (server, router):
            await router.start()
            await until(lambda: server.events(START))
            router.fault(kind, "0.1")
            assert router.sessions() == []
            await until(lambda: len(server.events(START)) == 2)
            assert server.events(STOP) == []
            assert len(server.events(ON)) == ons

    run(story())


def test_lost_packets_are_made_good() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            router.fault(FaultKind.LOSS, "50")
            await router.start()
            await until(lambda: server.events(START))
            assert router.wire.lost > 0
            assert router.figures[0].resent + router.figures[1].resent > 0

    run(story())


@pytest.mark.parametrize(("kind", "arrives"), [(FaultKind.LOSS_OUT, False), (FaultKind.LOSS_IN, True)])
def test_loss_has_a_direction(kind: FaultKind, arrives: bool) -> None:
    async def story() -> None:
        async with bench() as (server, router):
            router.fault(kind, "100")
            await router.start()
            await asyncio.sleep(0.3)
            assert bool(server.logins) == arrives
            assert router.sessions() == []

    run(story())


def test_wrong_clock() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            await router.start()
            await until(lambda: server.events(START))
            router.fault(FaultKind.CLOCK, "-7200")
            await router.stop()
            start, stop = server.events(START)[0], server.events(STOP)[0]
            assert -7200 <= stop["Event-Timestamp"][0] - start["Event-Timestamp"][0] <= -7190

    run(story())


def test_counters_start_again_in_mid_session() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            server.reply = lambda request: accept(("Acct-Interim-Interval", 1))
            await router.start()
            before = octets((await until(lambda: server.events(INTERIM)))[0])
            router.fault(FaultKind.COUNTER_RESET, LINE.username)
            await router.stop()
            stop = server.events(STOP)[0]
            assert sum(octets(stop)) < sum(before)
            assert stop["Acct-Session-Time"] >= server.events(INTERIM)[0]["Acct-Session-Time"]
            assert router.subscribers[0].moved_down - octets(stop)[1] >= before[1]

    run(story())


def test_without_gigawords_counters_wrap() -> None:
    async def story() -> None:
        async with bench(MIKROTIK, LINE._replace(line_bps=400_000_000_000), speed=1000.0) as (server, router):
            router.fault(FaultKind.NO_GIGAWORDS)
            await router.start()
            one = (await until(router.sessions))[0]
            await until(lambda: one.moved_down > 1 << 32)
            await router.stop()
            stop = server.events(STOP)[0]
            assert "Acct-Output-Gigawords" not in stop
            assert stop["Acct-Output-Octets"] == [one.moved_down % (1 << 32)]

    run(story())


def test_duplicates() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            router.fault(FaultKind.DUPLICATE, "100")
            router.subscribers.clear()
            await router.start()
            await until(lambda: len(server.raw_accounting) == 2)
            assert len(set(server.raw_accounting)) == 1

    run(story())


def test_held_back_packets_are_overtaken() -> None:
    async def story() -> None:
        wire, arrived = Wire(Faults(reorder=100.0), Random(1)), []
        wire.send(lambda: arrived.append("first"))
        wire.faults.set(FaultKind.HEAL, "")
        wire.send(lambda: arrived.append("second"))
        await until(lambda: len(arrived) == 2)
        assert arrived == ["second", "first"]

    run(story())


def test_deaf_to_coa_until_healed() -> None:
    async def story() -> None:
        async with bench() as (_, router):
            await router.start()
            await until(router.sessions)
            place = (router.setup.address, router.coa_port)
            router.fault(FaultKind.COA_DEAF)
            with pytest.raises(TimeoutError):
                await order(place, USER, ("Session-Timeout", 60))
            router.fault(FaultKind.HEAL)
            assert (await order(place, USER, ("Session-Timeout", 60))).code == COA_ACK

    run(story())


def test_slow_answers() -> None:
    async def story() -> None:
        async with bench() as (_, router):
            await router.start()
            await until(router.sessions)
            router.fault(FaultKind.SLOW, "0.4")
            loop = asyncio.get_running_loop()
            began = loop.time()
            await order((router.setup.address, router.coa_port), USER, ("Session-Timeout", 60))
            assert loop.time() - began >= 0.4

    run(story())


@pytest.mark.parametrize(
    ("kind", "argument", "problem"),
    [
        (FaultKind.LOSS, "much", "much"),
        (FaultKind.LOSS, "", "float"),
        (FaultKind.COA_DEAF, "perhaps", "on or off"),
        (FaultKind.COUNTER_RESET, "nobody", "nobody"),
    ],
)
def test_arguments_that_do_not_fit(kind: FaultKind, argument: str, problem: str) -> None:
    async def story() -> None:
        async with bench() as (_, router):
            with pytest.raises(ValueError, match=problem):
                router.fault(kind, argument)
            assert router.faults.words() == ""

    run(story())
