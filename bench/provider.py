"""The product's customers: its schema, filled fast with services, routers, caps and history."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
from django.db import connection
from django.db.models import Model
from psycopg import sql

from bench.people import NASES, SECRET, nas_address, password, phone, username, username_sql
from capstan.caps.actions.cap import open_caps, provider_zone, roll_due
from capstan.caps.models import Bucket, BucketTally, Cap
from capstan.catalog.actions import set_data_price
from capstan.catalog.models import Brand, Package, PackageVersion
from capstan.catalog.rules import AtCap
from capstan.customers.models import Contact, Customer
from capstan.db.connection import connect
from capstan.db.fields import encrypt
from capstan.messaging.rules.words import Medium
from capstan.metering.models import Nas, Peer, RadiusSession
from capstan.services.models import ConnectionType, PackageChange, Service
from capstan.services.rules import nt_hash
from capstan.topups.models import ListEntry
from capstan.topups.rules.words import EntryState

CAPSTAN: Final = str(Path(sys.executable).with_name("capstan"))

_PACKAGES: Final = 100
_ALLOWANCE_STEP: Final = 100_000_000
_PER_GB_MINOR: Final = 4_500
CROSSER_ALLOWANCE: Final = 1_000_000_000
CROSSING_BYTES: Final = 2 * CROSSER_ALLOWANCE
"""What the packet that passes a crosser's cap adds: more than the allowance, so that it alone passes it."""


def migrate() -> None:
    """The schema, and the packet log's days."""
    subprocess.run([CAPSTAN, "migrate"], check=True, stdout=subprocess.DEVNULL)


def fill(*, users: int, crossers: int, sessions_each: int, now: datetime) -> None:
    """Customers 0 … users - 1, of which the last `crossers` have a package of their own, whose cap one packet can pass.

    Allowances of the others lie evenly between 100 MB and 10 GB, so that thresholds and caps are passed all the time:
    about once in a thousand packets, which is what real customers at five-minute interims do.
    """
    began = now - timedelta(days=60)
    unused_hash = nt_hash(password(0)).encode()  # nobody logs in by MS-CHAPv2
    brand = Brand.objects.create(name="Bench")
    kind = ConnectionType.objects.create(code="fibre", name="Fibre")
    sizes = [(n + 1) * _ALLOWANCE_STEP for n in range(_PACKAGES)] + [CROSSER_ALLOWANCE]
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
        nt_hash=lambda _: encrypt(unused_hash),
        activated_at=lambda _: began,
        session_limit=lambda _: 0,
    )
    _add_people(users, began)
    set_data_price(brand_id=brand.pk, per_gb_minor=_PER_GB_MINOR, valid_from=began, actor="bench", now=began)
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
    _open_caps(users=users, crossers=crossers, now=now)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _add_people(users: int, began: datetime) -> None:
    """Whom the search finds: each customer's contact, whose number is on the list of his line, unconfirmed, so that nothing
    is sent."""
    _copy(
        Contact,
        users,
        pk=lambda n: n + 1,
        customer=lambda n: n + 1,
        name=lambda n: f"Customer {n}",
        phone=phone,
        email=lambda n: f"user{n:06d}@example.org",
    )
    _copy(
        ListEntry,
        users,
        pk=lambda n: n + 1,
        service=lambda n: n + 1,
        medium=lambda _: Medium.SMS,
        address=phone,
        name=lambda n: f"Customer {n}",
        from_percent=lambda _: 90,
        may_order=lambda _: True,
        state=lambda _: EntryState.UNCONFIRMED,
        added_at=lambda _: began,
        added_by=lambda _: "bench",
    )


def _copy(model: type[Model], count: int, **given: Callable[[int], object]) -> None:
    """Rows 0 … count - 1 by COPY; what isn't given gets the field's default."""
    fields = model._meta.local_concrete_fields
    make = {field.attname: given.get("pk" if field.primary_key else field.name) for field in fields}
    defaults = {
        field.attname: field.get_db_prep_save(field.get_default(), connection)
        for field in fields
        if make[field.attname] is None
    }
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


