"""Debian's FreeRADIUS in a folder and on ports of its own, and radclient: counterparts that nobody here wrote."""

import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import needs

HERE = Path(__file__).parent
DICTIONARY = "$INCLUDE /usr/share/freeradius/dictionary\n"


@contextmanager
def freeradius(folder: Path, template: str, **values: object) -> Iterator["subprocess.Popen[bytes]"]:
    """A running server with the configuration `template`.conf of this folder, its @names@ filled in."""
    program = needs.program("freeradius", "freeradius")
    folder.mkdir(exist_ok=True)
    text = (HERE / f"{template}.conf").read_text()
    for name, value in {"folder": folder, **values}.items():
        text = text.replace(f"@{name}@", str(value))
    assert "@" not in re.sub(r"#.*", "", text), "a name is not filled in"
    (folder / "radiusd.conf").write_text(text)
    (folder / "dictionary").write_text(DICTIONARY)
    log = folder / "freeradius.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, "-f", "-l", "stdout", "-d", folder], stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        until = time.monotonic() + 30
        while "Ready to process requests" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(30)
        print(f"--- {template}\n{log.read_text()[-3000:]}")


@dataclass(frozen=True)
class Said:
    """What radclient printed: one entry per answer, its code in words and its attributes."""

    text: str
    answers: list[tuple[str, dict[str, list[str]]]]

    @property
    def codes(self) -> list[str]:
        return [code for code, _ in self.answers]

    def only(self) -> tuple[str, dict[str, list[str]]]:
        """The one answer there is."""
        assert len(self.answers) == 1, self.text
        return self.answers[0]


def radclient(
    server: str, command: str, secret: str, requests: Sequence[str], *options: str, seconds: float = 60
) -> Said:
    """Send these requests, each as lines of `Attribute = value`; by default one try of a second."""
    given = list(options)
    if "-t" not in given:
        given += ["-t", "3", "-r", "1"]
    done = subprocess.run(
        [needs.program("radclient", "freeradius-utils"), "-x", *given, server, command, secret],
        input="\n\n".join(requests) + "\n", capture_output=True, text=True, check=False, timeout=seconds,
    )  # fmt: skip
    return Said(done.stdout + done.stderr, _answers(done.stdout))


def _answers(printed: str) -> list[tuple[str, dict[str, list[str]]]]:
    found: list[tuple[str, dict[str, list[str]]]] = []
    reading = False
    for line in printed.splitlines():
        if line.startswith("Received "):
            found.append((line.split()[1], {}))
            reading = True
        elif reading and line.startswith("\t"):
            name, _, value = line.strip().partition(" = ")
            found[-1][1].setdefault(name, []).append(value.strip('"'))
        else:
            reading = False
    return found
