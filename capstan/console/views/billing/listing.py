"""Invoices as the list wants them: which, in what order, from which place on."""

from datetime import date
from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet, Sum

from capstan.billing.models import Invoice, Series
from capstan.billing.rules.numbers import number
from capstan.billing.rules.words import InvoiceKind
from capstan.customers.queries import codes_from, customers_named

_NAMES = 50
_DIGITS = 15


class Which(NamedTuple):
    """A filter of the list; `by_due`: first due first, else newest first."""

    label: str
    kinds: tuple[InvoiceKind, ...]
    is_open: bool = False
    is_overdue: bool = False

    @property
    def by_due(self) -> bool:
        return self.is_open or self.is_overdue


FILTERS = {
    "": Which("All", tuple(InvoiceKind)),
    "open": Which("Open", (InvoiceKind.INVOICE,), is_open=True),
    "overdue": Which("Overdue", (InvoiceKind.INVOICE,), is_overdue=True),
    "credit-notes": Which("Credit notes", (InvoiceKind.CREDIT_NOTE,)),
    "requests": Which("Payment requests", (InvoiceKind.PROFORMA,)),
}


class Spot(NamedTuple):
    """A place in the list: what follows it is shown."""

    day: date
    id: int

    def __str__(self) -> str:
        return f"{self.day.isoformat()}.{self.id}"


def read_spot(text: str) -> Spot | None:
    """None for what is no place: the list begins at its beginning."""
    day, _, row = text.partition(".")
    try:
        return Spot(date.fromisoformat(day), int(row)) if row.isascii() and len(row) < _DIGITS + 4 else None
    except ValueError:
        return None


class Piece(NamedTuple):
    invoices: list[Invoice]
    goes_on: Spot | None


def listed(which: Which, text: str, spot: Spot | None, *, today: date, limit: int) -> Piece:
    """The next invoices after this place; `text` is a number or a customer."""
    found = Invoice.objects.select_related("customer")
    if which.kinds != tuple(InvoiceKind):
        found = found.filter(kind__in=which.kinds)
    if which.by_due:
        found = found.filter(open_minor__gt=0)
    if which.is_overdue:
        found = found.filter(due_on__lt=today)
    if text.strip():
        found = found.filter(_meant(text.strip()))
    rows = list(_from(found, which, spot)[: limit + 1])
    shown = rows[:limit]
    goes_on = _spot_of(shown[-1], which) if len(rows) > limit else None
    return Piece(shown, goes_on)


def _from(found: "QuerySet[Invoice]", which: Which, spot: Spot | None) -> "QuerySet[Invoice]":
    if which.by_due:
        if spot:
            found = found.filter(Q(due_on__gt=spot.day) | Q(due_on=spot.day, pk__gt=spot.id))
        return found.order_by("due_on", "pk")
    if spot:
        found = found.filter(Q(issued_on__lt=spot.day) | Q(issued_on=spot.day, pk__lt=spot.id))
    return found.order_by("-issued_on", "-pk")


def _spot_of(invoice: Invoice, which: Which) -> Spot:
    return Spot(invoice.due_on if which.by_due else invoice.issued_on, invoice.pk)


def _meant(text: str) -> Q:
    """A document's number, whole or without its prefix; else a customer's code or name."""
    series = list(Series.objects.values_list("brand_id", "kind", "prefix", "width"))
    numbers = {text.upper()}
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS:
        numbers |= {number(prefix, int(text), width) for _, _, prefix, width in series}
    brands = {brand for brand, *_ in series}
    people = {one.pk for one in codes_from(text.upper(), limit=_NAMES)}
    people |= {one.pk for one in customers_named(text, limit=_NAMES)}
    return Q(customer_id__in=people) | Q(brand_id__in=brands, kind__in=list(InvoiceKind), number__in=numbers)


class OpenSum(NamedTuple):
    """All that customers owe on invoices."""

    open_minor: int
    open_count: int
    overdue_minor: int
    overdue_count: int


def open_sum(today: date) -> OpenSum:
    late = Q(due_on__lt=today)
    sums: dict[str, Any] = Invoice.objects.filter(kind=InvoiceKind.INVOICE, open_minor__gt=0).aggregate(
        open=Sum("open_minor"),
        count=Count("pk"),
        overdue=Sum("open_minor", filter=late),
        late=Count("pk", filter=late),
    )
    return OpenSum(sums["open"] or 0, sums["count"], sums["overdue"] or 0, sums["late"])
