"""Payments as staff look for them, what a month came to, and what of payments waits for a person."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum

from capstan.billing.models import Allocation, BillRun, BillRunItem, Invoice
from capstan.billing.rules.dunning import WARNINGS_MAX
from capstan.billing.rules.words import RUN_OVER, InvoiceKind, ItemState, Method
from capstan.customers.models import Customer
from capstan.db.text import named
from capstan.identity.rules import Actor
from capstan.payments.models import (
    BankLine,
    CashUp,
    Checkout,
    DebitItem,
    Gateway,
    Notification,
    Payment,
    Refund,
)
from capstan.payments.rules.words import CheckoutState, DebitState, NotificationState

UNCERTAIN = ("uncertain", "sending")
_NAMED_AT_MOST = 50
_SHOWN = 8


class Narrowed(StrEnum):
    """What a list of payments may be narrowed to besides method and days."""

    REVERSED = "reversed"
    LEFT = "left"  # something of it pays nothing yet
    SHORT = "short"  # less than a checkout asked for, and not used up
    UNCERTAIN = "uncertain"  # nobody knows whether a refund went out


class Place(NamedTuple):
    """Where a page of the list begins: after this payment."""

    received_on: date
    payment_id: int


class Wanted(NamedTuple):
    """What a list of payments is narrowed to; None or empty: all."""

    method: Method | None = None
    first: date | None = None
    last: date | None = None
    only: Narrowed | None = None
    text: str = ""


def visible_to(actor: Actor) -> QuerySet[Payment]:
    """The payments that this login may see: staff all, a customer his own (I8)."""
    payments = Payment.objects.select_related("customer", "gateway", "credit")
    return payments if actor.is_staff else payments.filter(customer_id__in=actor.customer_ids)


def listed(actor: Actor, wanted: Wanted, after: Place | None = None) -> QuerySet[Payment]:
    """The payments that are wanted, the last received first; `after`: those behind this place."""
    found = visible_to(actor)
    if wanted.method is not None:
        found = found.filter(method=wanted.method)
    if wanted.first is not None:
        found = found.filter(received_on__gte=wanted.first)
    if wanted.last is not None:
        found = found.filter(received_on__lte=wanted.last)
    if wanted.only is not None:
        found = found.filter(_ONLY[wanted.only])
    if wanted.text:
        found = found.filter(_meant(wanted.text))
    if after is not None:
        found = found.filter(
            Q(received_on__lt=after.received_on) | Q(received_on=after.received_on, pk__lt=after.payment_id)
        )
    return found.order_by("-received_on", "-pk")


_ONLY = {
    Narrowed.REVERSED: Q(reversed_at__isnull=False),
    Narrowed.LEFT: Q(reversed_at__isnull=True, credit__left_minor__gt=0),
    Narrowed.SHORT: Q(
        checkout__state=CheckoutState.SHORT, reversed_at__isnull=True, credit__left_minor__gt=0
    ),
    Narrowed.UNCERTAIN: Q(pk__in=Refund.objects.filter(state__in=UNCERTAIN).values("payment_id")),
}


def _meant(text: str) -> Q:
    """A receipt's number, a part of the reference, or the customer by code or name."""
    people = [one.pk for one in named(Customer.objects.all(), text, limit=_NAMED_AT_MOST)]
    return (
        Q(receipt_number__iexact=text)
        | Q(reference__icontains=text)
        | Q(gateway_reference=text)
        | Q(customer__account_code=text.upper())
        | Q(customer_id__in=people)
    )


class Part(NamedTuple):
    """So much of a payment pays this invoice, taken back parts off."""

    invoice: Invoice
    amount_minor: int


def paid_by(payment: Payment) -> list[Part]:
    """The invoices that the payment pays at present, in the order in which it came to them."""
    rows = Allocation.objects.filter(credit_id=payment.credit_id).values("invoice_id")
    sums = dict(rows.annotate(total=Sum("amount_minor")).values_list("invoice_id", "total"))
    invoices = Invoice.objects.in_bulk(list(sums))
    return [Part(invoices[pk], total) for pk, total in sorted(sums.items()) if total]


