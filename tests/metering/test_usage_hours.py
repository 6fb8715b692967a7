"""Hourly usage by months: made ahead, filled from what came before them, dropped when old."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from capstan.metering.actions.sessions import add_hours
from capstan.metering.actions.usage_hours import drop_months, ensure_months

MIDDLE_OF_MAY = datetime(2021, 5, 15, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


def hour(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) // 3600  # type: ignore[misc, arg-type]


def parts(conn: "psycopg.Connection[Any]") -> dict[int, str]:
    """hour -> the part that holds it."""
    return dict(conn.execute("SELECT hour, tableoid::regclass::text FROM metering_usagehour").fetchall())


def test_months_are_made_ahead_once(conn: "psycopg.Connection[Any]") -> None:
    assert ensure_months(conn, now=MIDDLE_OF_MAY) == [
        f"metering_usagehour_2021{month:02}" for month in (4, 5, 6, 7)
    ]
    assert ensure_months(conn, now=MIDDLE_OF_MAY) == []


def test_hours_lie_in_their_months_and_others_are_kept_aside(conn: "psycopg.Connection[Any]") -> None:
    ensure_months(conn, now=MIDDLE_OF_MAY)
    last_of_april, first_of_may, old = hour(2021, 4, 30, 23), hour(2021, 5, 1), hour(2020, 1, 1)
    add_hours(conn.cursor(), {(7, at): [1, 2] for at in (last_of_april, first_of_may, old)})
    assert parts(conn) == {
        last_of_april: "metering_usagehour_202104",
        first_of_may: "metering_usagehour_202105",
        old: "metering_usagehour_rest",
    }


def test_what_was_kept_aside_moves_into_its_month_and_still_adds_up(conn: "psycopg.Connection[Any]") -> None:
    at = hour(2021, 5, 15, 12)
    add_hours(conn.cursor(), {(7, at): [10, 20]})
    ensure_months(conn, now=MIDDLE_OF_MAY)
    assert parts(conn) == {at: "metering_usagehour_202105"}
    add_hours(conn.cursor(), {(7, at): [1, 2]})
    assert conn.execute("SELECT bytes_up, bytes_down FROM metering_usagehour").fetchall() == [(11, 22)]


def test_a_month_is_dropped_when_all_of_it_is_old(conn: "psycopg.Connection[Any]") -> None:
    ensure_months(conn, now=MIDDLE_OF_MAY)
    add_hours(conn.cursor(), {(7, hour(2021, 4, 30, 23)): [1, 2], (7, hour(2021, 5, 1)): [1, 2]})
    add_hours(conn.cursor(), {(7, hour(2020, 1, 1)): [1, 2]})  # kept aside
    end_of_april = datetime(2021, 6, 30, tzinfo=UTC)
    assert drop_months(conn, now=end_of_april, keep_days=62) == []
    assert drop_months(conn, now=end_of_april, keep_days=60) == ["metering_usagehour_202104"]
    assert list(parts(conn)) == [hour(2021, 5, 1)]
