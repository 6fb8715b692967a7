"""Logging in, accounting, and obeying: against a fake server that is not the product's."""

import asyncio
from hashlib import md5
from typing import Any

import pytest

from capstan.demo.routers.vendors import COOVA, MIKROTIK, WISPR, Vendor
from tests.demo.bench_room import LINE, bench, run
from tests.demo.fake_radius import (
    ACCEPT,
    DISCONNECT_ACK,
    INTERIM,
    OFF,
    ON,
    REJECT,
    SECRET,
    START,
    STOP,
    accept,
    octets,
    order,
    until,
)

INTERIM_1S = ("Acct-Interim-Interval", 1)


@pytest.mark.parametrize("chap", [False, True], ids=["pap", "chap"])
@pytest.mark.parametrize("vendor", [MIKROTIK, COOVA, WISPR], ids=lambda vendor: vendor.name)
def test_login_and_accounting_sequence(vendor: Vendor, chap: bool) -> None:
    async def story() -> None:
        async with bench(vendor, LINE._replace(chap=chap)) as (server, router):
            server.reply = lambda request: accept(INTERIM_1S)
            await router.start()
            await until(lambda: server.events(INTERIM))
            await router.stop()
            login = server.logins[0]
            if chap:
                assert login.VerifyChapPasswd(LINE.password)
            else:
                assert login.PwDecrypt(login["User-Password"][0]) == LINE.password
            assert login["NAS-Identifier"] == ["bench-1"]
            assert login["NAS-IP-Address"] == ["127.20.99.1"]
            assert [one["Acct-Status-Type"][0] for one in server.accounting] == [
                ON,
                START,
                INTERIM,
                STOP,
                OFF,
            ]
            start, interim, stop = server.accounting[1:4]
            for event in (start, interim, stop):
                assert event["Class"] == [b"token-1"]
                assert event["Acct-Session-Id"] == login["Acct-Session-Id"]
                assert event["Framed-IP-Address"] == ["100.64.0.1"]
                assert ("Event-Timestamp" in event) == vendor.stamps_events
            assert "Acct-Input-Octets" not in start
            assert octets(interim) <= octets(stop)
            assert octets(stop)[1] > 0
            assert stop["Acct-Terminate-Cause"] == [7]
            assert stop["Acct-Session-Time"][0] >= 0

    run(story())


def test_calling_station_is_written_as_each_vendor_does() -> None:
    async def story(vendor: Vendor, written: str) -> None:
        async with bench(vendor) as (server, router):
            await router.start()
            await until(lambda: server.logins)
            assert server.logins[0]["Calling-Station-Id"] == [written]

    run(story(MIKROTIK, "02:00:5E:10:00:01"))
    run(story(COOVA, "02-00-5E-10-00-01"))
    run(story(WISPR, "02005e100001"))


def test_refused_line_tries_again() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            server.reply = lambda request: (REJECT, [("Reply-Message", "no such user")])
            await router.start()
            await until(lambda: len(server.logins) >= 2)
            assert router.subscribers[0].refused == "no such user"
            assert router.sessions() == []
            server.reply = lambda request: accept()
            await until(router.sessions)

    run(story())


def test_unsigned_accept_is_not_believed() -> None:
    """An answer without Message-Authenticator could be forged (CVE-2024-3596)."""

    async def story() -> None:
        async with bench() as (server, router):

            def unsigned(raw: bytes) -> bytes:
                head = bytes([ACCEPT, raw[1], 0, 20])
                return head + md5(head + raw[4:20] + SECRET).digest()

            server.on_login = unsigned  # type: ignore[method-assign]
            await router.start()
            await until(lambda: router.figures[0].ignored >= 2)
            assert router.sessions() == []

    run(story())


@pytest.mark.parametrize(
    ("vendor", "limits", "total"),
    [
        (MIKROTIK, [("Mikrotik-Total-Limit", 1_234_567)], 1_234_567),
        (
            COOVA,
            [("ChilliSpot-Max-Total-Octets", 1_000_001), ("ChilliSpot-Max-Total-Gigawords", 0)],
            1_000_001,
        ),
    ],
    ids=["mikrotik", "coova"],
)
def test_quota_cuts_at_the_exact_byte(vendor: Vendor, limits: list[tuple[str, int]], total: int) -> None:
    async def story() -> None:
        async with bench(vendor) as (server, router):
            server.reply = lambda request: accept(*limits)
            await router.start()
            stop = (await until(lambda: server.events(STOP)))[0]
            assert sum(octets(stop)) == total
            assert stop["Acct-Terminate-Cause"] == [int(vendor.quota_cause)]
            await until(lambda: len(server.logins) >= 2)  # dials again

    run(story())


def test_quota_above_4_gib_joins_gigawords() -> None:
    async def story() -> None:
        async with bench(MIKROTIK, LINE._replace(line_bps=200_000_000_000), speed=1000.0) as (server, router):
            limits = [("Mikrotik-Xmit-Limit", 5), ("Mikrotik-Xmit-Limit-Gigawords", 2)]
            server.reply = lambda request: accept(*limits)
            await router.start()
            stop = (await until(lambda: server.events(STOP)))[0]
            assert octets(stop)[1] == (2 << 32) + 5
            assert stop["Acct-Output-Gigawords"] == [2]

    run(story())


