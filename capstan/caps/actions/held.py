"""Lines that wait for payment: their cycles begin without an allowance, until somebody releases it.

Who may release – a payment, or staff by hand – is decided in `billing`; here it is a dated fact, written and read under the
lock on the cap row. So a release may come before, while or after the cycle opens: the allowance is granted once.
"""

from datetime import UTC, datetime

from django.db import connection, transaction

from capstan.audit.actions import record
from capstan.caps.actions.cap import lock, settled, take_up
from capstan.caps.actions.settle import Settlement
from capstan.caps.models import AllowanceRelease, Bucket, BucketTally, Cap
from capstan.caps.rules.cap import CapRow
from capstan.caps.rules.turn import Allowance, allowance
from capstan.caps.rules.words import BucketKind
from capstan.db.wakeup import wake
from capstan.services.actions.contract import set_standing
from capstan.services.models import Service
from capstan.services.rules import Standing

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@transaction.atomic
def release(
    *,
    service_id: int,
    starts_at: datetime,
    ends_at: datetime,
    until: datetime | None = None,
    reference: str,
    actor: str,
    reason: str = "",
    now: datetime,
) -> bool:
    """Cycles that begin from `starts_at` up to `ends_at` have their allowance; the running one gets it now, from now on.

    With `until` it is only lent: it ends then, and whatever is released for good later makes it whole. A reference that was
    released before changes nothing; returns whether it was new. Raises Refused if there is no such service.
    """
    lock(service_id, now=now)  # what was counted so far is booked by what held until now
    row = AllowanceRelease(
        service_id=service_id, starts_at=starts_at, ends_at=ends_at, until=until, reference=reference, actor=actor,
        reason=reason, made_at=now,
    )  # fmt: skip
    if AllowanceRelease.objects.filter(service_id=service_id, reference=reference).exists():
        return False
    row.save(force_insert=True)
    bucket = _look_again(service_id, "allowance released", actor=actor, reason=reason, now=now)
    record(
        actor=actor, action="allowance.release", subject=f"service:{service_id}", reason=reason, now=now,
        details={"from": starts_at, "to": ends_at, "until": until, "reference": reference,
                 "bucket": bucket.pk if bucket else None},
    )  # fmt: skip
    return True


@transaction.atomic
def hold(*, service_id: int, since: datetime, reference: str, actor: str, now: datetime) -> None:
    """The line waits for payment: cycles that begin before `since` have their allowance, later ones when it is released. What
    was granted stays. A line without a cap gets one, which waits from the start."""
    if Cap.objects.filter(pk=service_id).exists():
        lock(service_id, now=now)
    if not AllowanceRelease.objects.filter(service_id=service_id, reference=reference).exists():
        AllowanceRelease.objects.create(
            service_id=service_id, starts_at=_LONG_AGO, ends_at=since, reference=reference, actor=actor,
            reason="before it was prepaid", made_at=now,
        )  # fmt: skip
    if Service.objects.values_list("standing", flat=True).get(pk=service_id) != Standing.PREPAID:
        set_standing(service_id=service_id, standing=Standing.PREPAID, actor=actor, now=now)
    lock(service_id, now=now)


@transaction.atomic
def let_go(*, service_id: int, actor: str, now: datetime) -> None:
    """The line waits for nobody any more: the running cycle has its allowance now, and the next ones as they begin."""
    lock(service_id, now=now)
    if Service.objects.values_list("standing", flat=True).get(pk=service_id) == Standing.POSTPAID:
        return
    set_standing(service_id=service_id, standing=Standing.POSTPAID, actor=actor, now=now)
    _look_again(service_id, "no longer prepaid", actor=actor, reason="no longer prepaid", now=now)


def _look_again(service_id: int, cause: str, *, actor: str, reason: str, now: datetime) -> Bucket | None:
    """Grant what the running cycle should have and hasn't, and work out what follows. The caller holds the lock."""
    with connection.cursor() as cursor:
        settlement = settled(cursor, service_id, now)
        cap = settlement.caps[service_id]
        contract = settlement.contracts[service_id]
        version_id = contract.version_at(cap.cycle_start, cap.cycle_start)
        wanted = allowance(contract, version_id, cap.cycle_start, cap.cycle_end)
        bucket = _grant(settlement, cap, wanted[0], actor, reason, now) if wanted else None
        settlement.due[service_id] = cause
        settlement.refresh(service_id)
        settlement.save()
    transaction.on_commit(lambda: wake("enforce"))
    return bucket


def _grant(
    settlement: Settlement, cap: CapRow, wanted: Allowance, actor: str, reason: str, now: datetime
) -> Bucket | None:
    """The cycle's allowance from now on; of one that was lent, what wasn't used of it. None if it is there, or over."""
    of_cycle = Bucket.objects.filter(service_id=cap.service_id, kind=BucketKind.ALLOWANCE).select_related(
        "tally"
    )
    first = of_cycle.filter(cycle_start=cap.cycle_start).first()
    had = [first, *of_cycle.filter(reference__startswith=f"allowance:{first.pk}:")] if first else []
    if wanted.end <= now or any(one.expires_at >= wanted.end for one in had):
        return None
    size = wanted.size - sum(_used_up(settlement, cap, one) for one in had)
    if size <= 0:
        return None
    bucket = Bucket.objects.create(
        service_id=cap.service_id, kind=BucketKind.ALLOWANCE, size_bytes=size, starts_at=now, expires_at=wanted.end,
        granted_at=now, cycle_start=None if first else cap.cycle_start, rollover_left=wanted.rollover_left, source="cycle",
        reference=f"allowance:{first.pk}:{wanted.end.isoformat()}" if first else "", actor=actor, reason=reason,
    )  # fmt: skip
    BucketTally.objects.create(bucket=bucket)
    take_up(settlement, cap, bucket, f"granted bucket {bucket.pk}")
    return bucket


def _used_up(settlement: Settlement, cap: CapRow, lent: Bucket) -> int:
    """What was drawn or taken back of an allowance that was lent; what is left of it moves on to the new bucket."""
    lot = next((one for one in settlement.lots[cap.service_id] if one.id == lent.pk), None)
    if lot is not None and lot.left:
        lent.tally.moved_bytes += lot.left
        lent.tally.save(update_fields=["moved_bytes"])
        lot.left = 0
    return lent.tally.drawn_bytes + lent.tally.voided_bytes
