"""A small provider, and a router that reports to it through the packet log's real door."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from capstan.caps.actions.cap import open_cap
from capstan.caps.actions.fold import FoldResult, fold_step
from capstan.catalog.models import Brand, Package, PackageVersion
from capstan.customers.models import Customer
from capstan.db.connection import connect
from capstan.metering.actions.packet_log import StreamWriter, ensure_partitions, open_stream
from capstan.metering.models import Nas, Peer, RadiusSession
from capstan.metering.records import FLAG_EVENT_TIME, FLAG_GIGAWORDS, Record, Texts, make_record, pack
from capstan.metering.rules.words import Status
from capstan.services.models import ConnectionType, PackageChange, Service

GB = 10**9
START = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)


class Provider:
    """Makes services, appends records, runs the meter; `now` moves only when told."""

    def __init__(self, conn: "psycopg.Connection[Any]") -> None:
        self.conn = conn
        self.now = START
        ensure_partitions(conn, now=START, days_ahead=60)
        self.brand = Brand.objects.create(name="Example Net")
        self.customer = Customer.objects.create(
            account_code="EX001", name="A", brand=self.brand, created_at=START
        )
        self.kind = ConnectionType.objects.create(code="fibre", name="Fibre")
        peer = Peer.objects.create(name="lab", network="127.0.0.1", secret="s3cret")
        self.nas = Nas.objects.create(
            peer=peer,
            name="n1",
            identifier="n1",
            registered_at=START - timedelta(days=400),
            interim_seconds=300,
        )
        self.stream: StreamWriter = open_stream(conn, writer="test", now=START)

    def service(self, username: str = "thandi@example.net", **terms: Any) -> Service:
        package = Package.objects.create(code=f"p-{username}", name="P", brand=self.brand)
        terms.setdefault("allowance_bytes", 10 * GB)
        PackageVersion.objects.create(package=package, valid_from=START - timedelta(days=400), **terms)
        service = Service.objects.create(
            customer=self.customer, connection_type=self.kind, username=username, line_password="x", nt_hash="",
            activated_at=START,
        )  # fmt: skip
        PackageChange.objects.create(
            service=service,
            package=package,
            starts_at=START - timedelta(days=300),
            made_at=START,
            actor="test",
        )
        open_cap(service.pk, now=self.now)
        return service

    def record(
        self,
        status: Status,
        seconds: int = 0,
        up: int = 0,
        down: int = 0,
        *,
        user: str = "thandi@example.net",
        session: str = "81a0",
        at: datetime | None = None,
        **more: Any,
    ) -> Record:
        at = at or self.now
        texts = Texts(b"", user.encode(), session.encode(), b"", b"02-00-5E-00-00-01", b"", b"", b"")
        more.setdefault("flags", FLAG_EVENT_TIME | FLAG_GIGAWORDS)
        return make_record(
            status=status, nas_id=more.pop("nas_id", self.nas.pk), event=int(at.timestamp()), seconds=seconds,
            bytes_up=up, bytes_down=down, texts=texts, **more,
        )  # fmt: skip

    def receive(self, *records: Record, at: datetime | None = None) -> None:
        self.stream.append(pack(records), len(records), at or self.now)

    def fold(self) -> FoldResult:
        return fold_step(self.conn, now=self.now)

    def interim(self, seconds: int, up: int = 0, down: int = 0, **more: Any) -> None:
        """One interim that has just arrived, folded."""
        self.receive(self.record(Status.INTERIM, seconds, up, down, **more))
        self.fold()

    def wait(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def session(self) -> RadiusSession:
        return RadiusSession.objects.latest("id")


@pytest.fixture
def provider(transactional_db: None) -> Iterator[Provider]:
    with connect() as conn:
        yield Provider(conn)


@pytest.fixture
def checked() -> Callable[[Service], None]:
    """The invariants of one service, from the tables alone."""
    return check_invariants


def check_invariants(service: Service) -> None:
    """I3: each bucket's parts make up its size; draw-downs, overage and overshoot make up the counted bytes."""
    from django.db.models import Sum

    from capstan.caps.models import Bucket, BucketTally, Cap, Drawdown

    cap = Cap.objects.get(service=service)
    pending = cap.counted_bytes - cap.settled_bytes
    for bucket in Bucket.objects.filter(service=service):
        tally = BucketTally.objects.get(bucket=bucket)
        gone = tally.drawn_bytes + tally.expired_bytes + tally.voided_bytes + tally.moved_bytes
        assert 0 <= gone + (pending if cap.sink_bucket_id == bucket.pk else 0) <= bucket.size_bytes
        drawn = Drawdown.objects.filter(bucket=bucket).aggregate(total=Sum("bytes"))["total"] or 0
        assert drawn == tally.drawn_bytes
    booked = Drawdown.objects.filter(service=service).aggregate(total=Sum("bytes"))["total"] or 0
    assert booked == cap.settled_bytes