def test_zero_means_no_limit() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            server.reply = lambda request: accept(
                ("Mikrotik-Total-Limit", 0), ("Mikrotik-Total-Limit-Gigawords", 0)
            )
            await router.start()
            await until(lambda: router.sessions() and router.subscribers[0].moved_down > 1_000_000)
            assert server.events(STOP) == []

    run(story())


@pytest.mark.parametrize(
    ("vendor", "rates"),
    [
        (MIKROTIK, [("Mikrotik-Rate-Limit", "1M/4M 2M/8M 1M/4M 16/16")]),
        (COOVA, [("ChilliSpot-Bandwidth-Max-Up", 1000), ("ChilliSpot-Bandwidth-Max-Down", 4000)]),
        (WISPR, [("WISPr-Bandwidth-Max-Up", 1_000_000), ("WISPr-Bandwidth-Max-Down", 4_000_000)]),
    ],
    ids=lambda value: value.name if isinstance(value, Vendor) else "",
)
def test_rate_is_obeyed(vendor: Vendor, rates: list[tuple[str, Any]]) -> None:
    async def story() -> None:
        async with bench(vendor) as (server, router):
            server.reply = lambda request: accept(*rates)
            await router.start()
            one = (await until(router.sessions))[0]
            await asyncio.sleep(0.5)
            session = one.session
            seconds = session.moved_until - session.began
            assert session.up * 8 <= 1_000_000 * seconds
            assert 3_900_000 * seconds <= session.down * 8 <= 4_000_000 * seconds

    run(story())


def test_garden_and_drop_at_login() -> None:
    async def story(area: str, most: int) -> None:
        async with bench(WISPR) as (server, router):
            server.reply = lambda request: accept(("Filter-Id", area))
            await router.start()
            one = (await until(router.sessions))[0]
            await asyncio.sleep(0.3)
            assert one.moved_up + one.moved_down <= most

    run(story("capstan-garden", 10_000))
    run(story("capstan-drop", 0))


def test_filter_that_is_not_set_up_stops_the_login() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            server.reply = lambda request: accept(("Filter-Id", "nonsense"))
            await router.start()
            await until(lambda: "nonsense" in router.subscribers[0].refused)

    run(story())


def test_pools_and_fixed_addresses() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            server.reply = lambda request: accept(
                ("Framed-Pool", "premium"),
                ("Framed-IPv6-Prefix", "2001:db8:7::/64"),
                ("Delegated-IPv6-Prefix-Pool", "home6"),
            )
            await router.start()
            start = (await until(lambda: server.events(START)))[0]
            assert start["Framed-IP-Address"] == ["198.51.100.1"]
            assert start["Framed-IPv6-Prefix"] == ["2001:db8:7::/64"]
            assert start["Delegated-IPv6-Prefix"] == ["2001:db8:100::/56"]
            server.reply = lambda request: accept(("Framed-IP-Address", "203.0.113.9"))
            router.reboot(announce=False, down_seconds=0)
            start = (await until(lambda: server.events(START)[1:]))[0]
            assert start["Framed-IP-Address"] == ["203.0.113.9"]
            server.reply = lambda request: accept(("Framed-Pool", "unheard-of"))
            router.reboot(announce=False, down_seconds=0)
            await until(lambda: "unheard-of" in router.subscribers[0].refused)

    run(story())


def test_session_timeout_ends_the_session() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            server.reply = lambda request: accept(("Session-Timeout", 1))
            await router.start()
            stop = (await until(lambda: server.events(STOP)))[0]
            assert stop["Acct-Terminate-Cause"] == [5]
            assert stop["Acct-Session-Time"] == [1]

    run(story())


def test_idle_timeout_ends_the_session() -> None:
    async def story() -> None:
        async with bench(WISPR) as (server, router):
            server.reply = lambda request: accept(("Idle-Timeout", 1), ("Filter-Id", "capstan-drop"))
            await router.start()
            stop = (await until(lambda: server.events(STOP)))[0]
            assert stop["Acct-Terminate-Cause"] == [4]

    run(story())


def test_nobody_dials_while_the_router_shuts_down() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            await router.start()
            await until(lambda: server.events(START))
            server.mute = True
            await router.stop(within_seconds=0.6)
            assert len(server.logins) == 1
            assert len(server.events(STOP)) >= 2  # repeated to the end

    run(story())


def test_subscriber_who_leaves_comes_back() -> None:
    async def story() -> None:
        async with bench(WISPR, LINE._replace(stay_seconds=0.1)) as (server, router):
            await router.start()
            stop = (await until(lambda: server.events(STOP)))[0]
            assert stop["Acct-Terminate-Cause"] == [1]
            await until(lambda: len(server.events(START)) >= 2)

    run(story())


def test_interims_keep_their_interval() -> None:
    async def story() -> None:
        async with bench() as (server, router):
            server.reply = lambda request: accept(INTERIM_1S)
            await router.start()
            began = (await until(router.sessions))[0].session.began
            await until(lambda: len(server.events(INTERIM)) == 3)
            passed = asyncio.get_running_loop().time() - began
            assert 3 * 0.9 <= passed <= 3 * 1.0 + 0.3

    run(story())


def test_ipv6_router() -> None:
    async def story() -> None:
        async with bench(host="::1", address="::1") as (server, router):
            await router.start()
            start = (await until(lambda: server.events(START)))[0]
            assert start["NAS-IPv6-Address"] == ["::1"]
            answer = await order(("::1", router.coa_port), ("User-Name", LINE.username), disconnect=True)
            assert answer.code == DISCONNECT_ACK

    run(story())
