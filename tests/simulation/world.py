"""The real product, driven through its real door: the packet log, the meter's step, the cap's actions."""

from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import psycopg
from django.db import connection

from capstan.caps.actions import cap, fold
from capstan.caps.rules.words import BucketKind
from capstan.catalog.models import Brand, Package, PackageVersion
from capstan.customers.models import Customer
from capstan.metering.actions.packet_log import StreamWriter, ensure_partitions, open_stream
from capstan.metering.actions.sessions import Memory, mark_silent
from capstan.metering.models import Nas, Peer
from capstan.metering.records import FLAG_EVENT_TIME, FLAG_GIGAWORDS, Record, Texts, make_record, pack
from capstan.metering.rules.token import Token, encode_token
from capstan.metering.rules.words import Status
from capstan.services.models import ConnectionType, PackageChange, Service
from tests.simulation.life import Grant, Provider, Router, ServiceLife
from tests.simulation.naive.caps import Terms
from tests.simulation.naive.metering import Packet

STATUS = {
    "start": Status.START,
    "interim": Status.INTERIM,
    "stop": Status.STOP,
    "on": Status.ON,
    "off": Status.OFF,
}
STREAM_LIFE = timedelta(hours=12)
KEPT = ("django_migrations", "django_content_type")


class World:
    """A provider in the database, and a listener and a meter that do what they are told."""

    def __init__(self, provider: Provider, conn: "psycopg.Connection[Any]") -> None:
        self.conn = conn
        self.routers = {router.nas.id: router for router in provider.routers}
        self.services: dict[str, int] = {}
        self.memory = Memory()
        self.stream: StreamWriter | None = None
        self._set_up(provider)

    def _set_up(self, provider: Provider) -> None:
        brand = Brand.objects.create(name="Example Networks")
        peer = Peer.objects.create(name="all", network="192.0.2.0/24", secret="a secret")
        customer = Customer.objects.create(
            account_code="A1", name="Example", brand=brand, created_at=provider.begins
        )
        kind = ConnectionType.objects.create(code="fibre", name="Fibre")
        Nas.objects.bulk_create(_nas(router, peer) for router in provider.routers)
        packages = {
            code: Package.objects.create(code=code, name=code, brand=brand) for code in provider.packages
        }
        for code, versions in provider.packages.items():
            PackageVersion.objects.bulk_create(_version(packages[code], terms) for terms in versions)
        codes = {id(versions): code for code, versions in provider.packages.items()}
        for life in provider.services:
            service = Service.objects.create(**_service(life), customer=customer, connection_type=kind)
            self.services[life.username] = service.pk
            PackageChange.objects.bulk_create(
                PackageChange(
                    service=service,
                    package=packages[codes[id(change.versions)]],
                    starts_at=change.starts_at,
                    made_at=life.activated_at,
                    actor="test",
                )
                for change in life.changes
            )
        day = provider.begins
        while day < provider.ends + timedelta(days=2):
            ensure_partitions(self.conn, now=day, days_ahead=7)
            day += timedelta(days=7)

    def append(self, packets: list[Packet]) -> None:
        """What a listener does: one row for all that arrived in the same second."""
        with self.conn.pipeline(), self.conn.transaction():
            for at, burst in groupby(packets, key=lambda packet: packet.received_at):
                records = [self.record(packet) for packet in burst]
                self._stream(at).append(pack(records), len(records), at)

    def _stream(self, at: datetime) -> StreamWriter:
        if self.stream is None or at - self.stream.opened_at > STREAM_LIFE:
            if self.stream is not None:
                self.stream.close(now=at)
            self.stream = open_stream(self.conn, writer="simulation", now=at)
        return self.stream

    def record(self, packet: Packet) -> Record:
        token = b""
        if packet.login:
            token = encode_token(Token(self.services[packet.user], bytes(8), bytes.fromhex(packet.login)))
        flags = 0 if self.routers[packet.nas].nas.lacks_gigawords else FLAG_GIGAWORDS
        return make_record(
            status=STATUS[packet.status],
            nas_id=packet.nas,
            flags=flags if packet.event is None else flags | FLAG_EVENT_TIME,
            cause=1 if packet.status == "stop" else 0,
            delay=packet.delay,
            event=packet.event or 0,
            seconds=packet.seconds,
            bytes_up=packet.up,
            bytes_down=packet.down,
            texts=Texts(b"", packet.user.encode(), packet.session_id.encode(), token, b"", b"", b"", b""),
        )

    def open(self, life: ServiceLife, now: datetime) -> None:
        cap.open_cap(self.services[life.username], now=now)

    def fold(self, now: datetime, *, limit: int = 5000) -> None:
        while True:
            result = fold.fold_step(self.conn, now=now, limit=limit, memory=self.memory)
            assert result.set_aside == 0
            if result.records == 0:
                return

    def silence(self, now: datetime) -> None:
        """Mark the sessions whose routers have missed their interims, as the meter does now and then."""
        with self.conn.transaction(), self.conn.cursor() as cursor:
            mark_silent(cursor, self.memory, now=now)

    def roll(self, now: datetime) -> None:
        while cap.roll_due(now=now):
            pass

    def seal(self, now: datetime) -> None:
        while cap.seal_due(now=now):
            pass

    def logged(self) -> int:
        """How many records the log holds."""
        row = self.conn.execute("SELECT coalesce(sum(count), 0) FROM metering_packetlog").fetchone()
        return int(row[0]) if row else 0

    def settle(self, now: datetime) -> None:
        """Book everything that was counted, for every service that has a cap."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT service_id FROM caps_cap ORDER BY service_id")
            services = [row[0] for row in cursor.fetchall()]
        for service in services:
            cap.roll(service, now=now)

    def grant(self, grant: Grant, now: datetime) -> None:
        cap.grant(
            service_id=self.services[grant.username],
            kind=BucketKind(grant.kind),
            size_bytes=grant.size,
            starts_at=grant.starts_at,
            expires_at=grant.expires_at,
            source="staff",
            actor="test",
            reason="simulation",
            now=now,
        )


def wipe(conn: "psycopg.Connection[Any]") -> None:
    """Empty every table, partitioned ones too."""
    names = conn.execute(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition"
    ).fetchall()
    tables = ", ".join(f'"{name}"' for (name,) in names if name not in KEPT)
    conn.execute(f"TRUNCATE {tables} CASCADE")


def _nas(router: Router, peer: Peer) -> Nas:
    nas = router.nas
    return Nas(
        pk=nas.id,
        peer=peer,
        name=router.identifier,
        identifier=router.identifier,
        registered_at=nas.registered_at,
        lacks_gigawords=nas.lacks_gigawords,
        interim_seconds=nas.interim_seconds,
        max_rate_mbps=nas.max_rate_mbps,
    )


def _version(package: Package, terms: Terms) -> PackageVersion:
    return PackageVersion(
        package=package,
        valid_from=terms.valid_from,
        allowance_bytes=terms.allowance,
        cycle_kind=terms.kind,
        cycle_anchor=terms.anchor,
        day_limit_bytes=terms.day_limit,
        week_limit_bytes=terms.week_limit,
        counting=terms.counting,
        at_cap=terms.at_cap,
        overshoot=terms.overshoot,
        free_windows=list(terms.windows),
        rollover_allowance_cycles=terms.rollover_allowance,
        rollover_topup_cycles=terms.rollover_topup,
        thresholds=list(terms.thresholds),
    )


def _service(life: ServiceLife) -> dict[str, Any]:
    return {
        "username": life.username,
        "line_password": "line password",
        "nt_hash": "",
        "standing": "prepaid" if life.prepaid else "postpaid",
        "activated_at": life.activated_at,
        "overage_consent": {"by": "Alice"} if life.consents else None,
        "session_limit": life.logins,
    }
