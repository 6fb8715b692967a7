"""Faults strike a small provider at work: a router with some lines, the real processes, a durable PostgreSQL."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.product import DurableServer, Product, database
from tests.scene import Scene

PROCESSES = ("radius", "meter", "worker")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(120))


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


@pytest.fixture
def scene(
    durable: DurableServer, seed: int, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> Iterator[Scene]:
    """A router, and listener, meter and worker at work."""
    if durable.server.process.poll() is not None:
        durable.start()
    with django_db_blocker.unblock(), database(durable.server) as url:
        product = Product(url, tmp_path)
        made = Scene(product, seed)
        try:
            product.start(*PROCESSES)
            yield made
        finally:
            made.close()
            product.end()
