"""Statements that run many times a second on Django's connection: prepared once, values and rows in binary.

Django itself sends every statement as new text, which PostgreSQL plans anew each time.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection

_NOT_BY_ITSELF = 1_000_000  # what isn't asked to be prepared, Django's own statements, never is


def execute(statement: str, values: Sequence[Any]) -> "psycopg.Cursor[Any]":
    """Run it in the present transaction, if there is one. Raises psycopg's own errors, not Django's."""
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    return prepared(raw).execute(statement, values, prepare=True, binary=True)


def prepared(conn: "psycopg.Connection[Any]") -> "psycopg.Cursor[Any]":
    """A cursor that binds on the server and may prepare, which Django forbids its connections to."""
    if conn.prepare_threshold is None:
        conn.prepare_threshold = _NOT_BY_ITSELF
    return psycopg.Cursor(conn)
