"""What can be paid of a customer: invoices that are open, and requests for periods that are paid ahead, which are no debt."""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from django.conf import settings

from capstan.billing.models import Invoice
from capstan.billing.queries.prepaid import Waiting, waiting_of_many
from capstan.billing.rules.words import InvoiceKind


class Payable(NamedTuple):
    """An invoice or a request, and what of it is to be paid. `collected_on`: from this day on by debit order or stored card."""

    document: Invoice
    left_minor: int
    collected_on: date
    ahead: Waiting | None = None

    @property
    def days(self) -> str:
        """Of a request: its period in words, as in `1–31 Dec 2026`."""
        return settings.FORMATS.days(self.ahead.period.first, self.ahead.period.end) if self.ahead else ""

    @property
    def words(self) -> str:
        """As its payer knows it."""
        return f"Data for {self.days}" if self.ahead else f"Invoice {self.document.number}"


def payable(customer_ids: Collection[int], *, today: date) -> dict[int, list[Payable]]:
    """By customer, invoices first; first due first. Requests count as far as the account's credit doesn't cover them."""
    found: dict[int, list[Payable]] = {}
    rows = Invoice.objects.filter(
        customer_id__in=customer_ids, kind=InvoiceKind.INVOICE, open_minor__gt=0
    ).order_by("due_on", "pk")
    for one in rows:
        found.setdefault(one.customer_id, []).append(Payable(one, one.open_minor, one.due_on))
    for customer_id, waiting in waiting_of_many(customer_ids, today=today).items():
        found.setdefault(customer_id, []).extend(_ahead(one) for one in waiting if one.left_minor)
    return found


def payable_of(customer_id: int, *, today: date) -> list[Payable]:
    """The same of one customer."""
    return payable([customer_id], today=today).get(customer_id, [])


def _ahead(waiting: Waiting) -> Payable:
    assert waiting.period.request is not None
    return Payable(waiting.period.request, waiting.left_minor, waiting.collected_from, waiting)
