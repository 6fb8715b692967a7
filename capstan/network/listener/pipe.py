"""One prepared statement at a time on a raw connection, without waiting for it: sent now, fetched when the socket wakes."""

import select
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

_PATIENCE_MS = 10_000
_GOOD = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Pipe:
    """A connection on which the loop waits by epoll.

    Every method raises psycopg.Error when the database is away or refuses; the connection is of no use then.
    """

    def __init__(self, conn: "psycopg.Connection[Any]") -> None:
        self.conn = conn
        self.waiting = False
        self._result: PGresult | None = None

    def fileno(self) -> int:
        return self.conn.fileno()

    def prepare(self, name: bytes, statement: str, types: Sequence[int]) -> None:
        """Have a statement ready under a name. Waits."""
        check(self.conn.pgconn.prepare(name, statement.encode(), types))

    def send(self, name: bytes, values: Sequence[bytes | None], formats: Sequence[int]) -> None:
        """Run a prepared statement with binary results."""
        self.conn.pgconn.send_query_prepared(name, values, formats, Format.BINARY)
        self.sent()

    def sent(self) -> None:
        """A statement was handed to libpq: put it on the wire and await its result."""
        self.waiting = True
        pgconn = self.conn.pgconn
        while pgconn.flush():
            self._poll(select.POLLOUT)

    def fetch(self) -> PGresult | None:
        """The statement's result, None while it isn't there."""
        pgconn = self.conn.pgconn
        pgconn.consume_input()
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                done, self._result = self._result, None
                if not self.waiting or done is None:
                    return None
                self.waiting = False
                return check(done)
            self._result = result
        return None

    def wait(self) -> None:
        """Wait until `fetch` may have something. For the end of the process; the loop waits by epoll."""
        self._poll(select.POLLIN)

    def close(self) -> None:
        self.conn.close()

    def _poll(self, event: int) -> None:
        poll = select.poll()
        poll.register(self.conn.pgconn.socket, event)
        if not poll.poll(_PATIENCE_MS):
            raise psycopg.OperationalError("the database doesn't answer any more")


def check(result: PGresult) -> PGresult:
    if result.status not in _GOOD:
        raise psycopg.OperationalError(result.error_message.decode(errors="replace").strip())
    return result
