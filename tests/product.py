"""The product as it runs: real processes on a database of their own, started, killed and read from outside.

`database` lends a test (or a module of tests) its own migrated database and leads Django there; `Product` starts
`capstan radius`, `meter`, `worker` and `web` on it. Whatever they wrote to their logs is printed, so pytest shows it with a
failed test.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from socket import SOCK_DGRAM, SOCK_STREAM

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from capstan.catalog.queries import terms
from capstan.config.embedded import leftovers, server
from capstan.config.embedded.server import Server, url_of
from capstan.config.parent_death import die_with_parent
from capstan.db.connection import connect
from capstan.metering.actions.log_reader import backlog
from capstan.metering.actions.packet_log import ensure_partitions
from capstan.values import clock
from tests.config.running import free_port, wait_until
from tools.tidy import ROOT

START_SECONDS = 60.0
_TEMPLATE = "capstan"
_numbers = count(1)
_ready: set[Path] = set()  # servers whose template is migrated


class DurableServer:
    """A PostgreSQL with all its safety on, which a test may kill and start again."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="capstan-"))
        self.folder.chmod(0o755)
        self.said: list[str] = []
        self.server = self._start()

    def _start(self) -> Server:
        return server.start(self.folder, say=self.said.append)

    def start(self) -> None:
        """Start again; the crash recovery is waited for. Django's connection, if it had one, is of no use any more."""
        connections.close_all()
        self.server = self._start()

    def stop(self) -> None:
        self.server.stop()

    def kill(self) -> None:
        """As when the power goes: every process at once, nothing written any more."""
        for pid in leftovers.running_in(self.server.place.data):
            os.kill(pid, signal.SIGKILL)
        self.server.process.wait()

    def remove(self) -> None:
        self.server.stop()
        if self.server.place.home.parent != self.folder:
            shutil.rmtree(self.server.place.home, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def database(on: Server) -> Iterator[str]:
    """A migrated database of its own on this server, Django led there meanwhile; yields its DATABASE_URL."""
    before = dict(connection.settings_dict)
    connections.close_all()
    try:
        _lead_to(on, _TEMPLATE)
        if on.place.socket not in _ready:
            call_command("migrate", verbosity=0)
            with connect() as conn:
                ensure_partitions(conn, now=clock.now())
            _ready.add(on.place.socket)
            connections.close_all()
        name = f"product_{next(_numbers)}"
        with psycopg.connect(on.url("postgres"), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        _lead_to(on, name)
        yield url_of(on.place.socket, name)
    finally:
        connections.close_all()
        connection.settings_dict.clear()
        connection.settings_dict.update(before)


def _lead_to(on: Server, name: str) -> None:
    terms.cache_clear()  # kept by id, and another database has others under the same ids
    connection.settings_dict.update(
        HOST=str(on.place.socket), USER="capstan", NAME=name, PASSWORD="", PORT=""
    )


class Product:
    """Processes by name: a verb, or `verb:2` for a second one of it."""

    def __init__(self, database_url: str, folder: Path, *, hosts: str = "127.0.0.1") -> None:
        self.database_url = database_url
        self.folder = folder
        self.auth_port, self.acct_port = free_port(SOCK_DGRAM), free_port(SOCK_DGRAM)
        self.web_url = f"http://127.0.0.1:{free_port(SOCK_STREAM)}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CAPSTAN_")}
        self.environment = kept | {
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "capstan.config.settings",
            "CAPSTAN_FIELD_KEY": settings.FIELD_KEY.hex(),
            "CAPSTAN_SECRET_KEY": settings.SECRET_KEY,
            "CAPSTAN_DATA_DIR": str(folder),
            "CAPSTAN_RADIUS_HOSTS": hosts,
            "CAPSTAN_RADIUS_AUTH_PORT": str(self.auth_port),
            "CAPSTAN_RADIUS_ACCT_PORT": str(self.acct_port),
            "CAPSTAN_WEB_BIND": self.web_url.removeprefix("http://"),
            "CAPSTAN_LOG_FORMAT": "json",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.prefix: list[str] = []  # put before each command line: a test may run the product in a namespace
        self._told: dict[str, int] = {}

    def start(self, *names: str) -> "Product":
        """Start these and wait until each gives its sign of life."""
        for name in names:
            self.launch(name)
        self.wait_ready(*names)
        return self

    def launch(self, name: str) -> None:
        """Start without waiting: the database may be away."""
        command = [*self.prefix, sys.executable, "-m", "capstan.config.cli", name.partition(":")[0]]
        with self._log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - it only calls prctl
            )

    def wait_ready(self, *names: str) -> None:
        until = time.monotonic() + START_SECONDS
        with psycopg.connect(self.database_url, autocommit=True) as conn:
            waiting = set(names)
            while waiting:
                beating = {pid for (pid,) in conn.execute("SELECT pid FROM db_processbeat")}
                for name in set(waiting):
                    process = self.processes[name]
                    assert process.poll() is None, f"{name} ended: {self.log(name)[-3000:]}"
                    if self._serves() if name == "web" else process.pid in beating:
                        waiting.discard(name)
                assert time.monotonic() < until, f"no sign of life of {waiting}"
                time.sleep(0.05)

    def _serves(self) -> bool:
        """Whether the web server answers; its sign of life comes from a process of its own."""
        try:
            with urllib.request.urlopen(f"{self.web_url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self, name: str) -> None:
        """`kill -9`."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, *names: str) -> None:
        """Ask these (all by default) to end, and wait until they have. Fails when one doesn't or ends badly."""
        chosen = {name: self.processes.pop(name) for name in names or tuple(self.processes)}
        for process in chosen.values():
            process.terminate()
        try:
            for name, process in chosen.items():
                status = process.wait(30)
                assert status == 0, f"{name} ended with {status}: {self.log(name)[-3000:]}"
        finally:
            for process in chosen.values():
                process.kill()
                process.wait()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A verb that does one thing and ends."""
        return subprocess.run(
            [sys.executable, "-m", "capstan.config.cli", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def end(self) -> None:
        """Whatever still runs is killed; what the processes wrote since the last time is shown."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()
        self.show()

    def show(self) -> None:
        """Print what the processes wrote since the last time."""
        for path in sorted(self.folder.glob("*.log")):
            text = path.read_text(errors="replace")
            new = text[self._told.get(path.name, 0) :]
            self._told[path.name] = len(text)
            if new:
                print(f"--- {path.name}\n{new[-6000:]}")

    def log(self, name: str) -> str:
        """What this process has written so far."""
        return self._log(name).read_text(errors="replace")

    def _log(self, name: str) -> Path:
        return self.folder / f"{name.replace(':', '-')}.log"


def wait_folded(seconds: float = 30.0) -> None:
    """Wait until the meter has folded everything that is in the packet log."""
    with connect() as conn, conn.cursor() as cursor:
        wait_until(lambda: backlog(cursor, now=clock.now())[0] == 0, seconds)


def eventually(true: Callable[[], object], seconds: float = 15.0, what: str = "it") -> None:
    """Wait until `true()` holds; says what never came."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"{what} never came in {seconds:.0f} s"
        time.sleep(0.05)
