"""What customers owe for, before and after it is on an invoice, and what has paid for it."""

from django.db import models

from capstan.billing.rules.dunning import DEFAULT_STEPS, HoldKind, rows_of
from capstan.billing.rules.words import (
    ChargeKind,
    ImportState,
    InvoiceKind,
    ItemState,
    Method,
    RunState,
    SeriesKind,
    Timing,
    Told,
    TopUpInvoicing,
)  # fmt: skip
from capstan.catalog.models import Brand, Package, TaxGroup
from capstan.customers.models import Customer
from capstan.services.models import Service
from capstan.values.words import choices


class BillingPolicy(models.Model):
    """How a brand bills, unless a customer's terms say otherwise. A brand without a row has these defaults."""

    brand = models.OneToOneField(Brand, models.PROTECT, primary_key=True, related_name="+")
    billing_day = models.SmallIntegerField(default=1, help_text="1 to 28; 31: the month's last day")
    by_anniversary = models.BooleanField(default=False, help_text="the day on which somebody became a customer")  # fmt: skip
    timing = models.TextField(choices=choices(Timing), default=Timing.ADVANCE)
    due_days = models.SmallIntegerField(default=7)
    top_ups = models.TextField(choices=choices(TopUpInvoicing), default=TopUpInvoicing.NEXT)
    group_top_ups = models.BooleanField(default=False, help_text="one line for each service's top-ups")
    pays_first_after_days = models.SmallIntegerField(
        null=True,
        default=30,
        help_text="who is overdue for longer pays top-ups first; empty: nobody does for that",
    )
    prepaid_lead_days = models.SmallIntegerField(default=5, help_text="so long before, a period is asked for")
    preview_days = models.SmallIntegerField(
        default=3, help_text="how long before the billing day a run is previewed"
    )
    issues_by_itself = models.BooleanField(
        default=False, help_text="on the billing day, a run is issued without anybody's say"
    )


class BillingTerms(models.Model):
    """A customer's own terms, where he has any, and what the bill run has to know. Its row is the lock on his money."""

    customer = models.OneToOneField(Customer, models.PROTECT, primary_key=True, related_name="+")
    billing_day = models.SmallIntegerField(help_text="1 to 28; 31: the month's last day")
    timing = models.TextField(choices=choices(Timing), null=True, help_text="empty: the brand's")
    due_days = models.SmallIntegerField(null=True, help_text="empty: the brand's")
    top_ups = models.TextField(choices=choices(TopUpInvoicing), null=True, help_text="empty: the brand's")
    group_top_ups = models.BooleanField(null=True, help_text="empty: the brand's")
    method = models.TextField(choices=choices(Method), default=Method.EFT)
    former_day = models.SmallIntegerField(null=True, help_text="the billing day before it was changed")
    day_since = models.DateField(
        null=True, help_text="until then the former one has billed: a border of its periods"
    )
    bills_from = models.DateField(
        help_text="the first day that Capstan charges for; earlier ones were somebody else's"
    )
    next_bill_on = models.DateField(help_text="the next billing day that wasn't billed")
    is_paused = models.BooleanField(default=False, help_text="left out of bill runs")
    prepaid_from = models.DateField(null=True, help_text="periods from this day on cost nothing unpaid")
    prepaid_until = models.DateField(null=True, help_text="the first day that isn't so any more")
    debit_returned_on = models.DateField(null=True, help_text="one came back: he pays top-ups first")

    class Meta:
        indexes = [models.Index(fields=["next_bill_on"], name="billingterms_next")]


class Series(models.Model):
    """Numbers without gaps: taken in the transaction that makes the document."""

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+")
    kind = models.TextField(choices=choices(SeriesKind))
    prefix = models.TextField(blank=True)
    width = models.SmallIntegerField(default=7)
    next_number = models.BigIntegerField(default=1)
    reached = models.JSONField(
        default=dict, help_text="by former prefixes: the number that would have been next"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "kind"], name="series_once")]


class BillRun(models.Model):
    """The invoices of one brand's billing day: previewed, looked at, issued."""

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+")
    billing_day = models.DateField()
    state = models.TextField(choices=choices(RunState), default=RunState.PREVIEWING)
    made_at = models.DateTimeField()
    made_by = models.TextField()
    previewed_at = models.DateTimeField(null=True)
    issue_from = models.DateTimeField(null=True, help_text="somebody said so, or it goes by itself from here on")  # fmt: skip
    issued_by = models.TextField(blank=True)
    issued_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "billing_day"], name="billrun_once")]