def _open_caps(*, users: int, crossers: int, now: datetime) -> None:
    """Caps with their allowance: by the product's own steps for one service of each package, then copies of those."""
    first = [*range(1, min(_PACKAGES, users) + 1), users - crossers + 1]
    with connection.cursor() as cursor:
        open_caps(cursor, first, zone=provider_zone(), now=now)
        roll_due(now=now, limit=len(first))
        cursor.execute(
            "CREATE TEMP TABLE alike AS SELECT other.service_id, model.service_id AS model_id"
            " FROM services_packagechange other JOIN services_packagechange model USING (package_id)"
            " WHERE model.service_id = ANY(%s) AND NOT other.service_id = ANY(%s)",
            [first, first],
        )
        own_bucket = "JOIN caps_bucket own ON own.service_id = alike.service_id"
        model_bucket = "JOIN caps_bucket bucket ON bucket.service_id = alike.model_id"
        for table, key, keys, joins in (
            (Bucket, "service_id", "alike.service_id", model_bucket),
            (BucketTally, "bucket_id", "own.id", f"{own_bucket} {model_bucket}"),
            (Cap, "service_id, sink_bucket_id", "alike.service_id, own.id", own_bucket),
        ):
            name = table._meta.db_table
            made_by = (
                "bucket.id = copied.bucket_id"
                if table is BucketTally
                else "copied.service_id = alike.model_id"
            )
            fields = [str(field.column) for field in table._meta.local_concrete_fields]
            rest = [column for column in fields if column not in ("id", *key.split(", "))]
            cursor.execute(
                f"INSERT INTO {name} ({key}, {', '.join(rest)})"
                f" SELECT {keys}, {', '.join(f'copied.{column}' for column in rest)}"
                f" FROM alike {joins} JOIN {name} copied ON {made_by}"
            )


def _restart_sequences() -> None:
    with connection.cursor() as cursor:
        for model in (Customer, Contact, Service, ListEntry, Package, PackageChange, Nas):
            table = model._meta.db_table
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
            )


def add_history(*, users: int, first: int, sessions_each: int, now: datetime) -> None:
    """Closed sessions and their usage hours, numbered from `first`, one hour each, going back in time.

    They have negative ids: older than anything that the cap still has to attribute. As there are millions, foreign keys
    aren't checked.
    """
    hours_ago = "((s + 2) * interval '1 hour')"
    given = {
        "id": f"-(s::bigint * {users} + n) - 1",
        "key": "int8send(n) || int8send(s)",
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
        f"FROM generate_series(0, {users - 1}) n, generate_series({first}, {first + sessions_each - 1}) s"
    )
    names, values = ", ".join(columns), ", ".join(columns.values())
    with _superuser() as conn, conn.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"INSERT INTO metering_radiussession ({names}) SELECT {values} {source}", {"now": now})
        cursor.execute(
            "INSERT INTO metering_usagehour (service_id, hour, bytes_up, bytes_down)"
            f" SELECT n + 1, extract(epoch FROM %(now)s)::bigint / 3600 - s - 2, 10000000, 100000000 {source}"
            " ON CONFLICT DO NOTHING",  # an hour may have passed since the last history
            {"now": now},
        )
        cursor.execute("VACUUM ANALYZE metering_radiussession, metering_usagehour")


def _superuser() -> "psycopg.Connection[Any]":
    place = connection.settings_dict
    return psycopg.connect(host=place["HOST"], dbname=place["NAME"], user="postgres", autocommit=True)


def _default(field: Any) -> str:
    """The field's default as an SQL literal; NULL where it has none."""
    value = field.get_default() if field.has_default() else None
    return str(sql.Literal(value).as_string(connection.connection)) if value is not None else "NULL"
