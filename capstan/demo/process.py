"""`capstan demo`: enter the demo provider, then run its routers until SIGTERM or SIGINT."""

import asyncio
import os
import signal
import sys
from collections.abc import Collection
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

import structlog
from django.conf import settings
from django.db import connections

from capstan.db.beat import Beat
from capstan.demo.control import serve
from capstan.demo.lab import Lab
from capstan.demo.money import enter_money, live_money, start_gateway
from capstan.demo.provider import enter_provider, is_watched, missing
from capstan.demo.sales import enter_sales
from capstan.values import clock

_BEAT_SECONDS = 2.0
_NICE = 10

log = structlog.get_logger("capstan.demo")


def run() -> None:
    """Run until told to stop. Ends with a message and status 1 when no router's address or port can be had."""
    now = clock.now()
    enter_provider(now=now, which=is_watched)
    enter_sales(now=now)
    enter_money(now=now)
    others = [one.line.username for _, one in missing()]
    connections.close_all()  # from here on only the sign of life needs the database
    past = live_past(now) if others else None
    options = settings.OPTIONS
    lab = Lab(
        hosts=options.radius_hosts,
        auth_port=options.radius_auth_port,
        acct_port=options.radius_acct_port,
        clock=clock.now,
        unplugged=others,
    )
    gateway = start_gateway()
    try:
        asyncio.run(_run(lab, past, others))
    except OSError as problem:
        sys.exit(f"capstan demo: {problem}; does another demo run on this machine?")
    finally:
        gateway.terminate()
        if past is not None:
            past.terminate()


def live_past(now: datetime) -> BaseProcess:
    """Enter the lines that nobody looks at first, aside: the routers don't wait for their three months."""
    past = get_context("fork").Process(target=_enter_others, args=(now, os.getpid()), daemon=True)
    past.start()
    return past


def _enter_others(now: datetime, parent: int) -> None:
    os.nice(_NICE)
    log.info("the other customers' past is lived meanwhile: they dial in when it is over")
    enter_provider(now=now, is_wanted=lambda: os.getppid() == parent)
    enter_sales(now=clock.now())
    enter_money(now=clock.now())
    log.info("the demo's money has a past too", invoices=live_money(now=clock.now()))


async def _run(lab: Lab, past: BaseProcess | None, others: Collection[str]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await lab.start()
    beat = Beat("routers")
    async with serve(lab, settings.OPTIONS.data_dir):
        while not stop.is_set():
            if past is not None and past.exitcode is not None:
                _past_is_over(lab, past, others)
                past = None
            await asyncio.to_thread(beat.tick, clock.now(), lab.figures())
            try:
                await asyncio.wait_for(stop.wait(), _BEAT_SECONDS)
            except TimeoutError:
                continue
    await lab.stop()
    await asyncio.to_thread(beat.stop)
    log.info("the routers are off")


def _past_is_over(lab: Lab, past: BaseProcess, others: Collection[str]) -> None:
    if past.exitcode:
        log.error(
            "the other customers' past could not be lived: the next start tries again", status=past.exitcode
        )
    else:
        lab.plug_in(others)
