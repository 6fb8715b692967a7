"""A street in three network namespaces: a subscriber's box, the router (ocserv), and the internet behind it.

cust 10.97.0.2 ── 10.97.0.1 nas 10.98.0.1 ── 10.98.0.2 (the portal), 10.98.0.3 (any other host) inet
"""

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import needs
from tests.product import eventually
from tests.provider import SECRET
from tools.tidy import ROOT

PORTAL, ELSEWHERE = "10.98.0.2", "10.98.0.3"
ROUTER = "10.97.0.1"
NAS_IDENTIFIER = "nas1"
PACKAGES = {
    "ip": "iproute2",
    "tc": "iproute2",
    "iptables": "iptables",
    "ocserv": "ocserv",
    "occtl": "ocserv",
    "openconnect": "openconnect",
    "iperf3": "iperf3",
    "ping": "iputils-ping",
    "openssl": "openssl",
}

OCSERV = """\
auth = "radius[config={folder}/radcli.conf,groupconfig=true,nas-identifier={identifier}]"
acct = "radius[config={folder}/radcli.conf,nas-identifier={identifier}]"
stats-report-time = 10
tcp-port = 443
udp-port = 443
run-as-user = nobody
run-as-group = nogroup
socket-file = {folder}/oc.sock
occtl-socket-file = {folder}/occtl.sock
pid-file = {folder}/oc.pid
use-occtl = true
server-cert = {folder}/cert.pem
server-key = {folder}/key.pem
isolate-workers = false
max-clients = 64
max-same-clients = 4
keepalive = 300
dpd = 60
cookie-timeout = 60
device = vpns
ipv4-network = 10.99.0.0
ipv4-netmask = 255.255.255.0
route = default
connect-script = {folder}/updown.sh
disconnect-script = {folder}/updown.sh
"""
RADCLI = """\
authserver 127.0.0.1:{auth_port}
acctserver 127.0.0.1:{acct_port}
servers {folder}/servers
dictionary /etc/radcli/dictionary
default_realm
radius_timeout 3
radius_retries 3
bindaddr *
"""
CPE = """\
#!/bin/sh
[ "$reason" = connect ] || exit 0
ip link set dev $TUNDEV up mtu ${INTERNAL_IP4_MTU:-1400}
ip addr add $INTERNAL_IP4_ADDRESS/32 dev $TUNDEV
ip route replace 10.98.0.0/24 dev $TUNDEV
"""


def require() -> None:
    """Everything this needs, or the test is left out with the remedy."""
    needs.root("it makes network namespaces and tunnels")
    for name, package in PACKAGES.items():
        needs.program(name, package)
    if not Path("/dev/net/tun").exists():
        needs.lacking("/dev/net/tun: run it on a kernel with TUN, or give the container that device")
    trial = f"capstan-trial-{os.getpid()}"
    if (tried := _try("ip", "netns", "add", trial)).returncode != 0:
        needs.lacking(f"the capability NET_ADMIN to make network namespaces: {tried.stderr.strip()}")
    _try("ip", "netns", "delete", trial)


