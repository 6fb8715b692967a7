"""`capstan migrate`: bring the keys, the tables and the packet log's days of an installation up to date."""

import psycopg
import structlog
from django.core.management import call_command

from capstan.config import checks, keys
from capstan.config.errors import OperatorError
from capstan.config.options import Options
from capstan.db.connection import connect
from capstan.db.locks import lock_key
from capstan.metering.actions.packet_log import ensure_partitions
from capstan.metering.actions.usage_hours import ensure_months
from capstan.values import clock

_log = structlog.get_logger()


def run(options: Options) -> None:
    """Do what is missing; safe to call at any time and on several machines at once: the others wait for the first."""
    for path in keys.ensure(options):
        _log.info("made a key: keep a copy of it", file=str(path.resolve()))
    try:
        conn = connect(name="capstan migrate")
    except psycopg.OperationalError as refusal:
        raise OperatorError(checks.unreachable(options, refusal)) from None
    with conn:
        conn.execute("SELECT pg_advisory_lock(%s)", [lock_key("migrate")])
        if missing := checks.missing_migrations():
            _log.info("bringing the database up to date", migrations=missing)
            call_command("migrate", interactive=False, verbosity=0)
        made = ensure_partitions(conn, now=clock.now())
        try:
            ensure_months(conn, now=clock.now())
        except psycopg.errors.LockNotAvailable:
            _log.warning("hourly usage is locked; the worker makes its coming months later")
        if made:
            _log.info("made days of the packet log", partitions=len(made), first=made[0], last=made[-1])
