"""An end to every call: a server that answers byte by byte keeps no thread for ever."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer

CALL_SECONDS_MAX = 60.0
"""For the whole of a call. A lease on a message lasts longer, so nobody else takes it up meanwhile."""


@contextmanager
def limited(sock: socket.socket, seconds: float = CALL_SECONDS_MAX) -> Iterator[None]:
    """Shut the connection when the time is up; who reads from it then sees its end."""
    timer = Timer(seconds, _shut, [sock])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):  # it has ended by itself meanwhile
        sock.shutdown(socket.SHUT_RDWR)
