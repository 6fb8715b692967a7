"""`capstan worker`: lanes with a thread each, so that none can starve another.

A lane that loses the database waits for it; a step that raises is logged, waits longer and longer, and holds up neither
its lane nor the others. Any number of workers may run: what is due is claimed row by row.
"""

import re
import select
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any, Literal

import django.db
import psycopg
import structlog

from capstan.db.beat import Beat
from capstan.db.connection import CONFLICT, connect
from capstan.db.wakeup import Channel, wait
from capstan.messaging.actions.sender import Sender
from capstan.network.actions.enforce import Enforcer
from capstan.payments.models import Gateway
from capstan.values import clock
from capstan.worker.steps import Step, billing, gateway, housekeeping, messages, payments

log = structlog.get_logger()

_POLL_SECONDS = 1.0
_RETRY_SECONDS_MAX = 30.0
_STOP_SECONDS = 10.0
_NO_WORD = re.compile(r"\W+")  # what the name of a metric can't have
_AWAY = (psycopg.OperationalError, django.db.OperationalError, django.db.InterfaceError)

# Arrays look like 10 or 100 rows to the planner; a hash or merge join would read whole tables for them.
_PLAN = "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"


def run() -> None:
    """Work until SIGTERM or SIGINT."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    Worker(stop).run()


class Worker:
    """All lanes of this process; `now` is the clock, so that a test can set it."""

    def __init__(self, stop: Event, now: Callable[[], datetime] = clock.now) -> None:
        self.stop = stop
        self.now = now
        self._enforce = EnforceLane(stop, now)
        self.lanes: tuple[Lane, ...] = (
            self._enforce,
            MessageLane(stop, now),
            BillLane("bill", stop, now, billing()),
            BillLane("pay", stop, now, payments()),
            GatewayLanes(stop, now),
            HousekeepingLane(stop, now, housekeeping()),
        )

    def run(self) -> None:
        beat = Beat("worker")
        for lane in self.lanes:
            lane.start()
        while not self.stop.wait(_POLL_SECONDS):
            figures = {name: value for lane in self.lanes for name, value in lane.figures().items()}
            if beat.tick(self.now(), figures):
                self._enforce.enforcer.share_pace(beat.peers(self.now()))
        for lane in self.lanes:
            lane.join(_STOP_SECONDS)
        beat.stop()


class Lane(Thread):
    """A thread that makes one pass after the other. Subclasses say what a pass is and what to wait for after it."""

    plan = _PLAN

    def __init__(self, name: str, stop: Event, now: Callable[[], datetime]) -> None:
        super().__init__(name=f"worker {name}", daemon=True)
        self.lane = name
        self.stop = stop
        self.now = now
        self.errors = 0

    def run(self) -> None:
        delay = 1.0
        while not self.stop.is_set():
            try:
                with connect(name=f"capstan worker {self.lane}") as conn:
                    with django.db.connection.cursor() as cursor:
                        cursor.execute(self.plan)
                    while not self.stop.is_set():
                        self.work(conn)
                        delay = 1.0
            except _AWAY as failure:
                log.warning(_why(failure), lane=self.lane, error=str(failure).strip())
            except Exception:
                self.errors += 1
                log.exception("a lane of the worker failed and starts again", lane=self.lane, seconds=delay)
            finally:
                django.db.connections.close_all()
            if not self.stop.is_set():
                self.stop.wait(delay)
                delay = min(delay * 2, _RETRY_SECONDS_MAX)
        self.finish()

    def work(self, conn: "psycopg.Connection[Any]") -> None:
        """One pass, and the wait until there may be more to do. `conn` is for wake-ups."""
        raise NotImplementedError

    def finish(self) -> None:
        """Leave nothing behind that another worker would have to wait for."""

    def figures(self) -> dict[str, float]:
        return {f"{self.lane}_errors": self.errors}


def _why(failure: Exception) -> str:
    if isinstance(failure, CONFLICT) or isinstance(failure.__cause__, CONFLICT):
        return "a lane met another writer and tries again"
    return "the database is away; a lane waits for it"


class EnforceLane(Lane):
    """Brings sessions to their access; woken by whoever changes one, by routers' answers, and each second."""

    def __init__(self, stop: Event, now: Callable[[], datetime], enforcer: Enforcer | None = None) -> None:
        super().__init__("enforce", stop, now)
        self.enforcer = enforcer or Enforcer()

    def work(self, conn: "psycopg.Connection[Any]") -> None:
        wait(conn, ["enforce"], 0)
        if not self.enforcer.step(now=self.now()):
            self._wait(conn)

    def finish(self) -> None:
        try:
            self.enforcer.stop(now=self.now())
        except _AWAY as failure:
            log.warning("left commands for another worker to take over", error=str(failure).strip())
        finally:
            django.db.connections.close_all()

    def figures(self) -> dict[str, float]:
        return {**super().figures(), **self.enforcer.figures(self.now())}

    def _wait(self, conn: "psycopg.Connection[Any]") -> None:
        now = self.now()
        seconds = _POLL_SECONDS
        timer, turn = self.enforcer.client.next_timer(), self.enforcer.next_at()
        if timer is not None:
            seconds = min(seconds, timer - now.timestamp())
        if turn is not None:
            seconds = min(seconds, (turn - now).total_seconds())
        poll = select.poll()
        for descriptor in (conn.fileno(), *self.enforcer.client.descriptors()):
            poll.register(descriptor, select.POLLIN)
        poll.poll(max(seconds, 0.001) * 1000)


