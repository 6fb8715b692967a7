"""A named lock has one holder, whose connection frees it by ending."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import transaction

from capstan.db.connection import connect
from capstan.db.locks import hold, lock_key, try_hold, try_lock, unlock

pytestmark = pytest.mark.django_db


@pytest.fixture
def two() -> Iterator[tuple[psycopg.Connection[Any], psycopg.Connection[Any]]]:
    with connect() as one, connect() as other:
        yield one, other


def test_one_holder(two: tuple[psycopg.Connection[Any], psycopg.Connection[Any]]) -> None:
    one, other = two
    assert try_lock(one, "meter")
    assert not try_lock(other, "meter")
    assert try_lock(other, "something else")
    unlock(one, "meter")
    assert try_lock(other, "meter")


def test_a_dead_connection_frees_it(two: tuple[psycopg.Connection[Any], psycopg.Connection[Any]]) -> None:
    one, other = two
    assert try_lock(one, "meter")
    row = one.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    other.execute("SELECT pg_terminate_backend(%s, 5000)", [row[0]])
    assert try_lock(other, "meter")


def test_the_key_never_changes() -> None:
    """Two versions of the product on one database must mean the same lock."""
    assert lock_key("meter") == METER_KEY


@pytest.mark.django_db(transaction=True)
def test_a_transactions_locks_end_with_it(
    two: tuple[psycopg.Connection[Any], psycopg.Connection[Any]],
) -> None:
    one, other = two
    with transaction.atomic():
        hold(["b", "a", "b"])
        assert try_hold("a"), "it is ours"
        assert not try_lock(one, "a")
        assert not try_lock(one, "b")
    assert try_lock(one, "a")
    with transaction.atomic():
        assert not try_hold("a")
        assert try_hold("b")
        assert not try_lock(other, "b")
    assert try_lock(other, "b")
    with pytest.raises(AssertionError, match="free again at once"):
        hold(["c"])


METER_KEY = -380928263530896079
