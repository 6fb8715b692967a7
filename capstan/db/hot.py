"""Statements that run many times a second on Django's connection: prepared once, values and rows in binary.

Django itself sends every statement as new text, which PostgreSQL plans anew each time.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection


def execute(statement: str, values: Sequence[Any]) -> "psycopg.Cursor[Any]":
    """Run it in the present transaction, if there is one. Raises psycopg's own errors, not Django's."""
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection).execute(statement, values, prepare=True, binary=True)
