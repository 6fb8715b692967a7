"""Calls to the outside, in threads that know no database; what came of them is written by the thread that started them."""

import socket
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from django.db import DatabaseError
from psycopg import Error as PsycopgError

log = structlog.get_logger()

THREADS = 32
"""Of all gateways together; each has its own limit as well, so that a slow one can't take them all."""


class _Call(NamedTuple):
    gateway_id: int
    future: "Future[Any]"
    then: Callable[[Any, datetime], None]


class Calls:
    """Used by one thread: it starts calls, goes on with its work, and looks in again when `descriptor` is readable."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="gateway")
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._running: deque[_Call] = deque()
        self._in_flight: Counter[int] = Counter()

    def start(self, gateway_id: int, work: Callable[[], Any], then: Callable[[Any, datetime], None]) -> None:
        """Run `work` in a thread; `then(result, now)` is run by `finish`, with the exception if there was one."""
        future = self._pool.submit(work)
        self._in_flight[gateway_id] += 1
        self._running.append(_Call(gateway_id, future, then))
        future.add_done_callback(self._ring)

    def in_flight(self, gateway_id: int) -> int:
        return self._in_flight[gateway_id]

    def total(self) -> int:
        return len(self._running)

    def descriptor(self) -> int:
        """Readable when a call has ended."""
        return self._reader.fileno()

    def finish(self, now: datetime) -> int:
        """Write what came of the calls that have ended; how many. A result that the database didn't take is kept."""
        with suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass
        ended = [call for call in self._running if call.future.done()]
        for call in ended:
            result = call.future.exception() or call.future.result()
            try:
                call.then(result, now)
            except (DatabaseError, PsycopgError):
                raise
            except Exception:
                log.exception("what a gateway said could not be dealt with", gateway=call.gateway_id)
            self._running.remove(call)
            self._in_flight[call.gateway_id] -= 1
        return len(ended)

    def stop(self, seconds: float, now: datetime) -> None:
        """Wait so long for what is under way, and write what came of it; the rest becomes uncertain by its lease."""
        wait([call.future for call in self._running], timeout=seconds)
        self.finish(now)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ring(self, _: "Future[Any]") -> None:
        with suppress(OSError):  # full: it rings already; closed: nobody listens any more
            self._writer.send(b".")
