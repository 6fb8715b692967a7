"""Every periodic step of the worker, in one readable list. What each does is said where it is done."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from django.conf import settings

from capstan.caps.actions.cap import provider_zone, roll_due, seal_due
from capstan.caps.actions.missing import open_missing
from capstan.db.connection import connect
from capstan.db.locks import try_lock
from capstan.metering.actions.packet_log import close_ended_streams, drop_partitions, ensure_partitions
from capstan.metering.actions.usage_days import roll_up_days
from capstan.network.actions.commands import prove
from capstan.network.actions.reconcile import batch_size, sweep
from capstan.network.queries.counts import service_estimate, shortest_interim_seconds

BATCH = 200
_SWEEP_EVERY = timedelta(seconds=1)


class Step(NamedTuple):
    """`do(now)` returns how much it did; at `again_from` or more it is called again at once, as there is more."""

    name: str
    every: timedelta
    do: Callable[[datetime], int]
    again_from: int | None = None


class Sweep:
    """The reconcile sweep's place in the list of services. One worker sweeps; the others stand by on a lock."""

    def __init__(self) -> None:
        self._conn: psycopg.Connection[Any] | None = None
        self._last_id = 0
        self._batch = BATCH

    def __call__(self, now: datetime) -> int:
        if self._conn is None or self._conn.closed:
            self._conn = connect(name="capstan worker sweep")
        if not try_lock(self._conn, "reconcile sweep"):
            return 0
        if self._last_id == 0:
            self._batch = batch_size(
                service_estimate(),
                interval_seconds=shortest_interim_seconds(),
                every_seconds=_SWEEP_EVERY.total_seconds(),
            )
        swept = sweep(after_id=self._last_id, limit=self._batch, now=now)
        self._last_id = swept.last_id
        return swept.raised


def _alone(name: str, do: Callable[["psycopg.Connection[Any]"], int]) -> int:
    """Do it unless another worker is doing it at this moment."""
    with connect(name=f"capstan worker {name}") as conn:
        return do(conn) if try_lock(conn, name) else 0


def _packet_log_days(now: datetime) -> int:
    with connect(name="capstan worker packet log") as conn:
        return len(ensure_partitions(conn, now=now))


def _packet_log_retention(now: datetime) -> int:
    with connect(name="capstan worker packet log") as conn:
        close_ended_streams(conn, now=now)
        return len(drop_partitions(conn, now=now, keep_days=settings.OPTIONS.packet_log_days))


def _usage_days(days_back: int) -> Callable[[datetime], int]:
    def do(now: datetime) -> int:
        zone = provider_zone()
        return _alone("usage days", lambda conn: roll_up_days(conn, zone=zone, now=now, days_back=days_back))

    return do


def housekeeping() -> tuple[Step, ...]:
    """The housekeeping lane's steps. The enforce lane has one step, `network.actions.enforce.Enforcer.step`."""
    return (
        Step(
            "turn cycles, windows and expiries",
            timedelta(seconds=1),
            lambda now: roll_due(now=now, limit=BATCH),
            BATCH,
        ),
        Step("prove confirmed accesses", timedelta(seconds=2), lambda now: prove(now=now)),
        Step("reconcile sweep", _SWEEP_EVERY, Sweep()),
        Step("seal ended cycles", timedelta(seconds=10), lambda now: seal_due(now=now, limit=BATCH), BATCH),
        Step(
            "open missing caps", timedelta(minutes=1), lambda now: open_missing(now=now, limit=BATCH), BATCH
        ),
        Step("packet log days ahead", timedelta(hours=1), _packet_log_days),
        Step("packet log retention", timedelta(hours=1), _packet_log_retention),
        Step("usage days", timedelta(hours=1), _usage_days(2)),
        Step("usage days, late usage", timedelta(days=1), _usage_days(10)),
    )
