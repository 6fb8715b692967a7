"""A wake-up is sent once, after the commit, and only then."""

import time

import pytest
from django.db import transaction

from capstan.db import wakeup
from capstan.db.connection import connect

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_commit_wakes_once() -> None:
    with connect() as conn:
        assert not wakeup.wait(conn, ["enforce"], timeout=0)
        with transaction.atomic():
            wakeup.wake("enforce")
            wakeup.wake("enforce")
            assert not wakeup.wait(conn, ["enforce"], timeout=0.05)
        began = time.monotonic()
        assert wakeup.wait(conn, ["enforce"], timeout=5)
        assert time.monotonic() - began < 1
        assert not wakeup.wait(conn, ["enforce"], timeout=0.05)


def test_a_rollback_wakes_nobody_and_leaves_the_next_one_whole() -> None:
    with connect() as conn:
        wakeup.wait(conn, ["roll"], timeout=0)
        with transaction.atomic():
            wakeup.wake("roll")
            transaction.set_rollback(True)
        assert not wakeup.wait(conn, ["roll"], timeout=0.05)
        with transaction.atomic():
            wakeup.wake("roll")
        assert wakeup.wait(conn, ["roll"], timeout=5)


def test_channels_are_apart() -> None:
    with connect() as conn, connect() as sender:
        wakeup.wait(conn, ["enforce"], timeout=0)
        wakeup.wake_now(sender, "roll")
        assert not wakeup.wait(conn, ["enforce"], timeout=0.05)
        wakeup.wake_now(sender, "enforce")
        assert wakeup.wait(conn, ["enforce"], timeout=5)


def test_what_came_while_nobody_waited_counts() -> None:
    with connect() as conn, connect() as sender:
        wakeup.wait(conn, ["enforce"], timeout=0)
        wakeup.wake_now(sender, "enforce")
        conn.execute("SELECT 1")
        assert wakeup.wait(conn, ["enforce"], timeout=5)
