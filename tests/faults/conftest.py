"""Faults strike a small provider at work: a router with some lines, the real processes, a durable PostgreSQL."""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from capstan.caps.models import Cap
from capstan.caps.rules.words import CapState
from tests.faults import truth
from tests.product import DurableServer, Product, database, eventually, wait_folded
from tests.provider import MB, Provider
from tests.routers import Field, Router

PROCESSES = ("radius", "meter", "worker")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(120))
            item.add_marker(pytest.mark.xdist_group("faults"))


@pytest.fixture(scope="session")
def durable() -> Iterator[DurableServer]:
    made = DurableServer()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def seed() -> int:
    """Printed, and taken again from SEED=…"""
    chosen = int(os.environ.get("SEED") or secrets.randbits(32))
    print(f"SEED={chosen}")
    return chosen


class Scene:
    """What a fault test acts on."""

    def __init__(self, server: DurableServer, product: Product, seed: int) -> None:
        self.server = server
        self.product = product
        self.seed = seed
        self.chance = Random(seed)
        self.field = Field()
        self.provider = Provider()
        self.peer = self.provider.peer()
        self.routers: list[Router] = []

    def router(self, identifier: str = "nas-1", *, sockets: int = 2) -> Router:
        """A router of the provider's, ready to send."""
        made = Router(
            identifier, auth_port=self.product.auth_port, acct_port=self.product.acct_port, seed=self.seed
        )
        self.field.run(made.open(sockets=sockets))
        self.provider.nas(self.peer, identifier, coa_port=made.coa_port, coa_per_second=1000)
        self.routers.append(made)
        return made

    def lines(self, count: int, *, start: int = 0, **terms: object) -> list[str]:
        """Usernames of new lines."""
        names = [f"line{start + number:04}@example.net" for number in range(count)]
        self.provider.services(names, **terms)
        return names

    def under_load(self, router: Router, faults: Callable[[], None], *, settle: float = 1.0) -> None:
        """Let the router report while `faults` happen and a little longer, then have all its last counters acknowledged."""
        work = self.field.start(router.report(every=0.25, up_max=MB // 10, down_max=MB))
        time.sleep(settle)
        faults()
        time.sleep(settle)
        router.stopping = True
        work.result(45)
        self.field.run(router.report_last())

    def check(self, *, within: float = 15.0) -> None:
        """Everything that must be true once faults have stopped."""
        records = truth.check_logged(self.routers)
        wait_folded()
        truth.check_sessions(self.routers)
        truth.check_totals()
        eventually(
            lambda: not truth.unlike(self.routers),
            within,
            f"the right access of {truth.unlike(self.routers)}",
        )
        capped = Cap.objects.exclude(state=CapState.OPEN).count()
        print(f"{records} records acknowledged, {capped} lines capped")

    def close(self) -> None:
        for router in self.routers:
            router.stopping = True
            self.field.run(router.close())
        self.field.close()


@pytest.fixture
def scene(
    durable: DurableServer, seed: int, tmp_path: Path, django_db_blocker: pytest.FixtureRequest
) -> Iterator[Scene]:
    """A router, and listener, meter and worker at work."""
    if durable.server.process.poll() is not None:
        durable.start()
    with django_db_blocker.unblock(), database(durable.server) as url:  # type: ignore[attr-defined]
        product = Product(url, tmp_path)
        made = Scene(durable, product, seed)
        try:
            product.start(*PROCESSES)
            yield made
        finally:
            made.close()
            product.end()
