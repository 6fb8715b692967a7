"""What of a customer's invoices is being collected already, so that nobody asks him for it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from capstan.payments.models import Checkout, DebitItem
from capstan.payments.rules.words import UNDECIDED, BatchState, DebitState


class Collected(NamedTuple):
    """So much of an invoice, by debit order on this day; by a stored card if there is no day."""

    amount_minor: int
    on: date | None


def being_collected(customer_id: int, open_minor: Mapping[int, int]) -> dict[int, Collected]:
    """By the id of an invoice or a request, of those with so much open: what a debit order that Netcash has, or a charge of which
    nobody knows yet, pays of it."""
    found: dict[int, Collected] = {}
    left = dict(open_minor)
    sent = DebitItem.objects.filter(
        customer_id=customer_id, state=DebitState.SENT, batch__state=BatchState.SUBMITTED
    )
    for item in sent.select_related("batch").defer("batch__file"):
        _share(found, left, item.invoices, item.amount_minor, item.batch.action_date)
    charges = Checkout.objects.filter(customer_id=customer_id, card__isnull=False, state__in=UNDECIDED)
    for charge in charges.order_by("pk"):
        _share(found, left, charge.invoices, charge.amount_minor, None)
    return found


def _share(
    found: dict[int, Collected],
    left: dict[int, int],
    invoices: Sequence[int],
    amount_minor: int,
    on: date | None,
) -> None:
    """An amount goes to its invoices in their order, as it will when it is booked."""
    for pk in invoices:
        part = min(left.get(pk, 0), amount_minor)
        if part and pk not in found:
            found[pk] = Collected(part, on)
            left[pk] -= part
            amount_minor -= part
