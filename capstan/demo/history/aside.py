"""Tables of its own for a past that is being lived, so that nobody sees it before it is whole.

On its connection each table that the past writes to is covered by an empty one that is temporary: the product's
actions run unchanged, but what they write is seen by nobody else, no worker turns a cycle of August to today, and whatever
happens to the process, PostgreSQL throws them away. At the end everything moves over in one transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.apps import apps
from django.db import models, transaction
from psycopg import sql

from capstan.audit.models import AuditEntry
from capstan.db.connection import connect
from capstan.demo.history.journal import LOG_DAYS
from capstan.metering.actions.packet_log import ensure_partitions
from capstan.metering.actions.usage_hours import ensure_months
from capstan.metering.models import MeterPosition, PacketLog, Stream, UsageDay, UsageHour
from capstan.services.models import Service

# Written to as well, though no foreign key leads from them to a line.
_BESIDE: tuple[type[models.Model], ...] = (AuditEntry, MeterPosition, PacketLog, Stream, UsageDay, UsageHour)

# Rewritten all the time: room on the page keeps such updates cheap.
_ROOMY = ("caps_cap", "metering_radiussession", "caps_buckettally", "services_accessdue")

# As the meter and the worker have it; the covering tables have no statistics at all.
_PLAN = "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"
_USUAL = "RESET plan_cache_mode; RESET enable_hashjoin; RESET enable_mergejoin; RESET jit"

_COVER = "CREATE TEMPORARY TABLE {} (LIKE public.{} INCLUDING ALL EXCLUDING IDENTITY EXCLUDING STATISTICS)"
_SAME_NUMBERS = "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT nextval({}::regclass)"


def ensure_room(*, since: datetime, now: datetime) -> None:
    """Make the parts of the tables partitioned by time that the past needs; those of the log only for its last days."""
    with connect(name="capstan demo") as conn:
        for week in range(0, LOG_DAYS + 2, 7):
            ensure_partitions(conn, now=now - timedelta(days=week))
        moment = since
        while moment < now:
            ensure_months(conn, now=moment)
            moment += timedelta(days=28)
        ensure_months(conn, now=now)


@contextmanager
def aside(conn: "psycopg.Connection[Any]") -> Iterator[None]:
    """Within this, what happens to lines happens aside; without an exception it is moved over at the end.

    Those lines must be new: rows that were there before are not seen meanwhile. Customers, routers and the catalogue are.
    """
    tables = covered()
    with transaction.atomic():
        conn.execute(_PLAN)
        for table in tables:
            _cover(conn, table)
    try:
        yield
        with transaction.atomic():
            for table in tables:
                name = sql.Identifier(table)
                conn.execute(sql.SQL("INSERT INTO public.{} SELECT * FROM pg_temp.{}").format(name, name))
                conn.execute(sql.SQL("DROP TABLE pg_temp.{}").format(name))
    finally:
        _uncover(conn, tables)


def covered() -> list[str]:
    """The tables of lines, of all that belongs to a line, and those beside."""
    found: set[type[models.Model]] = {Service}
    while more := {model for model in apps.get_models() if model not in found and _leads_to(model, found)}:
        found |= more
    return sorted(model._meta.db_table for model in (*found, *_BESIDE))


def _leads_to(model: type[models.Model], known: set[type[models.Model]]) -> bool:
    return any(field.related_model in known for field in model._meta.concrete_fields if field.is_relation)


def _cover(conn: "psycopg.Connection[Any]", table: str) -> None:
    """An empty table in front of this one, with its indexes, that takes its numbers from the same sequences."""
    name = sql.Identifier(table)
    conn.execute(sql.SQL(_COVER).format(name, name))
    numbered = conn.execute(
        "SELECT attname, pg_get_serial_sequence(%s, attname) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attidentity <> ''",
        (f"public.{table}", f"public.{table}"),
    ).fetchall()
    for column, sequence in numbered:
        default = sql.SQL(_SAME_NUMBERS).format(name, sql.Identifier(column), sql.Literal(sequence))
        conn.execute(default)
    if table in _ROOMY:
        conn.execute(sql.SQL("ALTER TABLE {} SET (fillfactor = 20)").format(name))
    conn.execute("DISCARD PLANS")  # statements that were prepared earlier mean the covered table


def _uncover(conn: "psycopg.Connection[Any]", tables: list[str]) -> None:
    """Whatever is left of the temporary tables goes; a connection that was lost has none."""
    if conn.closed or conn.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
        return
    for table in tables:
        conn.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(sql.Identifier(table)))
    conn.execute(f"DISCARD PLANS; {_USUAL}")