def _try(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Street:
    """The namespaces and what runs in them. `close` takes all of it down again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = {place: f"capstan-{os.getpid()}-{place}" for place in ("cust", "nas", "inet")}
        self._running: list[subprocess.Popen[bytes]] = []

    def inside(self, place: str) -> list[str]:
        """What to put before a command line, to run it there."""
        return ["ip", "netns", "exec", self.names[place]]

    def run(self, place: str, *command: str, seconds: float = 60) -> str:
        done = subprocess.run(
            [*self.inside(place), *command], capture_output=True, text=True, check=False, timeout=seconds
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(
        self, place: str, *command: str | Path, log: str, stdin: bytes = b""
    ) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{log}.log").open("ab") as out:
            process = subprocess.Popen(
                [*self.inside(place), *command], cwd=ROOT, stdin=subprocess.PIPE, stdout=out, stderr=out
            )
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        self._running.append(process)
        return process

    def build(self) -> None:
        for name in self.names.values():
            subprocess.run(["ip", "netns", "add", name], check=True)
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        self._wire("c0", "cust", "10.97.0.2/24", "n0", "nas", f"{ROUTER}/24")
        self._wire("n1", "nas", "10.98.0.1/24", "i0", "inet", f"{PORTAL}/24")
        inet = self.names["inet"]
        subprocess.run(["ip", "-n", inet, "addr", "add", f"{ELSEWHERE}/24", "dev", "i0"], check=True)
        subprocess.run(["ip", "-n", inet, "route", "add", "10.99.0.0/24", "via", "10.98.0.1"], check=True)
        self.run("nas", "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.start("inet", "iperf3", "-s", log="iperf3")

    def _wire(self, one: str, here: str, address: str, other: str, there: str, far: str) -> None:
        here, there = self.names[here], self.names[there]
        commands = (
            f"ip link add {one} netns {here} type veth peer name {other} netns {there}",
            f"ip -n {here} addr add {address} dev {one}",
            f"ip -n {there} addr add {far} dev {other}",
            f"ip -n {here} link set {one} up",
            f"ip -n {there} link set {other} up",
        )
        for command in commands:
            subprocess.run(command.split(), check=True)

    def open_router(self, auth_port: int, acct_port: int) -> None:
        """ocserv, its CoA port and its certificate."""
        folder = self.folder
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key.pem",
             "-out", folder / "cert.pem", "-days", "30", "-subj", "/CN=nas", "-addext", f"subjectAltName=IP:{ROUTER}"],
            check=True, capture_output=True,
        )  # fmt: skip
        values = {
            "folder": folder,
            "identifier": NAS_IDENTIFIER,
            "auth_port": auth_port,
            "acct_port": acct_port,
        }
        (folder / "servers").write_text(f"127.0.0.1 {SECRET}\n")
        (folder / "radcli.conf").write_text(RADCLI.format(**values))
        (folder / "ocserv.conf").write_text(OCSERV.format(**values))
        self._script(
            "updown.sh", f"#!/bin/sh\ncd {ROOT}\nexec {sys.executable} -m tests.nas.updown {PORTAL}\n"
        )
        self._script("cpe.sh", CPE)
        control = folder / "occtl.sock"
        self.start("nas", "ocserv", "-f", "-c", folder / "ocserv.conf", log="ocserv")
        self.start("nas", sys.executable, "-m", "tests.nas.dae", control, SECRET, PORTAL, log="dae")
        eventually(control.exists, 20, "ocserv")

    def _script(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def dial(self, username: str, password: str) -> "subprocess.Popen[bytes]":
        """The subscriber's box logs in; its process ends with the tunnel."""
        public = subprocess.run(
            ["openssl", "x509", "-in", self.folder / "cert.pem", "-pubkey", "-noout"], check=True, capture_output=True
        ).stdout  # fmt: skip
        der = subprocess.run(
            ["openssl", "pkey", "-pubin", "-outform", "der"], input=public, check=True, capture_output=True
        ).stdout
        pin = base64.b64encode(hashlib.sha256(der).digest()).decode()
        return self.start(
            "cust", "openconnect", "--protocol=anyconnect", "-u", username, "--passwd-on-stdin",
            "--non-inter", "--reconnect-timeout", "1", "--servercert", f"pin-sha256:{pin}",
            "--script", self.folder / "cpe.sh", f"https://{ROUTER}",
            log="openconnect", stdin=f"{password}\n".encode(),
        )  # fmt: skip

    def users(self) -> list[dict[str, Any]]:
        """The sessions as ocserv knows them."""
        done = _try("occtl", "-s", str(self.folder / "occtl.sock"), "-j", "show", "users")
        found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
        return found

    def user(self, username: str) -> dict[str, Any]:
        """The session of this user, waited for until its tunnel is up."""

        def ready() -> list[dict[str, Any]]:
            return [
                one for one in self.users() if one["Username"] == username and one["State"] == "connected"
            ]

        eventually(ready, 30, f"the tunnel of {username}")
        return ready()[-1]

    def counted(self, device: str) -> tuple[int, int]:
        """(up, down) bytes that the kernel counted on this tunnel of the router's."""
        (link,) = json.loads(self.run("nas", "ip", "-j", "-s", "link", "show", device))
        return link["stats64"]["rx"]["bytes"], link["stats64"]["tx"]["bytes"]

    def download(self, megabytes: int, *, seconds: float = 90) -> float:
        """Real bytes from the internet to the subscriber; returns Mbit/s."""
        eventually(lambda: self.reaches(PORTAL), 20, "the way through the tunnel")
        said = self.run("cust", "iperf3", "-J", "-c", PORTAL, "-R", "-n", f"{megabytes}M", seconds=seconds)
        return float(json.loads(said)["end"]["sum_received"]["bits_per_second"]) / 1e6

    def reaches(self, host: str) -> bool:
        """Whether the subscriber reaches this host."""
        return _try(*self.inside("cust"), "ping", "-c", "1", "-W", "1", host).returncode == 0

    def close(self) -> None:
        for process in reversed(self._running):
            process.terminate()
        for process in reversed(self._running):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in self.names.values():
            left = _try("ip", "netns", "pids", name).stdout.split()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), 9)
            _try("ip", "netns", "delete", name)
        for log in sorted(self.folder.glob("*.log")):
            printable = re.sub("[^ -~\n]", "", log.read_text(errors="replace"))
            print(f"--- {log.name}\n{printable[-2500:]}")


def settle() -> None:
    """Let packets on their way arrive."""
    time.sleep(1)


def opened(folder: Path) -> Iterator[Street]:
    """A street, taken down at the end whatever happens."""
    street = Street(folder)
    try:
        street.build()
        yield street
    finally:
        street.close()
        shutil.rmtree(folder, ignore_errors=True)
