"""What must be in order before a process starts; each problem is a sentence that says what to do."""

from datetime import UTC, datetime

import psycopg
from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from capstan.config import single
from capstan.config.errors import OperatorError
from capstan.config.options import Options
from capstan.db.connection import connect
from capstan.db.fields import decrypt

VERSIONS = range(15, 19)
_HUNDRED = 10_000  # server_version_num of PostgreSQL 15.4 is 150004

_PARTITION = """
SELECT count(*) FROM pg_inherits
JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = to_regclass('metering_packetlog') AND position(%s in pg_get_expr(relpartbound, inhrelid)) > 0
"""
_SEALED = """
(SELECT secret FROM metering_peer ORDER BY id DESC LIMIT 1)
UNION ALL (SELECT line_password FROM services_service ORDER BY id DESC LIMIT 1)
"""


def require(options: Options, *, now: datetime) -> None:
    """Raise OperatorError with all that is not in order."""
    if problems := find_problems(options, now=now):
        raise OperatorError("\n".join(problems))


def find_problems(options: Options, *, now: datetime) -> list[str]:
    """All that is not in order; a database that can't be reached hides what lies behind it."""
    try:
        conn = connect(name="capstan check")
    except psycopg.OperationalError as refusal:
        return [unreachable(options, refusal)]
    if not settings.HAS_SECRET_KEY:
        return [
            "there is no key for cookies and links: `capstan up` or `capstan migrate` makes one, or set CAPSTAN_SECRET_KEY"
        ]
    if not settings.FIELD_KEY:
        return [
            "there is no key for sealed fields: `capstan up` or `capstan migrate` makes one, or set CAPSTAN_FIELD_KEY"
        ]
    with conn:
        version = conn.info.server_version
        if version // _HUNDRED not in VERSIONS:
            return [
                f"the database is PostgreSQL {version // _HUNDRED}; Capstan works with {VERSIONS[0]} to {VERSIONS[-1]}"
            ]
        missing = missing_migrations()
        if missing:
            return [f"the database lacks {missing} migrations: run `capstan migrate`"]
        return [*_partitions(conn, now), *_wrong_key(conn)]


def unreachable(options: Options, refusal: Exception) -> str:
    """Why there is no database, in words: an embedded one that isn't running is the usual reason."""
    if options.database_url is not None:
        return f"the database of DATABASE_URL can't be reached: {refusal}"
    if single.is_held(options.data_dir):
        return f"`capstan up` runs on {options.data_dir.resolve()}, but its database can't be reached (yet): {refusal}"
    return (
        f"the embedded database in {options.data_dir.resolve()} isn't running: start `capstan up`,"
        " or set CAPSTAN_DATA_DIR or DATABASE_URL if yours is elsewhere"
    )


def missing_migrations() -> int:
    """How many migrations of this version the database doesn't have yet."""
    try:
        executor = MigrationExecutor(connection)
        return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError as problem:
        raise OperatorError(f"the state of the database can't be read: {problem}") from None


def _partitions(conn: "psycopg.Connection[tuple[object, ...]]", now: datetime) -> list[str]:
    day = now.astimezone(UTC).date()
    row = conn.execute(_PARTITION, [f"FROM ('{day.isoformat()}')"]).fetchone()
    if row is None or row[0] == 0:
        return [f"the packet log has no partition for {day}: run `capstan migrate`"]
    return []


def _wrong_key(conn: "psycopg.Connection[tuple[object, ...]]") -> list[str]:
    for (sealed,) in conn.execute(_SEALED):
        assert isinstance(sealed, bytes)
        try:
            decrypt(sealed)
        except (InvalidTag, ValueError):
            return [
                "the field key is not the one that sealed the passwords in this database: restore the right one"
            ]
    return []
