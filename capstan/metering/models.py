"""Routers, the packet log, sessions and usage.

Only `capstan radius` appends to the packet log (staff decisions join it as control records), and only `capstan meter`
writes sessions, usage and faults. Hot tables carry a fillfactor and no index on a column that interims change, so that
updates stay HOT (see the migration).
"""

from django.db import models

from capstan.db.fields import EncryptedTextField
from capstan.db.text import BareMac
from capstan.metering.rules.words import FaultKind, FaultState, RequireMessageAuthenticator, SessionState
from capstan.services.models import Service


class Peer(models.Model):
    """Who sends us packets: an address (or network) and a secret. A proxy is one peer with many NASes behind it."""

    name = models.TextField(unique=True)
    network = models.TextField(
        unique=True, help_text="an address or CIDR network, IPv4 or IPv6; the longest match wins"
    )
    secret = EncryptedTextField()
    require_message_authenticator = models.TextField(
        choices=[(k.value, k.value) for k in RequireMessageAuthenticator],
        default=RequireMessageAuthenticator.AUTO,
    )
    is_proxy = models.BooleanField(
        default=False, help_text="may send Proxy-State; many NASes stand behind it"
    )


class Nas(models.Model):
    """A router. Found by NAS-Identifier, else NAS-IP(v6)-Address, within its peer; one not yet entered is `discovered`."""

    peer = models.ForeignKey(Peer, models.PROTECT, related_name="nases")
    name = models.TextField()
    identifier = models.TextField(help_text="NAS-Identifier, else the NAS address as text")
    vendor_profile = models.TextField(default="generic", help_text="a name from capstan.network.vendors")
    coa_address = models.GenericIPAddressField(
        null=True, help_text="empty: the address its packets come from"
    )
    coa_port = models.IntegerField(default=3799)
    coa_secret = EncryptedTextField(null=True, help_text="empty: the peer's")
    last_source = models.GenericIPAddressField(null=True, help_text="where its last packet came from")
    registered_at = models.DateTimeField(
        help_text="a session that began earlier is counted from its first packet on"
    )
    discovered = models.BooleanField(
        default=False, help_text="seen but not entered by staff: metered, never acted upon"
    )
    observe_only = models.BooleanField(default=False, help_text="metered, never acted upon")
    lacks_gigawords = models.BooleanField(default=False, help_text="32-bit counters that wrap at 4 GiB")
    interim_seconds = models.IntegerField(default=300)
    max_rate_mbps = models.IntegerField(default=10_000, help_text="faster than this is a metering fault")
    coa_per_second = models.IntegerField(default=50, help_text="pace of mass changes")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["peer", "identifier"], name="nas_identity")]


class Stream(models.Model):
    """One writer connection's run of the packet log. Its rows are numbered without gaps in commit order."""

    opened_at = models.DateTimeField()
    writer = models.TextField(help_text="process kind, host and pid")
    closed_at = models.DateTimeField(null=True)


class MeterPosition(models.Model):
    """How far the meter has folded a stream. Moves in the transaction that writes what was folded."""

    stream = models.OneToOneField(Stream, models.CASCADE, primary_key=True, related_name="+")
    seq = models.BigIntegerField(default=0)
    day = models.DateField()
    drained = models.BooleanField(default=False, help_text="the stream is closed and folded to its last row")


class PacketLog(models.Model):
    """A burst of accepted records, as `metering.records` packs them. Partitioned by day; written before it is acknowledged."""

    pk = models.CompositePrimaryKey("stream_id", "seq", "day")
    stream_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    day = models.DateField()
    received_at = models.DateTimeField()
    count = models.IntegerField()
    payload = models.BinaryField()

    class Meta:
        managed = False
        db_table = "metering_packetlog"


