"""The product: its schema filled with customers, and its real processes on free ports."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.models import Model
from psycopg import sql

from bench.load import RADLOAD
from bench.people import NASES, SECRET, nas_address, password, username, username_sql
from bench.ports import free_udp_ports
from bench.sides import Connection
from capstan.caps.actions.cap import open_caps, provider_zone, roll_due
from capstan.catalog.models import Brand, Package, PackageVersion
from capstan.catalog.rules import AtCap
from capstan.customers.models import Customer
from capstan.db.connection import connect
from capstan.db.fields import encrypt
from capstan.metering.models import Nas, Peer, RadiusSession
from capstan.services.models import ConnectionType, PackageChange, Service
from capstan.services.rules import nt_hash

_PACKAGES: Final = 100
_ALLOWANCE_STEP: Final = 100_000_000
_CROSSER_ALLOWANCE: Final = 1_000_000_000
CROSSING_BYTES: Final = 2 * _CROSSER_ALLOWANCE
"""What the packet that passes a crosser's cap adds: more than the allowance, so that it alone passes it."""

_BATCH: Final = 5_000
_START_SECONDS: Final = 60.0
_CAPSTAN: Final = str(Path(sys.executable).with_name("capstan"))


@dataclass(frozen=True)
class Product:
    """The running processes. `processes` are pids by name."""

    processes: Mapping[str, int]
    auth_port: int
    acct_port: int
    sink_log: Path


def migrate() -> None:
    """The schema, and the packet log's days."""
    subprocess.run([_CAPSTAN, "migrate"], check=True, stdout=subprocess.DEVNULL)


def fill(*, users: int, crossers: int, sessions_each: int, now: datetime) -> None:
    """Customers 0 … users - 1, of which the last `crossers` have a package of their own, whose cap one packet can pass.

    Allowances of the others lie evenly between 100 MB and 10 GB, so that thresholds and caps are passed all the time:
    about once in a thousand packets, which is what real customers at five-minute interims do.
    """
    began = now - timedelta(days=60)
    brand = Brand.objects.create(name="Bench")
    kind = ConnectionType.objects.create(code="fibre", name="Fibre")
    sizes = [(n + 1) * _ALLOWANCE_STEP for n in range(_PACKAGES)] + [_CROSSER_ALLOWANCE]
    for number, size in enumerate(sizes, 1):
        package = Package.objects.create(pk=number, code=f"P{number}", name=f"Package {number}", brand=brand)
        PackageVersion.objects.create(
            package=package,
            valid_from=began,
            allowance_bytes=size,
            at_cap=AtCap.THROTTLE,
            rate_up_kbps=20_000,
            rate_down_kbps=100_000,
        )
    _copy(
        Customer,
        users,
        pk=lambda n: n + 1,
        account_code=lambda n: f"C{n:06d}",
        name=lambda n: f"Customer {n}",
        brand=lambda _: brand.pk,
        created_at=lambda _: began,
    )
    _copy(
        Service,
        users,
        pk=lambda n: n + 1,
        customer=lambda n: n + 1,
        connection_type=lambda _: kind.pk,
        username=username,
        line_password=lambda n: encrypt(password(n).encode()),
        nt_hash=lambda n: encrypt(nt_hash(password(n)).encode()),
        activated_at=lambda _: began,
        session_limit=lambda _: 0,
    )
    _copy(
        PackageChange,
        users,
        pk=lambda n: n + 1,
        service=lambda n: n + 1,
        package=lambda n: _PACKAGES + 1 if n >= users - crossers else n % _PACKAGES + 1,
        starts_at=lambda _: began,
        made_at=lambda _: began,
        actor=lambda _: "bench",
    )
    _add_routers(began)
    _restart_sequences()
    add_history(users=users, first=0, sessions_each=sessions_each, now=now)
    for first in range(1, users + 1, _BATCH):
        with connection.cursor() as cursor:
            open_caps(cursor, range(first, min(first + _BATCH, users + 1)), zone=provider_zone(), now=now)
        roll_due(now=now, limit=_BATCH)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _copy(model: type[Model], count: int, **given: Callable[[int], object]) -> None:
    """Rows 0 … count - 1 by COPY; what isn't given gets the field's default."""
    fields = model._meta.local_concrete_fields
    make = {field.attname: given.get("pk" if field.primary_key else field.name) for field in fields}
    defaults = {field.attname: field.get_default() for field in fields if make[field.attname] is None}
    columns = sql.SQL(", ").join(sql.Identifier(str(field.column)) for field in fields)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(model._meta.db_table), columns)
    with connect(name="bench") as conn, conn.cursor() as cursor, cursor.copy(statement) as copy:
        for number in range(count):
            copy.write_row([f(number) if (f := make[name]) else defaults[name] for name in make])


