"""Whether the ports we need are free, asked before a process that would only fail on them is started."""

import errno
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from capstan.config.errors import OperatorError
from capstan.config.options import Options, split_bind


@dataclass(frozen=True)
class Port:
    """An address to listen on, and the setting that chooses it."""

    host: str
    number: int
    udp: bool
    setting: str


def radius(options: Options) -> list[Port]:
    """The listener's ports."""
    numbers = (
        ("CAPSTAN_RADIUS_AUTH_PORT", options.radius_auth_port),
        ("CAPSTAN_RADIUS_ACCT_PORT", options.radius_acct_port),
    )
    return [Port(host, number, True, name) for host in options.radius_hosts for name, number in numbers]


def web(options: Options) -> list[Port]:
    """The web server's port."""
    host, number = split_bind(options.web_bind)
    return [Port(host, number, False, "CAPSTAN_WEB_BIND")]


def require_free(ports: Iterable[Port], patience: float = 5.0) -> None:
    """Raise OperatorError naming the ports that are taken and the settings that choose others.

    A port may still be held for a moment by a process of an earlier run, so this tries for `patience` seconds.
    """
    until = time.monotonic() + patience
    while taken := [port for port in ports if not _is_free(port)]:
        if time.monotonic() > until:
            raise OperatorError("\n".join(_in_words(port) for port in taken))
        time.sleep(0.1)


def _is_free(port: Port) -> bool:
    """Whether nobody has the port. An address this machine lacks is not for us to judge: IPv6 may be turned off."""
    family = socket.AF_INET6 if ":" in port.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM if port.udp else socket.SOCK_STREAM) as trial:
            if family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if not port.udp:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((port.host, port.number))
    except OSError as refusal:
        return refusal.errno not in (errno.EADDRINUSE, errno.EACCES)
    return True


def _in_words(port: Port) -> str:
    kind = "UDP" if port.udp else "TCP"
    return (
        f"{kind} port {port.number} on {port.host} can't be used: another program has it, or it needs more rights;"
        f" choose another with {port.setting}"
    )
