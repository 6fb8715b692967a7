"""The product's real processes, on free ports."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection

from bench.load import RADLOAD
from bench.people import SECRET
from bench.ports import free_udp_ports
from bench.provider import CAPSTAN
from bench.sides import Connection
from capstan.metering.models import Nas

_START_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Product:
    """The running processes. `processes` are pids by name."""

    processes: Mapping[str, int]
    auth_port: int
    acct_port: int
    sink_log: Path


@contextmanager
def running(folder: Path) -> Iterator[Product]:
    """Listener, meter and worker, and a sink that plays the CoA side of all routers."""
    (sink_port,) = free_udp_ports(1)
    Nas.objects.update(coa_address="127.0.0.1", coa_port=sink_port)
    sink_log = folder / "coa.log"
    sink = [str(RADLOAD), "-m", "sink", "-p", str(sink_port), "-s", SECRET, "-l", str(sink_log)]
    with ExitStack() as stack:
        stack.enter_context(_process("sink", sink, folder))
        processes = {
            name: stack.enter_context(_process(name, [CAPSTAN, *words], folder))
            for name, *words in (
                ("meter", "meter"),
                ("worker", "worker"),
                ("radius", "radius"),
                ("radius-logins", "radius", "--logins-only"),
            )
        }
        _wait_beating(processes, folder)
        options = settings.OPTIONS
        yield Product(
            {name: process.pid for name, process in processes.items()},
            options.radius_auth_port,
            options.radius_acct_port,
            sink_log,
        )


@contextmanager
def _process(name: str, command: list[str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    try:
        yield process
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended by itself:\n{(folder / f'{name}.log').read_text()[-4000:]}")
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_beating(processes: "Mapping[str, subprocess.Popen[bytes]]", folder: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM db_processbeat")
            beating = {pid for (pid,) in cursor.fetchall()}
        if beating.issuperset(process.pid for process in processes.values()):
            return
        for name, process in processes.items():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{name} did not start:\n{(folder / f'{name}.log').read_text()[-4000:]}")
        time.sleep(0.2)


def session_bytes(conn: Connection) -> dict[str, tuple[int, int]]:
    """Acct-Session-Id -> (up, down) of the sessions that are open."""
    rows = conn.execute(
        "SELECT acct_session_id, bytes_up, bytes_down FROM metering_radiussession WHERE state < 3"
    )
    return {bytes(session).decode(): (up, down) for session, up, down in rows}
