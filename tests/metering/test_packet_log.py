"""The packet log: numbered rows per stream, partitions made ahead and dropped only when folded."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.pq import ExecStatus

from capstan.db.connection import connect
from capstan.metering.actions.packet_log import (
    close_ended_streams,
    drop_partitions,
    ensure_partitions,
    open_stream,
)

NOON = datetime(2021, 3, 10, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


def rows(conn: "psycopg.Connection[Any]") -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT stream_id, seq, day, received_at, count, payload FROM metering_packetlog ORDER BY stream_id, seq"
    ).fetchall()


def test_rows_of_a_stream_are_numbered_from_one(conn: "psycopg.Connection[Any]") -> None:
    ensure_partitions(conn, now=NOON)
    first = open_stream(conn, writer="test a 1", now=NOON)
    second = open_stream(conn, writer="test b 2", now=NOON)
    first.append(b"\x01one", 1, NOON)
    second.append(b"\x01two", 2, NOON)
    first.append(b"\x01three", 3, NOON)
    assert rows(conn) == [
        (first.stream_id, 1, date(2021, 3, 10), NOON, 1, b"\x01one"),
        (first.stream_id, 2, date(2021, 3, 10), NOON, 3, b"\x01three"),
        (second.stream_id, 1, date(2021, 3, 10), NOON, 2, b"\x01two"),
    ]


def test_send_writes_what_append_writes(conn: "psycopg.Connection[Any]") -> None:
    ensure_partitions(conn, now=NOON)
    stream = open_stream(conn, writer="test", now=NOON)
    moment = NOON + timedelta(microseconds=123_457)
    stream.append(b"\x01" + bytes(range(256)), 7, moment)
    for _ in range(2):
        stream.send(b"\x01" + bytes(range(256)), 7, moment)
        while conn.pgconn.flush():
            pass
        result = conn.pgconn.get_result()
        assert result is not None
        assert result.status == ExecStatus.COMMAND_OK
        assert conn.pgconn.get_result() is None
    written = rows(conn)
    assert [row[1] for row in written] == [1, 2, 3]
    assert len({row[2:] for row in written}) == 1


def test_a_row_never_goes_back_a_day(conn: "psycopg.Connection[Any]") -> None:
    ensure_partitions(conn, now=NOON)
    stream = open_stream(conn, writer="test", now=NOON)
    midnight = datetime(2021, 3, 11, tzinfo=UTC)
    stream.append(b"\x01", 1, midnight)
    stream.append(b"\x01", 1, midnight - timedelta(seconds=2))
    assert [row[2] for row in rows(conn)] == [date(2021, 3, 11)] * 2


def test_a_day_without_a_partition_is_an_error_and_not_a_loss(conn: "psycopg.Connection[Any]") -> None:
    stream = open_stream(conn, writer="test", now=NOON)
    with pytest.raises(psycopg.errors.CheckViolation):
        stream.append(b"\x01", 1, NOON)


def test_partitions_are_made_ahead_once(conn: "psycopg.Connection[Any]") -> None:
    made = ensure_partitions(conn, now=NOON, days_ahead=7)
    assert made == [f"metering_packetlog_202103{day:02}" for day in range(9, 18)]
    assert ensure_partitions(conn, now=NOON, days_ahead=7) == []
    assert ensure_partitions(conn, now=NOON + timedelta(days=1)) == ["metering_packetlog_20210318"]


def test_partitions_are_made_while_appends_run(conn: "psycopg.Connection[Any]") -> None:
    ensure_partitions(conn, now=NOON)
    with connect(autocommit=False) as other:
        open_stream(other, writer="test", now=NOON).append(b"\x01", 1, NOON)
        assert ensure_partitions(conn, now=NOON + timedelta(days=1))


def test_a_day_is_dropped_only_when_old_and_folded(conn: "psycopg.Connection[Any]") -> None:
    ensure_partitions(conn, now=NOON, days_ahead=1)
    stream = open_stream(conn, writer="test", now=NOON)
    stream.append(b"\x01", 1, NOON)
    stream.append(b"\x01", 1, NOON)
    kept = NOON + timedelta(days=40)
    assert drop_partitions(conn, now=kept, keep_days=40) == ["metering_packetlog_20210309"]
    assert drop_partitions(conn, now=kept, keep_days=30) == ["metering_packetlog_20210311"]
    conn.execute(
        "INSERT INTO metering_meterposition (stream_id, seq, day, drained) VALUES (%s, 1, %s, false)",
        (stream.stream_id, NOON.date()),
    )
    assert drop_partitions(conn, now=kept, keep_days=30) == []
    conn.execute("UPDATE metering_meterposition SET seq = 2")
    assert drop_partitions(conn, now=kept, keep_days=30) == ["metering_packetlog_20210310"]
    assert rows(conn) == []


def test_a_busy_log_is_not_dropped_under_its_readers(conn: "psycopg.Connection[Any]") -> None:
    ensure_partitions(conn, now=NOON, days_ahead=1)
    with connect(autocommit=False) as reader:
        reader.execute("SELECT count(*) FROM metering_packetlog")
        assert drop_partitions(conn, now=NOON + timedelta(days=40), keep_days=30) == []
    assert len(drop_partitions(conn, now=NOON + timedelta(days=40), keep_days=30)) == 3


def test_only_streams_that_no_writer_can_still_hold_are_closed(conn: "psycopg.Connection[Any]") -> None:
    old = open_stream(conn, writer="old", now=NOON - timedelta(hours=41))
    new = open_stream(conn, writer="new", now=NOON - timedelta(hours=21))
    assert close_ended_streams(conn, now=NOON) == 1
    closed = dict(conn.execute("SELECT id, closed_at FROM metering_stream").fetchall())
    assert closed == {old.stream_id: NOON, new.stream_id: None}


def test_a_stream_is_durable_where_the_server_is_lax(conn: "psycopg.Connection[Any]") -> None:
    conn.execute("SET synchronous_commit TO off")
    open_stream(conn, writer="test", now=NOON)
    assert conn.execute("SHOW synchronous_commit").fetchone() == ("on",)
