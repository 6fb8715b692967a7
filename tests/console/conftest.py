"""A shop, and staff at their desks; the web server's clock is the shop's."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker

from capstan.db.connection import connect
from capstan.metering.actions.packet_log import ensure_partitions
from capstan.values import clock
from tests import staff
from tests.caps.conftest import START
from tests.topups.shop import Shop


@pytest.fixture(scope="session")
def _days(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The packet log's days of the shop, made once: in each test's own transaction they would cost a second."""
    with django_db_blocker.unblock(), connect() as conn:
        ensure_partitions(conn, now=START, days_ahead=60)


@pytest.fixture
def shop(_days: None, db: None, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """All of it in one transaction on one connection, the meter's steps as well."""
    connection.ensure_connection()
    made = Shop(connection.connection)
    monkeypatch.setattr(clock, "now", lambda: made.now)
    return made


@pytest.fixture
def metered(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop whose routers can report: the meter wants a connection of its own."""
    with connect() as conn:
        made = Shop(conn)
        monkeypatch.setattr(clock, "now", lambda: made.now)
        yield made


@pytest.fixture
def agent(request: pytest.FixtureRequest) -> Client:
    """A browser in which the agent Thandi Nkosi is signed in."""
    _open(request)
    return staff.agent()


@pytest.fixture
def manager(request: pytest.FixtureRequest) -> Client:
    """A browser in which the manager Naledi Nkosi is signed in."""
    _open(request)
    return staff.manager()


def _open(request: pytest.FixtureRequest) -> None:
    """The shop comes first, whichever the test has: staff are entered at its time."""
    request.getfixturevalue("metered" if "metered" in request.fixturenames else "shop")
