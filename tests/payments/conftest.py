"""A provider that is paid: the billing desk, and a payment gateway in a process's place that speaks PayFast."""

from collections.abc import Iterator

import pytest

from capstan.demo.gateway.server import Gateway as Simulator
from tests.billing.desk import Desk
from tests.payments.till import Till


@pytest.fixture
def desk(db: None) -> Desk:
    return Desk()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(gaps=(0.05, 0.1, 0.1, 0.2)) as running:
        yield running


@pytest.fixture
def till(desk: Desk, simulator: Simulator) -> Iterator[Till]:
    with Till(desk, simulator) as ready:
        yield ready
