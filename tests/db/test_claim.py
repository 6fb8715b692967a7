"""Due rows are leased to one worker at a time, and fall due again when it dies."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from capstan.db.claim import claim
from capstan.db.connection import connect

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=30)


@pytest.fixture
def two() -> Iterator[tuple[psycopg.Connection[Any], psycopg.Connection[Any]]]:
    """Two workers, and a table of three rows: due a minute ago, due now, due in a minute."""
    with connect() as one, connect() as other:
        one.execute(
            "CREATE TABLE test_due (id int PRIMARY KEY, due_at timestamptz, lease_until timestamptz, version int)"
        )
        one.cursor().executemany(
            "INSERT INTO test_due VALUES (%s, %s, NULL, 1)",
            [(i, NOW + timedelta(minutes=i - 2)) for i in (1, 2, 3)],
        )
        try:
            yield one, other
        finally:
            one.execute("DROP TABLE test_due")


def take(conn: psycopg.Connection[Any], *, now: datetime = NOW, limit: int = 10) -> list[int]:
    rows = claim(conn, "test_due", key="id", returning=["id", "version"], now=now, lease=LEASE, limit=limit)
    return sorted(row[0] for row in rows)


def test_what_is_due_is_claimed_once(two: tuple[psycopg.Connection[Any], psycopg.Connection[Any]]) -> None:
    one, other = two
    assert take(one) == [1, 2]
    assert take(other) == []


def test_the_longest_due_come_first(two: tuple[psycopg.Connection[Any], psycopg.Connection[Any]]) -> None:
    one, other = two
    assert take(one, limit=1) == [1]
    assert take(other, limit=1) == [2]


def test_a_lease_that_ended_is_free_again(
    two: tuple[psycopg.Connection[Any], psycopg.Connection[Any]],
) -> None:
    one, other = two
    take(one)
    assert take(other, now=NOW + LEASE - timedelta(seconds=1)) == []
    assert take(other, now=NOW + LEASE) == [1, 2]


def test_only_rows_with_these_values(
    two: tuple[psycopg.Connection[Any], psycopg.Connection[Any]],
) -> None:
    one, _ = two
    one.execute("UPDATE test_due SET version = 2 WHERE id = 2")
    values: dict[str, Any] = {"key": "id", "returning": ["id"], "now": NOW, "lease": LEASE, "limit": 9}
    assert claim(one, "test_due", **values, equal={"version": 3}) == []
    assert claim(one, "test_due", **values, equal={"version": 2, "id": 1}) == []
    assert claim(one, "test_due", **values, equal={"version": 2}) == [(2,)]
    assert claim(one, "test_due", **values) == [(1,)]


def test_a_row_another_is_claiming_is_passed_over(
    two: tuple[psycopg.Connection[Any], psycopg.Connection[Any]],
) -> None:
    one, other = two
    with one.transaction():
        assert take(one, limit=1) == [1]
        other.execute("SET lock_timeout = '1s'")
        assert take(other) == [2]
