"""The RFC 5176 port that ocserv lacks: CoA sets speed (tc) and filter (iptables), a disconnect goes through occtl.

`python -m tests.nas.dae OCCTL_SOCKET SECRET PORTAL` in the router's network namespace. It prints what it was told.
"""

import json
import socket
import subprocess
import sys
from typing import Any

from tests import radius

PORT = 3799
UNLIMITED = 0xFFFFFFFF


def sh(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Port:
    """Carries out orders on ocserv's sessions."""

    def __init__(self, control: str, secret: str, portal: str) -> None:
        self.control, self.secret, self.portal = control, secret.encode(), portal

    def serve(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", PORT))
            while True:
                packet, sender = sock.recvfrom(4096)
                answer = self.decide(packet)
                if answer is not None:
                    sock.sendto(answer, sender)

    def decide(self, packet: bytes) -> bytes | None:
        if not radius.is_authentic_order(packet, self.secret):
            print("an order that was not made with our secret", flush=True)
            return None
        told = radius.read(packet)
        chosen = [user for user in self.users() if self.is_meant(user, told)]
        for user in chosen:
            if packet[0] == radius.DISCONNECT_REQUEST:
                sh("occtl", "-s", self.control, "disconnect", "id", str(user["ID"]))
            else:
                self.change(user["Device"], told)
        print(f"order {packet[0]} for {told.get(radius.USER_NAME)}: {len(chosen)} sessions", flush=True)
        if not chosen:
            return radius.answer(packet, packet[0] + 2, [(radius.ERROR_CAUSE, 503)], self.secret)
        return radius.answer(packet, packet[0] + 1, [], self.secret)

    def users(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            sh("occtl", "-s", self.control, "-j", "show", "users").stdout or "[]"
        )
        return found

    def is_meant(self, user: dict[str, Any], told: dict[radius.Kind, list[bytes]]) -> bool:
        wanted = {radius.USER_NAME: user["Username"], radius.SESSION_ID: user["Full session"]}
        named = [kind for kind in wanted if kind in told]
        return bool(named) and all(told[kind][0] == wanted[kind].encode() for kind in named)

    def change(self, device: str, told: dict[radius.Kind, list[bytes]]) -> None:
        down = radius.number(told, radius.WISPR_DOWN)
        if down is not None:
            set_speed(device, down)
        if radius.FILTER_ID in told:
            set_filter(device, told[radius.FILTER_ID][0].decode(), self.portal)


def set_speed(device: str, down_bps: int) -> None:
    """What leaves towards the subscriber is his download."""
    if down_bps == UNLIMITED:
        sh("tc", "qdisc", "del", "dev", device, "root")
    else:
        sh(
            "tc", "qdisc", "replace", "dev", device, "root",
            "tbf", "rate", f"{down_bps}bit", "burst", "32k", "latency", "100ms",
        )  # fmt: skip


def set_filter(device: str, name: str, portal: str) -> None:
    """capstan-garden: the portal only; capstan-drop: nothing; capstan-open: everything."""
    rules = {"capstan-garden": ["!", "-d", portal], "capstan-drop": []}
    for more in rules.values():
        while sh("iptables", "-D", "FORWARD", "-i", device, *more, "-j", "REJECT").returncode == 0:
            pass
    if name in rules:
        sh("iptables", "-I", "FORWARD", "-i", device, *rules[name], "-j", "REJECT")


if __name__ == "__main__":
    Port(*sys.argv[1:4]).serve()
