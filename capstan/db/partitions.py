"""Tables partitioned by time: their parts are made ahead, and dropped whole when they are old."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.errors import LockNotAvailable

Connection = psycopg.Connection[Any]

# One serialised place for partition changes in all processes; the number only has to be ours.
_PARTITIONS_LOCK = 0x63617073_706C6F67

_LOCK_TIMEOUT = "2s"
_NAMED = {"day": "%Y%m%d", "month": "%Y%m"}


class Series(NamedTuple):
    """A table whose parts each hold a `unit` – day or month, UTC – of `column`.

    `bound` gives the column's value at the beginning of a day. `rest` names the part that takes what fits no other, if there
    is one: what is in it moves over when its part is made after all.
    """

    table: str
    column: str
    unit: str
    bound: Callable[[date], date | int]
    rest: str | None = None

    def first_day(self, day: date) -> date:
        """Of the part this day lies in."""
        return day if self.unit == "day" else day.replace(day=1)

    def end(self, first_day: date) -> date:
        """The first day of the next part."""
        return first_day + timedelta(days=1) if self.unit == "day" else _next_month(first_day)

    def name(self, first_day: date) -> str:
        return f"{self.table}_{first_day.strftime(_NAMED[self.unit])}"


def ensure_parts(conn: Connection, series: Series, *, since: date, until: date) -> list[str]:
    """Make the parts for these days, both included. Returns the names of the new ones.

    A part is built aside and then attached, which leaves writers running; making it in place would lock the table.
    Raises LockNotAvailable when even that lock could not be had in time: nothing has changed then, try again.
    """
    wanted = [series.first_day(since)]
    while (following := series.end(wanted[-1])) <= until:
        wanted.append(following)
    if _parts(conn, series).issuperset(wanted):
        return []
    with _changing_partitions(conn):
        missing = [day for day in wanted if day not in _parts(conn, series)]
        for day in missing:
            _attach(conn, series, day)
    return [series.name(day) for day in missing]


def drop_parts(
    conn: Connection, series: Series, *, before: date, may_drop: Callable[[date], bool] = lambda _day: True
) -> list[str]:
    """Drop the parts that end before this day and that `may_drop(first day)` lets go. Returns their names.

    A part that can't be locked in time is left for the next run.
    """
    dropped: list[str] = []
    for day in sorted(day for day in _parts(conn, series) if series.end(day) <= before):
        if not may_drop(day):
            continue
        table, name = sql.Identifier(series.table), sql.Identifier(series.name(day))
        try:
            with _changing_partitions(conn):
                conn.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(table, name))
                conn.execute(sql.SQL("DROP TABLE {}").format(name))
        except LockNotAvailable:
            break
        dropped.append(series.name(day))
    return dropped


@contextmanager
def _changing_partitions(conn: Connection) -> Iterator[None]:
    """A transaction that is alone in changing partitions and gives up rather than queue others behind itself."""
    with conn.transaction():
        conn.execute("SELECT set_config('lock_timeout', %s, true)", (_LOCK_TIMEOUT,))
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_PARTITIONS_LOCK,))
        yield


def _parts(conn: Connection, series: Series) -> set[date]:
    """The first days of the parts there are."""
    rows = conn.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass",
        [series.table],
    ).fetchall()
    texts = [name.removeprefix(f"{series.table}_") for (name,) in rows if name != series.rest]
    return {datetime.strptime(text, _NAMED[series.unit]).replace(tzinfo=UTC).date() for text in texts}


def _attach(conn: Connection, series: Series, day: date) -> None:
    table, name, column = map(sql.Identifier, (series.table, series.name(day), series.column))
    first, end = sql.Literal(series.bound(day)), sql.Literal(series.bound(series.end(day)))
    within = sql.SQL("{} >= {} AND {} < {}").format(column, first, column, end)
    conn.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(name, table))
    if series.rest is not None:
        rest = sql.Identifier(series.rest)
        moved = sql.SQL(
            "WITH moved AS (DELETE FROM {} WHERE {} RETURNING *) INSERT INTO {} SELECT * FROM moved"
        )
        conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(rest))
        conn.execute(moved.format(rest, within, name))
    # The same bounds as a check first: then attaching needs no scan.
    conn.execute(sql.SQL("ALTER TABLE {} ADD CONSTRAINT bounds CHECK ({})").format(name, within))
    attach = sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")
    conn.execute(attach.format(table, name, first, end))
    conn.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT bounds").format(name))


def _next_month(first_day: date) -> date:
    return (first_day + timedelta(days=32)).replace(day=1)
