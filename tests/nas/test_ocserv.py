"""ocserv as a real router with real traffic, against the product's real processes: `make test-nas`.

Interims come each minute, the shortest that RFC 2869 allows, so this takes some minutes.
"""

import signal
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from capstan.caps.models import Cap
from capstan.caps.rules.words import CapState
from capstan.catalog.rules import AtCap
from capstan.config.embedded.server import Server
from capstan.metering.models import RadiusSession
from capstan.metering.rules.words import SessionState
from capstan.network.models import Command, LoginFailure, SessionAccess
from capstan.services.actions.status import resume, suspend
from capstan.values import clock
from tests.nas import street as streets
from tests.nas.street import ELSEWHERE, NAS_IDENTIFIER, PORTAL, Street, settle
from tests.product import Product, database, eventually, wait_folded
from tests.provider import MB, PASSWORD, Provider

INTERIM = 60
pytestmark = pytest.mark.timeout(400)
_numbers = count(1)


class Lab:
    """The product in the router's namespace."""

    def __init__(self, product: Product, street: Street) -> None:
        self.product, self.street = product, street
        self.provider = Provider()
        self.provider.nas(self.provider.peer(), NAS_IDENTIFIER, "ocserv", interim_seconds=INTERIM)

    def username(self) -> str:
        return f"line{next(_numbers)}@example.net"


