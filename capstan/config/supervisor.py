"""`capstan up`: the embedded PostgreSQL and all processes as children of one supervisor.

A child that ends is started again, later each time it fails soon. SIGTERM or SIGINT stops all in order, the database
last. Children get SIGKILL and the database a clean shutdown when the supervisor itself is killed, so that nothing is
left that could hinder the next start.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

import structlog

from capstan.config import ports, single
from capstan.config.child import Child
from capstan.config.embedded import server as embedded
from capstan.config.errors import OperatorError
from capstan.config.options import Options
from capstan.config.parent_death import die_with_parent

_log = structlog.get_logger()

PROCESSES = ("meter", "worker", "radius", "web")
_LOGINS = "radius-logins"
_STOP_ORDER = (("demo",), ("web", "radius", _LOGINS), ("worker",), ("meter",))
"""First those that bring work in, last the one that folds it."""

_LOOK_SECONDS = 0.2
_STOP_SECONDS = 15.0
_DATABASE_RETRY_SECONDS = 5.0


def run(options: Options, *, demo: bool) -> None:
    """Bring everything up and keep it up until SIGTERM or SIGINT. Raises OperatorError when it can't begin."""
    lock = single.hold(options.data_dir)
    logins = [_LOGINS] * options.login_processes if "radius" in PROCESSES else []
    supervisor = _Supervisor(options, (*PROCESSES, *logins, *(["demo"] if demo else [])))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup wants us to outlive the terminal
            signal.signal(number, supervisor.ask_to_stop)
    try:
        supervisor.run()
    finally:
        supervisor.stop()
        os.close(lock)


class _Supervisor:
    def __init__(self, options: Options, names: Sequence[str]) -> None:
        self._options = options
        self._names = names
        self._demo = "demo" in names
        self._server: embedded.Server | None = None
        self._children: list[Child] = []
        self._asked_at: float | None = None
        self._database_next_at = 0.0

    @property
    def _asked(self) -> bool:
        return self._asked_at is not None

    def ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        """The signal handler. Somebody who asks again a second later is in a hurry: children are not waited for."""
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif now - self._asked_at > 1:
            for child in self._children:
                child.kill()

    def run(self) -> None:
        ports.require_free([*ports.radius(self._options), *ports.web(self._options)])
        self._start_database()
        if self._asked:
            return
        self._migrate()
        self._children = [Child(name, _command(name), self._environment()) for name in self._names]
        for child in self._children:
            child.start(time.monotonic())
        _log.info(
            "all processes are started",
            web=f"http://{self._options.web_bind}",
            data_dir=str(self._options.data_dir.resolve()),
        )
        while not self._asked:
            self._look_after_database()
            for child in self._children:
                child.look_after(time.monotonic())
            time.sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        """Stop the children in order, then the database."""
        for names in _STOP_ORDER:
            stopping = [child for child in self._children if child.name in names and child.is_running]
            for child in stopping:
                child.ask_to_stop()
            until = time.monotonic() + _STOP_SECONDS
            for child in stopping:
                child.wait_or_kill(until - time.monotonic())
        if self._server is not None:
            _log.info("stopping the database")
            self._server.stop()
        _log.info("capstan has stopped")

    def _start_database(self) -> None:
        if self._options.database_url is None:
            began = time.monotonic()
            self._server = embedded.start(self._options.data_dir, say=_log.info, give_up=lambda: self._asked)
            _log.info("the embedded database is ready", seconds=round(time.monotonic() - began, 2))

    def _look_after_database(self) -> None:
        """A database that died is started again; the children notice by themselves and wait for it."""
        now = time.monotonic()
        if self._server is None or self._server.process.poll() is None or now < self._database_next_at:
            return
        self._database_next_at = now + _DATABASE_RETRY_SECONDS
        _log.error("the database ended by itself: starting it again", status=self._server.process.returncode)
        try:
            self._start_database()
        except OperatorError as problem:
            if not self._asked:
                _log.error("the database could not be started again", problem=str(problem))

    def _migrate(self) -> None:
        done = subprocess.run(
            _command("migrate"),
            env=self._environment(),
            check=False,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        if done.returncode != 0:
            raise OperatorError("the database could not be brought up to date: see above")

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **({"CAPSTAN_DEMO": "true"} if self._demo else {})}


def _command(name: str) -> list[str]:
    words = ["radius", "--logins-only"] if name == _LOGINS else [name]
    return [sys.executable, "-m", "capstan.config.cli", *words]
