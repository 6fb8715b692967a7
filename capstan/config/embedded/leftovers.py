"""What a killed supervisor may have left: a server still shutting down, or a pid file that names a stranger."""

import contextlib
import os
import signal
import time
from pathlib import Path

from capstan.config.embedded.place import Say
from capstan.config.errors import OperatorError

_PATIENCE = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 15.0), (signal.SIGKILL, 5.0))


def running_in(data: Path) -> list[int]:
    """The processes of a server on `data`: PostgreSQL makes the data folder their working directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink() == data:
                    found.append(int(entry.name))
    return found


def clear(data: Path, say: Say) -> None:
    """Stop what still runs on `data` and remove a pid file that no longer means anything.

    The server of a killed supervisor is already shutting down by itself, so it is asked first. Only when not one of its
    processes is left may the pid file go: it is what keeps two servers from opening the same data.
    """
    pid_file = data / "postmaster.pid"
    for how, patience in _PATIENCE:
        if not (pids := running_in(data)):
            break
        head = _head(pid_file, pids)
        if head is None and how == signal.SIGINT:
            continue  # to a process that has lost its head this only means: give up your query
        say(f"a PostgreSQL left by an earlier run still works on {data} (process {min(pids)}): stopping it")
        _signal(pids if head is None or how == signal.SIGKILL else [head], how)
        _wait_gone(data, patience)
    if pids := running_in(data):
        raise OperatorError(f"the processes {pids} still use {data} and can't be stopped")
    pid_file.unlink(missing_ok=True)


def _head(pid_file: Path, pids: list[int]) -> int | None:
    """The server's head process, which stops all others; None when it is gone."""
    try:
        head = int(pid_file.read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return head if head in pids else None


def _signal(pids: list[int], how: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)


def _wait_gone(data: Path, patience: float) -> None:
    until = time.monotonic() + patience
    while running_in(data) and time.monotonic() < until:
        time.sleep(0.05)
