"""Parts of tables partitioned by time that entering a past makes, for tests to clear away."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def no_parts_left() -> Iterator[None]:
    """What is made within is gone at its end."""
    before = _parts()
    yield
    with connection.cursor() as cursor:
        for name in _parts() - before:
            cursor.execute(f"DROP TABLE {name}")


def _parts() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT oid::regclass::text FROM pg_class WHERE relispartition AND relkind = 'r'")
        return {name for (name,) in cursor.fetchall()}
