"""What a rate of a tax group would touch: charges that no invoice has taken up, and lines that were issued at another rate.

An amount with VAT stays what it is: only the VAT in it changes.
"""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from capstan.billing.models import Charge, InvoiceLine, LineCredit
from capstan.billing.rules.amounts import vat_in
from capstan.billing.rules.words import InvoiceKind
from capstan.catalog.models import TaxGroup
from capstan.catalog.queries import RateTable

_CHARGES_MAX = 50_000
_INVOICES_MAX = 5_000

RateOn = Callable[[date], int]


def as_they_are(group: TaxGroup) -> RateOn:
    """The rates that are in force."""
    rates = RateTable()
    return lambda day: rates.at(group.pk, day)[0]


class Open(NamedTuple):
    """Charges that no invoice has taken up; `is_cut`: there are more than were looked at."""

    number: int
    amount_minor: int
    vat_now_minor: int
    vat_then_minor: int
    is_cut: bool


def open_charges(group: TaxGroup, since: date, now: RateOn, then: RateOn) -> Open:
    """Charges of this group supplied since that day, with their VAT at the rates as they are now, and as they would be then."""
    rows = Charge.objects.filter(
        _of(group), line__isnull=True, occurred_at__gte=datetime.combine(since, time(), settings.FORMATS.zone)
    ).exclude(customer__brand__vat_number="")
    found = list(rows.order_by("pk").values_list("amount_minor", "occurred_at")[: _CHARGES_MAX + 1])
    amount = before = after = 0
    for amount_minor, at in found[:_CHARGES_MAX]:
        day = settings.FORMATS.local(at).date()
        amount += amount_minor
        before += vat_in(amount_minor, now(day))
        after += vat_in(amount_minor, then(day))
    return Open(min(len(found), _CHARGES_MAX), amount, before, after, len(found) > _CHARGES_MAX)


class Wrong(NamedTuple):
    """An invoice with lines at another rate than that of their day of supply."""

    invoice_id: int
    number: str
    customer: str
    lines: int
    amount_minor: int
    vat_was_minor: int
    vat_should_minor: int


class Issued(NamedTuple):
    """All of them with their sums; `is_cut`: there are more than were looked at."""

    invoices: list[Wrong]
    amount_minor: int
    vat_was_minor: int
    vat_should_minor: int
    is_cut: bool


def issued_lines(group: TaxGroup, since: date, then: RateOn) -> Issued:
    """Issued lines of this group supplied since that day whose rate would be another, less what was credited of them."""
    credited = LineCredit.objects.filter(line=OuterRef("pk")).order_by().values("line")
    amount = Coalesce(Subquery(credited.annotate(sum=Sum("note_line__amount_minor")).values("sum")), 0)
    vat = Coalesce(Subquery(credited.annotate(sum=Sum("note_line__vat_minor")).values("sum")), 0)
    rows: Any = InvoiceLine.objects.filter(
        _lines_of(group),
        invoice__kind=InvoiceKind.INVOICE,
        invoice__says_vat=True,
        supplied_from__gte=since,
        amount_minor__gt=0,
    ).annotate(back=amount, vat_back=vat)
    rows = rows.order_by("invoice_id", "position").values_list(
        "invoice_id", "invoice__number", "invoice__customer__name", "amount_minor", "vat_minor", "rate_bp",
        "supplied_from", "back", "vat_back",
    )  # fmt: skip
    found: dict[int, Wrong] = {}
    is_cut = False
    for (
        invoice_id,
        number,
        customer,
        amount_minor,
        vat_minor,
        rate_bp,
        day,
        back,
        vat_back,
    ) in rows.iterator():
        left = amount_minor - back
        if then(day) == rate_bp or left <= 0:
            continue
        if invoice_id not in found and len(found) == _INVOICES_MAX:
            is_cut = True
            break
        one = found.get(invoice_id, Wrong(invoice_id, number, customer, 0, 0, 0, 0))
        found[invoice_id] = one._replace(
            lines=one.lines + 1, amount_minor=one.amount_minor + left,
            vat_was_minor=one.vat_was_minor + vat_minor - vat_back,
            vat_should_minor=one.vat_should_minor + vat_in(left, then(day)),
        )  # fmt: skip
    every = list(found.values())
    return Issued(
        every, sum(one.amount_minor for one in every), sum(one.vat_was_minor for one in every),
        sum(one.vat_should_minor for one in every), is_cut,
    )  # fmt: skip


def _of(group: TaxGroup) -> Q:
    return Q(tax_group=group) | Q(tax_group=None) if group.is_default else Q(tax_group=group)


def _lines_of(group: TaxGroup) -> Q:
    """The group of a line is that of its first charge; of a line without charges, the default one."""
    first = Charge.objects.filter(line=OuterRef("pk")).order_by("pk").values("tax_group")[:1]
    own = Q(pk__in=InvoiceLine.objects.alias(first=Subquery(first)).filter(first=group.pk).values("pk"))
    if not group.is_default:
        return own
    none = Q(pk__in=InvoiceLine.objects.alias(first=Subquery(first)).filter(first=None).values("pk"))
    return own | none