class Invoice(models.Model):
    """An issued document. It never changes, but for `open_minor` and what a proforma came to; credit notes correct it."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+")
    kind = models.TextField(choices=choices(InvoiceKind))
    number = models.TextField()
    issued_on = models.DateField()
    due_on = models.DateField()
    period_first = models.DateField(null=True)
    period_end = models.DateField(null=True, help_text="the first day after it")
    net_minor = models.BigIntegerField()
    vat_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    open_minor = models.BigIntegerField(help_text="of an invoice: its total less what was allocated to it")
    says_vat = models.BooleanField(help_text="the brand was registered for VAT")
    parties = models.JSONField(help_text="issuer and recipient as they were: names, lines, numbers")
    reason = models.TextField(blank=True, help_text="of a credit note")
    credits = models.ForeignKey("self", models.PROTECT, null=True, related_name="credit_notes")
    reference = models.TextField(null=True, unique=True, help_text="what it is for, such as order:17; once")
    fulfilled_by = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, help_text="a proforma that nobody has to pay any more")
    run = models.ForeignKey(BillRun, models.PROTECT, null=True, related_name="+")
    actor = models.TextField()
    issued_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["customer", "issued_on"], name="invoice_customer"),
            models.Index(fields=["customer", "due_on"], name="invoice_open", condition=models.Q(open_minor__gt=0)),
            models.Index(fields=["issued_on", "id"], name="invoice_issued"),
            models.Index(fields=["due_on"], name="invoice_due", condition=models.Q(open_minor__gt=0)),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(fields=["brand", "kind", "number"], name="invoice_number"),
            models.CheckConstraint(
                condition=models.Q(total_minor=models.F("net_minor") + models.F("vat_minor")),
                name="invoice_total",
            ),
            models.CheckConstraint(
                condition=models.Q(open_minor__gte=0, open_minor__lte=models.F("total_minor")),
                name="invoice_open_part",
            ),
        ]


class InvoiceLine(models.Model):
    """A line as it was issued; its VAT was worked out then."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="lines")
    position = models.SmallIntegerField()
    text = models.TextField()
    details = models.JSONField(default=list)
    service = models.ForeignKey(Service, models.PROTECT, null=True, related_name="+")
    kind = models.TextField(choices=choices(ChargeKind))
    amount_minor = models.BigIntegerField(help_text="VAT included")
    vat_minor = models.BigIntegerField()
    rate_bp = models.IntegerField()
    tax_name = models.TextField(blank=True)
    tax_group = models.ForeignKey(
        TaxGroup, models.PROTECT, null=True, related_name="+", help_text="empty: the default one"
    )
    supplied_from = models.DateField()
    supplied_to = models.DateField()
    replaces = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="the credited line in whose place it was issued again",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["invoice", "position"], name="invoiceline_once")]


class LineCredit(models.Model):
    """A line of a credit note gives back a line of an invoice, or a part of it."""

    note_line = models.OneToOneField(InvoiceLine, models.PROTECT, primary_key=True, related_name="+")
    line = models.ForeignKey(InvoiceLine, models.PROTECT, related_name="+")


