"""Money that came in and went back, what told us so, and where it is expected."""

from django.db import models

from capstan.billing.models import Credit
from capstan.billing.rules.words import Method
from capstan.catalog.models import Brand
from capstan.customers.models import Customer
from capstan.db.fields import EncryptedBinaryField, EncryptedTextField
from capstan.payments.rules.debit_orders.calendar import Instruction
from capstan.payments.rules.debit_orders.mandates import AccountType
from capstan.payments.rules.words import (
    ON_ITS_WAY,
    OPEN_CHECKOUTS,
    UNDECIDED,
    BankLineState,
    BatchState,
    CheckoutState,
    DebitState,
    GatewayKind,
    MandateState,
    NotificationState,
)
from capstan.values.words import choices


class Gateway(models.Model):
    """A payment gateway. Its secrets are sealed; notifications come to an address that holds `hook_token`'s hash."""

    name = models.TextField(unique=True)
    kind = models.TextField(choices=choices(GatewayKind))
    settings = models.JSONField(default=dict, help_text="where it is, and what else its kind knows")
    secrets = EncryptedTextField(help_text="JSON: keys of the merchant")
    hook_hash = models.TextField(unique=True)
    active = models.BooleanField(default=True)
    priority = models.SmallIntegerField(
        default=10, help_text="the lowest of the active ones takes new checkouts"
    )
    asked_until = models.DateTimeField(null=True, help_text="its own list of payments was read up to here")
    trouble = models.TextField(blank=True)
    trouble_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField()


