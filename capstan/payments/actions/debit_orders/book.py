"""Debit orders become payments on their action date.

On that day the accounts are debited, and not before: until then a batch can be withdrawn, and a customer still owes. From then on
each counts as paid provisionally, since Netcash names paid ones seldom and unpaid ones days or weeks later; what comes back is
reversed. The money waits in the ledger's `clearing debit orders` until Netcash pays it out.
"""

from datetime import date, datetime

import structlog
from django.conf import settings
from django.db import transaction

from capstan.billing.actions import terms
from capstan.billing.rules.words import Method
from capstan.ledger.rules import Code, Name
from capstan.payments.actions.take import Received, take
from capstan.payments.models import DebitBatch, DebitItem
from capstan.payments.rules.words import BatchState, DebitState

log = structlog.get_logger()

ACTOR = "debit orders"
CLEARING = Name(Code.CLEARING, "debit orders")


def book_due(*, now: datetime, limit: int) -> int:
    """Book the next debit orders whose day has come, each in a transaction of its own; returns how many.

    Killed at any moment, the next worker goes on with the others: an item is booked by whoever finds it still on its way,
    under the lock on its customer's money.
    """
    today = settings.FORMATS.local(now).date()
    due = DebitItem.objects.filter(
        state=DebitState.SENT, batch__state=BatchState.SUBMITTED, batch__action_date__lte=today
    )
    booked = 0
    for item_id in list(due.order_by("why", "pk").values_list("pk", flat=True)[:limit]):
        try:
            booked += _book_alone(item_id, now)
        except Exception as problem:  # one customer's mustn't hold up the others'
            log.exception("a debit order can't be booked", item=item_id)
            DebitItem.objects.filter(pk=item_id, state=DebitState.SENT).update(
                why=f"can't be booked: {problem}"
            )
    _close(today)
    return booked


def _close(today: date) -> None:
    """Batches of which nothing is on its way any more."""
    over = DebitBatch.objects.filter(state=BatchState.SUBMITTED, action_date__lte=today)
    over.exclude(items__state=DebitState.SENT).update(state=BatchState.BOOKED)


@transaction.atomic
def _book_alone(item_id: int, now: datetime) -> bool:
    item = locked(item_id, now)
    if item.state != DebitState.SENT or item.batch.state != BatchState.SUBMITTED:
        return False  # another worker was here, or a result
    book(item, now)
    return True


def locked(item_id: int, now: datetime) -> DebitItem:
    """The item as it is by now, its customer's money locked first. Within the caller's transaction."""
    terms.lock(DebitItem.objects.values_list("customer_id", flat=True).get(pk=item_id), now=now)
    rows = DebitItem.objects.select_for_update(of=("self",)).select_related(
        "batch__brand", "mandate", "payment"
    )
    return rows.get(pk=item_id)


def book(item: DebitItem, now: datetime) -> None:
    """The payment, within the caller's transaction and under the lock on the customer's money."""
    assert item.mandate is not None
    reference = f"{item.mandate.reference}, batch {item.batch_id}"
    received = Received(
        item.customer_id, Method.DEBIT_ORDER, item.amount_minor, item.batch.action_date, CLEARING, reference,
        invoices=item.invoices,
    )  # fmt: skip
    item.payment = take(received, actor=ACTOR, now=now)
    item.state, item.why = DebitState.BOOKED, ""
    item.save(update_fields=["payment", "state", "why"])