class PrepaidPeriod(models.Model):
    """What a customer is to pay ahead: these services, in this period. Open until it is paid or withdrawn; what his credit covers
    has no request. Released: the services' lines know that it is paid."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    first = models.DateField()
    end = models.DateField(help_text="the first day after it")
    services = models.JSONField(help_text="ids")
    reference = models.TextField(unique=True, help_text="such as prepaid:7:2026-12-01; asked for once")
    request = models.OneToOneField(Invoice, models.PROTECT, null=True, related_name="+")
    invoice = models.OneToOneField(
        Invoice,
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="what it became; none where all is free",
    )
    told = models.TextField(blank=True, choices=choices(Told), help_text="what the customer heard of it last")
    made_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["customer", "first"], name="prepaidperiod_customer"),
            models.Index(
                fields=["customer"],
                name="prepaidperiod_open",
                condition=models.Q(paid_at__isnull=True, withdrawn_at__isnull=True),
            ),
            models.Index(
                fields=["id"],
                name="prepaidperiod_unreleased",
                condition=models.Q(paid_at__isnull=False, released_at__isnull=True),
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(end__gt=models.F("first")), name="prepaidperiod_dates")
        ]


class Charge(models.Model):
    """Something sold, at the price that was told: minor units of the provider's currency, VAT included.

    A charge is never edited: an invoice's line takes it up once, that is all. What is given back is another one with a
    negative amount that names the first.
    """

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    service = models.ForeignKey(Service, models.PROTECT, null=True, related_name="+")
    kind = models.TextField(choices=choices(ChargeKind))
    description = models.TextField(help_text="the line's text on the invoice")
    amount_minor = models.BigIntegerField()
    occurred_at = models.DateTimeField(help_text="the day of supply: its VAT rate is due")
    tax_group = models.ForeignKey(
        TaxGroup, models.PROTECT, null=True, related_name="+", help_text="empty: the default"
    )
    reference = models.TextField(unique=True, help_text="what it is for, such as order:17; charged once")
    paid_with = models.TextField(
        blank=True, help_text="how it was paid before it was made; the invoice's line says so"
    )
    returns = models.ForeignKey("self", models.PROTECT, null=True, related_name="given_back")
    package = models.ForeignKey(Package, models.PROTECT, null=True, related_name="+", help_text="of a subscription")  # fmt: skip
    covers_first = models.DateField(null=True)
    covers_end = models.DateField(null=True, help_text="the first day after it")
    line = models.ForeignKey(InvoiceLine, models.PROTECT, null=True, related_name="charges")
    actor = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["customer", "occurred_at"], name="charge_customer"),
            models.Index(fields=["service", "occurred_at"], name="charge_service"),
            models.Index(fields=["customer"], name="charge_open", condition=models.Q(line__isnull=True)),
            models.Index(
                fields=["service", "covers_first"],
                name="charge_covers",
                condition=models.Q(covers_first__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(returns__isnull=True, amount_minor__gte=0)
                | models.Q(returns__isnull=False, amount_minor__lte=0)
                | models.Q(kind=ChargeKind.DISCOUNT),
                name="charge_sign",
            )
        ]


class Discount(models.Model):
    """So much off a line's subscription, for the periods that begin in these dates."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    text = models.TextField(help_text="as the invoice says it")
    percent_bp = models.IntegerField(null=True, help_text="in hundredths of a percent")
    amount_minor = models.BigIntegerField(null=True, help_text="a period, VAT included")
    first = models.DateField()
    end = models.DateField(null=True, help_text="the first day without it; empty: until it is ended")
    actor = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["service"], name="discount_service")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(percent_bp__gt=0, percent_bp__lte=10000, amount_minor__isnull=True)
                | models.Q(percent_bp__isnull=True, amount_minor__gt=0),
                name="discount_amount",
            )
        ]


class Credit(models.Model):
    """Money that is the customer's: a payment, a credit note, what was written off. Invoices are paid from here."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    source = models.TextField(unique=True, help_text="what it is, such as payment:17")
    amount_minor = models.BigIntegerField()
    left_minor = models.BigIntegerField(help_text="not allocated and not taken back")
    kept_for = models.TextField(blank=True, help_text="what it was paid for, such as order:17; nothing else gets it")  # fmt: skip
    received_on = models.DateField()
    made_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["customer"], name="credit_left", condition=models.Q(left_minor__gt=0))
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(left_minor__gte=0, left_minor__lte=models.F("amount_minor")),
                name="credit_left_part",
            )
        ]


class Allocation(models.Model):
    """So much of a credit pays so much of an invoice. Taken back by a row with the amount below zero."""

    credit = models.ForeignKey(Credit, models.PROTECT, related_name="allocations")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="allocations")
    amount_minor = models.BigIntegerField()
    occurred_on = models.DateField()
    actor = models.TextField()
    made_at = models.DateTimeField()


class BillRunItem(models.Model):
    """One customer in a run: what the preview said, and what came of it. Issued in the transaction of its invoices."""

    run = models.ForeignKey(BillRun, models.PROTECT, related_name="items")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    state = models.TextField(choices=choices(ItemState), default=ItemState.WAITING)
    preview_minor = models.BigIntegerField(null=True)
    last_minor = models.BigIntegerField(null=True, help_text="the run before")
    issued_minor = models.BigIntegerField(null=True)
    asked_minor = models.BigIntegerField(null=True, help_text="asked for ahead, apart from invoices")
    remarks = models.JSONField(default=list, help_text="what somebody should look at")
    problem = models.TextField(blank=True)
    invoice = models.ForeignKey(Invoice, models.PROTECT, null=True, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["run", "state", "id"], name="billrunitem_state"),
            models.Index(fields=["id"], name="billrunitem_failed", condition=models.Q(state=ItemState.FAILED)),
        ]  # fmt: skip
        constraints = [models.UniqueConstraint(fields=["run", "customer"], name="billrunitem_once")]


class StoredDocument(models.Model):
    """A document's PDF as it first left the house. Its bytes never change."""

    source = models.TextField(unique=True, help_text="invoice:17, receipt:4, statement:17:2026-01-01:2026-02-01")  # fmt: skip
    pdf = models.BinaryField()
    sha256 = models.TextField()
    made_at = models.DateTimeField()