class Payment(models.Model):
    """Money that a customer paid. What is left of it is its credit's; it only changes by being reversed or refunded."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    method = models.TextField(choices=choices(Method))
    amount_minor = models.BigIntegerField()
    received_on = models.DateField()
    reference = models.TextField(blank=True, help_text="the bank's words, the receipt's, the gateway's id")
    receipt_number = models.TextField()
    gateway = models.ForeignKey(Gateway, models.PROTECT, null=True, related_name="+")
    gateway_reference = models.TextField(blank=True)
    paid_into = models.TextField(help_text="the ledger's account: bank, cash, clearing payfast")
    credit = models.OneToOneField(Credit, models.PROTECT, related_name="+")
    refunded_minor = models.BigIntegerField(default=0)
    reversed_at = models.DateTimeField(null=True)
    reversed_because = models.TextField(blank=True)
    actor = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["customer", "received_on"], name="payment_customer"),
            models.Index(fields=["received_on", "id"], name="payment_day"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "gateway_reference"],
                condition=models.Q(gateway__isnull=False),
                name="payment_once",
            ),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="payment_amount"),
            models.CheckConstraint(
                condition=models.Q(refunded_minor__gte=0, refunded_minor__lte=models.F("amount_minor")),
                name="payment_refunded",
            ),
        ]


class Checkout(models.Model):
    """Somebody went to a gateway to pay. `token` is our id there; the price is pinned here."""

    token = models.TextField(unique=True)
    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    purpose = models.TextField(help_text="order:17, invoice:4 or account")
    invoices = models.JSONField(
        default=list, help_text="ids of those that it pays, in this order; empty: the oldest first"
    )
    amount_minor = models.BigIntegerField()
    item = models.TextField(help_text="as the gateway's page names it")
    state = models.TextField(choices=choices(CheckoutState), default=CheckoutState.STARTED)
    started_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    payment = models.OneToOneField(Payment, models.PROTECT, null=True, related_name="checkout")
    kept_by = models.TextField(
        blank=True, help_text="who agreed to the card being stored; empty: nobody did, and it isn't"
    )
    kept_channel = models.TextField(blank=True, help_text="by which channel")
    card = models.ForeignKey(
        "StoredCard",
        models.PROTECT,
        null=True,
        related_name="charges",
        help_text="charged without its holder",
    )
    key = models.TextField(
        null=True, unique=True, help_text="of a charge: what it is for and which try, so that it is made once"
    )
    why = models.TextField(blank=True, help_text="of a charge: what the gateway said, or didn't")
    reference = models.TextField(
        blank=True, help_text="of a charge that takes days: the gateway's id, to ask for it"
    )
    told_at = models.DateTimeField(null=True, help_text="when the customer was told that a charge failed")
    actor = models.TextField()

    class Meta:
        indexes = [
            models.Index(fields=["customer", "started_at"], name="checkout_customer"),
            models.Index(
                fields=["started_at"], name="checkout_asked", condition=models.Q(state__in=OPEN_CHECKOUTS)
            ),
            models.Index(
                fields=["id"],
                name="checkout_charge",
                condition=models.Q(card__isnull=False, state__in=UNDECIDED),
            ),
            models.Index(
                fields=["id"],
                name="checkout_untold",
                condition=models.Q(card__isnull=False, state=CheckoutState.FAILED, told_at__isnull=True),
            ),
            models.Index(fields=["purpose"], name="checkout_purpose"),
            models.Index(
                fields=["expires_at"], name="checkout_open", condition=models.Q(state__in=OPEN_CHECKOUTS)
            ),
            models.Index(fields=["id"], name="checkout_short", condition=models.Q(state=CheckoutState.SHORT)),
        ]


class StoredCard(models.Model):
    """A card that a customer lets us charge without him. The gateway has it; we have a word that stands for it there.

    A customer has one at a time. Removed, its token is forgotten here.
    """

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="+")
    token = EncryptedTextField(help_text="empty once it is removed")
    brand = models.TextField(blank=True, help_text="empty: the gateway doesn't say")
    last4 = models.TextField(blank=True)
    expires_on = models.DateField(null=True, help_text="the first day on which it is no good")
    checkout = models.OneToOneField(
        Checkout, models.PROTECT, related_name="stored_card", help_text="the payment with which it came"
    )
    agreed_by = models.TextField(help_text="who agreed to its being charged")
    agreed_channel = models.TextField()
    agreed_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    removed_by = models.TextField(blank=True)
    removed_because = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer"], condition=models.Q(removed_at__isnull=True), name="storedcard_one"
            ),
        ]


class Notification(models.Model):
    """What a gateway told us, as it came: stored before it is looked at, and kept whatever it was; sealed, as it may name what
    stands for a card."""

    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="+")
    body = EncryptedBinaryField()
    headers = models.JSONField(default=dict)
    source = models.TextField(help_text="the address that it came from; empty: we asked")
    received_at = models.DateTimeField()
    state = models.TextField(choices=choices(NotificationState), default=NotificationState.WAITING)
    event_key = models.TextField(null=True, help_text="the event's own id: applied once")
    amount_minor = models.BigIntegerField(null=True, help_text="as it says")
    why = models.TextField(blank=True)
    checkout = models.ForeignKey(Checkout, models.PROTECT, null=True, related_name="+")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="+")
    attempts = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, help_text="when to look at it; empty: that is over")
    lease_until = models.DateTimeField(null=True)
    looked_after_by = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"], name="notification_due", condition=models.Q(due_at__isnull=False)
            ),
            models.Index(fields=["received_at"], name="notification_received"),
            models.Index(
                fields=["id"],
                name="notification_person",
                condition=models.Q(state__in=("refused", "unknown payment"), looked_after_by=""),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "event_key"],
                condition=models.Q(state__in=("applied", "unknown payment")),
                name="notification_once",
            )
        ]


class Refund(models.Model):
    """Money that went back to a customer out of a payment."""

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    amount_minor = models.BigIntegerField()
    how = models.TextField()
    reason = models.TextField()
    state = models.TextField(default="done", help_text="sending, done, failed, uncertain")
    answer = models.TextField(blank=True)
    taken_from = models.JSONField(
        default=list, help_text="[[credit's id, amount], …]: the customer's credits that it came out of"
    )
    actor = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["id"], name="refund_unclear", condition=models.Q(state__in=("sending", "uncertain"))
            )
        ]


class BankImport(models.Model):
    """A statement that was read in, whole or not at all."""

    file_name = models.TextField()
    account = models.TextField(help_text="which of the provider's bank accounts")
    sha256 = models.TextField()
    lines_new = models.IntegerField()
    lines_known = models.IntegerField()
    actor = models.TextField()
    made_at = models.DateTimeField()


class BankLine(models.Model):
    """A line of a bank statement, once, however often statements overlap. Stored with its statement, then booked by itself."""

    source = models.ForeignKey(BankImport, models.PROTECT, related_name="lines")
    fingerprint = models.TextField(unique=True)
    booked_on = models.DateField()
    amount_minor = models.BigIntegerField()
    text = models.TextField()
    reference = models.TextField(blank=True)
    state = models.TextField(choices=choices(BankLineState))
    why = models.TextField(blank=True, help_text="how it was matched, or why it wasn't")
    suggested = models.ForeignKey(Customer, models.PROTECT, null=True, related_name="+")
    payment = models.OneToOneField(Payment, models.PROTECT, null=True, related_name="bank_line")
    placed = models.TextField(
        blank=True, help_text="the ledger's account in which it was before, such as clearing payfast"
    )
    fee_minor = models.BigIntegerField(
        default=0, help_text="what was kept of it on its way, and booked with it"
    )
    moves = models.SmallIntegerField(default=0, help_text="how often it was placed, set aside or put back")
    took_back = models.OneToOneField(
        Payment,
        models.PROTECT,
        null=True,
        related_name="returned_by",
        help_text="the payment that it returned",
    )
    paid_out = models.OneToOneField(
        Refund,
        models.PROTECT,
        null=True,
        related_name="bank_line",
        help_text="the refund that went out by it",
    )

    class Meta:
        indexes = [
            models.Index(fields=["booked_on", "id"], name="bankline_day"),
            models.Index(
                fields=["booked_on"], name="bankline_unmatched", condition=models.Q(state="unmatched")
            ),
            models.Index(fields=["id"], name="bankline_waiting", condition=models.Q(state="waiting")),
        ]


class MatchRule(models.Model):
    """Words of a bank's text that mean this customer, or this account of the books, learnt from a line that somebody matched."""

    words = models.JSONField()
    customer = models.ForeignKey(Customer, models.PROTECT, null=True, related_name="+")
    account = models.TextField(blank=True, help_text="where such money was before; empty: it is a customer's")
    actor = models.TextField()
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(customer__isnull=False, account="")
                | models.Q(customer__isnull=True) & ~models.Q(account=""),
                name="matchrule_means",
            )
        ]


