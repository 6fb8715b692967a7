"""What a router does when it isn't answered (RFC 5080 §2.2.1, RFC 2866, RFC 2869)."""

import asyncio
from itertools import pairwise

from capstan.demo.routers.vendors import COOVA, MIKROTIK
from tests.demo.bench_room import LINE, bench, run
from tests.demo.fake_radius import INTERIM, ON, START, accept, octets, until


def test_repetitions_come_at_growing_pauses_up_to_the_longest() -> None:
    async def story() -> None:
        async with bench(COOVA) as (server, router):
            server.mute = True
            router.subscribers.clear()
            await router.start()
            await until(lambda: len(server.arrivals) >= 6)
            pauses = [later - earlier for earlier, later in pairwise(server.arrivals)]
            assert 0.08 <= pauses[0] <= 0.14
            assert 0.17 <= pauses[1] <= 0.27
            assert pauses[2] > pauses[1] + 0.1
            assert pauses[4] <= 0.45

    run(story())


def test_chilli_repeats_the_very_packet() -> None:
    async def story() -> None:
        async with bench(COOVA) as (server, router):
            server.mute = True
            router.subscribers.clear()
            await router.start()
            await until(lambda: len(server.events(ON)) >= 3)
            assert len(set(server.raw_accounting)) == 1

    run(story())


def test_mikrotik_makes_it_anew_with_the_true_delay() -> None:
    async def story() -> None:
        async with bench(MIKROTIK) as (server, router):
            server.mute = True
            router.subscribers.clear()
            await router.start()
            await until(lambda: server.accounting and server.accounting[-1]["Acct-Delay-Time"] == [2])
            assert server.accounting[0]["Acct-Delay-Time"] == [0]
            assert len({one.id for one in server.accounting}) == len(server.accounting)
            assert len({one["Event-Timestamp"][0] for one in server.accounting}) == 1

    run(story())


def test_nothing_more_is_sent_once_it_is_answered() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            server.mute = True
            await router.start()
            await until(lambda: len(server.events(START)) >= 3)
            server.mute = False
            await until(lambda: router.figures[1].answered == 2)  # Accounting-On and the Start
            count = len(server.accounting)
            await asyncio.sleep(0.9)
            assert len(server.accounting) == count

    run(story())


def test_only_the_latest_unsent_interim_is_kept() -> None:
    async def story() -> None:
        async with bench(COOVA) as (server, router):
            server.reply = lambda request: accept(("Acct-Interim-Interval", 1))
            await router.start()
            await until(lambda: server.events(START))
            server.mute = True
            await until(lambda: len({octets(one) for one in server.events(INTERIM)}) == 3)
            third = octets(server.events(INTERIM)[-1])
            count = len(server.events(INTERIM))
            await until(lambda: len(server.events(INTERIM)) > count)
            assert {octets(one) for one in server.events(INTERIM)[count:]} == {third}

    run(story())


def test_more_than_256_requests_open_a_second_socket() -> None:
    async def story() -> None:
        lines = [LINE._replace(username=f"line{number}", seed=number) for number in range(300)]
        async with bench(MIKROTIK, *lines, pools={"": "100.64.0.0/22"}) as (server, router):
            server.mute = True
            await router.start()
            await until(lambda: len({one["User-Name"][0] for one in server.events(START)}) == 300)
            server.mute = False
            await until(lambda: router.figures[1].answered == 301)

    run(story())
