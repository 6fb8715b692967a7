"""Gateways, what goes out and comes in by them, and the provider's own texts."""

from django.db import models
from django.db.models import Q

from capstan.db.fields import EncryptedTextField
from capstan.messaging.rules.words import GatewayKind, InboundState, Lane, Medium, MessageState, Reason


def _choices(
    words: type[Medium | MessageState | InboundState | GatewayKind | Reason],
) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ").capitalize() or "–") for word in words]


class Gateway(models.Model):
    """A way out, and in: a carrier's HTTP interface, a mail server, or the demo handset.

    `settings` are what its kind needs (see `rules.gateways`); `secrets`, sealed, are a JSON object with `password` for
    us towards it, `hook_token` and `hook_key` for it towards us.
    """

    name = models.TextField(
        unique=True, help_text="small letters, digits and dashes: a part of its addresses"
    )
    kind = models.TextField(choices=_choices(GatewayKind))
    medium = models.TextField(choices=_choices(Medium))
    settings = models.JSONField(default=dict)
    secrets = EncryptedTextField[str, str]()
    sender = models.TextField(
        blank=True, help_text="the number that answers come to, or the address mails are from"
    )
    two_way = models.BooleanField(default=False, help_text="answers to its messages reach us")
    per_second = models.IntegerField(default=10, help_text="messages it takes a second")
    parallel = models.SmallIntegerField(default=4, help_text="requests at a time, of one worker")
    cost_minor = models.IntegerField(default=0, help_text="of one segment, in minor units")
    priority = models.SmallIntegerField(default=10, help_text="the lowest goes first")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    slot_at = models.DateTimeField(null=True, help_text="when its next message may go, by its rate")
    paused_until = models.DateTimeField(null=True, help_text="left alone till then, after trouble")
    trouble = models.TextField(blank=True, help_text="why it doesn't work, in words; empty when it does")
    trouble_since = models.DateTimeField(null=True)
    troubles = models.IntegerField(default=0, help_text="failures since it last worked")
    poll_due_at = models.DateTimeField(null=True, help_text="when to ask it for what came in")
    poll_lease_until = models.DateTimeField(null=True)
    poll_cursors = models.JSONField(default=dict, help_text="how far it was read")
    polled_at = models.DateTimeField(null=True)
    poll_trouble = models.TextField(blank=True, help_text="why the last asking failed; empty when it didn't")


class Inbound(models.Model):
    """One SMS that came in. It is stored, then answered by whom it concerns.

    `sender` is E.164, or as it came where it can't be one: a short code or a name is a machine (`is_automatic`).
    """

    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="+")
    dedupe_key = models.TextField(help_text="the carrier's id, else made of sender, text and its time")
    sender = models.TextField()
    is_automatic = models.BooleanField(default=False)
    recipient = models.TextField(blank=True)
    text = models.TextField()
    carrier_id = models.TextField(blank=True)
    parent_carrier_id = models.TextField(
        blank=True, help_text="the carrier's id of the message that it answers"
    )
    sent_at = models.DateTimeField(null=True, help_text="by the carrier's clock")
    received_at = models.DateTimeField()
    times_received = models.IntegerField(default=1)
    state = models.TextField(choices=_choices(InboundState), default=InboundState.NEW)
    outcome = models.TextField(blank=True, help_text="what came of it, a sentence for staff")
    due_at = models.DateTimeField(null=True, help_text="empty once it is dealt with")
    lease_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    handled_by = models.TextField(blank=True, help_text="the person who dealt with it")
    note = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "dedupe_key"], name="inbound_once")]
        indexes = [
            models.Index(fields=["due_at"], name="inbound_due", condition=Q(due_at__isnull=False)),
            models.Index(
                fields=["received_at"], name="inbound_person", condition=Q(state=InboundState.NEEDS_PERSON)
            ),
            models.Index(fields=["sender", "received_at"], name="inbound_sender"),
            models.Index(fields=["received_at"], name="inbound_age"),
        ]


