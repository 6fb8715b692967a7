"""What must be true after any fault: the invariants, each from the tables and from what the routers remember."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Sum

from capstan.caps.models import Bucket, Cap, Drawdown
from capstan.caps.rules.cap import CAPPED_BELOW
from capstan.caps.rules.words import CapState
from capstan.catalog.queries import terms
from capstan.db.connection import connect
from capstan.metering.models import Fault, Nas, RadiusSession, UsageHour
from capstan.metering.records import texts_of, unpack
from tests.routers import Counters, Router


def logged(nas: str) -> set[Counters]:
    """Every session record of this router in the packet log."""
    nas_id = Nas.objects.get(identifier=nas).pk
    with connect() as conn:
        rows = conn.execute("SELECT payload FROM metering_packetlog").fetchall()
    records = (record for (payload,) in rows for record in unpack(payload))
    return {
        Counters(texts_of(one).session_id.decode(), one.status, one.seconds, one.bytes_up, one.bytes_down)
        for one in records
        if one.nas_id == nas_id and one.n_user
    }


def check_logged(routers: Iterable[Router]) -> int:
    """I1: what was acknowledged is in the packet log, and nothing else than what was sent. Returns how many records."""
    seen = 0
    for router in routers:
        acknowledged, kept = set(router.acknowledged), logged(router.identifier)
        assert acknowledged <= kept, f"acknowledged but lost: {sorted(acknowledged - kept)[:5]}"
        assert kept <= router.sent, f"never sent: {sorted(kept - router.sent)[:5]}"
        assert router.auth.forged == router.acct.forged == 0
        assert router.bad_orders == []
        seen += len(acknowledged)
    return seen


def check_sessions(routers: Iterable[Router]) -> None:
    """I1: each session's bytes are those of its last acknowledged record. Call after everything is folded."""
    wanted = {
        line.last.session_id: line.last
        for router in routers
        for line in router.lines
        if line.last is not None
    }
    found = {
        bytes(one.acct_session_id).decode(): one
        for one in RadiusSession.objects.all()
        if bytes(one.acct_session_id).decode() in wanted
    }
    assert found.keys() == wanted.keys()
    for session_id, last in wanted.items():
        session = found[session_id]
        assert (session.bytes_up, session.bytes_down) == (last.up, last.down), session_id
        assert (session.base_up, session.base_down) == (0, 0)


def check_totals() -> None:
    """Usage is counted once: hours, sessions and cap counters agree; buckets and draw-downs make them up (I3)."""
    hours: dict[int, int] = defaultdict(int)
    for hour in UsageHour.objects.all():
        hours[hour.service_id] += hour.bytes_up + hour.bytes_down
    moved: dict[int, int] = defaultdict(int)
    for session in RadiusSession.objects.exclude(service=None):
        assert session.service_id is not None
        moved[session.service_id] += (
            session.bytes_up + session.bytes_down - session.base_up - session.base_down
        )
        hours[session.service_id] += session.hour_up + session.hour_down
    booked = _sums("service_id")
    drawn = _sums("bucket_id")
    buckets: dict[int, list[Bucket]] = defaultdict(list)
    for bucket in Bucket.objects.select_related("tally"):
        buckets[bucket.service_id].append(bucket)
    for cap in Cap.objects.all():
        assert hours[cap.service_id] == moved[cap.service_id], f"service {cap.service_id}"
        assert cap.counted_bytes == moved[cap.service_id], f"service {cap.service_id}"
        assert booked[cap.service_id] == cap.settled_bytes, f"service {cap.service_id}"
        _check_buckets(cap, buckets[cap.service_id], drawn)
    assert not Fault.objects.exists(), list(Fault.objects.values())


def _sums(column: str) -> dict[int, int]:
    """Draw-downs by service or bucket."""
    rows = Drawdown.objects.values_list(column).annotate(total=Sum("bytes"))
    return defaultdict(int, dict(rows))


def _check_buckets(cap: Cap, buckets: list[Bucket], drawn: dict[int, int]) -> None:
    pending = cap.counted_bytes - cap.settled_bytes
    left = 0
    for bucket in buckets:
        tally = bucket.tally
        assert drawn[bucket.pk] == tally.drawn_bytes
        gone = tally.drawn_bytes + tally.expired_bytes + tally.voided_bytes + tally.moved_bytes
        gone += pending if cap.sink_bucket_id == bucket.pk else 0
        assert 0 <= gone <= bucket.size_bytes
        left += bucket.size_bytes - gone
    package = terms(cap.version_id)
    if package.allowance_bytes is not None:
        assert (cap.state != CapState.OPEN) == (left < CAPPED_BELOW), f"{cap.state} with {left} bytes left"


def rates() -> dict[str, int]:
    """Username -> the speed down in bit/s that each line should have now."""
    found = {}
    for cap in Cap.objects.select_related("service"):
        package = terms(cap.version_id)
        kbps = package.throttle_down_kbps if cap.state == CapState.THROTTLED else package.rate_down_kbps
        assert kbps is not None
        found[cap.service.username] = kbps * 1000
    return found


def unlike(routers: Iterable[Router]) -> list[str]:
    """Live lines whose router has another speed than they should have (I6)."""
    wanted = rates()
    return [
        f"{line.username}: has {line.told_down}, should have {wanted[line.username]}"
        for router in routers
        for line in router.lines
        if line.is_up and line.told_down != wanted[line.username]
    ]


def kill_connections(application: str) -> int:
    """Cut the database connections of this application_name; returns how many."""
    with connect(name="cutter") as conn:
        return len(
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = %s AND datname = current_database()",
                [application],
            ).fetchall()
        )
