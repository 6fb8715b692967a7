"""A real `capstan up` for tests: its own data dir and ports, its log read as it comes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tools.tidy import ROOT

PATIENCE = 90.0
_ONLY = "import sys; from capstan.config import cli, supervisor; supervisor.PROCESSES = {}; sys.exit(cli.main(['up']))"


def free_port(kind: socket.SocketKind) -> int:
    """A port nobody has just now."""
    with socket.socket(socket.AF_INET, kind) as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def wait_until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until `true()` holds."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


class Up:
    """`capstan up` with the processes named, on its own data dir."""

    def __init__(self, data_dir: Path, processes: Sequence[str]) -> None:
        self.data_dir = data_dir
        self.web_port = free_port(socket.SOCK_STREAM)
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("CAPSTAN_")
        }
        self.environment.pop("DATABASE_URL", None)
        self.environment |= {
            "CAPSTAN_DATA_DIR": str(data_dir),
            "CAPSTAN_WEB_BIND": f"127.0.0.1:{self.web_port}",
            "CAPSTAN_RADIUS_HOSTS": "127.0.0.1",
            "CAPSTAN_RADIUS_AUTH_PORT": str(free_port(socket.SOCK_DGRAM)),
            "CAPSTAN_RADIUS_ACCT_PORT": str(free_port(socket.SOCK_DGRAM)),
            "DJANGO_SETTINGS_MODULE": "capstan.config.settings",
        }
        self.processes = tuple(processes)
        self.events: list[dict[str, Any]] = []
        self.other_lines: list[str] = []

    def start(self) -> "Up":
        self.events.clear()
        command = [sys.executable, "-c", _ONLY.format(repr(self.processes))]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{"):
                self.events.append(json.loads(line))
            else:
                self.other_lines.append(line)

    def run(self, *verb: str) -> subprocess.CompletedProcess[str]:
        """Another verb with the same settings."""
        command = [sys.executable, "-m", "capstan.config.cli", *verb]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )

    def heard(self, event: str, **more: object) -> list[dict[str, Any]]:
        """The log lines of this event with these values."""
        return [e for e in list(self.events) if e["event"] == event and more.items() <= e.items()]

    def child(self, name: str) -> int:
        """The process id of the child started last under this name."""
        return int(self.heard("started", child=name)[-1]["pid"])

    def processes_alive(self) -> dict[str, int] | None:
        """What the web server says of the processes; None while it doesn't answer with 200."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}/health", timeout=5) as answer:
                return dict(json.load(answer)["processes"])
        except OSError:
            return None

    def wait_healthy(self) -> None:
        def healthy() -> bool:
            assert self.process.poll() is None, "".join(self.other_lines)
            return self.processes_alive() is not None

        wait_until(healthy)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
