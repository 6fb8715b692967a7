"""Orders of data, who may place them, and what customers are told on the way."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Lower, Reverse

from capstan.billing.models import Charge
from capstan.caps.models import Bucket, ThresholdCrossing
from capstan.catalog.models import TopUpOffer
from capstan.customers.models import Customer
from capstan.db.text import NameWords
from capstan.messaging.models import Inbound, Message
from capstan.messaging.rules.words import Medium
from capstan.services.models import Service
from capstan.topups.rules.words import (
    AutoOutcome,
    Channel,
    EntryState,
    NoticeState,
    OrderState,
    RemovedBecause,
    Restore,
)
from capstan.values.words import choices


class AccountRule(models.Model):
    """How a customer's orders are let through. No row: nobody is asked, and it goes on the invoice."""

    customer = models.OneToOneField(Customer, models.PROTECT, primary_key=True, related_name="+")
    needs_authorisation = models.BooleanField(default=False)
    pays_first = models.BooleanField(default=False)


class Authoriser(models.Model):
    """A person who may authorise a customer's top-ups: manager, owner or director."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    name = models.TextField()
    role = models.TextField()
    phone = models.TextField(help_text="E.164")
    limit_minor = models.BigIntegerField(null=True, help_text="of one order; empty: any amount")
    added_at = models.DateTimeField()
    added_by = models.TextField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["customer"], name="authoriser_customer"),
            models.Index(OpClass(Reverse("phone"), "text_pattern_ops"), name="authoriser_phone_end"),
            GinIndex(NameWords("name"), name="authoriser_words"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "phone"],
                condition=models.Q(removed_at=None),
                name="authoriser_phone",
            )
        ]


class LineRule(models.Model):
    """A line's spending ceilings per cycle, where they differ from the provider's setting."""

    service = models.OneToOneField(Service, models.PROTECT, primary_key=True, related_name="+")
    ceiling_minor = models.BigIntegerField(null=True, help_text="empty: the provider's")
    ceiling_bytes = models.BigIntegerField(null=True, help_text="empty: the provider's")


class AutoTopUp(models.Model):
    """Data that a line gets by itself: when, what, how often and up to how much, as somebody has agreed to (S4)."""

    service = models.OneToOneField(Service, models.PROTECT, primary_key=True, related_name="+")
    offer = models.ForeignKey(TopUpOffer, models.PROTECT, related_name="+")
    from_percent = models.SmallIntegerField(
        help_text="of the cap; one of the package's thresholds; 100: at the cap"
    )
    at_most = models.SmallIntegerField(help_text="times a cycle")
    ceiling_minor = models.BigIntegerField(
        null=True, help_text="a cycle, VAT included; empty: the line's own ceiling"
    )
    ceiling_bytes = models.BigIntegerField(null=True, help_text="a cycle; empty: the line's own ceiling")
    is_on = models.BooleanField(default=True)
    is_shown = models.BooleanField(default=True, help_text="in the portal; whether it acts is another matter")
    agreed_by = models.TextField(help_text="who agreed to being charged for it")
    agreed_channel = models.TextField(choices=choices(Channel))
    agreed_at = models.DateTimeField()
    set_by = models.TextField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(from_percent__gte=1, from_percent__lte=100, at_most__gte=1),
                name="autotopup_when",
            )
        ]


class AutoDeed(models.Model):
    """What an automatic top-up made of a threshold crossing, once for each."""

    crossing = models.OneToOneField(ThresholdCrossing, models.CASCADE, primary_key=True, related_name="+")
    service = models.ForeignKey(Service, models.CASCADE, related_name="+")
    outcome = models.TextField(choices=choices(AutoOutcome))
    why = models.TextField(blank=True)
    order = models.OneToOneField("Order", models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["service", "at"], name="autodeed_service")]


class ListEntry(models.Model):
    """A number or address on a line's notification list."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    medium = models.TextField(choices=choices(Medium))
    address = models.TextField(help_text="E.164, or an e-mail address")
    name = models.TextField(blank=True)
    language = models.TextField(default="en")
    from_percent = models.SmallIntegerField(
        help_text="it is told of the package's thresholds from this one on"
    )
    may_order = models.BooleanField(default=False)
    order_limit_minor = models.BigIntegerField(null=True, help_text="of one order; empty: any amount")
    state = models.TextField(choices=choices(EntryState), default=EntryState.UNCONFIRMED)
    is_paused = models.BooleanField(
        default=False, help_text="answered STOP: no notices of this line until START"
    )
    added_at = models.DateTimeField()
    added_by = models.TextField()
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.TextField(blank=True)
    heard_at = models.DateTimeField(null=True, help_text="when it last showed that it is in the right hands")
    removed_at = models.DateTimeField(null=True)
    removed_because = models.TextField(choices=choices(RemovedBecause), blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["address"], name="listentry_address"),
            models.Index(OpClass(Reverse("address"), "text_pattern_ops"), name="listentry_address_end"),
            models.Index(OpClass(Lower("address"), "text_pattern_ops"), name="listentry_address_start"),
            GinIndex(NameWords("name"), name="listentry_words"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["service", "address"], condition=~models.Q(state="removed"), name="listentry_once"
            )
        ]


