"""A router on a test bench: quick pauses, a free CoA port, one line that downloads without end."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from capstan.demo.routers.client import Retry
from capstan.demo.routers.packets import Line, Setup
from capstan.demo.routers.router import Router
from capstan.demo.routers.session import Area
from capstan.demo.routers.traffic import DayClock, Habit
from capstan.demo.routers.vendors import MIKROTIK, Vendor
from capstan.values import clock
from tests.demo.fake_radius import SECRET, FakeRadius, fake_radius

MAC = bytes.fromhex("02005e100001")
LINE = Line("thandi@sandpiper.example", "correct horse", MAC, Habit.EAGER, seed=1, line_bps=80_000_000)
QUICK = Retry(first=0.1, longest=0.4, tries=0)


def run(story: Coroutine[Any, Any, None]) -> None:
    """Let this happen in an event loop of its own, within a minute."""
    asyncio.run(asyncio.wait_for(story, 60))


def setup_of(radius: FakeRadius, vendor: Vendor = MIKROTIK, **changed: Any) -> Setup:
    setup = Setup(
        name="bench-1",
        vendor=vendor,
        address="127.20.99.1",
        secret=SECRET,
        server="127.0.0.1",
        auth_port=radius.auth_port,
        acct_port=radius.acct_port,
        coa_port=0,
        areas={"capstan-open": Area.INTERNET, "capstan-garden": Area.GARDEN, "capstan-drop": Area.NOWHERE},
        pools={"": "100.64.0.0/24", "premium": "198.51.100.0/29", "home6": "2001:db8:100::/48 56"},
        tick_seconds=0.02,
        dial_seconds=0.0,
        redial_seconds=(0.1, 0.2),
        refused_seconds=(0.1, 0.2),
    )
    return replace(setup, **changed)


@asynccontextmanager
async def bench(
    vendor: Vendor = MIKROTIK, *lines: Line, host: str = "127.0.0.1", speed: float = 1.0, **changed: Any
) -> AsyncIterator[tuple[FakeRadius, Router]]:
    """A fake server and a router that is plugged in to it but not yet switched on."""
    async with fake_radius(host) as server:
        router = Router(
            setup_of(server, vendor, server=host, **changed),
            lines or (LINE,),
            day=DayClock(0.0, speed),
            clock=clock.now,
            login_retry=QUICK._replace(tries=5),
            accounting_retry=QUICK,
        )
        try:
            yield server, router
        finally:
            router.power_off()
