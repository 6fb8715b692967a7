"""How far the meter is behind the packet log."""

import threading
import time
from bisect import bisect_right
from types import TracebackType
from typing import Final

from bench.sides import Connection
from capstan.db.connection import connect

_EVERY_SECONDS: Final = 0.5


def backlog(conn: Connection) -> int:
    """Records that are in the packet log and not folded yet."""
    row = conn.execute(
        "SELECT coalesce(sum(rest.count), 0) FROM metering_stream stream"
        " LEFT JOIN metering_meterposition position ON position.stream_id = stream.id,"
        " LATERAL (SELECT sum(log.count) AS count FROM metering_packetlog log"
        " WHERE log.stream_id = stream.id AND log.seq > coalesce(position.seq, 0)) rest"
    ).fetchone()
    assert row is not None
    return int(row[0])


def wait_folded(conn: Connection, *, seconds: float) -> float:
    """Wait until the backlog is empty; returns how long that took. Raises RuntimeError when it takes too long."""
    began = time.monotonic()
    while (rest := backlog(conn)) > 0:
        if time.monotonic() - began > seconds:
            raise RuntimeError(f"the meter still has {rest} records to fold after {seconds:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - began


class BacklogWatch:
    """Samples the backlog while something else runs."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> "BacklogWatch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def at(self, moment: float) -> int:
        """The backlog at a moment (seconds since 1970), as last sampled before it; 0 before the first sample."""
        index = bisect_right(self._samples, moment, key=lambda sample: sample[0])
        return self._samples[index - 1][1] if index else 0

    def _sample(self) -> None:
        with connect(name="bench backlog") as conn:
            while not self._over.is_set():
                self._samples.append((time.time(), backlog(conn)))
                self._over.wait(_EVERY_SECONDS)
