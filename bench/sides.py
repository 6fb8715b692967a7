"""The two servers side by side, and a cell: one run of the generator against one of them, with the CPU it cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench import cpu
from bench.load import Generator, Load

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Side:
    """A server under test."""

    name: str
    processes: Mapping[str, int]
    conn: Connection
    generator: Generator


@dataclass(kw_only=True)
class Cell:
    """What one run gave. `cpu_us` is microseconds of CPU per answered request, by process; `notes`: further figures."""

    side: str
    what: str
    load: Load
    rate: float
    cpu_us: dict[str, float]
    notes: dict[str, float] = field(default_factory=dict)


class Arena:
    """Runs cells and keeps them."""

    def __init__(self, *, postmaster: int, folder: Path) -> None:
        self.postmaster = postmaster
        self.folder = folder
        self.cells: list[Cell] = []

    def run(self, side: Side, what: str, mode: str, **options: Any) -> Cell:
        """One cell. Its rate is what the generator counted; the caller may put a stricter one.

        Raises RuntimeError when a process of the server is not there any more at its end.
        """
        watch = cpu.Watch(side.processes, self.postmaster, side.conn)
        load = side.generator.run(mode, **options)
        if gone := [name for name, pid in side.processes.items() if not cpu.is_running(pid)]:
            raise RuntimeError(f"{what}: gone are {', '.join(gone)} of the {side.name}")
        spent = watch.spent() | {"generator": load.cpu_s}
        per_request = {name: seconds / max(load.answered, 1) * 1e6 for name, seconds in spent.items()}
        cell = Cell(side=side.name, what=what, load=load, rate=load.rps, cpu_us=per_request)
        self.cells.append(cell)
        return cell