@pytest.fixture(scope="module")
def lab(
    server: Server, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    streets.require()
    folder = Path(tempfile.mkdtemp(prefix="capstan-nas-"))  # short: the paths of sockets have a limit
    folder.chmod(0o755)
    with django_db_blocker.unblock(), database(server) as url:
        product = Product(url, tmp_path_factory.mktemp("product"))
        for street in streets.opened(folder):
            try:
                product.prefix = street.inside("nas")
                made = Lab(product, street)
                product.start("radius", "meter", "worker")
                street.open_router(product.auth_port, product.acct_port)
                yield made
            finally:
                product.end()


def session(username: str) -> RadiusSession:
    wait_folded()
    return RadiusSession.objects.filter(username=username).latest("pk")


def metered(username: str) -> tuple[int, int]:
    found = session(username)
    return found.bytes_up, found.bytes_down


def agree(lab: Lab, username: str, device: str) -> None:
    """Wait for the interim after which the product has metered what the kernel counted on the tunnel, to the byte."""
    settle()
    until = time.monotonic() + INTERIM + 40
    while (ours := metered(username)) != (counted := lab.street.counted(device)):
        assert time.monotonic() < until, f"metered {ours}, the tunnel counted {counted}"
        time.sleep(1)


def told(username: str) -> str | None:
    """The access that the router acknowledged last. ocserv doesn't echo Class, so a login is told its access once more."""
    acknowledged = Command.objects.filter(service__username=username, kind="coa", state="ack")
    last = acknowledged.order_by("pk").last()
    return last.access_kind if last else None


def test_login_real_bytes_and_stop(lab: Lab) -> None:
    username = lab.username()
    lab.provider.service(username, allowance_bytes=1000 * MB)
    refused = lab.street.dial(username, "wrong")
    assert refused.wait(60) != 0
    eventually(lambda: LoginFailure.objects.filter(username=username).exists(), what="the failed login")

    dialled = lab.street.dial(username, PASSWORD)
    device = lab.street.user(username)["Device"]
    eventually(
        lambda: RadiusSession.objects.filter(username=username, state=SessionState.LIVE).exists(),
        what="the Start",
    )
    speed = lab.street.download(30)
    print(f"{speed:.1f} Mbit/s of 50")
    assert speed < 60, "the speed of the Accept"
    settle()
    counted = lab.street.counted(device)
    assert counted[1] > 30 * MB
    dialled.send_signal(signal.SIGINT)
    dialled.wait(30)
    eventually(lambda: session(username).state == SessionState.CLOSED, 30, "the Stop")
    assert metered(username) == counted, "to the byte, as the kernel counted"
    cap = Cap.objects.get(service__username=username)
    assert cap.counted_bytes == sum(counted)


def test_cap_reached_throttled_and_restored_by_a_grant(lab: Lab) -> None:
    username = lab.username()
    lab.provider.service(username, allowance_bytes=20 * MB, throttle_down_kbps=1_000, throttle_up_kbps=500)
    dialled = lab.street.dial(username, PASSWORD)
    device = lab.street.user(username)["Device"]
    assert lab.street.download(25) > 10
    agree(lab, username, device)
    assert Cap.objects.get(service__username=username).state == CapState.THROTTLED
    eventually(lambda: told(username) == "throttled", what="the CoA-ACK")
    slow = lab.street.download(1)
    print(f"throttled to {slow:.2f} Mbit/s")
    assert slow < 1.5

    done = lab.product.run("grant", username, "1GB", "--reason", "a top-up")
    assert done.returncode == 0, done.stderr
    eventually(lambda: told(username) == "open", what="the second CoA-ACK")
    fast = lab.street.download(20)
    print(f"restored to {fast:.1f} Mbit/s")
    assert fast > 10
    agree(lab, username, device)
    eventually(
        lambda: SessionAccess.objects.filter(session__username=username, proved_at__isnull=False).exists(),
        10,
        "the proof",
    )
    counted = lab.street.counted(device)
    dialled.send_signal(signal.SIGINT)
    dialled.wait(30)
    eventually(lambda: session(username).state == SessionState.CLOSED, 30, "the Stop")
    assert metered(username) == counted


def test_garden_by_coa_and_by_login(lab: Lab) -> None:
    username = lab.username()
    service = lab.provider.service(username, at_cap=AtCap.WALL)
    dialled = lab.street.dial(username, PASSWORD)
    lab.street.user(username)
    eventually(lambda: RadiusSession.objects.filter(username=username).exists(), what="the Start")
    eventually(lambda: lab.street.reaches(ELSEWHERE), what="the open line")

    suspend(service_id=service.pk, reason="unpaid", actor="test", now=clock.now())
    eventually(lambda: not lab.street.reaches(ELSEWHERE), what="the garden")
    assert lab.street.reaches(PORTAL)
    resume(service_id=service.pk, reason="paid", actor="test", now=clock.now())
    eventually(lambda: lab.street.reaches(ELSEWHERE), what="the open line")

    dialled.send_signal(signal.SIGINT)
    dialled.wait(30)
    suspend(service_id=service.pk, reason="unpaid", actor="test", now=clock.now())
    dialled = lab.street.dial(username, PASSWORD)
    eventually(lambda: lab.street.users() != [], 30, "the login into the garden")
    lab.street.user(username)
    eventually(lambda: lab.street.reaches(PORTAL), what="the portal")
    assert not lab.street.reaches(ELSEWHERE)
    dialled.send_signal(signal.SIGINT)
    dialled.wait(30)


def test_a_redial_has_the_old_session_disconnected(lab: Lab) -> None:
    """The line may have one session; the box comes back without having said goodbye."""
    username = lab.username()
    lab.provider.service(username)
    first = lab.street.dial(username, PASSWORD)
    old = lab.street.user(username)["Full session"]
    eventually(lambda: RadiusSession.objects.filter(username=username).exists(), what="the Start")
    second = lab.street.dial(username, PASSWORD)
    eventually(
        lambda: (
            [one["Full session"] for one in lab.street.users() if one["Username"] == username]
            not in ([], [old])
            and old not in [one["Full session"] for one in lab.street.users()]
        ),
        40,
        "the end of the old session",
    )
    assert lab.street.user(username)["Full session"] != old
    closed = RadiusSession.objects.filter(username=username, state=SessionState.CLOSED)
    eventually(lambda: [bytes(one.acct_session_id).decode() for one in closed.all()] == [old], 20, "its Stop")
    disconnects = Command.objects.filter(service__username=username, kind="disconnect")
    assert [(one.state, bytes(one.session.acct_session_id).decode()) for one in disconnects] == [("ack", old)]
    for process in (first, second):
        process.send_signal(signal.SIGINT)
        process.wait(30)
