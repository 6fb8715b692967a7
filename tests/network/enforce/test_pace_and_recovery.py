"""Mass changes at a router's pace, routers that are away, workers that go away, the sweep, and the proof."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from capstan.metering.models import Nas, RadiusSession
from capstan.network.actions.commands import prove
from capstan.network.actions.due import LEASE
from capstan.network.actions.enforce import Enforcer
from capstan.network.actions.reconcile import batch_size, sweep
from capstan.network.coa.client import CoaClient
from capstan.network.models import Command, SessionAccess
from capstan.services.models import AccessDue
from capstan.services.rules import Urgency

from .lab import ACK, COA, DISCONNECT, OPEN, SILENT, START, WALLED, Provider, access_of, close, commands


def lines(provider: Provider, count: int, **router: Any) -> Nas:
    nas = provider.router("mikrotik", **router)
    for number in range(count):
        service = provider.service(f"line{number}@example.net")
        provider.session(service, nas, got=OPEN)
        provider.cap(service, state="walled")
    return nas


def test_a_mass_change_goes_out_at_the_routers_pace_and_all_of_it_arrives(provider: Provider) -> None:
    nas = lines(provider, 30, coa_per_second=5)
    port = provider.ports[nas.pk]
    provider.step()
    assert len(port.heard) == 5
    for _ in range(10):
        provider.step(milliseconds=100)
    assert 9 <= len(port.heard) <= 10
    for _ in range(60):
        provider.step(milliseconds=100)
    assert len(port.heard) == 30
    assert len({request["Acct-Session-Id"][0] for request in port.heard}) == 30
    assert not AccessDue.objects.exists()


def test_a_single_order_is_not_stuck_behind_a_mass_change(provider: Provider) -> None:
    nas = lines(provider, 40, coa_per_second=10)
    port = provider.ports[nas.pk]
    for _ in range(5):
        provider.step(milliseconds=100)
    order = provider.service("order@example.net")
    provider.session(order, nas, got=WALLED)
    provider.wake(order, "topup")
    for _ in range(3):
        provider.step(milliseconds=100)
    assert b"81a00041" in [request["Acct-Session-Id"][0] for request in port.heard]
    assert len(port.heard) < 25


def test_an_order_does_not_queue_behind_its_routers_crowd(provider: Provider) -> None:
    nas = lines(provider, 60, coa_per_second=2)
    AccessDue.objects.update(urgency=Urgency.CROWD)
    provider.step()
    order = provider.service("order@example.net")
    session = provider.session(order, nas, got=WALLED)
    provider.wake(order, "topup")
    for _ in range(12):
        provider.step(milliseconds=100)
    told = [request["Acct-Session-Id"][0] for request in provider.ports[nas.pk].heard]
    assert bytes(session.acct_session_id) in told
    assert len(told) < 6


def test_a_crowd_leaves_room_for_what_somebody_waits_for(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capstan.network.actions.enforce.IN_FLIGHT_MAX", 8)
    monkeypatch.setattr("capstan.network.actions.enforce._CROWD_IN_FLIGHT_MAX", 4)
    monkeypatch.setattr("capstan.network.actions.enforce.CLAIM_MAX", 2)
    nas = provider.router("mikrotik", SILENT)
    for number in range(10):
        service = provider.service(f"crowd{number}@example.net")
        provider.session(service, nas, got=OPEN)
        provider.cap(service, state="walled")
    AccessDue.objects.update(urgency=Urgency.CROWD)
    for _ in range(6):
        provider.step(milliseconds=10)
    assert provider.enforcer.client.in_flight == 4
    order = provider.service("order@example.net")
    provider.session(order, nas, got=WALLED)
    provider.wake(order, "topup")
    provider.step(milliseconds=10)
    assert provider.enforcer.client.in_flight == 5


def test_a_dead_router_is_left_alone_and_does_not_hold_up_another(provider: Provider) -> None:
    dead = lines(provider, 12)
    provider.ports[dead.pk].answers = (SILENT,)
    for _ in range(15):
        provider.step(seconds=1)
    heard = len(provider.ports[dead.pk].heard)
    assert provider.enforcer.figures(provider.now)["coa_routers_silent"] == 1
    alive = provider.router()
    service = provider.service("alive@example.net")
    provider.session(service, alive, got=WALLED)
    provider.wake(service)
    provider.step()
    provider.step()
    assert commands()[-1] == ("coa", "ack", None)
    assert len(provider.ports[dead.pk].heard) == heard


def test_all_is_well_again_when_the_router_comes_back(provider: Provider) -> None:
    nas = lines(provider, 12)
    port = provider.ports[nas.pk]
    port.answers = (SILENT,)
    for _ in range(60):
        provider.step(seconds=1)
    port.answers, port._served = (ACK,), 0
    for _ in range(400):
        provider.step(seconds=2)
    assert not AccessDue.objects.exists()
    assert not Command.objects.filter(state="sending").exists()


def test_a_worker_that_died_between_intent_and_outcome_is_replaced_when_its_lease_ends(
    provider: Provider,
) -> None:
    nas = provider.router("mikrotik", SILENT)
    service = provider.service()
    session = provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    provider.step()
    assert commands() == [("coa", "sending", None)]
    provider.enforcer.client.close()  # it is gone, with all it knew
    provider.enforcer = Enforcer(CoaClient())
    provider.ports[nas.pk].answers = (ACK,)
    provider.now += LEASE - timedelta(seconds=1)
    assert provider.step() == 0
    provider.now += timedelta(seconds=1)
    provider.settle()
    assert commands() == [
        ("coa", "uncertain", None),
        ("coa", "ack", None),
    ]  # anew, and not taken for a refusal
    access = access_of(session)
    assert access is not None
    assert access.kind == "walled"
    assert not AccessDue.objects.exists()


@pytest.mark.parametrize("broken", ["settle", "intend"])
def test_a_database_that_went_away_between_intent_and_outcome_costs_no_lease(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """What the worker knows and could not write, it writes as soon as it can."""
    nas = provider.router("mikrotik")
    service = provider.service()
    session = provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")

    def away(*_: object, **__: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(f"capstan.network.actions.commands.{broken}", away)
    with pytest.raises(OperationalError):
        provider.settle()
    monkeypatch.undo()
    provider.settle()
    assert commands() == [("coa", "ack", None)]
    access = access_of(session)
    assert access is not None
    assert access.kind == "walled"
    assert not AccessDue.objects.exists()


def test_a_worker_that_is_stopped_hands_over_at_once(provider: Provider) -> None:
    nas = provider.router("mikrotik", SILENT)
    service = provider.service()
    provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    provider.step()
    provider.enforcer.stop(now=provider.now)
    provider.enforcer = Enforcer(CoaClient())
    provider.ports[nas.pk].answers = (ACK,)
    provider.settle()
    assert commands() == [("coa", "uncertain", None), ("coa", "ack", None)]


def test_the_sweep_finds_what_no_wake_up_told(provider: Provider) -> None:
    nas = provider.router()
    services = [provider.service(f"line{number}@example.net") for number in range(5)]
    for service in services:
        provider.session(service, nas, got=OPEN)
    lost = services[3]
    provider.cap(lost, state="walled")
    AccessDue.objects.all().delete()  # the wake-up was lost
    first = sweep(after_id=0, limit=3, now=provider.now)
    assert (first.last_id, first.looked_at, first.raised) == (services[2].pk, 3, 0)
    second = sweep(after_id=first.last_id, limit=3, now=provider.now)
    assert (second.last_id, second.looked_at, second.raised) == (0, 2, 1)
    provider.settle()
    assert [orders["User-Name"] for _, orders in provider.heard(nas)] == ["line3@example.net"]
    assert sweep(after_id=0, limit=9, now=provider.now).raised == 0


def test_the_sweep_looks_at_lines_that_are_due_much_later(provider: Provider) -> None:
    lines(provider, 1)
    AccessDue.objects.update(due_at=provider.now + timedelta(days=20))
    assert sweep(after_id=0, limit=10, now=provider.now).raised == 1
    assert AccessDue.objects.get().due_at == provider.now


def test_the_sweep_leaves_out_what_is_due_anyway(provider: Provider) -> None:
    nas = provider.router()
    service = provider.service()
    provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    before = AccessDue.objects.get().version
    assert sweep(after_id=0, limit=9, now=provider.now).looked_at == 0
    assert AccessDue.objects.get().version == before


def test_a_batch_is_large_enough_to_come_round_within_an_interim_interval() -> None:
    assert batch_size(1_000_000, interval_seconds=300, every_seconds=1.0) * 300 >= 1_000_000
    assert batch_size(10, interval_seconds=300, every_seconds=1.0) == 200


def test_a_later_packet_proves_a_confirmed_access(provider: Provider) -> None:
    nas = provider.router()
    service = provider.service()
    session = provider.session(service, nas, got=WALLED)
    provider.wake(service, "topup")
    provider.step(milliseconds=10)
    provider.step(milliseconds=40)
    assert prove(now=provider.now) == 0
    seen_at = provider.now + timedelta(minutes=3)
    RadiusSession.objects.filter(pk=session.pk).update(last_seen_at=seen_at)
    assert prove(now=seen_at) == 1
    assert prove(now=seen_at) == 0
    assert SessionAccess.objects.get().proved_at == seen_at
    command = Command.objects.get()
    times = (command.raised_at, command.sent_at, command.answered_at, command.proved_at)
    ten, fifty = START + timedelta(milliseconds=10), START + timedelta(milliseconds=50)
    assert times == (START, ten, fifty, seen_at)  # order, sent, confirmed, proved


def test_a_packet_from_before_the_confirmation_proves_nothing(provider: Provider) -> None:
    nas = provider.router()
    service = provider.service()
    session = provider.session(service, nas, got=WALLED)
    provider.wake(service)
    provider.settle()
    access = SessionAccess.objects.get()
    RadiusSession.objects.filter(pk=session.pk).update(last_seen_at=access.confirmed_at)
    assert prove(now=provider.now) == 0


def test_a_login_after_a_disconnect_is_confirmed_by_the_sweep(provider: Provider) -> None:
    nas = provider.router("coova")
    service = provider.service()
    session = provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    provider.settle()
    assert provider.codes(nas) == [DISCONNECT]
    provider.now += timedelta(seconds=3)
    close(session, provider.now)
    provider.cap(service, state="open")
    provider.settle()
    again = provider.session(service, nas, got=OPEN)
    sweep(after_id=0, limit=9, now=provider.now)
    access = SessionAccess.objects.get(session=again)
    assert (access.kind, access.confirmed_at) == ("open", again.started_at)
    assert COA not in provider.codes(nas)
