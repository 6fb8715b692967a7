"""Free ports for the servers under test."""

import socket
from contextlib import ExitStack


def free_udp_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody uses at the moment."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