def _add_routers(registered_at: datetime) -> None:
    for nas in range(NASES):
        peer = Peer.objects.create(name=f"bench-{nas}", network=nas_address(nas), secret=SECRET)
        Nas.objects.create(
            pk=nas + 1,
            peer=peer,
            name=f"bench-{nas}",
            identifier=f"bench-nas-{nas:02d}",
            vendor_profile="mikrotik",
            registered_at=registered_at,
        )


def _restart_sequences() -> None:
    with connection.cursor() as cursor:
        for model in (Customer, Service, Package, PackageChange, Nas):
            table = model._meta.db_table
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
            )


def add_history(*, users: int, first: int, sessions_each: int, now: datetime) -> None:
    """Closed sessions and their usage hours, numbered from `first`, one hour each, going back in time.

    They have negative ids: older than anything that the cap still has to attribute.
    """
    hours_ago = "((s + 2) * interval '1 hour')"
    given = {
        "id": f"-(s::bigint * {users} + n) - 1",
        "key": "decode(md5(s || '/' || n), 'hex')",
        "nas_id": f"mod(n, {NASES}) + 1",
        "service_id": "n + 1",
        "username": username_sql("n"),
        "acct_session_id": "convert_to(to_hex(s) || '-' || to_hex(n), 'UTF8')",
        "framed_ip": "'100.64.0.0'::inet + n",
        "state": "3",
        **dict.fromkeys(("started_at", "first_seen_at"), f"%(now)s - {hours_ago} - interval '1 hour'"),
        **dict.fromkeys(("last_seen_at", "stopped_at", "counted_until"), f"%(now)s - {hours_ago}"),
        **dict.fromkeys(("start_mark", "last_mark"), f"extract(epoch FROM %(now)s - {hours_ago})::bigint"),
        "seconds": "3600",
        "bytes_up": "10000000",
        "bytes_down": "100000000",
    }
    columns = {str(field.column): _default(field) for field in RadiusSession._meta.local_fields} | given
    source = (
        f"FROM generate_series({first}, {first + sessions_each - 1}) s, generate_series(0, {users - 1}) n"
    )
    with connection.cursor() as cursor:
        names = ", ".join(columns)
        values = ", ".join(columns.values())
        cursor.execute(f"INSERT INTO metering_radiussession ({names}) SELECT {values} {source}", {"now": now})
        cursor.execute(
            "INSERT INTO metering_usagehour (service_id, hour, bytes_up, bytes_down)"
            f" SELECT n + 1, extract(epoch FROM %(now)s)::bigint / 3600 - s - 2, 10000000, 100000000 {source}",
            {"now": now},
        )
        cursor.execute("VACUUM ANALYZE metering_radiussession, metering_usagehour")


def _default(field: Any) -> str:
    """The field's default as an SQL literal; NULL where it has none."""
    value = field.get_default() if field.has_default() else None
    return str(sql.Literal(value).as_string(connection.connection)) if value is not None else "NULL"


@contextmanager
def running(folder: Path) -> Iterator[Product]:
    """Listener, meter and worker, and a sink that plays the CoA side of all routers."""
    (sink_port,) = free_udp_ports(1)
    Nas.objects.update(coa_address="127.0.0.1", coa_port=sink_port)
    sink_log = folder / "coa.log"
    sink = [str(RADLOAD), "-m", "sink", "-p", str(sink_port), "-s", SECRET, "-l", str(sink_log)]
    with ExitStack() as stack:
        stack.enter_context(_process("sink", sink, folder))
        processes = {
            verb: stack.enter_context(_process(verb, [_CAPSTAN, verb], folder))
            for verb in ("meter", "worker", "radius")
        }
        _wait_beating(processes, folder)
        options = settings.OPTIONS
        yield Product(
            {name: process.pid for name, process in processes.items()},
            options.radius_auth_port,
            options.radius_acct_port,
            sink_log,
        )


@contextmanager
def _process(name: str, command: list[str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_beating(processes: "Mapping[str, subprocess.Popen[bytes]]", folder: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM db_processbeat")
            beating = {pid for (pid,) in cursor.fetchall()}
        if beating.issuperset(process.pid for process in processes.values()):
            return
        for name, process in processes.items():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{name} did not start:\n{(folder / f'{name}.log').read_text()[-4000:]}")
        time.sleep(0.2)


def session_bytes(conn: Connection) -> dict[str, tuple[int, int]]:
    """Acct-Session-Id -> (up, down) of the sessions that are open."""
    rows = conn.execute(
        "SELECT acct_session_id, bytes_up, bytes_down FROM metering_radiussession WHERE state < 3"
    )
    return {bytes(session).decode(): (up, down) for session, up, down in rows}
