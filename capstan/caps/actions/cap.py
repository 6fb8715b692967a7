"""What changes a service's buckets: the first cap row, grants, voids, the turn of time, and the seal."""

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from capstan.audit.actions import record
from capstan.caps.actions import store
from capstan.caps.actions.settle import Settlement
from capstan.caps.models import Bucket, BucketTally, Cap, Cycle
from capstan.caps.rules.cap import CapRow, Lot, first_row, rearm
from capstan.caps.rules.turn import SEAL_AFTER, Allowance, allowance
from capstan.caps.rules.words import Beyond, BucketKind
from capstan.catalog.rules import OvershootPolicy
from capstan.db.wakeup import wake
from capstan.services.rules import Urgency
from capstan.values.refused import Refused

log = structlog.get_logger()


def provider_zone() -> ZoneInfo:
    return ZoneInfo(settings.PROVIDER_TIME_ZONE)


@transaction.atomic
def open_cap(service_id: int, *, now: datetime) -> None:
    """Begin metering a service: its cap row in the running cycle, and the cycle's allowance. Done already: nothing changes."""
    with connection.cursor() as cursor:
        settled(cursor, service_id, now).save()


def open_caps(cursor: store.Cursor, service_ids: Sequence[int], *, zone: ZoneInfo, now: datetime) -> None:
    """Make the first cap rows, inside the caller's transaction, which then settles them: they are due at once."""
    granted: dict[int, list[Allowance]] = {}
    first: list[CapRow] = []
    for service_id, contract in store.load_contracts(cursor, service_ids).items():
        version_id = contract.version_at(now, now)
        period = contract.cycle(version_id, zone, now)
        first.append(first_row(service_id, version_id, period.start, period.end, now))
        granted[service_id] = allowance(contract, version_id, period.start, period.end)
    new = store.insert_caps(cursor, first)
    store.grant_allowances(
        cursor, [(service_id, one) for service_id in new for one in granted[service_id]], now
    )


@transaction.atomic
def grant(
    *,
    service_id: int,
    kind: BucketKind,
    size_bytes: int,
    starts_at: datetime | None = None,
    expires_at: datetime | None = None,
    source: str,
    reference: str = "",
    actor: str,
    reason: str = "",
    now: datetime,
) -> Bucket:
    """Give a service a bucket, from now to the end of its cycle unless other dates are given.

    `reference` makes it idempotent: a grant with one that exists already returns that bucket and changes nothing.
    Raises Refused for a size that isn't positive and for dates in the wrong order.
    """
    if size_bytes <= 0:
        raise Refused(f"a bucket of {size_bytes} bytes grants nothing: its size must be positive")
    with connection.cursor() as cursor:
        settlement = settled(cursor, service_id, now)
        known = Bucket.objects.filter(reference=reference).first() if reference else None
        if known is not None:
            settlement.save()
            return known
        cap = settlement.caps[service_id]
        start, end = starts_at or now, expires_at or cap.cycle_end
        if end <= start:
            raise Refused(
                f"the bucket would end at {end:%Y-%m-%d %H:%M} UTC, before it starts: nothing was granted"
            )
        terms = settlement.point(cap).terms
        bucket = Bucket.objects.create(
            service_id=service_id, kind=kind, size_bytes=size_bytes, starts_at=start, expires_at=end, granted_at=now,
            rollover_left=terms.rollover_topup_cycles if kind == BucketKind.TOPUP else 0, source=source,
            reference=reference, actor=actor, reason=reason,
        )  # fmt: skip
        BucketTally.objects.create(bucket=bucket)
        take_up(settlement, cap, bucket, f"granted bucket {bucket.pk}")
        settlement.save()
    record(
        actor=actor, action="bucket.grant", subject=f"service:{service_id}", reason=reason, now=now,
        details={"bucket": bucket.pk, "kind": kind, "bytes": size_bytes, "source": source},
    )  # fmt: skip
    transaction.on_commit(lambda: wake("enforce"))
    return bucket


