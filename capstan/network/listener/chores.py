"""What the listener has to do beside answering, on a thread of its own, so that it never keeps an answer waiting.

A chore is a function of a raw autocommit connection. It may return another function, which the loop then runs on its own
thread. While the database is away chores wait; of each kind at most one waits.
"""

import os
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import django.db
import psycopg
import structlog

from capstan.db.connection import connect

Connection = psycopg.Connection[Any]
Finish = Callable[[], None]
Chore = Callable[[Connection], Finish | None]

_RETRY_SECONDS = 1.0

log = structlog.get_logger()


class Chores:
    """Runs chores one after the other. `fileno` becomes readable when one has finished with something for the loop."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[str, Chore] | None] = queue.SimpleQueue()
        self._pending: set[str] = set()
        self._finished: deque[Finish] = deque()
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stopping = threading.Event()
        self._conn: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="listener chores", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        return self._read

    def submit(self, kind: str, chore: Chore) -> bool:
        """Have a chore done soon. False when one of this kind is still waiting: then this one is not taken."""
        if kind in self._pending:
            return False
        self._pending.add(kind)
        self._queue.put((kind, chore))
        return True

    def is_idle(self, kind: str) -> bool:
        return kind not in self._pending

    def finish(self) -> None:
        """Run what finished chores left for the loop."""
        try:
            os.read(self._read, 4096)
        except BlockingIOError:
            return
        while self._finished:
            self._finished.popleft()()

    def stop(self, timeout: float) -> None:
        """Do what still waits, for at most `timeout` seconds, and end."""
        self._queue.put(None)
        self._thread.join(timeout)
        self._stopping.set()
        self._thread.join(_RETRY_SECONDS)
        os.close(self._read)
        os.close(self._write)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None and not self._stopping.is_set():
            kind, chore = item
            finish = self._do(kind, chore)
            self._pending.discard(kind)
            if finish is not None:
                self._finished.append(finish)
                os.write(self._write, b"!")
        if self._conn is not None:
            self._conn.close()
        django.db.connection.close()

    def _do(self, kind: str, chore: Chore) -> Finish | None:
        while not self._stopping.is_set():
            try:
                if self._conn is None or self._conn.closed:
                    self._conn = connect(name="capstan radius chores")
                return chore(self._conn)
            except (psycopg.OperationalError, django.db.OperationalError, django.db.InterfaceError) as error:
                log.warning("listener_chore_waits_for_database", chore=kind, problem=str(error).strip())
                self._forget_connections()
                self._stopping.wait(_RETRY_SECONDS)
            except Exception:
                # One chore that fails must not end them all: its data is lost, the answer to a router is not.
                log.exception("listener_chore_failed", chore=kind)
                return None
        return None

    def _forget_connections(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None
        django.db.connection.close()
