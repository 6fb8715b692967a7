"""The whole loop against FreeRADIUS as the router's CoA port: cap reached, CoA; a grant, CoA; the next interim proves it."""

import re
from collections.abc import Iterator
from pathlib import Path
from socket import SOCK_DGRAM

import pytest

from capstan.caps.models import Cap
from capstan.caps.rules.words import CapState
from capstan.catalog.rules import AtCap
from capstan.metering.models import RadiusSession
from capstan.network.models import Command, SessionAccess
from tests.config.running import free_port
from tests.peers.conftest import NAS, Lab
from tests.peers.freeradius import freeradius, radclient
from tests.product import eventually, wait_folded
from tests.provider import GB, MB, PASSWORD, SECRET

Told = dict[str, list[str]]


class Target:
    """The router's CoA port; `told` is what it wrote down about a line, oldest first."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def told(self, username: str) -> list[Told]:
        text = self._file.read_text() if self._file.exists() else ""
        found = []
        for block in re.split(r"\n\s*\n", text):
            told: Told = {}
            for line in block.splitlines():
                name, equals, value = line.strip().partition(" = ")
                if equals:
                    told.setdefault(name, []).append(value.strip('"'))
            if told.get("User-Name") == [username]:
                found.append(told)
        return found

    def next(self, username: str, number: int) -> Told:
        """The `number`th order about this line, from 1; waits for it."""
        eventually(lambda: len(self.told(username)) >= number, 20, f"order {number} for {username}")
        return self.told(username)[number - 1]


@pytest.fixture(scope="module")
def target(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder, port = tmp_path_factory.mktemp("coa"), free_port(SOCK_DGRAM)
    with freeradius(folder, "coa", secret=SECRET, port=port):
        lab.provider.nas(lab.peer, NAS, coa_port=port, coa_address="127.0.0.1")
        yield Target(folder / "told")


class Session:
    """A session of one line, reported by radclient."""

    def __init__(self, lab: Lab, username: str) -> None:
        self.lab, self.username = lab, username
        self.seconds = 0
        login = "\n".join(
            [f'User-Name = "{username}"', f'User-Password = "{PASSWORD}"', f'NAS-Identifier = "{NAS}"',
             "Message-Authenticator = 0x00"]
        )  # fmt: skip
        code, self.accepted = radclient(lab.auth, "auth", SECRET, [login]).only()
        assert code == "Access-Accept"
        self.report("Start", 0)

    def report(self, status: str, down: int) -> None:
        self.seconds += 10
        text = "\n".join(
            [f"Acct-Status-Type = {status}", f'User-Name = "{self.username}"', f'NAS-Identifier = "{NAS}"',
             f'Acct-Session-Id = "s-{self.username}"', f"Acct-Session-Time = {self.seconds}", "Acct-Input-Octets = 0",
             f"Acct-Output-Octets = {down & 0xFFFFFFFF}", f"Acct-Output-Gigawords = {down >> 32}",
             f"Class = {self.accepted['Class'][0]}", "Framed-IP-Address = 192.0.2.33"]
        )  # fmt: skip
        assert radclient(self.lab.acct, "acct", SECRET, [text]).codes == ["Accounting-Response"]
        wait_folded()

    def commands(self) -> list[tuple[str, str, int | None]]:
        return list(
            Command.objects.filter(service__username=self.username)
            .order_by("pk")
            .values_list("kind", "state", "error_cause")
        )

    def proved(self) -> bool:
        """Whether the session has shown a packet since it got what it has now."""
        return SessionAccess.objects.filter(session__username=self.username, proved_at__isnull=False).exists()

    def wait_commands(self, *wanted: tuple[str, str, int | None]) -> None:
        eventually(lambda: self.commands() == list(wanted), 20, f"{wanted}, there is {self.commands()}")


def test_throttled_at_the_cap_and_restored_by_a_grant(lab: Lab, target: Target) -> None:
    username = lab.username()
    service = lab.provider.service(username, throttle_up_kbps=256, throttle_down_kbps=1024)
    session = Session(lab, username)
    assert session.accepted["WISPr-Bandwidth-Max-Down"] == ["50000000"]
    session.report("Interim-Update", GB - 2 * MB)
    assert target.told(username) == []

    session.report("Interim-Update", GB + 5)
    told = target.next(username, 1)
    assert told["Packet-Type"] == ["CoA-Request"]
    assert told["WISPr-Bandwidth-Max-Up"] == ["256000"]
    assert told["WISPr-Bandwidth-Max-Down"] == ["1024000"]
    assert told["Acct-Session-Id"] == [f"s-{username}"]
    assert told["NAS-Identifier"] == [NAS]
    assert told["Filter-Id"] == ["capstan-open"]
    session.wait_commands(("coa", "ack", None))
    assert not session.proved()
    session.report("Interim-Update", GB + 10)
    eventually(session.proved, what="the proof by the next interim")

    granted = lab.product.run("grant", username, "2GB", "--reason", "test")
    assert granted.returncode == 0, granted.stderr
    told = target.next(username, 2)
    assert told["WISPr-Bandwidth-Max-Up"] == ["10000000"]
    assert told["WISPr-Bandwidth-Max-Down"] == ["50000000"]
    session.wait_commands(("coa", "ack", None), ("coa", "ack", None))
    session.report("Interim-Update", GB + 20)
    eventually(session.proved, what="the proof by the next interim")
    assert Cap.objects.get(service=service).state == CapState.OPEN
    assert len(target.told(username)) == 2, "nothing is said twice"


def test_walled_at_the_cap(lab: Lab, target: Target) -> None:
    username = lab.username()
    lab.provider.service(username, at_cap=AtCap.WALL)
    session = Session(lab, username)
    session.report("Interim-Update", GB)
    assert target.next(username, 1)["Filter-Id"] == ["capstan-garden"]
    lab.product.run("grant", username, "1GB", "--reason", "test")
    assert target.next(username, 2)["Filter-Id"] == ["capstan-open"]


def test_a_refused_coa_is_followed_by_a_disconnect(lab: Lab, target: Target) -> None:
    username = f"stubborn{lab.username()}"
    lab.provider.service(username)
    session = Session(lab, username)
    session.report("Interim-Update", GB)
    assert target.next(username, 1)["Packet-Type"] == ["CoA-Request"]
    order = target.next(username, 2)
    assert order["Packet-Type"] == ["Disconnect-Request"]
    assert order["Acct-Session-Id"] == [f"s-{username}"]
    assert not any(name.startswith("WISPr") for name in order), (
        "it says only which session is meant (RFC 5176 §3.5)"
    )
    session.wait_commands(("coa", "nak", 401), ("disconnect", "ack", None))

    session.report("Stop", GB)
    again = Session(lab, username)
    assert again.accepted["WISPr-Bandwidth-Max-Down"] == ["512000"], (
        "the next login brings what the CoA couldn't"
    )
    assert RadiusSession.objects.filter(username=username).count() >= 1