class Came(NamedTuple):
    """How a payment came to us: by a line of the bank's, or by a gateway's notification."""

    bank_line: BankLine | None
    notification: Notification | None


def came_by(payment: Payment) -> Came:
    line = BankLine.objects.filter(payment=payment).select_related("source").first()
    told = Notification.objects.filter(payment=payment).select_related("gateway", "checkout").order_by("pk")
    return Came(line, told.first() if payment.gateway_id else None)


# --- a month ----------------------------------------------------------------------------------------------


class Month(NamedTuple):
    """What the days of a month came to, in minor units. `received_minor` is without what was reversed since."""

    issued_minor: int
    credited_minor: int
    received_minor: int
    refunded_minor: int


def month_of(first: date, end: date) -> Month:
    """The days from `first` up to, but not including, `end`."""
    documents = Invoice.objects.filter(issued_on__gte=first, issued_on__lt=end)
    issued = documents.aggregate(
        invoices=Sum("total_minor", filter=Q(kind=InvoiceKind.INVOICE), default=0),
        notes=Sum("total_minor", filter=Q(kind=InvoiceKind.CREDIT_NOTE), default=0),
    )
    payments = Payment.objects.filter(received_on__gte=first, received_on__lt=end, reversed_at__isnull=True)
    paid = payments.aggregate(amount=Sum("amount_minor", default=0), back=Sum("refunded_minor", default=0))
    return Month(issued["invoices"], issued["notes"], paid["amount"], paid["back"])


class MethodSum(NamedTuple):
    method: Method
    number: int
    amount_minor: int


def received_by_method(first: date, end: date) -> list[MethodSum]:
    """What came in by each way in these days, the most first; what was reversed since is left out."""
    payments = Payment.objects.filter(received_on__gte=first, received_on__lt=end, reversed_at__isnull=True)
    rows = (
        payments.values_list("method")
        .annotate(number=Count("pk"), total=Sum("amount_minor"))
        .order_by("-total")
    )
    return [MethodSum(Method(method), number, total) for method, number, total in rows]


def month_bounds(day: date, back: int = 0) -> tuple[date, date]:
    """The first day of the day's month, or of one so many months before, and the first day after it."""
    first = day.replace(day=1)
    for _ in range(back):
        first = (first - timedelta(days=1)).replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


# --- what waits -------------------------------------------------------------------------------------------


class Waits(NamedTuple):
    """What of billing waits for a person: how many of each."""

    bank_lines: int
    notifications: int
    short: int
    refunds: int
    failed_items: int
    gateways: int
    charges: int
    proposed: int
    batches: int
    results: int
    debits: int

    @property
    def total(self) -> int:
        return sum(self)


def tills_in_trouble() -> QuerySet[Gateway]:
    """Payment gateways that are used and don't answer, the longest first."""
    return Gateway.objects.filter(active=True, trouble_since__isnull=False).order_by("trouble_since", "pk")


_UNWELL = """
    SELECT (SELECT count(*) FROM payments_gateway WHERE active AND trouble_since IS NOT NULL)
        + (SELECT count(*) FROM billing_dunningstate
            WHERE episode_since IS NOT NULL AND warned_on IS NULL AND failed_warnings >= %s)
"""


def unwell() -> int:
    """How many payment gateways are in trouble and debtors could not be warned: one question, for every page's navigation."""
    with connection.cursor() as cursor:
        cursor.execute(_UNWELL, [WARNINGS_MAX])
        number: int = cursor.fetchone()[0]
        return number


def for_person() -> QuerySet[Notification]:
    """What gateways told us and nobody could believe or place, until somebody looks after it."""
    return Notification.objects.filter(
        Q(state=NotificationState.UNKNOWN, payment__isnull=True) | Q(state=NotificationState.REFUSED),
        looked_after_by="",
    )


