"""`capstan demo`: enter the demo provider, then run its routers until SIGTERM or SIGINT."""

import asyncio
import signal
import sys

import structlog
from django.conf import settings
from django.db import connections

from capstan.db.beat import Beat
from capstan.demo.control import serve
from capstan.demo.lab import Lab
from capstan.demo.provider import enter_provider
from capstan.demo.sales import enter_sales
from capstan.values import clock

_BEAT_SECONDS = 2.0

log = structlog.get_logger("capstan.demo")


def run() -> None:
    """Run until told to stop. Ends with a message and status 1 when no router's address or port can be had."""
    enter_provider(now=clock.now())
    enter_sales(now=clock.now())
    connections.close_all()  # from here on only the sign of life needs the database
    options = settings.OPTIONS
    lab = Lab(
        hosts=options.radius_hosts,
        auth_port=options.radius_auth_port,
        acct_port=options.radius_acct_port,
        clock=clock.now,
    )
    try:
        asyncio.run(_run(lab))
    except OSError as problem:
        sys.exit(f"capstan demo: {problem}; does another demo run on this machine?")


async def _run(lab: Lab) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await lab.start()
    beat = Beat("routers")
    async with serve(lab, settings.OPTIONS.data_dir):
        while not stop.is_set():
            await asyncio.to_thread(beat.tick, clock.now(), lab.figures())
            try:
                await asyncio.wait_for(stop.wait(), _BEAT_SECONDS)
            except TimeoutError:
                continue
    await lab.stop()
    await asyncio.to_thread(beat.stop)
    log.info("the routers are off")
