"""A checkout window on the network: out by CoA when it opens, back behind the wall when it ends or the payment has its result."""

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event

import pytest

from capstan.caps.models import Cap
from capstan.metering.models import Nas, RadiusSession
from capstan.network.actions.enforce import Enforcer
from capstan.network.coa.client import CoaClient
from capstan.network.queries.state import states
from capstan.network.rules.access import Access
from capstan.network.rules.line_state import LineState
from capstan.network.rules.words import AccessKind
from capstan.services.actions.checkout_window import close_window, open_window
from capstan.services.models import AccessDue, CheckoutWindow, Service
from capstan.values import clock
from capstan.worker.loop import EnforceLane

from .lab import COA, DISCONNECT, GB, OPEN, START, THROTTLED, WALLED, Provider

BLOCKED = Access(AccessKind.BLOCKED, 2_000, 10_000, ())
SLOW = ("256k/512k", "capstan-open")
GARDEN = ("2000k/10000k", "capstan-garden")
TEN_MINUTES = timedelta(minutes=10)


def pay(provider: Provider, service: Service) -> None:
    until = open_window(service_id=service.pk, cause="top-up 1 GB", actor="customer", now=provider.now)
    assert until == provider.now + TEN_MINUTES
    provider.settle()


def told(provider: Provider, nas: Nas) -> list[tuple[str, str]]:
    """Speed and filter of each CoA so far."""
    heard = provider.heard(nas)
    assert {code for code, _ in heard} <= {COA}
    return [(orders["Mikrotik-Rate-Limit"], orders["Filter-Id"]) for _, orders in heard]


def at_the_wall(provider: Provider, nas: Nas) -> tuple[Service, RadiusSession]:
    service = provider.service()
    Cap.objects.filter(service=service).update(state="walled", remaining_bytes=0)
    return service, provider.session(service, nas, got=WALLED)


def test_out_by_coa_and_back_at_its_end_although_nobody_paid(provider: Provider) -> None:
    nas = provider.router()
    service, _ = at_the_wall(provider, nas)
    pay(provider, service)
    assert told(provider, nas) == [SLOW]
    assert not AccessDue.objects.exists()
    provider.step(seconds=TEN_MINUTES.total_seconds() - 0.001)
    provider.settle()
    assert told(provider, nas) == [SLOW]
    provider.step(milliseconds=1)
    assert told(provider, nas) == [SLOW, GARDEN]
    provider.settle()
    assert not AccessDue.objects.exists()
    window = CheckoutWindow.objects.get()
    assert window.closed_at == window.until == START + TEN_MINUTES
    service.refresh_from_db()
    assert service.checkout_until is None


def test_closed_at_once_when_the_payment_has_its_result(provider: Provider) -> None:
    nas = provider.router()
    service, _ = at_the_wall(provider, nas)
    pay(provider, service)
    provider.now += timedelta(minutes=2)
    assert close_window(service_id=service.pk, now=provider.now)
    provider.settle()
    assert told(provider, nas) == [SLOW, GARDEN]
    provider.now += TEN_MINUTES
    provider.settle()
    assert len(provider.heard(nas)) == 2


def test_what_was_paid_opens_the_line_within_the_window(provider: Provider) -> None:
    nas = provider.router()
    service, _ = at_the_wall(provider, nas)
    pay(provider, service)
    provider.cap(service, state="open", remaining_bytes=1_000 * GB)
    provider.settle()
    assert close_window(service_id=service.pk, now=provider.now)
    provider.settle()
    assert told(provider, nas) == [SLOW, ("2000k/10000k", "capstan-open")]


@pytest.mark.parametrize("status", ["active", "suspended"])
@pytest.mark.parametrize("state", ["open", "throttled", "walled", "blocked"])
def test_what_a_window_does_to_each_line(provider: Provider, status: str, state: str) -> None:
    nas = provider.router()
    service = provider.service(status=status)
    Cap.objects.filter(service=service).update(state=state, remaining_bytes=0 if state != "open" else GB)
    had = {"open": OPEN, "throttled": THROTTLED, "walled": WALLED, "blocked": BLOCKED}[state]
    provider.session(service, nas, got=had if status == "active" else WALLED)
    pay(provider, service)
    is_let_out = status == "suspended" or state in ("walled", "blocked")
    assert [heard[:2] for heard in told(provider, nas)] == ([SLOW] if is_let_out else [])
    expected = {"open": LineState.OPEN}.get(state, LineState.THROTTLED)
    if status == "suspended":
        expected = LineState.SUSPENDED
    assert states([service.pk], now=provider.now) == {service.pk: expected}


