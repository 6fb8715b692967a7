"""The whole way at once: the demo's routers, on a wire that loses, doubles and delays, against the real listener and meter.

What the routers know to have moved is what the product must have counted, to the byte.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from django.db.models import F, Sum

from capstan.demo import lab as lab_module
from capstan.demo import provider
from capstan.demo.lab import Lab
from capstan.demo.roster import accounts
from capstan.demo.sites import SITES
from capstan.metering.models import Fault, RadiusSession
from capstan.metering.rules.words import SessionState
from capstan.values import clock
from tests.demo.fake_radius import until

_DIAL_SECONDS = 0.05
_RUN_SECONDS = 12
_FAREWELL_SECONDS = 90

# Every kind of line, a few of each: the first three and the last three of every router.
_SITES = {site.name for site in SITES if ":" not in site.address}
CHOSEN = {
    one.line.username
    for name in _SITES
    for lines in [[one for account in accounts() for one in account.lines if one.site == name]]
    for one in (*lines[:3], *lines[-3:])
}
ACCOUNTS = tuple(
    account._replace(lines=kept)
    for account in accounts()
    if (kept := tuple(one for one in account.lines if one.line.username in CHOSEN))
)


@contextmanager
def _processes(environment: dict[str, str]) -> Iterator[None]:
    """The real listener and meter on the test's database."""
    running = [
        subprocess.Popen([sys.executable, "-m", "capstan.config.cli", verb], env=environment)
        for verb in ("radius", "meter")
    ]
    try:
        yield
        assert all(one.poll() is None for one in running)
    finally:
        for one in running:
            one.terminate()
        for one in running:
            one.wait(20)


def _free_ports() -> tuple[int, int]:
    with socket.socket(type=socket.SOCK_DGRAM) as auth, socket.socket(type=socket.SOCK_DGRAM) as acct:
        auth.bind(("127.0.0.1", 0))
        acct.bind(("127.0.0.1", 0))
        return auth.getsockname()[1], acct.getsockname()[1]


async def _live(auth_port: int, acct_port: int) -> dict[str, tuple[int, int]]:
    """Let the routers run on a bad wire, then shut down; what each line moved by then."""
    lab = Lab(hosts=["127.0.0.1"], auth_port=auth_port, acct_port=acct_port, clock=clock.now)
    await lab.start()
    routers = lab.routers.values()
    for router in routers:
        router.faults.loss_out = router.faults.loss_in = 15
        router.faults.duplicate = router.faults.reorder = 20
    await until(
        lambda: lab.figures()["sessions"] >= len(CHOSEN) // 2, 90
    )  # the processes are starting as well
    await asyncio.sleep(_RUN_SECONDS)
    await asyncio.gather(*(router.stop(within_seconds=_FAREWELL_SECONDS) for router in routers))
    return {
        one.line.username.lower(): (one.moved_up, one.moved_down)
        for router in routers
        for one in router.subscribers
        if one.moved_up + one.moved_down
    }


def _counted() -> dict[str, tuple[int, int]]:
    rows = RadiusSession.objects.values("service__username").annotate(
        up=Sum(F("bytes_up") - F("base_up")), down=Sum(F("bytes_down") - F("base_down"))
    )
    return {row["service__username"]: (row["up"], row["down"]) for row in rows if row["up"] + row["down"]}


def test_what_was_moved_is_what_was_counted(
    process_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (provider, lab_module):
        monkeypatch.setattr(module, "accounts", lambda: ACCOUNTS)
    monkeypatch.setattr(lab_module, "_DIAL_SECONDS", _DIAL_SECONDS)
    provider.enter_provider(now=clock.now(), days=0)
    auth_port, acct_port = _free_ports()
    environment = process_env | {
        "CAPSTAN_RADIUS_HOSTS": "127.0.0.1",
        "CAPSTAN_RADIUS_AUTH_PORT": str(auth_port),
        "CAPSTAN_RADIUS_ACCT_PORT": str(acct_port),
    }
    with _processes(environment):
        moved = asyncio.run(_live(auth_port, acct_port))
        connections.close_all()
        deadline = time.monotonic() + 30
        while _counted() != moved and time.monotonic() < deadline:  # the meter is a moment behind
            time.sleep(0.2)
    assert sum(up + down for up, down in moved.values()) > 10_000_000
    assert _counted() == moved
    assert not RadiusSession.objects.filter(state__lt=SessionState.CLOSED).exists()
    assert not Fault.objects.exists()