class Order(models.Model):
    """A top-up that somebody asked for. One order grants at most one bucket and makes exactly one charge (I4)."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    channel = models.TextField(choices=choices(Channel))
    idempotency_key = models.TextField(unique=True)
    offer = models.ForeignKey(TopUpOffer, models.PROTECT, null=True, related_name="+")
    size_bytes = models.BigIntegerField()
    price_minor = models.BigIntegerField(help_text="what was told: VAT included")
    list_price_minor = models.BigIntegerField(help_text="what the catalogue asks for this size")
    valid_days = models.SmallIntegerField(null=True)
    never_expires = models.BooleanField(default=False)
    requested_by = models.TextField(help_text="who asked: the caller's name, or the number that replied")
    verified_how = models.TextField(blank=True, help_text="how an agent made sure of the caller")
    reply_to = models.TextField(blank=True, help_text="the number that ordered by SMS, E.164")
    reason = models.TextField(blank=True, help_text="of an arranged price, or of an exception")
    beyond_ceiling = models.BooleanField(
        default=False, help_text="somebody who may has allowed it, for this reason"
    )
    actor = models.TextField(help_text="who did it")
    actor_name = models.TextField(help_text="as the invoice line says it")
    created_at = models.DateTimeField()

    state = models.TextField(choices=choices(OrderState), default=OrderState.REQUESTED)
    expires_at = models.DateTimeField(null=True, help_text="until when it may wait")
    authorised_by = models.TextField(blank=True)
    paid_with = models.TextField(
        blank=True, help_text="how it was paid before its data was added: a receipt, the bank's reference"
    )
    told_to_pay_at = models.DateTimeField(
        null=True,
        help_text="of one that came by itself: when it was told where to pay; no card is charged for it then",
    )
    refused_because = models.TextField(blank=True)
    bucket = models.OneToOneField(Bucket, models.PROTECT, null=True, related_name="+")
    charge = models.OneToOneField(Charge, models.PROTECT, null=True, related_name="+")
    granted_at = models.DateTimeField(null=True)
    restore = models.TextField(choices=choices(Restore), blank=True)
    confirmed_at = models.DateTimeField(null=True)
    proved_at = models.DateTimeField(null=True)
    reversed_at = models.DateTimeField(null=True)
    reversed_bytes = models.BigIntegerField(default=0)
    reversed_minor = models.BigIntegerField(default=0)
    moved_from = models.OneToOneField("self", models.PROTECT, null=True, related_name="moved_to")
    follow_at = models.DateTimeField(null=True, help_text="when to look next whether the line is back")
    follow_lease = models.DateTimeField(null=True)
    needs_person = models.TextField(
        blank=True, help_text="why somebody has to look at it; empty: nobody has to"
    )

    class Meta:
        indexes = [
            models.Index(fields=["service", "created_at"], name="order_service"),
            models.Index(fields=["created_at"], name="order_created"),
            models.Index(
                fields=["follow_at"], name="order_follow", condition=models.Q(follow_at__isnull=False)
            ),
            models.Index(
                fields=["expires_at"],
                name="order_waiting",
                condition=models.Q(state__in=["awaiting authorisation", "awaiting payment"]),
            ),
            models.Index(fields=["created_at"], name="order_person", condition=~models.Q(needs_person="")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(size_bytes__gt=0, price_minor__gte=0), name="order_amounts"
            ),
            models.CheckConstraint(
                condition=models.Q(bucket__isnull=True, granted_at__isnull=True)
                | models.Q(bucket__isnull=False, granted_at__isnull=False),
                name="order_granted",
            ),
        ]


class OrderEvent(models.Model):
    """What happened to an order, in the words of the page; rows are added, never changed."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="events")
    at = models.DateTimeField()
    state = models.TextField(choices=choices(OrderState))
    actor = models.TextField()
    detail = models.TextField(blank=True)


class AuthorisationRequest(models.Model):
    """A waiting order was put to one of its authorisers, who answers `YES <code>` or opens the link."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="authorisation_requests")
    authoriser = models.ForeignKey(Authoriser, models.PROTECT, related_name="+")
    code = models.TextField(help_text="four digits; unique among the number's open requests")
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    is_approved = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "authoriser"], name="authorisationrequest_once"),
        ]


class Invitation(models.Model):
    """An occasion to order, such as a crossing: taken once, by whoever replies first."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    cause = models.TextField(
        unique=True, help_text="crossing:<id>, or inbound:<id> for a menu that was asked for"
    )
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    order = models.OneToOneField(Order, models.PROTECT, null=True, related_name="invitation")
    taken_by = models.TextField(blank=True, help_text="the number that replied")
    taken_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["service", "made_at"], name="invitation_service")]


class Menu(models.Model):
    """What one message offered: letters, sizes and prices as they were told, whatever the catalogue says since."""

    invitation = models.ForeignKey(Invitation, models.PROTECT, related_name="menus")
    entry = models.ForeignKey(ListEntry, models.PROTECT, related_name="+")
    message = models.OneToOneField(Message, models.PROTECT, related_name="+")
    address = models.TextField(help_text="the number it went to, E.164")
    lines = models.JSONField(
        help_text="[{letter, offer, size_bytes, price_minor, valid_days, never_expires}, …]"
    )
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["address", "made_at"], name="menu_address")]


class Notice(models.Model):
    """What became of a threshold crossing: told once (I7)."""

    crossing = models.OneToOneField(ThresholdCrossing, models.CASCADE, primary_key=True, related_name="+")
    service = models.ForeignKey(Service, models.CASCADE, related_name="+")
    state = models.TextField(choices=choices(NoticeState))
    at = models.DateTimeField()
    messages = models.SmallIntegerField(default=0)


class Answer(models.Model):
    """What was made of a reply: its reading and its outcome, for staff and for the next reply in the conversation."""

    inbound = models.OneToOneField(Inbound, models.CASCADE, primary_key=True, related_name="+")
    address = models.TextField()
    reading = models.TextField(help_text="pick, ask, balance, not understood, …")
    order = models.ForeignKey(Order, models.SET_NULL, null=True, related_name="+")
    message = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["address", "at"], name="answer_address")]
