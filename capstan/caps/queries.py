"""Where services stand, for people and for the layers above: settled figures plus what was counted since."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Exists, F, OuterRef

from capstan.caps.models import AllowanceRelease, Bucket, BucketTally, Cap, Drawdown, ThresholdCrossing
from capstan.caps.rules.cap import NEVER, Lot, Standpoint, beyond_kind, draw_order
from capstan.caps.rules.turn import Contract, Release
from capstan.caps.rules.words import LIMITED_KINDS, Beyond, BucketKind, CapState
from capstan.catalog.queries import terms, version_in_force
from capstan.catalog.rules import Terms, is_free, next_edge
from capstan.services.models import Service
from capstan.services.queries import package_in_force
from capstan.services.rules import Standing as ServiceStanding


@dataclass(frozen=True, slots=True)
class BucketView:
    """A bucket and what became of it; `left` is 0 once it has expired."""

    id: int
    kind: BucketKind
    size: int
    drawn: int
    left: int
    expired: int
    voided: int
    moved: int
    starts_at: datetime
    expires_at: datetime
    granted_at: datetime
    source: str
    actor: str
    reason: str
    in_force: bool
    is_sink: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A service's cap as it is now. Bytes; `percent` is of this cycle's data, top-ups included."""

    service_id: int
    state: CapState
    terms: Terms
    next_terms: Terms  # of the cycle that follows
    version_id: int
    cycle_start: datetime
    cycle_end: datetime
    changes_at: datetime
    counted: int
    drawn: int
    is_uncapped: bool
    remaining: int
    total: int
    percent: int
    overshoot: int
    overage: int
    day_bytes: int
    week_bytes: int
    is_free_now: bool
    free_edge: datetime | None
    buckets: tuple[BucketView, ...]
    crossings: tuple[ThresholdCrossing, ...]
    waits: bool = False  # the cycle's allowance is held back until it is paid or lent


def standing(service_id: int, *, now: datetime) -> Standing:
    """Everything about a service's cap. Reads only: a boundary that has just passed shows after the next roll.

    Raises Cap.DoesNotExist for a service whose metering hasn't begun.
    """
    cap = Cap.objects.get(pk=service_id)
    has_consent, standing_now, activated_at = Service.objects.values_list(
        "overage_consent", "standing", "activated_at"
    ).get(pk=service_id)
    has_consent = has_consent is not None
    held = terms(cap.version_id)
    is_uncapped = cap.remaining_bytes == NEVER
    point = Standpoint(held, ZoneInfo(settings.PROVIDER_TIME_ZONE), is_uncapped, has_consent, None)
    pending = cap.counted_bytes - cap.settled_bytes
    in_bucket = pending if cap.sink_bucket_id is not None else 0
    beyond = pending - in_bucket
    is_overage = beyond_kind(point) == Beyond.OVERAGE
    buckets = _buckets(cap, now)
    left = sum(view.left for view in buckets if view.in_force)
    drawn = cap.drawn_bytes + in_bucket
    sink = next((view for view in buckets if view.is_sink), None)
    limited = in_bucket if sink is not None and sink.kind in LIMITED_KINDS else 0
    return Standing(
        service_id=service_id,
        state=CapState(cap.state),
        terms=held,
        next_terms=terms(version_in_force(package_in_force(service_id, cap.cycle_end), cap.cycle_end)),
        version_id=cap.version_id,
        cycle_start=cap.cycle_start,
        cycle_end=cap.cycle_end,
        changes_at=cap.changes_at,
        counted=cap.counted_bytes,
        drawn=drawn,
        is_uncapped=is_uncapped,
        remaining=left if is_uncapped else max(0, cap.remaining_bytes - in_bucket),
        total=drawn + left,
        percent=drawn * 100 // (drawn + left) if drawn + left else 0,
        overshoot=cap.overshoot_bytes + (0 if is_overage else beyond),
        overage=cap.overage_bytes + (beyond if is_overage else 0),
        day_bytes=cap.day_bytes + limited,
        week_bytes=cap.week_bytes + limited,
        is_free_now=is_free(held.free_windows, point.zone, now),
        free_edge=next_edge(held.free_windows, point.zone, now),
        buckets=buckets,
        crossings=tuple(
            ThresholdCrossing.objects.filter(
                service_id=service_id, period_start__gte=cap.cycle_start
            ).order_by("-recorded_at", "-percent")
        ),
        waits=standing_now == ServiceStanding.PREPAID and _waits(cap, activated_at, now),
    )


def waiting(service_ids: Collection[int], *, now: datetime) -> set[int]:
    """Of these lines, those whose allowance of the running cycle is held back: at their cap, they have used up nothing."""
    held = Service.objects.filter(pk__in=service_ids, standing=ServiceStanding.PREPAID)
    since = dict(held.values_list("pk", "activated_at"))
    caps = Cap.objects.filter(pk__in=since)
    return {cap.service_id for cap in caps if _waits(cap, since[cap.service_id], now)}


def _waits(cap: Cap, activated_at: datetime, now: datetime) -> bool:
    """Whether the allowance of the running cycle is held back."""
    rows = AllowanceRelease.objects.filter(service_id=cap.service_id, ends_at__gt=cap.cycle_start)
    releases = [Release(*row) for row in rows.values_list("starts_at", "ends_at", "until")]
    contract = Contract(activated_at, True, releases, False, (), {}, {})  # what decides here
    return contract.waits(cap.cycle_start, now)


def _buckets(cap: Cap, now: datetime) -> tuple[BucketView, ...]:
    """This cycle's buckets in draw order: in force, to come, or ended since the cycle began; not those used up before it."""
    used = F("tally__drawn_bytes") + F("tally__voided_bytes") + F("tally__moved_bytes")
    drawn_lately = Drawdown.objects.filter(bucket=OuterRef("pk"), cycle_start=cap.cycle_start)
    found = (
        Bucket.objects.filter(service_id=cap.service_id, expires_at__gt=cap.cycle_start)
        .exclude(~Exists(drawn_lately), granted_at__lt=cap.cycle_start, size_bytes__lte=used)
        .select_related("tally")
    )
    ordered = sorted(
        found,
        key=lambda one: draw_order(
            Lot(one.pk, BucketKind(one.kind), one.starts_at, one.expires_at, one.granted_at, 0)
        ),
    )
    return tuple(_view(bucket, bucket.tally, cap, now) for bucket in ordered)


def _view(bucket: Bucket, tally: BucketTally, cap: Cap, now: datetime) -> BucketView:
    is_sink = cap.sink_bucket_id == bucket.pk
    drawn = tally.drawn_bytes + (cap.counted_bytes - cap.settled_bytes if is_sink else 0)
    left = bucket.size_bytes - drawn - tally.expired_bytes - tally.voided_bytes - tally.moved_bytes
    ended = bucket.expires_at <= now
    return BucketView(
        bucket.pk, BucketKind(bucket.kind), bucket.size_bytes, drawn, 0 if ended else left,
        left if ended and tally.is_open else tally.expired_bytes, tally.voided_bytes, tally.moved_bytes,
        bucket.starts_at, bucket.expires_at, bucket.granted_at, bucket.source, bucket.actor, bucket.reason,
        bucket.starts_at <= now < bucket.expires_at, is_sink,
    )  # fmt: skip
