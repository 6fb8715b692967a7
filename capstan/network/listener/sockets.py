"""A UDP socket that is drained and answered in bursts.

One `recvfrom` and one `sendto` per packet: `recvmmsg` and `sendmmsg` were tried here and saved 0.3 of 3 µs, because the
kernel's own work per packet stays and an asker gets its answer only at the end of the burst.
"""

import select
import socket
from collections.abc import Iterable
from typing import Any

from capstan.network.radius.packet import PACKET_BYTES_MAX

BURST = 256
_RECEIVE_BYTES = PACKET_BYTES_MAX + 1  # one more, to see that a packet was too long
_BUFFER_BYTES = 8 << 20
_SEND_WAIT_MS = 50

# Linux: beyond the system's limit, for those who have the right to.
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33

Address = tuple[Any, ...]
Arrival = tuple[bytes, Address]  # a packet and its sender: (address, port, …)


class UdpSocket:
    """A bound UDP socket, IPv4 or IPv6 by its host. Raises OSError when the address isn't ours or the port is taken."""

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Any number of listeners may share a port; the kernel spreads the senders over them.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._enlarge(socket.SO_RCVBUF, _SO_RCVBUFFORCE)
            self._enlarge(socket.SO_SNDBUF, _SO_SNDBUFFORCE)
            self._socket.setblocking(False)
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self.host = host
        self.sendto = self._socket.sendto
        self.port: int = self._socket.getsockname()[1]
        self.unsent = 0

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> list[Arrival]:
        """Up to `BURST` waiting packets; none when none wait."""
        found: list[Arrival] = []
        receive, append = self._socket.recvfrom, found.append
        try:
            for _ in range(BURST):
                append(receive(_RECEIVE_BYTES))
        except BlockingIOError:
            pass  # drained
        return found

    def close(self) -> None:
        self._socket.close()

    def send_late(self, packet: bytes, address: Address) -> None:
        """Send once the full buffer has room, for a short while; else count it in `unsent`."""
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        poll.poll(_SEND_WAIT_MS)
        try:
            self.sendto(packet, address)
        except OSError:
            self.unsent += 1

    def _enlarge(self, option: int, forced: int) -> None:
        """A buffer that holds what routers send all at once when the power comes back."""
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, forced, _BUFFER_BYTES)
        except OSError:
            self._socket.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)


Answer = tuple[UdpSocket, bytes, Address]  # where it leaves, the packet, where it goes


def send_all(answers: Iterable[Answer]) -> None:
    """Send answers. What the network won't take is counted in the socket's `unsent`: whoever asked will ask again."""
    for sock, packet, address in answers:
        try:
            sock.sendto(packet, address)
        except BlockingIOError:
            sock.send_late(packet, address)
        except OSError:
            sock.unsent += 1