class RadiusSession(models.Model):
    """One connection in time. Counters are the router's, wraps joined; `base_*` is where counting began.

    `start_mark` and `last_mark` are seconds in the router's own clock (its Event-Timestamp, else our receipt): they tell a
    reused Acct-Session-Id from an old packet. `counted_until` is the wall time up to which its bytes have been placed.
    `hour_*` is the running hour, flushed to `UsageHour` when the hour is over.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.BinaryField(
        help_text="digest of NAS, Acct-Session-Id, user and login token: see metering.records"
    )
    nas = models.ForeignKey(Nas, models.PROTECT, related_name="+", db_index=False)
    service = models.ForeignKey(Service, models.PROTECT, null=True, related_name="+", db_index=False)
    username = models.TextField()
    acct_session_id = models.BinaryField(help_text="exactly the bytes the router sent")
    class_token = models.BinaryField(default=b"")
    calling_station = models.TextField(default="")
    nas_port_id = models.TextField(default="")
    framed_ip = models.GenericIPAddressField(null=True)
    framed_ipv6 = models.TextField(default="")
    state = models.SmallIntegerField(
        choices=[(s.value, s.name.lower()) for s in SessionState], default=SessionState.LIVE
    )
    started_at = models.DateTimeField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    counted_until = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)
    terminate_cause = models.SmallIntegerField(default=0)
    start_mark = models.BigIntegerField()
    last_mark = models.BigIntegerField()
    seconds = models.BigIntegerField(default=0)
    bytes_up = models.BigIntegerField(default=0)
    bytes_down = models.BigIntegerField(default=0)
    base_up = models.BigIntegerField(default=0)
    base_down = models.BigIntegerField(default=0)
    hour = models.IntegerField(default=0, help_text="hours since 1970, UTC")
    hour_up = models.BigIntegerField(default=0)
    hour_down = models.BigIntegerField(default=0)
    first_stream = models.BigIntegerField(default=0)
    first_seq = models.BigIntegerField(default=0)
    last_stream = models.BigIntegerField(default=0)
    last_seq = models.BigIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["key"], name="session_key"),
            models.Index(fields=["service", "id"], name="session_service"),
            models.Index(fields=["nas"], name="session_open", condition=models.Q(state__lt=3)),
            models.Index(
                fields=["framed_ip"],
                name="session_ip",
                condition=models.Q(state__lt=3, framed_ip__isnull=False),
            ),
            models.Index(
                fields=["framed_ipv6"],
                name="session_ipv6",
                condition=models.Q(state__lt=3) & ~models.Q(framed_ipv6=""),
            ),
            models.Index(BareMac("calling_station"), name="session_device", condition=models.Q(state__lt=3)),
        ]


class UsageHour(models.Model):
    """Bytes of a service in one UTC hour, without the running hour of live sessions (`RadiusSession.hour_*`).

    Partitioned by month: see `metering.actions.usage_hours`.
    """

    pk = models.CompositePrimaryKey("service_id", "hour")
    service_id = models.BigIntegerField()
    hour = models.IntegerField(help_text="hours since 1970, UTC")
    bytes_up = models.BigIntegerField()
    bytes_down = models.BigIntegerField()


class UsageDay(models.Model):
    """Bytes of a service in one day of the provider's zone; rolled up from the hours by the worker."""

    pk = models.CompositePrimaryKey("service_id", "day")
    service_id = models.BigIntegerField()
    day = models.DateField()
    bytes_up = models.BigIntegerField()
    bytes_down = models.BigIntegerField()


class Fault(models.Model):
    """Something a router reported that can't be true, or that can't be booked. Nothing of it is added or dropped silently."""

    kind = models.TextField(choices=[(k.value, k.value) for k in FaultKind])
    state = models.TextField(choices=[(k.value, k.value) for k in FaultState], default=FaultState.OPEN)
    nas = models.ForeignKey(Nas, models.CASCADE, null=True, related_name="+")
    session = models.ForeignKey(RadiusSession, models.CASCADE, null=True, related_name="+")
    username = models.TextField(blank=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    packets = models.BigIntegerField(default=1)
    held_up = models.BigIntegerField(default=0, help_text="bytes held apart")
    held_down = models.BigIntegerField(default=0)
    seconds = models.BigIntegerField(default=0, help_text="of the last doubtful record, as are the counters")
    counter_up = models.BigIntegerField(default=0)
    counter_down = models.BigIntegerField(default=0)
    detail = models.TextField(help_text="what was wrong, in words")
    record = models.BinaryField(null=True, help_text="the packed record, where it could not be folded")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "nas", "session", "username"],
                condition=models.Q(state="open"),
                nulls_distinct=False,
                name="fault_open",
            )
        ]


class Quarantine(models.Model):
    """Packets that were not accepted, one row per peer address and reason, with a sample of the raw bytes."""

    source = models.TextField(help_text="address the packets came from")
    port = models.TextField(help_text="authentication or accounting")
    reason = models.TextField()
    count = models.BigIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    sample = models.BinaryField(help_text="the last such packet, at most 4096 bytes")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "port", "reason"], name="quarantine_kind")]


class PacketSample(models.Model):
    """A small ring of raw packets per NAS, newest over oldest, for the engineer who needs the very bytes."""

    nas = models.ForeignKey(Nas, models.CASCADE, related_name="+")
    slot = models.SmallIntegerField()
    received_at = models.DateTimeField()
    raw = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["nas", "slot"], name="packetsample_slot")]