class CashUp(models.Model):
    """A till counted at the end of somebody's day."""

    actor = models.TextField()
    day = models.DateField()
    expected_minor = models.BigIntegerField()
    counted_minor = models.BigIntegerField()
    remark = models.TextField(blank=True)
    banked_minor = models.BigIntegerField(default=0)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["actor", "day"], name="cashup_once")]


# --- debit orders -------------------------------------------------------------------------------------------


class DebitOrderPolicy(models.Model):
    """How a brand collects by debit order. A brand without a row doesn't."""

    brand = models.OneToOneField(Brand, models.PROTECT, primary_key=True, related_name="+")
    service_key = EncryptedTextField(help_text="Netcash's key of the debit-order service")
    vendor_key = EncryptedTextField(help_text="Netcash's key of the software's vendor")
    instruction = models.TextField(choices=choices(Instruction), default=Instruction.TWO_DAY)
    action_day = models.SmallIntegerField(
        default=1, help_text="what a mandate's form begins with; 31: the last"
    )
    fee_minor = models.BigIntegerField(default=0, help_text="charged for one that came back; 0: nothing")
    again_after_days = models.SmallIntegerField(
        null=True, help_text="from the day it came back, for lack of money, to the second try; empty: none"
    )


class Mandate(models.Model):
    """A customer's word that his account may be debited. Its bank details never change: another mandate replaces it."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    reference = models.TextField(
        unique=True, help_text="on the customer's bank statement, and in what comes back"
    )
    holder = models.TextField()
    bank_name = models.TextField()
    branch_code = models.TextField()
    account_number = EncryptedTextField()
    account_type = models.TextField(choices=choices(AccountType))
    max_minor = models.BigIntegerField(null=True, help_text="the most that one debit order may be")
    action_day = models.SmallIntegerField(help_text="1 to 28; 31: the month's last day")
    state = models.TextField(choices=choices(MandateState), default=MandateState.DRAFTED)
    entered_by = models.TextField()
    entered_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, help_text="the form went out to be signed")
    signed_on = models.DateField(null=True)
    signed_by = models.TextField(blank=True, help_text="the name below the form")
    approved_by = models.TextField(blank=True, help_text="never who entered it")
    approved_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True, help_text="suspended, cancelled or replaced since")
    ended_by = models.TextField(blank=True)
    ended_because = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["customer"], name="mandate_customer")]
        constraints = [
            models.UniqueConstraint(
                fields=["customer"], condition=models.Q(state=MandateState.ACTIVE), name="mandate_active_once"
            ),
            models.CheckConstraint(
                condition=models.Q(approved_by="") | ~models.Q(approved_by=models.F("entered_by")),
                name="mandate_second_person",
            ),
        ]


class DebitBatch(models.Model):
    """Debit orders of one brand and action date. Its file never changes once it is made."""

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+")
    action_date = models.DateField()
    instruction = models.TextField(choices=choices(Instruction))
    state = models.TextField(choices=choices(BatchState), default=BatchState.PROPOSED)
    total_minor = models.BigIntegerField(default=0, help_text="of the file")
    file = EncryptedTextField(null=True, help_text="as it goes to Netcash: it holds account numbers")
    sha256 = models.TextField(blank=True)
    proposed_by = models.TextField()
    proposed_at = models.DateTimeField()
    made_by = models.TextField(blank=True)
    made_at = models.DateTimeField(null=True)
    submitted_by = models.TextField(blank=True)
    submitted_at = models.DateTimeField(null=True)
    dropped_because = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["brand"],
                condition=models.Q(state=BatchState.PROPOSED),
                name="debitbatch_proposed_once",
            )
        ]


class DebitItem(models.Model):
    """One customer in a batch: a debit order, or why there is none."""

    batch = models.ForeignKey(DebitBatch, models.PROTECT, related_name="items")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    mandate = models.ForeignKey(Mandate, models.PROTECT, null=True, related_name="items")
    amount_minor = models.BigIntegerField()
    invoices = models.JSONField(default=list, help_text="ids of those that it pays, in this order")
    state = models.TextField(choices=choices(DebitState))
    why = models.TextField(blank=True, help_text="it was left out; or what kept it from being booked")
    left_out_by = models.TextField(blank=True, help_text="a person; empty: the rules did")
    repeats = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        related_name="repeated_by",
        help_text="the one that came back before",
    )
    payment = models.OneToOneField(Payment, models.PROTECT, null=True, related_name="debit_item")
    returned_on = models.DateField(null=True)
    return_code = models.TextField(blank=True)
    return_reason = models.TextField(blank=True)
    again_on = models.DateField(null=True, help_text="it may be tried again from this day on, once")

    class Meta:
        indexes = [
            models.Index(fields=["batch", "state", "id"], name="debititem_batch"),
            models.Index(fields=["mandate"], name="debititem_mandate"),
            models.Index(fields=["id"], name="debititem_sent", condition=models.Q(state=DebitState.SENT)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["batch", "customer"], name="debititem_once"),
            models.UniqueConstraint(
                fields=["customer"], condition=models.Q(state__in=ON_ITS_WAY), name="debititem_on_its_way"
            ),
            models.CheckConstraint(condition=models.Q(amount_minor__gte=0), name="debititem_amount"),
        ]


class DebitResults(models.Model):
    """A file of results that was read in, and what came of it."""

    file_name = models.TextField()
    sha256 = models.TextField()
    lines = models.IntegerField()
    paid = models.IntegerField(default=0)
    returned = models.IntegerField(default=0)
    known = models.IntegerField(default=0)
    problems = models.JSONField(default=list, help_text="sentences: what could not be booked")
    actor = models.TextField()
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="empty: it broke off, read it in again")
    looked_after_by = models.TextField(blank=True, help_text="who saw to the problems")
