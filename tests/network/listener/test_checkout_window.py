"""A login while a checkout window is open."""

import dataclasses
import struct
from datetime import timedelta

import pytest

from capstan.caps.models import Cap
from capstan.caps.rules.words import CapState
from capstan.metering.models import Nas
from capstan.metering.rules.token import decode_token
from capstan.network.rules.access import Access, access_hash
from capstan.network.rules.words import AccessKind
from capstan.network.vendors import registry
from capstan.services.actions.checkout_window import open_window
from capstan.services.models import Service
from capstan.services.rules import MacLock, ServiceStatus
from capstan.values import clock
from tests.network.listener.client import Reply
from tests.network.listener.conftest import PASSWORD, Provider, soon
from tests.network.listener.test_authentication import ACCEPT, MIKROTIK, NAS, REJECT, USER, Dial

MINUTE = timedelta(minutes=1)


def paying(
    service: Service, state: CapState = CapState.WALLED, opened_ago: timedelta = MINUTE, **cap: object
) -> None:
    values = {"state": state, "remaining_bytes": 0, "changes_at": soon(days=2), **cap}
    Cap.objects.filter(service=service).update(**values)
    open_window(service_id=service.pk, cause="top-up", actor="customer", now=clock.now() - opened_ago)


def is_slow(reply: Reply) -> bool:
    return reply.code == ACCEPT and reply.vendor(MIKROTIK, 8) == b"256k/512k" and not reply.all(11)


@pytest.mark.parametrize("state", [CapState.THROTTLED, CapState.WALLED, CapState.BLOCKED])
@pytest.mark.parametrize("status", [ServiceStatus.ACTIVE, ServiceStatus.SUSPENDED])
def test_it_is_let_out_slowly(provider: Provider, dial: Dial, state: CapState, status: ServiceStatus) -> None:
    service = provider.service(status=status)
    paying(service, state)
    reply = dial().login(USER, PASSWORD, NAS)
    assert is_slow(reply)
    assert reply.all(27) == [], "its end comes by CoA"
    token = decode_token(reply.one(25))
    assert token is not None
    assert token.access_hash == access_hash(Access(AccessKind.THROTTLED, 256, 512, ()))
    assert token.limit_bytes == 0


def test_where_a_capped_login_is_refused_it_gets_in(provider: Provider, dial: Dial) -> None:
    Nas.objects.update(vendor_profile="coova")
    service = provider.service()
    paying(service, CapState.BLOCKED)
    other = provider.service("two@example.net")
    Cap.objects.filter(service=other).update(state=CapState.BLOCKED, changes_at=soon(days=2))
    client = dial()
    assert client.login(USER, PASSWORD, NAS).code == ACCEPT
    assert client.login("two@example.net", PASSWORD, NAS).code == REJECT


def test_not_after_its_end_even_if_nobody_has_closed_it(provider: Provider, dial: Dial) -> None:
    service = provider.service()
    paying(service, opened_ago=10 * MINUTE)
    assert dial().login(USER, PASSWORD, NAS).one(11) == b"capstan-garden"


def test_an_open_line_is_not_slowed(provider: Provider, dial: Dial) -> None:
    service = provider.service()
    paying(service, CapState.OPEN, remaining_bytes=10**14)
    assert dial().login(USER, PASSWORD, NAS).vendor(MIKROTIK, 8) == b"2000k/10000k"


def test_an_ended_line_and_a_wrong_device_get_none(provider: Provider, dial: Dial) -> None:
    locked = provider.service(mac_lock=MacLock.LOCKED, mac_address="02005E000009", session_limit=0)
    ended = provider.service("two@example.net")
    for service in (locked, ended):
        paying(service)
    Service.objects.filter(pk=ended.pk).update(status=ServiceStatus.ENDED)
    client = dial()
    assert client.login(USER, PASSWORD, NAS, (31, b"02-00-5E-00-00-01")).one(11) == b"capstan-drop"
    assert client.login("two@example.net", PASSWORD, NAS).one(11) == b"capstan-drop"
    assert is_slow(client.login(USER, PASSWORD, NAS, (31, b"02-00-5E-00-00-09")))


@pytest.mark.parametrize("seconds_left", [300, 3])
def test_a_router_that_takes_no_coa_ends_it_by_itself(
    provider: Provider, dial: Dial, monkeypatch: pytest.MonkeyPatch, seconds_left: int
) -> None:
    deaf = dataclasses.replace(registry.profile("mikrotik"), can_coa=False)
    monkeypatch.setitem(registry._BY_NAME, "mikrotik", deaf)
    service = provider.service(status=ServiceStatus.SUSPENDED)
    client = dial()
    paying(service, opened_ago=10 * MINUTE - timedelta(seconds=seconds_left))
    reply = client.login(USER, PASSWORD, NAS)
    assert is_slow(reply)
    assert 0 < struct.unpack(">I", reply.one(27))[0] <= seconds_left
