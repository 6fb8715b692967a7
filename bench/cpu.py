"""How much CPU each process takes, read from /proc."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psycopg

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_STATE, _PARENT, _USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = (
    0,
    1,
    11,
    12,
    13,
    14,
)  # after the name, see proc(5)


def of_process(pid: int) -> float:
    """Seconds of CPU so far, all threads; 0 when it is gone."""
    stat = _stat(pid)
    return (int(stat[_USER]) + int(stat[_SYSTEM])) / _TICKS if stat else 0.0


def is_running(pid: int) -> bool:
    """False for a process that has ended, also when nobody has taken its status yet."""
    stat = _stat(pid)
    return bool(stat) and stat[_STATE] != "Z"


class Watch:
    """CPU per named process, and per PostgreSQL backend by the name it goes by (application_name)."""

    def __init__(
        self, processes: Mapping[str, int], postmaster: int, conn: "psycopg.Connection[Any]"
    ) -> None:
        self._processes = dict(processes)
        self._postmaster = postmaster
        self._conn = conn
        self._before = self._now()

    def spent(self) -> dict[str, float]:
        """Seconds since the start of the watch. What a backend that has ended took is under `postgres other`."""
        now = self._now()
        total = now.pop("postgres total") - self._before.get("postgres total", 0.0)
        spent = {name: seconds - self._before.get(name, 0.0) for name, seconds in now.items()}
        named = sum(seconds for name, seconds in spent.items() if name.startswith("postgres "))
        spent["postgres other"] = max(0.0, total - named)
        return {name: seconds for name, seconds in spent.items() if seconds >= 0.005}

    def _now(self) -> dict[str, float]:
        figures = {name: of_process(pid) for name, pid in self._processes.items()}
        names = dict(
            self._conn.execute(
                "SELECT pid, coalesce(nullif(application_name, ''), datname) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
        )
        head = _stat(self._postmaster)
        total = sum(int(head[at]) for at in (_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM)) / _TICKS
        for pid in _children(self._postmaster):
            seconds = of_process(pid)
            total += seconds
            if pid in names:
                label = f"postgres {names[pid]}"
                figures[label] = figures.get(label, 0.0) + seconds
        return figures | {"postgres total": total}


def _children(parent: int) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (stat := _stat(pid)) and int(stat[_PARENT]) == parent]


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
