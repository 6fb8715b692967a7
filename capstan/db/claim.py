"""Due work is a row of a domain table; a worker claims some of it for a while.

Any number of workers claim at the same time without waiting for each other, and what a dead worker held falls due again
when its lease ends.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from capstan.db.hot import prepared

_CLAIM = sql.SQL(
    """
    WITH free AS MATERIALIZED (
        SELECT {key} AS free_key FROM {table}
        WHERE {due} <= %(now)s AND ({lease} IS NULL OR {lease} <= %(now)s) {only} {equal}
        ORDER BY {first} {due} LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    )
    UPDATE {table} SET {lease} = %(until)s FROM free WHERE {key} = free_key
    RETURNING {returning}
    """
)  # materialised, because a plan that looked into `free` twice would claim more than `limit`


def claim(
    conn: psycopg.Connection[Any],
    table: str,
    *,
    key: str,
    returning: Sequence[str],
    now: datetime,
    lease: timedelta,
    limit: int,
    due: str = "due_at",
    lease_column: str = "lease_until",
    rank: str | None = None,
    rank_max: int | None = None,
    equal: Mapping[str, int] | None = None,
) -> list[TupleRow]:
    """Lease at most `limit` rows of `table` until `now + lease`: those longest due that nobody holds.

    Where the table has a column `rank`, lower ranks go first, and those above `rank_max` are left alone. `equal` are
    columns with the value that a row must have.

    The columns `returning` of each come back, in no particular order. In autocommit mode the lease is committed when
    this returns. Whoever finishes a row clears its lease or deletes it, on the condition that it hasn't changed since.
    """
    statement = _statement(
        table, key, tuple(returning), due, lease_column, rank, rank_max, tuple(equal or ())
    )
    values = {"now": now, "until": now + lease, "limit": limit, **(equal or {})}
    return prepared(conn).execute(statement, values, prepare=True, binary=True).fetchall()


@lru_cache
def _statement(
    table: str,
    key: str,
    returning: tuple[str, ...],
    due: str,
    lease_column: str,
    rank: str | None,
    rank_max: int | None,
    equal: tuple[str, ...],
) -> str:
    return _CLAIM.format(
        table=sql.Identifier(table),
        key=sql.Identifier(key),
        due=sql.Identifier(due),
        lease=sql.Identifier(lease_column),
        returning=sql.SQL(", ").join(map(sql.Identifier, returning)),
        first=sql.SQL("{},").format(sql.Identifier(rank)) if rank else sql.SQL(""),
        only=sql.SQL("AND {} <= {}").format(sql.Identifier(rank), rank_max)
        if rank and rank_max is not None
        else sql.SQL(""),
        equal=sql.SQL(" ").join(
            sql.SQL("AND {} = {}").format(sql.Identifier(column), sql.Placeholder(column)) for column in equal
        ),
    ).as_string()
