"""The worker's lanes: woken, kept apart, stopped cleanly."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Event, Thread

import pytest
from django.db import connection, transaction

from capstan.db.models import ProcessBeat
from capstan.network.models import Command, SessionAccess
from capstan.services.actions.access_due import raise_access_due
from capstan.services.models import AccessDue
from capstan.values.clock import now
from capstan.worker.loop import EnforceLane, HousekeepingLane, Worker
from capstan.worker.steps import Step, housekeeping
from tests.network.enforce.lab import ACK, SILENT, WALLED, Provider

pytestmark = pytest.mark.django_db(transaction=True)


def until(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def provider(transactional_db: None) -> Iterator[Provider]:
    made = Provider()
    made.now = now()
    yield made
    made.close()


@pytest.fixture
def stop() -> Iterator[Event]:
    made = Event()
    yield made
    made.set()


def test_an_order_is_on_the_wire_at_once_and_confirmed(provider: Provider, stop: Event) -> None:
    nas = provider.router()
    service = provider.service()
    provider.session(service, nas, got=WALLED)
    lane = EnforceLane(stop, now)
    lane.start()
    port = provider.ports[nas.pk]
    time.sleep(0.3)  # it listens and has nothing to do
    with transaction.atomic():
        raise_access_due([service.pk], cause="topup", now=now())
    begun = time.monotonic()
    assert until(lambda: bool(port.serve()), 0.9)  # not by the poll each second
    assert time.monotonic() - begun < 0.5
    assert until(lambda: not AccessDue.objects.exists())
    assert SessionAccess.objects.get().kind == "open"
    stop.set()
    lane.join(5)
    assert not lane.is_alive()


def test_a_stopped_lane_leaves_its_commands_to_others_at_once(provider: Provider, stop: Event) -> None:
    nas = provider.router("mikrotik", SILENT)
    service = provider.service()
    provider.session(service, nas, got=WALLED)
    provider.wake(service)
    lane = EnforceLane(stop, now)
    lane.start()
    assert until(lambda: Command.objects.filter(state="sending").exists())
    stop.set()
    lane.join(5)
    assert Command.objects.get().state == "uncertain"
    assert AccessDue.objects.get().lease_until is None


def test_a_lane_outlives_a_lost_connection(provider: Provider, stop: Event) -> None:
    nas = provider.router("mikrotik", ACK)
    service = provider.service()
    provider.session(service, nas, got=WALLED)
    lane = EnforceLane(stop, now)
    lane.start()
    time.sleep(0.3)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    provider.wake(service)
    port = provider.ports[nas.pk]
    assert until(lambda: bool(port.serve()) or not AccessDue.objects.exists())
    assert until(lambda: not AccessDue.objects.exists())
    stop.set()
    lane.join(5)


def test_a_step_that_raises_waits_longer_and_longer_while_the_others_go_on(db: None) -> None:
    clock = [now()]
    calls: list[str] = []

    def broken(_: datetime) -> int:
        calls.append("broken")
        raise RuntimeError("this step is broken")

    def sound(_: datetime) -> int:
        calls.append("sound")
        return 1

    lane = HousekeepingLane(
        Event(),
        lambda: clock[0],
        (Step("broken", timedelta(seconds=1), broken), Step("sound", timedelta(seconds=1), sound)),
    )
    for _ in range(20):
        clock[0] += timedelta(seconds=1.01)
        lane.do_what_is_due()
    assert calls.count("sound") == 20
    assert calls.count("broken") == 4  # after 2, 4, 8 seconds
    assert lane.figures()["step_sound"] == 20
    assert lane.errors == 4


def test_a_step_with_more_to_do_is_called_again_at_once(db: None) -> None:
    left = [200, 200, 7, 0]
    clock = now()
    step = Step("turn", timedelta(hours=1), lambda _: left.pop(0), 200)
    lane = HousekeepingLane(Event(), lambda: clock, (step,))
    for _ in range(3):
        lane.do_what_is_due()
    assert left == [0]


def test_every_housekeeping_step_runs_on_a_provider_at_work(provider: Provider) -> None:
    nas = provider.router()
    service = provider.service()
    provider.session(service, nas, got=WALLED)
    for step in housekeeping():
        assert step.do(now()) >= 0, step.name
    assert AccessDue.objects.get().cause == "found different by the sweep"


def test_the_worker_tells_that_it_lives_and_stops_with_all_its_lanes(provider: Provider) -> None:
    stop = Event()
    worker = Worker(stop)
    thread = Thread(target=worker.run)
    thread.start()
    try:
        assert until(lambda: ProcessBeat.objects.filter(kind="worker").exists())
        figures = ProcessBeat.objects.get(kind="worker").figures
        assert figures["coa_in_flight"] == 0
        assert figures["housekeeping_errors"] == figures["enforce_errors"] == 0
    finally:
        stop.set()
        thread.join(10)
    assert not any(lane.is_alive() for lane in worker.lanes)
    assert not ProcessBeat.objects.filter(kind="worker").exists()
