"""What the network was told and what it answered."""

from django.db import models

from capstan.metering.models import Nas, RadiusSession
from capstan.network.rules.words import AccessKind, CommandKind, CommandState
from capstan.services.models import Service


class SessionAccess(models.Model):
    """The access a session last got: from its Accept (the Class token told) or from the last CoA-ACK. No row: unknown.

    `confirmed_at` is when the router acknowledged; `proved_at` is its first packet that was folded after that.
    """

    session = models.OneToOneField(RadiusSession, models.CASCADE, primary_key=True, related_name="+")
    service = models.ForeignKey(Service, models.CASCADE, related_name="+")
    access_hash = models.BinaryField(help_text="8 bytes: see network.rules.access")
    kind = models.TextField(choices=[(k.value, k.value) for k in AccessKind], blank=True)
    quota_bytes = models.BigIntegerField(
        null=True, help_text="counted bytes of the session at which the router will cut; empty: no quota"
    )
    confirmed_at = models.DateTimeField()
    proved_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["session"], name="sessionaccess_unproved", condition=models.Q(proved_at__isnull=True)
            ),
        ]


class Command(models.Model):
    """One CoA or Disconnect-Request: intent committed before it is sent, outcome after."""

    service = models.ForeignKey(Service, models.CASCADE, related_name="+", db_index=False)
    session = models.ForeignKey(RadiusSession, models.CASCADE, related_name="+")
    nas = models.ForeignKey(Nas, models.CASCADE, related_name="+", db_index=False)
    kind = models.TextField(choices=[(k.value, k.value) for k in CommandKind])
    state = models.TextField(choices=[(k.value, k.value) for k in CommandState], default=CommandState.SENDING)
    access_kind = models.TextField(choices=[(k.value, k.value) for k in AccessKind])
    access_hash = models.BinaryField()
    cause = models.TextField()
    raised_at = models.DateTimeField(help_text="when the reason for it arose")
    sent_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    proved_at = models.DateTimeField(null=True, help_text="the session's first packet after a CoA-ACK")
    error_cause = models.IntegerField(null=True, help_text="Error-Cause (RFC 5176 §3.5)")
    detail = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["service", "sent_at"], name="command_service")]


class LoginFailure(models.Model):
    """A login that was refused, with the reason in words; unknown usernames too. Repeats in an hour are counted."""

    username = models.TextField()
    service = models.ForeignKey(Service, models.CASCADE, null=True, related_name="+")
    nas = models.ForeignKey(Nas, models.CASCADE, null=True, related_name="+")
    calling_station = models.TextField(blank=True)
    reason = models.TextField()
    hour = models.IntegerField(help_text="hours since 1970, UTC")
    count = models.BigIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["username", "nas", "calling_station", "reason", "hour"],
                nulls_distinct=False,
                name="loginfailure_hour",
            )
        ]
        indexes = [models.Index(fields=["service", "last_at"], name="loginfailure_service")]
