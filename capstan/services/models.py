"""One connection that a customer buys, and what it needs to come up on any router."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from capstan.catalog.models import Package
from capstan.customers.models import Customer
from capstan.db.fields import EncryptedTextField
from capstan.services.rules import HoldKind, LoginBy, MacLock, ServiceStatus, Standing, Urgency


class ConnectionType(models.Model):
    """The provider's own list: wireless, fibre, ADSL, …"""

    code = models.TextField(unique=True)
    name = models.TextField()


class Service(models.Model):
    """A line.

    `username` is RADIUS User-Name, kept in lower case; the password is sealed, readable for CHAP.
    """

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    connection_type = models.ForeignKey(ConnectionType, models.PROTECT, related_name="+")
    username = models.TextField(unique=True)
    line_password = EncryptedTextField()
    nt_hash = EncryptedTextField(help_text="hex MD4 of the password in UTF-16, for MS-CHAPv2 (RFC 2759)")
    login_by = models.TextField(choices=[(k.value, k.value) for k in LoginBy], default=LoginBy.PASSWORD)
    status = models.TextField(
        choices=[(k.value, k.value) for k in ServiceStatus], default=ServiceStatus.ACTIVE
    )
    standing = models.TextField(choices=[(k.value, k.value) for k in Standing], default=Standing.POSTPAID)
    activated_at = models.DateTimeField(help_text="anniversary cycles count from here")
    ended_at = models.DateTimeField(null=True, help_text="billed until then")
    overage_consent = models.JSONField(
        null=True, help_text="who agreed to overage charges, when, by which channel"
    )
    checkout_until = models.DateTimeField(
        null=True, help_text="when its open `CheckoutWindow` ends, for whoever decides its access"
    )

    ipv4_address = models.GenericIPAddressField(protocol="IPv4", null=True, unique=True)
    ipv4_pool = models.TextField(blank=True)
    ipv4_routes = ArrayField(
        models.TextField(), default=list, help_text="Framed-Route texts (RFC 2865 §5.22)"
    )
    ipv6_prefix = models.TextField(blank=True, help_text="Framed-IPv6-Prefix (RFC 3162)")
    ipv6_pool = models.TextField(blank=True, help_text="Framed-IPv6-Pool")
    ipv6_delegated_prefix = models.TextField(blank=True, help_text="Delegated-IPv6-Prefix (RFC 4818)")
    ipv6_delegated_pool = models.TextField(blank=True, help_text="Delegated-IPv6-Prefix-Pool (RFC 6911)")
    mac_lock = models.TextField(choices=[(k.value, k.value) for k in MacLock], default=MacLock.OFF)
    mac_address = models.TextField(blank=True, help_text="12 hex digits, upper case")
    session_limit = models.SmallIntegerField(default=1, help_text="0 means unlimited")
    reply_extra = models.JSONField(
        default=list, help_text="[[attribute name, text value], …], checked against the dictionary"
    )

    class Meta:
        indexes = [
            models.Index(fields=["mac_address"], name="service_mac", condition=~models.Q(mac_address="")),
            models.Index(fields=["ipv6_prefix"], name="service_ipv6", condition=~models.Q(ipv6_prefix="")),
            models.Index(
                fields=["ipv6_delegated_prefix"],
                name="service_ipv6_delegated",
                condition=~models.Q(ipv6_delegated_prefix=""),
            ),
        ]


class PackageChange(models.Model):
    """From `starts_at` on the service has `package`. The latest one that has started is in force."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="package_changes")
    package = models.ForeignKey(Package, models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    made_at = models.DateTimeField()
    actor = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "starts_at"], name="packagechange_dated")]


class CheckoutWindow(models.Model):
    """A few minutes in which a capped or suspended line gets out, slowly, because somebody pays by card.

    `until` never moves. `closed_at` is the moment of the payment's result if that came earlier, else `until`.
    """

    service = models.ForeignKey(Service, models.PROTECT, related_name="+", db_index=False)
    opened_at = models.DateTimeField()
    until = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, help_text="empty: open, or its time was up a moment ago")
    cause = models.TextField(help_text="what is being paid, in a few words")

    class Meta:
        indexes = [models.Index(fields=["service", "opened_at"], name="checkoutwindow_day")]
        constraints = [
            models.UniqueConstraint(
                fields=["service"], condition=models.Q(closed_at__isnull=True), name="checkoutwindow_open"
            )
        ]


class AccessDue(models.Model):
    """The only wake-up of enforcement: this service's sessions are to be compared with what they should have.

    One row per service; raising it again bumps `version`, so that a worker clears only what it has seen.
    """

    service = models.OneToOneField(Service, models.CASCADE, primary_key=True, related_name="+")
    version = models.BigIntegerField(default=1)
    cause = models.TextField()
    raised_at = models.DateTimeField()
    urgency = models.SmallIntegerField(choices=[(u.value, u.name.lower()) for u in Urgency])
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["urgency", "due_at"], name="accessdue_due")]


class ServiceHold(models.Model):
    """Why a line is on hold. It is suspended while it has any; each kind of reason once, and whoever set it lifts it."""

    service = models.ForeignKey(Service, models.CASCADE, related_name="holds", db_index=False)
    kind = models.TextField(choices=[(k.value, k.value) for k in HoldKind])
    reason = models.TextField(blank=True)
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "kind"], name="servicehold_once")]
