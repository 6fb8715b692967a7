"""The meter process: one folds the packet log, others stand by.

The lock that makes it the only one is held by the very connection that folds, and the position moves by conditional update:
a meter that lost its connection can't write another word, however late it notices.
"""

import gc
import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import psycopg
import structlog
from django import db as django_db

from capstan.caps.actions.fold import fold_step
from capstan.db.beat import Beat
from capstan.db.connection import CONFLICT, connect
from capstan.db.locks import try_lock
from capstan.db.wakeup import wake_now
from capstan.metering.actions import log_reader
from capstan.metering.actions.sessions import Memory, mark_silent
from capstan.values import clock

log = structlog.get_logger()

_IDLE_SECONDS = 0.05  # how long a record may wait when nothing else does
_STEP_SECONDS = 0.02  # a step takes at least so long: fewer, larger steps cost less per record
_LARGE = 2000  # records; a step that found so many has more waiting
_STANDBY_SECONDS = 1.0
_RECORDS_AT_ONCE = 5000
_GARBAGE_EVERY = (
    200_000  # objects: a step makes many tuples and no cycles, looking for those would cost a tenth
)
_SILENCE_EVERY = timedelta(seconds=10)
_SILENCE_LAG_SECONDS = 10.0
_BACKLOG_EVERY = timedelta(seconds=2)

# Arrays look like 10 or 100 rows to the planner; a hash or merge join would read whole tables for them.
_PLAN = "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"


def run() -> None:
    """Fold until SIGTERM or SIGINT. A database that is away is waited for."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    gc.set_threshold(_GARBAGE_EVERY, 20, 50)
    Meter(stop).run()


class Meter:
    """One meter; `now` is the clock, so that a test can set it."""

    def __init__(self, stop: Event, now: Callable[[], datetime] = clock.now) -> None:
        self.stop = stop
        self.now = now
        self.beat = Beat("meter")
        self.memory = Memory()
        self.figures: dict[str, float] = dict.fromkeys(
            ("meter_active", "records_total", "sessions_opened_total", "settled_total", "set_aside_total", "steps_total",
             "backlog_records", "lag_seconds"), 0.0,
        )  # fmt: skip
        self._silence_at = self._backlog_at = now()

    def run(self) -> None:
        wait = 1.0
        while not self.stop.is_set():
            try:
                with connect(name="capstan meter") as conn:
                    conn.execute(_PLAN)
                    wait = 1.0
                    self._stand_by_then_work(conn)
            except CONFLICT as conflict:
                log.warning("this step met another writer and is taken again", reason=str(conflict).strip())
            except (
                psycopg.OperationalError,
                django_db.OperationalError,
                django_db.InterfaceError,
            ) as failure:
                log.warning(
                    "the database is away; the meter waits for it", error=str(failure).strip(), seconds=wait
                )
                django_db.connections.close_all()
                self.stop.wait(wait)
                wait = min(wait * 2, 30.0)
            except log_reader.PositionTaken as taken:
                log.warning("this step was given up", reason=str(taken))
        self.beat.stop()

    def _stand_by_then_work(self, conn: "psycopg.Connection[Any]") -> None:
        told = False
        while not self.stop.is_set() and not try_lock(conn, "meter"):
            if not told:
                log.info("another meter is at work; standing by")
                told = True
            self.figures["meter_active"] = 0
            self.beat.tick(self.now(), self.figures)
            self.stop.wait(_STANDBY_SECONDS)
        self.figures["meter_active"] = 1
        self.memory.forget()  # another meter may have worked meanwhile
        while not self.stop.is_set():
            begun = time.monotonic()
            records = self._step(conn)
            self._look_around(conn)
            if records < _LARGE:
                least = _STEP_SECONDS if records else _IDLE_SECONDS
                self.stop.wait(max(0.0, begun + least - time.monotonic()))

    def _step(self, conn: "psycopg.Connection[Any]") -> int:
        """One step; how many records it folded."""
        result = fold_step(conn, now=self.now(), limit=_RECORDS_AT_ONCE, memory=self.memory)
        if result.due:
            wake_now(conn, "enforce")
        figures = self.figures
        figures["records_total"] += result.records
        figures["sessions_opened_total"] += result.opened
        figures["settled_total"] += result.settled
        figures["set_aside_total"] += result.set_aside
        figures["steps_total"] += result.records > 0
        return result.records

    def _look_around(self, conn: "psycopg.Connection[Any]") -> None:
        """What isn't driven by records: silent sessions, and the meter's own figures."""
        now = self.now()
        if now >= self._backlog_at:
            self._backlog_at = now + _BACKLOG_EVERY
            with conn.cursor() as cursor:
                waiting, lag = log_reader.backlog(cursor, now=now)
            self.figures["backlog_records"], self.figures["lag_seconds"] = float(waiting), lag
        # A session isn't silent when its packets wait in the log: they wait for us.
        if now >= self._silence_at and self.figures["lag_seconds"] < _SILENCE_LAG_SECONDS:
            self._silence_at = now + _SILENCE_EVERY
            with conn.transaction(), conn.cursor() as cursor:
                mark_silent(cursor, self.memory, now=now)
        self.beat.tick(now, self.figures)