def lock(service_id: int, *, now: datetime) -> CapRow:
    """Lock the service's cap row for the caller's transaction, brought up to date, and return it as it stands.

    Whoever decides about a service's buckets takes this lock first. Raises Refused if there is no such service.
    """
    assert connection.in_atomic_block
    with connection.cursor() as cursor:
        settlement = settled(cursor, service_id, now)
        settlement.save()
    return settlement.caps[service_id]


def settled(cursor: store.Cursor, service_id: int, now: datetime) -> Settlement:
    """One service, locked, brought up to date and not yet saved; its cap row is made if it has none. Raises Refused."""
    settlement = Settlement(cursor, [service_id], zone=provider_zone(), now=now, urgency=Urgency.AWAITED)
    if settlement.missing:
        open_caps(cursor, settlement.missing, zone=provider_zone(), now=now)
        settlement = Settlement(cursor, [service_id], zone=provider_zone(), now=now, urgency=Urgency.AWAITED)
    if settlement.missing:
        raise Refused(f"there is no service {service_id}")
    settlement.run({})
    return settlement


def take_up(settlement: Settlement, cap: CapRow, bucket: Bucket, cause: str) -> None:
    """Let a new bucket count: it pays for carried overshoot, re-arms thresholds, and changes what is drawn."""
    lot = Lot(
        bucket.pk,
        BucketKind(bucket.kind),
        bucket.starts_at,
        bucket.expires_at,
        bucket.granted_at,
        bucket.size_bytes,
    )
    settlement.add_lot(cap.service_id, lot)
    terms = settlement.point(cap).terms
    if terms.overshoot == OvershootPolicy.CARRY and lot.kind == BucketKind.TOPUP:
        owed = min(cap.overshoot, lot.left)
        lot.left -= owed
        cap.overshoot -= owed
        cap.drawn += owed
        settlement.record(cap, lot.id, None, None, owed)
        settlement.record(cap, None, Beyond.OVERSHOOT, None, -owed)
    rearm(cap, settlement.lots[cap.service_id], terms, settlement.now)
    cap.steady_from = max(cap.steady_from, settlement.now)
    settlement.due[cap.service_id] = cause
    settlement.refresh(cap.service_id)


@transaction.atomic
def void(*, bucket_id: int, actor: str, reason: str, now: datetime) -> int:
    """Take back what is unused of a bucket; returns those bytes. What was drawn stays drawn.

    Raises Refused when nothing is left in it.
    """
    bucket = Bucket.objects.get(pk=bucket_id)
    with connection.cursor() as cursor:
        settlement = settled(cursor, bucket.service_id, now)
        cap = settlement.caps[bucket.service_id]
        lot = next((lot for lot in settlement.lots[bucket.service_id] if lot.id == bucket_id), None)
        if lot is None or lot.left == 0:
            raise Refused(f"bucket {bucket_id} has nothing left to take back")
        taken, lot.left = lot.left, 0
        settlement.due[bucket.service_id] = f"voided bucket {bucket_id}"
        settlement.refresh()
        settlement.save()
        tally = BucketTally.objects.get(pk=bucket_id)
        tally.voided_bytes += taken
        tally.save(update_fields=["voided_bytes"])
    record(
        actor=actor, action="bucket.void", subject=f"service:{cap.service_id}", reason=reason, now=now,
        details={"bucket": bucket_id, "bytes": taken},
    )  # fmt: skip
    transaction.on_commit(lambda: wake("enforce"))
    return taken


@transaction.atomic
def roll(service_id: int, *, now: datetime) -> None:
    """Bring a service up to date: what was counted is booked, and every boundary that has passed is turned."""
    with connection.cursor() as cursor:
        settled(cursor, service_id, now).save()
    transaction.on_commit(lambda: wake("enforce"))