def failed_items() -> QuerySet[BillRunItem]:
    return BillRunItem.objects.filter(state=ItemState.FAILED)


_WAITS = """
    SELECT (SELECT count(*) FROM payments_bankline WHERE state = 'unmatched'),
        (SELECT count(*) FROM payments_notification WHERE looked_after_by = ''
            AND (state = 'refused' OR (state = 'unknown payment' AND payment_id IS NULL))),
        (SELECT count(*) FROM payments_checkout c JOIN payments_payment p ON p.id = c.payment_id
            JOIN billing_credit r ON r.id = p.credit_id
            WHERE c.state = 'paid too little' AND p.reversed_at IS NULL AND r.left_minor > 0),
        (SELECT count(*) FROM payments_refund WHERE state = 'uncertain'),
        (SELECT count(*) FROM billing_billrunitem WHERE state = 'failed'),
        (SELECT count(*) FROM payments_gateway WHERE active AND trouble_since IS NOT NULL),
        (SELECT count(*) FROM payments_checkout WHERE card_id IS NOT NULL AND state = 'uncertain'),
        (SELECT count(*) FROM payments_debitbatch WHERE state = 'proposed'),
        (SELECT count(*) FROM payments_debitbatch WHERE state = 'made'),
        (SELECT count(*) FROM payments_debitresults WHERE looked_after_by = '' AND problems <> '[]'),
        (SELECT count(*) FROM payments_debititem WHERE state = 'on its way' AND why <> '')
"""


def waits() -> Waits:
    """How much of it there is: one question, as every page of the console asks it for its navigation."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITS)
        return Waits(*cursor.fetchone())


def charged_uncertainly() -> Customer | None:
    """The customer whose stored card was charged the longest ago without anybody knowing whether it was."""
    charges = Checkout.objects.filter(card__isnull=False, state=CheckoutState.UNCERTAIN)
    first = charges.select_related("customer").order_by("pk").first()
    return first.customer if first else None


def debit_unbooked() -> DebitItem | None:
    """The debit order whose day has come the longest ago and that can't be booked."""
    return DebitItem.objects.filter(state=DebitState.SENT).exclude(why="").order_by("pk").first()


def failed_run_ids() -> list[int]:
    """The runs in which something failed, the last first."""
    return list(failed_items().order_by("-run_id").values_list("run_id", flat=True).distinct()[:_SHOWN])


def next_run() -> BillRun | None:
    """The run that is under way and is due first."""
    runs = BillRun.objects.exclude(state__in=RUN_OVER).select_related("brand")
    return runs.order_by("billing_day", "pk").first()


# --- gateways' notifications --------------------------------------------------------------------------------


def notifications(
    state: NotificationState | None, *, needs_person: bool, before: int | None, limit: int
) -> list[Notification]:
    """What gateways told us, the last first; `before`: older than this one."""
    found = for_person() if needs_person else Notification.objects.all()
    if state is not None:
        found = found.filter(state=state)
    if before is not None:
        found = found.filter(pk__lt=before)
    found = found.select_related("gateway", "checkout__customer", "payment__customer")
    return list(found.order_by("-pk")[:limit])


# --- tills --------------------------------------------------------------------------------------------------


def cash_taken(actor: str, *, since: datetime, until: datetime) -> list[Payment]:
    """The cash that this person booked between these moments, the last first."""
    found = Payment.objects.filter(method=Method.CASH, actor=actor, made_at__gte=since, made_at__lt=until)
    return list(found.select_related("customer", "credit").order_by("-pk"))


def counts_of_tills(actor: str | None, *, limit: int) -> list[CashUp]:
    """Tills that were counted, the last first; None: everybody's."""
    found = CashUp.objects.all() if actor is None else CashUp.objects.filter(actor=actor)
    return list(
        found.annotate(difference=F("counted_minor") - F("expected_minor")).order_by("-day", "-pk")[:limit]
    )
