"""Runs the generator and reads its result."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.people import NASES, SECRET, TAG

RADLOAD: Final = Path(__file__).with_name("build") / "radload"

_ECHOING: Final = ("open", "start", "interim", "cross")


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a run of the generator saw. Latencies are milliseconds, counted from when a request was due."""

    began: float
    rps: float
    seconds: float
    counted: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    sent: int
    answered: int
    accepts: int
    rejects: int
    retransmits: int
    lost: int
    bad_authenticators: int
    cpu_s: float
    t0: int
    by_second: tuple[int, ...]

    @property
    def clean(self) -> bool:
        """Nothing lost and no answer that was not genuine: only then do the figures mean anything."""
        return self.lost == 0 and self.bad_authenticators == 0


class Generator:
    """The generator with what all runs against one server share."""

    """`classes`: where the Class of each session is kept, if the server hands one out."""

    def __init__(self, *, auth_port: int, acct_port: int, classes: Path | None = None) -> None:
        self._common = ["-a", str(auth_port), "-p", str(acct_port), "-s", SECRET, "-N", str(NASES)]
        self._classes = [] if classes is None else ["-k", str(classes)]

    def run(self, mode: str, *, tag: int = TAG, **options: Any) -> Load:
        """One run. `options` are the generator's letters, as in `w=64, n=1000`; True is a switch.

        Raises RuntimeError with what it said when it fails.
        """
        command = [str(RADLOAD), "-m", mode, "-t", f"{tag:x}", *self._common]
        if mode in _ECHOING:
            command += self._classes
        for letter, value in options.items():
            command += [f"-{letter}"] if value is True else [f"-{letter}", str(value)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return _read(json.loads(done.stdout))


def _read(result: dict[str, Any]) -> Load:
    fields = Load.__dataclass_fields__
    known = {name: value for name, value in result.items() if name in fields}
    return Load(**{**known, "by_second": tuple(result["by_second"])})


def acknowledged(path: Path) -> dict[int, tuple[int, int]]:
    """user -> (input, output) octets of the last packet of each session that was acknowledged."""
    figures = {}
    for line in path.read_text().splitlines():
        user, octets_in, octets_out = map(int, line.split())
        figures[user] = octets_in, octets_out
    return figures