class StepLane(Lane):
    """Does each step of a list when its time has come; one that fails waits while the others go on.

    A wake-up on `channel` makes those due that are `woken`.
    """

    def __init__(
        self,
        name: str,
        channel: Channel,
        stop: Event,
        now: Callable[[], datetime],
        steps: Sequence[Step],
    ) -> None:
        super().__init__(name, stop, now)
        self._channel = channel
        self._steps = steps
        self._next_at: dict[str, datetime] = {}
        self._delay: dict[str, timedelta] = {}
        self._done: dict[str, int] = dict.fromkeys((step.name for step in steps), 0)

    def work(self, conn: "psycopg.Connection[Any]") -> None:
        self.do_what_is_due()
        ahead = (min(self._next_at.values(), default=self.now()) - self.now()).total_seconds()
        if ahead > 0 and self.wait(conn, min(ahead, _POLL_SECONDS)):
            now = self.now()
            woken = (step.name for step in self._steps if step.woken and step.name not in self._delay)
            self._next_at |= dict.fromkeys(woken, now)

    def wait(self, conn: "psycopg.Connection[Any]", seconds: float) -> bool:
        """Wait until there may be work; True if there is."""
        return wait(conn, [self._channel], seconds)

    def do_what_is_due(self) -> None:
        """Each step whose time has come, once."""
        for step in self._steps:
            now = self.now()
            if not self.stop.is_set() and now >= self._next_at.get(step.name, now):
                self._next_at[step.name] = now + self._do(step, now)

    def figures(self) -> dict[str, float]:
        done = {f"step_{_NO_WORD.sub('_', name)}": count for name, count in self._done.items()}
        return {**super().figures(), **done}

    def _do(self, step: Step, now: datetime) -> timedelta:
        """Do it; returns how long until the next time."""
        try:
            did = step.do(now)
        except _AWAY:
            raise
        except Exception:
            self.errors += 1
            delay = min(self._delay.get(step.name, timedelta(seconds=1)) * 2, timedelta(minutes=10))
            self._delay[step.name] = delay
            log.exception("a step of the worker failed", step=step.name, retry_seconds=delay.total_seconds())
            return max(delay, step.every)
        self._delay.pop(step.name, None)
        self._done[step.name] += did
        return timedelta(0) if step.again_from is not None and did >= step.again_from else step.every


class HousekeepingLane(StepLane):
    """What turns with time."""

    def __init__(self, stop: Event, now: Callable[[], datetime], steps: Sequence[Step]) -> None:
        super().__init__("housekeeping", "roll", stop, now, steps)


class BillLane(StepLane):
    """Money: bill runs, which may take an hour, in a lane; payments, which somebody waits for, in another. What asks a payment
    gateway is in neither: see `GatewayLanes`."""

    plan = (
        "SET jit = off"  # it reads hundreds of customers at a time, so joins may be what they are elsewhere
    )

    def __init__(
        self, name: Literal["bill", "pay"], stop: Event, now: Callable[[], datetime], steps: Sequence[Step]
    ) -> None:
        super().__init__(name, name, stop, now, steps)


class GatewayLanes(Lane):
    """A lane for each payment gateway: one that takes half a minute for each answer holds up nobody but itself."""

    def __init__(self, stop: Event, now: Callable[[], datetime]) -> None:
        super().__init__("gateways", stop, now)
        self._lanes: dict[int, StepLane] = {}

    def work(self, conn: "psycopg.Connection[Any]") -> None:
        for gateway_id in Gateway.objects.order_by("pk").values_list("pk", flat=True):
            if gateway_id not in self._lanes:
                lane = GatewayLane(gateway_id, self.stop, self.now)
                self._lanes[gateway_id] = lane
                lane.start()
        self.stop.wait(_POLL_SECONDS)

    def finish(self) -> None:
        for lane in self._lanes.values():
            lane.join(_STOP_SECONDS)

    def figures(self) -> dict[str, float]:
        """Of all gateways together."""
        found = Counter[str](super().figures())
        for lane in list(self._lanes.values()):
            found.update(lane.figures())
        return dict(found)


class GatewayLane(StepLane):
    """What asks one payment gateway."""

    plan = BillLane.plan

    def __init__(self, gateway_id: int, stop: Event, now: Callable[[], datetime]) -> None:
        super().__init__(f"gateway {gateway_id}", "pay", stop, now, gateway(gateway_id))

    def figures(self) -> dict[str, float]:
        own = super().figures()
        return {**own, "gateways_errors": own.pop(f"{self.lane}_errors")}


class MessageLane(StepLane):
    """Answers what came in and sends what is due; woken by whoever writes a message, and by gateways' answers."""

    def __init__(self, stop: Event, now: Callable[[], datetime], sender: Sender | None = None) -> None:
        self.sender = sender or Sender()
        super().__init__("message", "message", stop, now, messages(self.sender))

    def wait(self, conn: "psycopg.Connection[Any]", seconds: float) -> bool:
        if wait(conn, [self._channel], 0):
            return True
        poll = select.poll()
        for descriptor in (conn.fileno(), self.sender.calls.descriptor()):
            poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def finish(self) -> None:
        try:
            self.sender.stop(self.now())
        except _AWAY as failure:
            log.warning("messages under way become uncertain", error=str(failure).strip())
        finally:
            django.db.connections.close_all()

    def figures(self) -> dict[str, float]:
        return {**super().figures(), **self.sender.figures()}
