"""Months of a provider's life, from one printed seed, in the product and in the naive model.

More seeds: SIMULATION_SEEDS=10-30; one: SIMULATION_SEEDS=17.
"""

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings

from capstan.db.connection import connect
from tests.simulation.months import Months, story_of
from tests.simulation.provider import make_provider

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1200)]


def seeds(default: str = "2-3") -> list[int]:
    asked = os.environ.get("SIMULATION_SEEDS", default)
    first, _, last = asked.partition("-")
    return list(range(int(first), int(last or first) + 1))


@pytest.fixture
def conn(transactional_db: None) -> Iterator["psycopg.Connection[Any]"]:
    with connect() as opened:
        yield opened


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", seeds())
def test_months_of_a_provider(seed: int, conn: "psycopg.Connection[Any]", settings: LazySettings) -> None:
    provider = make_provider(seed)
    settings.PROVIDER_TIME_ZONE = provider.zone
    months = Months(provider, conn)
    found = months.live()
    assert not found, story_of(provider, conn, found, months.checks)
    assert months.checks > 10
    assert months.world.logged() == len(provider.packets)  # I1
