"""Debian's Kannel – bearerbox, smsbox, and a simulated SMS centre – in a folder and on ports of its own."""

import re
import subprocess
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from socket import SOCK_STREAM
from typing import Any

from tests import needs
from tests.config.running import free_port
from tests.product import eventually
from tools.tidy import ROOT

HERE = Path(__file__).parent
DOCUMENT = ROOT / "docs" / "operating" / "gateways.md"
FAKESMSC = Path("/usr/lib/kannel/test/fakesmsc")
PASSWORD = "s3nd & more"


class Kannel:
    """A running gateway. `password` is what its interface for sending asks for."""

    def __init__(self, folder: Path, hook: str) -> None:
        self._bearerbox = needs.program("bearerbox", "kannel")
        self._smsbox = needs.program("smsbox", "kannel")
        if not FAKESMSC.exists():
            needs.lacking("fakesmsc: install the Debian package kannel-extras (tools/apt.sh does)")
        self.folder = folder
        self.admin, self.smsbox, self.smsc, self.sendsms = (free_port(SOCK_STREAM) for _ in range(4))
        values: dict[str, object] = {
            "admin": self.admin, "smsbox": self.smsbox, "smsc": self.smsc, "sendsms": self.sendsms, "folder": folder,
            "password": PASSWORD, "hook": hook,
        }  # fmt: skip
        text = (HERE / "kannel.conf").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        self._config = folder / "kannel.conf"
        self._config.write_text(text)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self._run(self._bearerbox)
        eventually(lambda: "running" in self.status(), 30, "bearerbox")
        self._run(self._smsbox)
        eventually(lambda: "smsbox:" in self.status(), 30, "smsbox")

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def status(self) -> str:
        """What bearerbox tells about itself, or nothing."""
        conn = HTTPConnection("127.0.0.1", self.admin, timeout=5)
        try:
            conn.request("GET", "/status.txt?password=status")
            return conn.getresponse().read().decode()
        except OSError:
            return ""
        finally:
            conn.close()

    @contextmanager
    def phones(self, *sends: str) -> Iterator["Phones"]:
        """The SMS centre with its telephones, which send these, such as `27600000001 12345 text B`; once each."""
        made = Phones(self, sends)
        try:
            yield made
        finally:
            made.close()

    def settings(self) -> dict[str, Any]:
        """The settings of a gateway for it: those that the documentation gives, with its address."""
        section = DOCUMENT.read_text().partition("## Kannel")[2]
        found = re.search(r"```toml\n(.*?)```", section, re.DOTALL)
        assert found is not None
        settings: dict[str, Any] = tomllib.loads(found[1])["gateway"][0]["settings"]
        settings["request"]["url"] = f"http://127.0.0.1:{self.sendsms}/cgi-bin/sendsms"
        return settings

    def _run(self, program: str) -> None:
        name = Path(program).name
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    [program, str(self._config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
                )
            )  # fmt: skip


class Phones:
    """`got` are the SMS that arrived, as (sender, recipient, kind, text)."""

    def __init__(self, kannel: Kannel, sends: tuple[str, ...]) -> None:
        self._kannel = kannel
        self._file = kannel.folder / f"phones-{time.monotonic_ns()}.log"
        with self._file.open("wb") as log:
            self._process = subprocess.Popen(
                [str(FAKESMSC), "-H", "127.0.0.1", "-r", str(kannel.smsc), "-i", "0.1", "-m", str(len(sends)),
                 *(sends or ("0 0 text never",))],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        eventually(lambda: "(online" in kannel.status(), 20, "the SMS centre")

    @property
    def got(self) -> list[tuple[str, str, str, str]]:
        text = self._file.read_text(errors="replace")
        found = re.findall(r"Got message \d+: <(\S+) (\S+) (\S+) (.*?)>\n", text, re.DOTALL)
        return [(one[0], one[1], one[2], one[3]) for one in found]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        eventually(lambda: "(online" not in self._kannel.status(), 20, "the end of the SMS centre")
