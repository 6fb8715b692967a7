"""Buckets, what was drawn from them, and each service's cap row.

Writers of a service's buckets or cap take the lock on its `Cap` row first (`FOR NO KEY UPDATE`).

The cap row is *settled* up to `settled_bytes` of its counter. Bytes counted since then all belong to one sink (a bucket, or
beyond every bucket), because `check_at_bytes` is the counter value at which anything could change: a bucket used up, a
threshold, a limit. So the meter's common step is one addition per service; everything else happens when it reaches
`check_at_bytes` or `changes_at`.
"""

from django.db import models

from capstan.caps.rules.words import BucketKind, CapState, Limit
from capstan.catalog.models import PackageVersion
from capstan.metering.models import RadiusSession
from capstan.services.models import Service


class Cap(models.Model):
    """Where a service stands in its running cycle. One row per service, locked before anything about it is written."""

    service = models.OneToOneField(Service, models.CASCADE, primary_key=True, related_name="+")
    version = models.ForeignKey(PackageVersion, models.PROTECT, related_name="+", db_index=False)
    state = models.TextField(choices=[(s.value, s.value) for s in CapState], default=CapState.OPEN)
    cycle_start = models.DateTimeField()
    cycle_end = models.DateTimeField()

    counted_bytes = models.BigIntegerField(
        default=0, help_text="all bytes counted for this service, ever; only rises"
    )
    settled_bytes = models.BigIntegerField(
        default=0, help_text="counter value up to which sinks and limits are booked"
    )
    check_at_bytes = models.BigIntegerField(
        default=0, help_text="counter value at which the cap must be looked at again"
    )
    steady_from = models.DateTimeField(help_text="since when weights and sink have been as they are")
    changes_at = models.DateTimeField(
        help_text="when time alone changes something: bucket, window, limit, cycle, package"
    )
    weight_up = models.SmallIntegerField(
        default=1, help_text="0 in a free window or when the direction doesn't count"
    )
    weight_down = models.SmallIntegerField(default=1)
    sink_bucket_id = models.BigIntegerField(
        null=True, help_text="the bucket being drawn; empty: beyond every bucket"
    )

    sessions_from = models.BigIntegerField(
        default=0, help_text="sessions with a lower id are closed and fully attributed"
    )

    drawn_bytes = models.BigIntegerField(
        default=0, help_text="drawn from buckets in this cycle, settled part"
    )
    remaining_bytes = models.BigIntegerField(
        default=0, help_text="that may be drawn now, settled part; 2^62: uncapped"
    )
    overshoot_bytes = models.BigIntegerField(default=0, help_text="this cycle, settled part")
    overage_bytes = models.BigIntegerField(default=0, help_text="this cycle, settled part")
    day_start = models.DateTimeField(null=True)
    day_bytes = models.BigIntegerField(default=0, help_text="drawn from limited kinds this day")
    week_start = models.DateTimeField(null=True)
    week_bytes = models.BigIntegerField(default=0)
    arming = models.IntegerField(
        default=0, help_text="raised by a grant; re-arms the thresholds that it puts back ahead"
    )
    crossed_cycle = models.SmallIntegerField(default=0, help_text="highest percent crossed in this arming")
    crossed_day = models.SmallIntegerField(default=0)
    crossed_week = models.SmallIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["changes_at"], name="cap_changes")]


