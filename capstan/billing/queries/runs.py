"""How far a bill run is."""

from typing import NamedTuple

from django.db import connection


class Progress(NamedTuple):
    """How far a run is: how many items in which state, and what they come to in minor units."""

    states: dict[str, int]
    preview_minor: int
    issued_minor: int
    last_minor: int
    remarked: int
    asked_minor: int  # of who pays ahead, apart from invoices


def progress(run_id: int) -> Progress:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, count(*), coalesce(sum(preview_minor), 0)::bigint, coalesce(sum(issued_minor), 0)::bigint,"
            " coalesce(sum(last_minor), 0)::bigint, count(*) FILTER (WHERE remarks <> '[]'),"
            " coalesce(sum(asked_minor), 0)::bigint"
            " FROM billing_billrunitem WHERE run_id = %s GROUP BY 1",
            [run_id],
        )
        rows = cursor.fetchall()
    sums = [sum(row[column] for row in rows) for column in range(2, 7)] if rows else [0] * 5
    return Progress({row[0]: row[1] for row in rows}, *sums)
