"""Session limits, redials and quota at login, with sessions that the meter has folded from real packets."""

import struct
from collections.abc import Callable

import pytest

from capstan.caps.actions.fold import fold_step
from capstan.caps.models import Cap
from capstan.db.connection import connect
from capstan.metering.models import RadiusSession
from capstan.metering.rules.token import decode_token
from capstan.metering.rules.words import SessionState
from capstan.network.models import LoginFailure
from capstan.services.models import AccessDue, Service
from tests.network.listener.client import Client, Reply, interim
from tests.network.listener.conftest import PASSWORD, Provider, soon, wait_for
from tests.network.listener.test_authentication import ACCEPT, MIKROTIK, NAS, REJECT, USER

OTHER_MAC = (31, b"02-00-5E-00-00-99")
SAME_MAC = (31, b"0200.5e00.0001")


@pytest.fixture
def one_up(provider: Provider, dial: Callable[[], Client]) -> Callable[..., tuple[Service, Client]]:
    """A line with one live session of the device 02-00-5E-00-00-01."""

    def make(**values: object) -> tuple[Service, Client]:
        service = provider.service(**values)  # type: ignore[arg-type]
        client = dial()
        assert client.ask(client.accounting(interim("81a0", 0, 0, 0, status=1)))
        with connect() as conn:
            fold_step(conn, now=soon())
        assert RadiusSession.objects.get().service_id == service.pk
        return service, client

    return make


@pytest.mark.parametrize(
    ("limit", "station", "state", "code", "due"),
    [
        (1, OTHER_MAC, SessionState.LIVE, REJECT, False),
        (1, SAME_MAC, SessionState.LIVE, ACCEPT, True),
        (1, OTHER_MAC, SessionState.STALE, ACCEPT, True),
        (1, OTHER_MAC, SessionState.CLOSED, ACCEPT, False),
        (2, OTHER_MAC, SessionState.LIVE, ACCEPT, False),
        (0, OTHER_MAC, SessionState.LIVE, ACCEPT, False),
    ],
)
def test_session_limit(
    one_up: Callable[..., tuple[Service, Client]], limit: int, station: tuple[int, bytes], state: SessionState,
    code: int, due: bool,
) -> None:  # fmt: skip
    _service, client = one_up(session_limit=limit)
    RadiusSession.objects.update(state=state)
    AccessDue.objects.all().delete()
    reply = client.login(USER, PASSWORD, NAS, station)
    assert reply.code == code
    if code == REJECT:
        assert reply.message == "This line is in use on another device."
        row = wait_for(LoginFailure.objects.first)
        assert row.reason.startswith("session limit: 1 of 1")
    if due:
        assert wait_for(AccessDue.objects.first).cause == "a redial took its place"
    else:
        assert not AccessDue.objects.exists()


def total_limit(reply: Reply) -> int:
    low, high = (struct.unpack(">I", reply.vendor(MIKROTIK, kind))[0] for kind in (17, 18))
    return int(low | high << 32)


def test_a_line_near_its_cap_is_lent_what_is_left(provider: Provider, dial: Callable[[], Client]) -> None:
    service = provider.service()
    Cap.objects.filter(service=service).update(
        remaining_bytes=50_000_000, counted_bytes=7_000_000, settled_bytes=5_000_000, sink_bucket_id=1,
        changes_at=soon(days=3),
    )  # fmt: skip
    reply = dial().login(USER, PASSWORD, NAS)
    assert total_limit(reply) == 48_000_000
    token = decode_token(reply.one(25))
    assert token is not None
    assert token.limit_bytes == 48_000_000


def test_lines_with_several_sessions_share(provider: Provider, dial: Callable[[], Client]) -> None:
    service = provider.service(session_limit=2)
    Cap.objects.filter(service=service).update(remaining_bytes=50_000_000, changes_at=soon(days=3))
    assert total_limit(dial().login(USER, PASSWORD, NAS)) == 25_000_000


@pytest.mark.parametrize("at_cap", ["throttle", "open"])
def test_a_line_that_is_not_cut_is_lent_nothing(
    provider: Provider, dial: Callable[[], Client], at_cap: str
) -> None:
    service = provider.service(terms={"at_cap": at_cap})
    Cap.objects.filter(service=service).update(remaining_bytes=50_000_000, changes_at=soon(days=3))
    reply = dial().login(USER, PASSWORD, NAS)
    assert [value[4] for value in reply.all(26)] == [8]