class Bucket(models.Model):
    """A dated lot of bytes: an immutable grant. What has happened to it since is its `BucketTally`."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    kind = models.TextField(choices=[(k.value, k.value) for k in BucketKind])
    size_bytes = models.BigIntegerField()
    starts_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    granted_at = models.DateTimeField()
    cycle_start = models.DateTimeField(
        null=True, help_text="set for an allowance and its rollover: one per cycle"
    )
    rollover_left = models.SmallIntegerField(
        default=0, help_text="cycles that what is left may still roll over"
    )
    source = models.TextField(help_text="cycle, rollover:<bucket>, staff, or the order it came from")
    reference = models.TextField(blank=True, help_text="idempotency key of the grant")
    actor = models.TextField()
    reason = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["service", "expires_at"], name="bucket_service"),
            models.Index(fields=["expires_at"], name="bucket_expires"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(size_bytes__gt=0), name="bucket_size"),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("starts_at")), name="bucket_dates"
            ),
            models.UniqueConstraint(
                fields=["service", "kind", "cycle_start"],
                condition=models.Q(cycle_start__isnull=False),
                name="bucket_once_a_cycle",
            ),
            models.UniqueConstraint(
                fields=["reference"], condition=~models.Q(reference=""), name="bucket_once_a_reference"
            ),
        ]


class AllowanceRelease(models.Model):
    """Cycles of a line that waits for payment (`Service.standing` is prepaid) have their allowance if they begin in these dates.

    A dated fact with a reference: whoever may say so says it once. It is read and written under the cap-row lock, so that it
    makes no difference whether it comes before, while or after a cycle opens. A grant is never taken back by it.
    """

    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    until = models.DateTimeField(
        null=True, help_text="the allowance is lent no longer; empty: to its cycle's end"
    )
    reference = models.TextField(help_text="what it is for, such as prepaid:7:2026-12-01")
    actor = models.TextField()
    reason = models.TextField(blank=True)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service", "reference"], name="allowancerelease_once"),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="allowancerelease_dates"
            ),
        ]


class BucketTally(models.Model):
    """What became of a bucket: drawn + remaining + expired + voided + moved = size (I3).

    `drawn_bytes` lags by the cap row's unsettled bytes while the bucket is its sink.
    """

    bucket = models.OneToOneField(Bucket, models.CASCADE, primary_key=True, related_name="tally")
    drawn_bytes = models.BigIntegerField(default=0)
    expired_bytes = models.BigIntegerField(default=0)
    voided_bytes = models.BigIntegerField(default=0)
    moved_bytes = models.BigIntegerField(default=0)
    is_open = models.BooleanField(
        default=True, help_text="until an hour after its expiry, when late usage has come"
    )

    class Meta:
        indexes = [models.Index(fields=["bucket"], name="buckettally_open", condition=models.Q(is_open=True))]


class Drawdown(models.Model):
    """Bytes of one session taken from one bucket, or beyond every bucket. Settled part: see `SessionMark`."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    # No constraint: it would want an index of its own, only for the day on which a session is deleted.
    session = models.ForeignKey(
        RadiusSession, models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )
    bucket = models.ForeignKey(Bucket, models.PROTECT, null=True, related_name="+")
    beyond = models.TextField(default="", help_text="overage or overshoot where there is no bucket")
    cycle_start = models.DateTimeField(help_text="the cycle the bytes belong to")
    bytes = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["service", "session", "bucket", "beyond", "cycle_start"],
                nulls_distinct=False,
                name="drawdown_once",
            )
        ]


class SessionMark(models.Model):
    """How many of a session's bytes since its baseline have been attributed to buckets; without a row: none.

    Kept apart from the session row, which only the meter writes: a grant or a cycle turn settles under the cap-row lock.
    """

    session = models.OneToOneField(RadiusSession, models.CASCADE, primary_key=True, related_name="+")
    service = models.ForeignKey(Service, models.CASCADE, related_name="+", db_index=False)
    bytes_up = models.BigIntegerField()
    bytes_down = models.BigIntegerField()


class LimitTally(models.Model):
    """Bytes of limited kinds drawn in a day or week before the running one, for usage that comes late.

    The running ones are in the cap row. Forgotten when no usage can come for them any more.
    """

    pk = models.CompositePrimaryKey("service_id", "limit", "start")
    service = models.ForeignKey(Service, models.CASCADE, related_name="+", db_index=False)
    limit = models.TextField(choices=[(k.value, k.value) for k in Limit])
    start = models.DateTimeField()
    bytes = models.BigIntegerField()


class ThresholdCrossing(models.Model):
    """A dated fact: this share of the limit was used. At most once per limit, cycle, percent and arming."""

    service = models.ForeignKey(Service, models.CASCADE, related_name="+")
    limit = models.TextField(choices=[(k.value, k.value) for k in Limit])
    period_start = models.DateTimeField()
    percent = models.SmallIntegerField()
    arming = models.IntegerField()
    crossed_at = models.DateTimeField(help_text="when the usage happened")
    recorded_at = models.DateTimeField()
    drawn_bytes = models.BigIntegerField()
    remaining_bytes = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["service", "limit", "period_start", "percent", "arming"], name="crossing_once"
            )
        ]
        indexes = [models.Index(fields=["recorded_at"], name="crossing_recorded")]


class Cycle(models.Model):
    """A cycle that has ended, with its closing figures; sealed an hour after its end, then rolled over."""

    service = models.ForeignKey(Service, models.CASCADE, related_name="+")
    start = models.DateTimeField()
    end = models.DateTimeField()
    version = models.ForeignKey(PackageVersion, models.PROTECT, related_name="+", db_index=False)
    drawn_bytes = models.BigIntegerField()
    overshoot_bytes = models.BigIntegerField()
    overage_bytes = models.BigIntegerField()
    sealed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "start"], name="cycle_once")]
        indexes = [
            models.Index(fields=["end"], name="cycle_unsealed", condition=models.Q(sealed_at__isnull=True))
        ]
