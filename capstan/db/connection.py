"""Raw psycopg connections for the hot paths: the listener, the meter, the simulated load."""

from typing import Any

import psycopg
from django.db import connections
from psycopg.rows import TupleRow

CONFLICT = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
"""Two transactions stood in each other's way and one was given up: try again. An OperationalError to psycopg."""

_KEYWORDS = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
_PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 15_000}  # s and ms: a dead host must not hang a loop
_NOT_LIBPQ = {
    "pool",
    "isolation_level",
    "assume_role",
    "server_side_binding",
}  # options that only Django's backend knows


def connect(*, autocommit: bool = True, name: str = "capstan") -> "psycopg.Connection[TupleRow]":
    """A connection of its own to the configured database (in a test: the test database), in UTC.

    `name` is shown as application_name in pg_stat_activity. Raises psycopg.OperationalError when the database is away.
    """
    return psycopg.connect(autocommit=autocommit, **_parameters(name))


def _parameters(name: str) -> dict[str, Any]:
    configured = connections["default"].settings_dict
    given = {ours: configured[key] for key, ours in _KEYWORDS.items() if configured.get(key)}
    options = {key: value for key, value in configured.get("OPTIONS", {}).items() if key not in _NOT_LIBPQ}
    session = f"{options.pop('options', '')} -c TimeZone=UTC".strip()
    return {**_PATIENCE, **options, **given, "application_name": name, "options": session}
