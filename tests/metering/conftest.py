"""A connection whose partitions of 2021, which only these tests make, are gone after each test."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from capstan.db.connection import connect


@pytest.fixture
def conn(transactional_db: None) -> Iterator["psycopg.Connection[Any]"]:
    with connect() as opened:
        yield opened
        made = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^metering_(packetlog|usagehour)_2021'"
        for (name,) in opened.execute(made).fetchall():
            opened.execute(f"DROP TABLE {name}")
