"""Every pytest process that needs a database starts its own throw-away embedded PostgreSQL, as root or as any user.

`tests/rules` need none and start none. `db` gives a test inside a transaction; `transactional_db` one whose commits
other connections and processes see, `database_url` and `process_env` lead those to it.
"""

import os
from collections.abc import Iterator

import hypothesis
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import TransactionTestCase

from capstan.config.embedded.server import Server, throwaway, url_of
from capstan.db.connection import connect
from capstan.metering.actions.packet_log import ensure_partitions
from capstan.values import clock
from tools import assets

FIELD_KEY = bytes(range(32))
settings.FIELD_KEY = FIELD_KEY  # before the first field is sealed; real keys are the data dir's
settings.HAS_SECRET_KEY = True
settings.PASSWORD_HASHERS = ["tests.hashing.FastHasher"]


if "CI" not in os.environ:  # hypothesis has a profile of its own there, which has no deadlines either
    hypothesis.settings.register_profile("steady", deadline=None)
    hypothesis.settings.load_profile("steady")

ONE_AT_A_TIME = ("faults", "peers", "concurrency", "acceptance")
"""Folders whose tests load the machine or kill processes: under xdist they share one worker."""


def pytest_configure() -> None:
    """Pages link to assets by their hashed names, so those must be made before the first page is."""
    try:
        assets.ensure()
    except assets.Broken as problem:
        raise pytest.UsageError(
            f"{problem}; what pages look like comes from there (tools/assets.py)"
        ) from None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before xdist does, which reads the groups in the same hook."""
    for item in items:
        if item.path.parent.name in ONE_AT_A_TIME:
            item.add_marker(pytest.mark.xdist_group("processes"))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """This process's own PostgreSQL, fast rather than safe."""
    with throwaway() as started:
        yield started


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None, server: Server) -> None:
    connection.settings_dict.update(
        HOST=str(server.place.socket), USER="capstan", NAME="capstan", PASSWORD="", PORT=""
    )


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: object) -> None:
    """After the migrations: the packet log's days, which no migration can know."""
    with connect() as conn:
        ensure_partitions(conn, now=clock.now())


_STAYS = ("django_migrations", "django_content_type", "auth_permission")
_FACTS = (
    "ledger_journal", "ledger_entry", "billing_invoice", "billing_invoiceline", "billing_charge", "billing_allocation",
    "billing_storeddocument",
)  # fmt: skip
"""Tables whose triggers let nothing be deleted."""
_TABLES = """
SELECT format('SELECT %%L WHERE EXISTS (SELECT FROM %%s)', oid::regclass, oid::regclass) FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace AND relname <> ALL(%s)
"""


def _empty_tables(_: TransactionTestCase) -> None:
    """Delete what is there. Django's own way, TRUNCATE of every table, takes ten times as long as most tests."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TABLES, [list(_STAYS)])
        cursor.execute(" UNION ALL ".join(query for (query,) in cursor.fetchall()))
        full = [table for (table,) in cursor.fetchall()]
        facts = [table for table in full if table in _FACTS]
        if facts:
            cursor.execute(f"TRUNCATE {', '.join(facts)} CASCADE")
        for table in full:
            cursor.execute(f"DELETE FROM {table}")


TransactionTestCase._fixture_teardown = _empty_tables  # type: ignore[attr-defined]


@pytest.fixture
def database_url(transactional_db: None, server: Server) -> str:
    """A DATABASE_URL of the test database, for processes that a test starts."""
    return url_of(server.place.socket, str(connection.settings_dict["NAME"]))


@pytest.fixture
def process_env(database_url: str, tmp_path: object) -> dict[str, str]:
    """The environment for a `capstan` process on the test database, with the tests' field key and its own data dir."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAPSTAN_")}
    return {
        **kept,
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "capstan.config.settings",
        "CAPSTAN_FIELD_KEY": FIELD_KEY.hex(),
        "CAPSTAN_SECRET_KEY": settings.SECRET_KEY,
        "CAPSTAN_DATA_DIR": str(tmp_path),
    }
