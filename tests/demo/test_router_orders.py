"""CoA and Disconnect-Requests: obeyed, refused with the right Error-Cause, or ignored when forged (RFC 5176)."""

import asyncio
from typing import Any

import pytest

from capstan.demo.routers.router import Router
from capstan.demo.routers.session import Area
from capstan.demo.routers.vendors import COOVA, MIKROTIK, WISPR, Vendor
from tests.demo.bench_room import LINE, bench, run
from tests.demo.fake_radius import (
    COA_ACK,
    COA_NAK,
    DISCONNECT_ACK,
    DISCONNECT_NAK,
    START,
    STOP,
    accept,
    octets,
    order,
    until,
)

USER = ("User-Name", LINE.username)


def port(router: Router) -> tuple[str, int]:
    return router.setup.address, router.coa_port


def test_coa_changes_the_rate_at_once() -> None:
    async def story() -> None:
        async with bench(WISPR) as (_, router):
            await router.start()
            one = (await until(router.sessions))[0]
            rates = [("WISPr-Bandwidth-Max-Up", 100_000), ("WISPr-Bandwidth-Max-Down", 800_000)]
            assert (await order(port(router), USER, *rates)).code == COA_ACK
            began, before = one.session.moved_until, one.moved_down
            await asyncio.sleep(0.4)
            passed = one.session.moved_until - began
            assert 0 < (one.moved_down - before) * 8 <= 800_000 * passed

    run(story())


def test_coa_to_the_garden_and_back() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            await router.start()
            one = (await until(router.sessions))[0]
            assert (await order(port(router), USER, ("Filter-Id", "capstan-garden"))).code == COA_ACK
            before = one.moved_down
            await asyncio.sleep(0.3)
            assert one.moved_down - before <= 40_000
            assert (await order(port(router), USER, ("Mikrotik-Rate-Limit", "2M/2M"))).code == COA_ACK
            assert one.session.area is Area.GARDEN  # what a CoA doesn't mention stays
            assert (await order(port(router), USER, ("Filter-Id", "capstan-open"))).code == COA_ACK
            before = one.moved_down
            await until(lambda: one.moved_down - before > 40_000)
            assert server.events(STOP) == []

    run(story())


def test_coa_raises_the_quota() -> None:
    async def story() -> None:
        async with bench(COOVA) as (server, router):
            server.reply = lambda request: accept(
                ("ChilliSpot-Max-Total-Octets", 3_000_000), ("ChilliSpot-Bandwidth-Max-Down", 20_000)
            )
            await router.start()
            await until(router.sessions)
            raised = ("ChilliSpot-Max-Total-Octets", 4_000_003)
            assert (await order(port(router), USER, raised)).code == COA_ACK
            assert sum(octets((await until(lambda: server.events(STOP)))[0])) == 4_000_003

    run(story())


def test_class_of_a_coa_is_echoed_from_then_on() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            await router.start()
            await until(router.sessions)
            assert (await order(port(router), USER, ("Class", b"token-2"))).code == COA_ACK
            await router.stop()
            assert server.events(STOP)[0]["Class"] == [b"token-2"]

    run(story())


def test_disconnect_stops_at_once_and_dials_again() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            await router.start()
            one = (await until(router.sessions))[0]
            session_id = one.session.session_id
            answer = await order(port(router), USER, ("Acct-Session-Id", session_id), disconnect=True)
            assert answer.code == DISCONNECT_ACK
            stop = (await until(lambda: server.events(STOP)))[0]
            assert stop["Acct-Terminate-Cause"] == [6]
            assert sum(octets(stop)) == one.moved_up + one.moved_down
            again = (await until(lambda: server.events(START)[1:]))[0]
            assert again["Acct-Session-Id"] != [session_id]

    run(story())


@pytest.mark.parametrize(
    ("attributes", "disconnect", "cause"),
    [
        ([("User-Name", "nobody")], True, 503),
        ([USER, ("Acct-Session-Id", "0")], False, 503),
        ([USER, ("Framed-IP-Address", "192.0.2.77")], False, 503),
        ([("Filter-Id", "capstan-open")], False, 402),
        ([USER, ("NAS-Identifier", "another")], False, 403),
        ([USER, ("NAS-IP-Address", "127.20.99.2")], True, 403),
        ([USER, ("Framed-Pool", "premium")], False, 401),
        ([USER, ("Mikrotik-Total-Limit", 1)], False, 401),
        ([USER, ("Mikrotik-Address-List", "capstan-garden")], False, 401),
        ([USER, ("WISPr-Redirection-URL", "http://portal.example/")], False, 401),
        ([USER, ("Filter-Id", "capstan-open")], True, 401),
        ([USER, ("Filter-Id", "nonsense")], False, 407),
        ([USER, ("Mikrotik-Rate-Limit", "fast")], False, 407),
    ],
)
def test_refusals(attributes: list[tuple[str, Any]], disconnect: bool, cause: int) -> None:
    async def story() -> None:
        async with bench(MIKROTIK) as (server, router):
            await router.start()
            one = (await until(router.sessions))[0]
            before = one.session.orders
            answer = await order(port(router), *attributes, disconnect=disconnect)
            assert answer.code == (DISCONNECT_NAK if disconnect else COA_NAK)
            assert answer["Error-Cause"] == [cause]
            assert one.session is not None
            assert one.session.orders == before
            assert server.events(STOP) == []

    run(story())


@pytest.mark.parametrize("vendor", [MIKROTIK, COOVA, WISPR], ids=lambda vendor: vendor.name)
def test_full_identification_is_understood(vendor: Vendor) -> None:
    async def story() -> None:
        async with bench(vendor) as (server, router):
            await router.start()
            start = (await until(lambda: server.events(START)))[0]
            names = ("User-Name", "Acct-Session-Id", "Framed-IP-Address", "NAS-Identifier", "NAS-IP-Address")
            told = [(name, start[name][0]) for name in (*names, "Calling-Station-Id")]
            stamp = ("Event-Timestamp", 1_800_000_000)
            assert (await order(port(router), *told, stamp, ("Session-Timeout", 500))).code == COA_ACK
            assert (await order(port(router), *told, stamp, disconnect=True)).code == DISCONNECT_ACK

    run(story())


def test_forged_order_is_ignored() -> None:
    async def story() -> None:
        async with bench() as (_, router):
            await router.start()
            await until(router.sessions)
            with pytest.raises(TimeoutError):
                await order(port(router), USER, disconnect=True, secret=b"guessed")
            assert router.sessions()

    run(story())


def test_repeated_order_gets_the_same_answer_and_acts_once() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            router.faults.duplicate = 100.0
            await router.start()
            await until(router.sessions)
            answer = await order(port(router), USER, disconnect=True)
            assert answer.code == DISCONNECT_ACK  # the copy of the request would else be told 503
            await until(lambda: server.events(STOP))

    run(story())
