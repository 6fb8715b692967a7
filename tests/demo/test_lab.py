"""All routers of the demo at once, and the socket by which they are looked at and broken."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from capstan.demo import lab as lab_module
from capstan.demo.control import ask, serve
from capstan.demo.lab import Lab
from capstan.demo.roster import accounts
from capstan.values import clock
from capstan.values.refused import Refused
from tests.demo.bench_room import run
from tests.demo.fake_radius import ON, SECRET, FakeRadius, fake_radius, until


@pytest.fixture(autouse=True)
def _one_secret_and_quick_dialling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_module, "secret_of", lambda name: SECRET.decode())
    monkeypatch.setattr(lab_module, "_DIAL_SECONDS", 0.01)


@asynccontextmanager
async def lab(unplugged: Collection[str] = ()) -> AsyncIterator[tuple[FakeRadius, Lab]]:
    async with fake_radius() as server:
        running = Lab(
            hosts=["127.0.0.1"],
            auth_port=server.auth_port,
            acct_port=server.acct_port,
            clock=clock.now,
            unplugged=unplugged,
        )
        await running.start()
        try:
            yield server, running
        finally:
            for router in running.routers.values():
                router.power_off()


def test_every_line_that_can_comes_up() -> None:
    async def story() -> None:
        async with lab() as (server, running):
            assert "hill-pppoe-6" not in running.routers  # the server has no IPv6 address
            ipv4_lines = sum(one.site != "hill-pppoe-6" for account in accounts() for one in account.lines)
            strangers = 2
            await until(lambda: running.figures()["sessions"] == ipv4_lines + strangers)
            assert len(server.events(ON)) == 5
            assert {one["NAS-Identifier"][0] for one in server.logins} == set(running.routers)
            await running.stop()
            assert running.figures()["sessions"] == 0

    run(story())


def test_lines_whose_past_is_still_lived_dial_in_when_they_are_plugged_in() -> None:
    ours = {one.line.username for account in accounts() for one in account.lines if one.site == "old-adsl-1"}
    first = min(ours)

    async def story() -> None:
        async with lab(unplugged=ours - {first}) as (server, running):
            router = running.routers["old-adsl-1"]
            await until(lambda: len(router.sessions()) == 1)
            router.reboot(announce=True, down_seconds=0.0)
            await until(lambda: len(server.events(ON)) == 6 and len(router.sessions()) == 1)
            assert {one["User-Name"][0] for one in server.logins} & ours == {first}
            running.plug_in(ours)
            await until(lambda: len(router.sessions()) == len(ours))

    run(story())


def test_control_socket(tmp_path: Path) -> None:
    async def story() -> None:
        async with lab() as (_, running), serve(running, tmp_path):
            listed = await asyncio.to_thread(ask, tmp_path, ["list"])
            assert [row.split()[0] for row in listed.splitlines()[1:]] == list(running.routers)
            lines = await asyncio.to_thread(ask, tmp_path, ["list", "old-adsl-1"])
            assert len(lines.splitlines()) == 1 + 16
            told = await asyncio.to_thread(ask, tmp_path, ["fault", "old-adsl-1", "clock", "-3600"])
            assert "clock-seconds=-3600" in told
            assert running.routers["old-adsl-1"].faults.clock_seconds == -3600
            assert "none" in await asyncio.to_thread(ask, tmp_path, ["fault", "old-adsl-1", "heal"])

    run(story())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fault", "nowhere", "loss", "5"], "market-hotspot"),
        (["fault", "old-adsl-1", "earthquake"], "reboot-silent"),
        (["fault", "old-adsl-1", "loss", "many"], "many"),
        (["dance"], "capstan demo list"),
    ],
)
def test_what_it_does_not_understand_it_explains(words: list[str], says: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with lab() as (_, running), serve(running, tmp_path):
            with pytest.raises(Refused, match=says):
                await asyncio.to_thread(ask, tmp_path, words)

    run(story())


def test_a_deep_data_dir_and_a_socket_left_behind(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    (deep / "demo.sock").touch()

    async def story() -> None:
        async with lab() as (_, running), serve(running, deep):
            assert "market-hotspot" in await asyncio.to_thread(ask, deep, ["list"])

    run(story())


def test_no_demo_runs(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No demo runs"):
        ask(tmp_path, ["list"])
    with pytest.raises(Refused, match="No demo runs"):
        ask(tmp_path / "missing", ["list"])


def test_no_router_has_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        running = Lab(hosts=[], auth_port=1812, acct_port=1813, clock=clock.now)
        with pytest.raises(OSError, match="none of the routers"):
            await running.start()

    run(story())