def roll_due(*, now: datetime, limit: int = 200) -> int:
    """`roll` for services whose `changes_at` has passed, those that nobody else holds; returns how many."""
    due = Cap.objects.filter(changes_at__lte=now).order_by("changes_at").values_list("service_id", flat=True)
    return _each_in_one_go(list(due[:limit]), _roll_some, now)


def seal_due(*, now: datetime, limit: int = 200) -> int:
    """An hour after their end, close cycles and expired buckets: what may roll over does, the rest expires.

    Returns how many services were sealed.
    """
    cutoff = now - SEAL_AFTER
    cycles = Cycle.objects.filter(sealed_at=None, end__lte=cutoff).values_list("service_id", flat=True)
    buckets = Bucket.objects.filter(tally__is_open=True, expires_at__lte=cutoff).values_list(
        "service_id", flat=True
    )
    return _each_in_one_go(sorted({*cycles[:limit], *buckets[:limit]}), _seal_some, now)


def _each_in_one_go(ids: Sequence[int], do: Callable[[Sequence[int], datetime], int], now: datetime) -> int:
    """All together; where one of them makes that fail, one by one, so that it holds up no other and is named."""
    if not ids:
        return 0
    try:
        return do(ids, now)
    except (ArithmeticError, AssertionError, LookupError, ValueError, IntegrityError):
        if len(ids) == 1:
            log.exception("the cap of a service can't be settled", service=ids[0])
            return 0
    return sum(_each_in_one_go([one], do, now) for one in ids)


def _roll_some(ids: Sequence[int], now: datetime) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        settlement = Settlement(
            cursor, ids, zone=provider_zone(), now=now, urgency=Urgency.CROWD, skip_locked=True
        )
        settlement.run({})
        settlement.save()
        transaction.on_commit(lambda: wake("enforce"))
    return len(settlement.caps)


def _seal_some(ids: Sequence[int], now: datetime) -> int:
    cutoff = now - SEAL_AFTER
    with transaction.atomic(), connection.cursor() as cursor:
        settlement = Settlement(
            cursor, ids, zone=provider_zone(), now=now, urgency=Urgency.CROWD, skip_locked=True
        )
        settlement.run({})
        held = list(settlement.caps)
        # In the order they were granted: what rolls over keeps it.
        ended = Bucket.objects.filter(service_id__in=held, tally__is_open=True, expires_at__lte=cutoff)
        store.close_tallies(cursor, [_seal_bucket(settlement, bucket) for bucket in ended.order_by("pk")])
        settlement.refresh()
        settlement.save()
        Cycle.objects.filter(service_id__in=held, sealed_at=None, end__lte=cutoff).update(sealed_at=now)
        store.forget_earlier(cursor, held)
        transaction.on_commit(lambda: wake("enforce"))
    return len(held)


def _seal_bucket(settlement: Settlement, bucket: Bucket) -> tuple[int, int, int]:
    """What becomes of the rest of a bucket that has ended: (bucket, bytes that roll over, bytes that expire)."""
    lots = settlement.lots[bucket.service_id]
    lot = next((one for one in lots if one.id == bucket.pk), None)
    left = lot.left if lot is not None else 0
    cap = settlement.caps[bucket.service_id]
    # It lasts for the cycle that follows its own: the running one, unless nobody has sealed for a whole cycle.
    rolls = bool(bucket.rollover_left and left and bucket.expires_at >= cap.cycle_start)
    if lot is not None:
        lot.left = 0
    if rolls:
        rolled = Bucket.objects.create(
            service_id=bucket.service_id, kind=BucketKind.ROLLOVER, size_bytes=left, starts_at=settlement.now,
            expires_at=cap.cycle_end, granted_at=settlement.now, rollover_left=bucket.rollover_left - 1,
            source=f"rollover:{bucket.pk}", reference=f"rollover:{bucket.pk}", actor="meter",
        )  # fmt: skip
        BucketTally.objects.create(bucket=rolled)
        take_up(settlement, cap, rolled, f"rollover bucket {rolled.pk}")
    return bucket.pk, left if rolls else 0, 0 if rolls else left