def test_an_ended_line_and_a_wrong_device_stay_shut(provider: Provider) -> None:
    nas = provider.router()
    wrong = provider.service("wrong@example.net", mac_lock="locked", mac_address="02005E000009")
    ended = provider.service("ended@example.net")
    for service in (wrong, ended):
        Cap.objects.filter(service=service).update(state="walled", remaining_bytes=0)
        provider.session(service, nas, got=BLOCKED)
        pay(provider, service)
    Service.objects.filter(pk=ended.pk).update(status="ended")  # after it was opened
    for service in (wrong, ended):
        provider.wake(service)
    provider.settle()
    heard = [(orders["User-Name"], orders["Filter-Id"]) for _, orders in provider.heard(nas)]
    assert heard == [(ended.username, "capstan-open"), (ended.username, "capstan-drop")]


def test_no_limit_cuts_a_line_that_pays(provider: Provider) -> None:
    nas = provider.router("coova")
    service = provider.service()
    Cap.objects.filter(service=service).update(state="walled", remaining_bytes=0)
    provider.session(service, nas, got=OPEN, limit=5 * GB, bytes_down=5 * GB - 1)
    pay(provider, service)
    ((code, orders),) = provider.heard(nas)
    assert code == COA
    assert orders["ChilliSpot-Bandwidth-Max-Down"] == 512
    assert orders["ChilliSpot-Max-Total-Gigawords"] > 0, "not nothing, and nothing that it will reach"


def test_a_router_without_a_garden_drops_the_line_at_the_end(provider: Provider) -> None:
    nas = provider.router("coova")
    service = provider.service()
    Cap.objects.filter(service=service).update(state="walled", remaining_bytes=0)
    pay(provider, service)
    provider.session(service, nas, got=THROTTLED)
    provider.wake(service)
    provider.settle()
    assert provider.heard(nas) == []
    provider.now += TEN_MINUTES
    provider.settle()
    assert provider.codes(nas) == [DISCONNECT]


def test_the_end_survives_a_killed_worker(provider: Provider) -> None:
    """Nothing of the window is in its memory, and the wake-up of the opening is long consumed."""
    nas = provider.router()
    service, _ = at_the_wall(provider, nas)
    pay(provider, service)
    assert not AccessDue.objects.exists()
    provider.enforcer.client.close()  # without a word to the database
    provider.now += TEN_MINUTES + timedelta(seconds=3)
    provider.enforcer = Enforcer(CoaClient())
    provider.step()
    provider.step()
    assert told(provider, nas) == [SLOW, GARDEN]


def test_a_worker_that_was_idle_all_along_is_on_time(provider: Provider) -> None:
    """It doesn't hear of the opening; looking now and then it knows the end before it comes."""
    nas = provider.router()
    service, _ = at_the_wall(provider, nas)
    provider.settle()
    pay(provider, service)
    provider.step(seconds=6)
    looks_at = provider.enforcer.next_at()
    assert looks_at is not None
    while provider.now < START + TEN_MINUTES:
        looks_at = provider.enforcer.next_at()
        assert looks_at is not None
        assert provider.now < looks_at <= provider.now + timedelta(seconds=5)
        provider.step(seconds=(looks_at - provider.now).total_seconds())
    assert provider.now == START + TEN_MINUTES
    assert told(provider, nas) == [SLOW, GARDEN]


def until(holds: Callable[[], bool], seconds: float = 15.0) -> None:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() < begun + seconds
        time.sleep(0.005)


@pytest.mark.django_db(transaction=True)
def test_the_worker_closes_it_by_itself(transactional_db: None) -> None:
    provider = Provider()
    provider.now = clock.now()
    nas = provider.router()
    service, _ = at_the_wall(provider, nas)
    Cap.objects.filter(service=service).update(changes_at=provider.now + timedelta(days=2))
    stop = Event()
    lane = EnforceLane(stop, clock.now)
    lane.start()
    try:
        port = provider.ports[nas.pk]
        opened = clock.now() - TEN_MINUTES + timedelta(seconds=2)
        ends = open_window(service_id=service.pk, cause="top-up", actor="customer", now=opened)
        assert ends is not None
        until(lambda: bool(port.serve()))
        assert told(provider, nas) == [SLOW]
        until(lambda: clock.now() >= ends)
        until(lambda: bool(port.serve()))
        assert told(provider, nas) == [SLOW, GARDEN]
    finally:
        stop.set()
        lane.join(5)
        provider.close()