class Message(models.Model):
    """One SMS or e-mail to one person, with its words as they were sent: at most one for a cause (I7).

    `text` shows secret values masked; the words themselves are in `sealed_text` until the message has left.
    """

    medium = models.TextField(choices=_choices(Medium))
    recipient = models.TextField(help_text="E.164 number or e-mail address")
    template = models.TextField()
    values = models.JSONField(default=dict)
    language = models.TextField()
    brand_id = models.BigIntegerField(help_text="whose words and name it bears")
    brand_name = models.TextField()
    sender = models.TextField(blank=True, help_text="the brand's name as a sender of SMS")
    subject = models.TextField(help_text="what it is about, such as service:17")
    cause = models.TextField(help_text="why it was sent; never twice to the same address")
    lane = models.SmallIntegerField(choices=[(lane.value, lane.name.capitalize()) for lane in Lane])
    two_way = models.BooleanField(default=False, help_text="it expects an answer")
    in_reply_to = models.ForeignKey(Inbound, models.SET_NULL, null=True, related_name="+")
    repeat_of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    title = models.TextField(blank=True, help_text="the subject line of an e-mail")
    text = models.TextField()
    sealed_text = EncryptedTextField[str | None, str | None](null=True)
    encoding = models.TextField(blank=True)
    segments = models.SmallIntegerField(default=0)
    gateway = models.ForeignKey(Gateway, models.PROTECT, null=True, related_name="+")
    cost_minor = models.BigIntegerField(default=0, help_text="what it costs by its gateway, in minor units")
    state = models.TextField(choices=_choices(MessageState), default=MessageState.QUEUED)
    reason = models.TextField(choices=_choices(Reason), blank=True)
    detail = models.TextField(blank=True, help_text="what the gateway or receipt said")
    reference = models.TextField(
        unique=True, help_text="ours, which the gateway gets and a receipt may repeat"
    )
    carrier_id = models.TextField(blank=True)
    queued_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, help_text="when to try next; empty when it isn't queued")
    lease_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    may_have_left = models.BooleanField(default=False, help_text="a try went out and had no answer")
    sent_at = models.DateTimeField(null=True, help_text="when the gateway took it, or may have")
    finished_at = models.DateTimeField(null=True, help_text="when it became delivered, failed or superseded")
    handled_at = models.DateTimeField(null=True, help_text="a person has seen that it failed, or may have")
    handled_by = models.TextField(blank=True)
    note = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cause", "medium", "recipient"], name="message_once"),
        ]
        indexes = [
            models.Index(
                fields=["gateway", "lane", "due_at"], name="message_due", condition=Q(due_at__isnull=False)
            ),
            models.Index(
                fields=["lease_until"], name="message_leases", condition=Q(lease_until__isnull=False)
            ),
            models.Index(fields=["subject", "queued_at"], name="message_subject"),
            models.Index(fields=["recipient", "queued_at"], name="message_recipient"),
            models.Index(
                fields=["gateway", "carrier_id"], name="message_carrier", condition=~Q(carrier_id="")
            ),
            models.Index(fields=["sent_at"], name="message_sent", condition=Q(sent_at__isnull=False)),
            models.Index(fields=["finished_at"], name="message_reason", condition=~Q(reason="")),
            models.Index(
                fields=["queued_at"],
                name="message_person",
                condition=Q(state__in=(MessageState.FAILED, MessageState.UNCERTAIN), handled_at=None),
            ),
            models.Index(fields=["queued_at"], name="message_age"),
        ]


class Receipt(models.Model):
    """What a carrier said about a message after it took it, as it came. One that comes early waits for its message."""

    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="+")
    message = models.ForeignKey(Message, models.CASCADE, null=True, related_name="receipts")
    reference = models.TextField(blank=True)
    carrier_id = models.TextField(blank=True)
    status = models.TextField()
    error = models.TextField(blank=True)
    raw = models.JSONField(default=dict)
    received_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, help_text="when to look for its message again")
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "reference", "carrier_id", "status", "error"], name="receipt_once"
            )
        ]
        indexes = [
            models.Index(fields=["due_at"], name="receipt_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["received_at"], name="receipt_age"),
        ]


class TemplateEdit(models.Model):
    """The provider's own text from a time on, until the next edit. An empty body gives ours back.

    Without a brand it is for all brands that have none of their own.
    """

    code = models.TextField()
    medium = models.TextField(choices=_choices(Medium))
    language = models.TextField()
    brand_id = models.BigIntegerField(null=True)
    title = models.TextField(blank=True)
    body = models.TextField(blank=True)
    edited_at = models.DateTimeField()
    actor = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["code", "medium", "language", "edited_at"], name="templateedit_text")]


class BudgetAlarm(models.Model):
    """The month's SMS cost passed a share of the budget: noted once, shown until somebody has seen it."""

    month = models.DateField(help_text="its first day")
    percent = models.SmallIntegerField()
    budget_minor = models.BigIntegerField()
    spent_minor = models.BigIntegerField()
    raised_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)
    seen_by = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["month", "percent"], name="budgetalarm_once")]