def _default_steps() -> list[dict[str, object]]:
    return rows_of(DEFAULT_STEPS)


class DunningPolicy(models.Model):
    """How a brand chases debt. A brand without a row chases nobody, and says nothing of invoices."""

    brand = models.OneToOneField(Brand, models.PROTECT, primary_key=True, related_name="+")
    steps = models.JSONField(default=_default_steps, help_text="[{code, days, deed}, …], by rising days")
    least_minor = models.BigIntegerField(default=5000, help_text="less than that overdue isn't chased")
    grace_days = models.SmallIntegerField(default=0)
    warn_days = models.SmallIntegerField(default=2, help_text="from the warning to the suspension, at the least")  # fmt: skip
    skip_weekends = models.BooleanField(default=True, help_text="and public holidays, for suspension")
    reminders_skip = models.BooleanField(default=False, help_text="the same for what is only said")
    country = models.TextField(blank=True, help_text="whose public holidays; empty: the provider's")
    suspends = models.BooleanField(default=True)
    since = models.DateTimeField(help_text="invoices issued before aren't announced")


class DunningState(models.Model):
    """How far a customer's debt is chased. The episode is empty while not enough is overdue to be worth it."""

    customer = models.OneToOneField(Customer, models.PROTECT, primary_key=True, related_name="+")
    episode_since = models.DateField(null=True)
    last_step = models.TextField(blank=True)
    last_days = models.SmallIntegerField(null=True, help_text="the last step's, should it be renamed")
    last_step_on = models.DateField(null=True)
    warned_on = models.DateField(null=True, help_text="in this episode")
    failed_warnings = models.SmallIntegerField(default=0, help_text="in a row, visibly to everybody")
    soon_for = models.DateField(null=True, help_text="the due date that was last said to come")
    soon_days = models.SmallIntegerField(null=True, help_text="which of the steps before it")
    suspended_services = models.JSONField(default=list, help_text="ids of those that dunning put on hold")
    next_look_at = models.DateTimeField(null=True, db_index=True)


class RatedImport(models.Model):
    """A file of charges that were priced elsewhere: looked at, then taken over whole or not at all."""

    file_name = models.TextField()
    sha256 = models.TextField(db_index=True)
    content = models.BinaryField(null=True, help_text="until it is taken over or put away")
    state = models.TextField(choices=choices(ImportState), default=ImportState.WAITING)
    rows_new = models.IntegerField(help_text="as of the preview, then as it was taken")
    rows_known = models.IntegerField(help_text="charged before")
    amount_minor = models.BigIntegerField(help_text="of the new ones, VAT included")
    customers = models.JSONField(default=list, help_text="[id, charges, minor units] of the new ones")
    made_by = models.TextField()
    made_at = models.DateTimeField()
    decided_by = models.TextField(blank=True)
    decided_at = models.DateTimeField(null=True)


class DunningHold(models.Model):
    """Somebody's word that a debt, or an invoice, isn't chased for now. Ended, not deleted."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    kind = models.TextField(choices=choices(HoldKind))
    until = models.DateField(null=True, help_text="the last day of it")
    amount_minor = models.BigIntegerField(null=True, help_text="what was promised, where it was said")
    invoice = models.ForeignKey(Invoice, models.PROTECT, null=True, related_name="+")
    reason = models.TextField(blank=True)
    actor = models.TextField()
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.TextField(blank=True)
    ended_because = models.TextField(blank=True)
    is_kept = models.BooleanField(null=True, help_text="of a promise that is over")
    paid_minor = models.BigIntegerField(null=True, help_text="paid from the promise to its last day")

    class Meta:
        indexes = [
            models.Index(fields=["customer"], name="dunninghold_open", condition=models.Q(ended_at__isnull=True)),
        ]  # fmt: skip


class InvoiceNotice(models.Model):
    """The invoice was announced to its customer, or is too old to be."""

    invoice = models.OneToOneField(Invoice, models.PROTECT, primary_key=True, related_name="+")
    at = models.DateTimeField()
