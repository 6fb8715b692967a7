"""A small provider and a real listener on loopback, in a thread of its own."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest

from capstan.caps.actions.cap import open_cap
from capstan.catalog.models import Brand, Package, PackageVersion
from capstan.customers.models import Customer
from capstan.db.connection import connect
from capstan.metering.actions.packet_log import ensure_partitions
from capstan.metering.models import Nas, Peer
from capstan.metering.records import Record, unpack
from capstan.network.listener.process import Listener
from capstan.services.models import ConnectionType, PackageChange, Service
from capstan.services.rules import nt_hash
from capstan.values import clock
from tests.network.listener.client import Client

PASSWORD = "open sesame"
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


class Provider:
    """One brand, one customer, one peer at both loopback addresses with the MikroTik router n1 behind it."""

    def __init__(self) -> None:
        self.brand = Brand.objects.create(name="Example Net")
        self.customer = Customer.objects.create(
            account_code="EX001", name="A", brand=self.brand, created_at=LONG_AGO
        )
        self.kind = ConnectionType.objects.create(code="fibre", name="Fibre")
        self.peer = Peer.objects.create(name="lab", network="127.0.0.1", secret="s3cret")
        self.nas = self.router("n1")

    def router(self, identifier: str, **values: Any) -> Nas:
        values = {"peer": self.peer, "vendor_profile": "mikrotik", "registered_at": LONG_AGO, **values}
        return Nas.objects.create(name=identifier, identifier=identifier, **values)

    def package(self, code: str, **terms: Any) -> Package:
        package = Package.objects.create(code=code, name=code, brand=self.brand)
        terms = {"rate_up_kbps": 2000, "rate_down_kbps": 10_000, "allowance_bytes": 10**14, **terms}
        PackageVersion.objects.create(package=package, valid_from=LONG_AGO, **terms)
        return package

    def service(
        self, username: str = "thandi@example.net", *, open_now: bool = True, terms: dict[str, Any] | None = None,
        **values: Any,
    ) -> Service:  # fmt: skip
        package = self.package(f"p-{username}", **(terms or {}))
        service = Service.objects.create(
            customer=self.customer, connection_type=self.kind, username=username, line_password=PASSWORD,
            nt_hash=nt_hash(PASSWORD), activated_at=LONG_AGO, **values,
        )  # fmt: skip
        PackageChange.objects.create(
            service=service, package=package, starts_at=LONG_AGO, made_at=LONG_AGO, actor="test"
        )
        if open_now:
            open_cap(service.pk, now=clock.now())
        return service


@pytest.fixture
def provider(transactional_db: None) -> Provider:
    with connect() as conn:
        ensure_partitions(conn, now=clock.now())
    return Provider()


@pytest.fixture
def start(provider: Provider) -> Iterator[Callable[..., Listener]]:
    """Starts listeners on free ports of both loopback addresses, and stops them."""
    running: list[tuple[Listener, Thread]] = []

    def run(**values: Any) -> Listener:
        listener = Listener(["127.0.0.1", "::1"], 0, 0, **values)
        thread = Thread(target=listener.run, daemon=True)
        thread.start()
        running.append((listener, thread))
        wait_for(lambda: listener.accounting.pipe is not None and listener.authentication.pipe is not None)
        return listener

    yield run
    for listener, _ in running:
        listener.stop()
    for _, thread in running:
        thread.join(15)
        assert not thread.is_alive(), "the listener didn't stop"


@pytest.fixture
def listener(start: Callable[..., Listener]) -> Listener:
    return start()


@pytest.fixture
def dial(start: Callable[..., Listener]) -> Callable[[], Client]:
    """A client of a listener that starts now: after the test has entered what it needs."""

    def run() -> Client:
        listener = start()
        return Client("127.0.0.1", listener.auth_port, listener.acct_port)

    return run


@pytest.fixture
def client(dial: Callable[[], Client]) -> Client:
    return dial()


def logged() -> list[Record]:
    """All records in the packet log, in order."""
    with connect() as conn:
        rows = conn.execute("SELECT payload FROM metering_packetlog ORDER BY stream_id, seq").fetchall()
    return [record for (payload,) in rows for record in unpack(payload)]


def wait_for(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait until something is so, and return it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def soon(**values: float) -> datetime:
    return clock.now() + timedelta(**values)
