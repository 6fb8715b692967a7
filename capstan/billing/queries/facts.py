"""What a bill run has to know of many customers, in a few queries whatever their number."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Min, Sum
from django.db.models.functions import Coalesce

from capstan.billing.models import BillingPolicy, BillingTerms, Charge, Discount, InvoiceLine, LineCredit
from capstan.billing.rules.periods import BillingDay
from capstan.billing.rules.plan import Facts, OffPrice, OpenCharge, Sold
from capstan.billing.rules.recurring import Charged, Corrected, DatedPackage, DatedPrice, Life
from capstan.billing.rules.words import ChargeKind, Timing
from capstan.catalog.models import Package, PackagePrice
from capstan.customers.models import Customer
from capstan.services.models import PackageChange, Service

_YEAR = timedelta(days=400)
"""How far back charges are read: further than any billing day looks."""


def facts_of(customer_ids: Sequence[int], *, until: date) -> dict[int, Facts]:
    """What is known of these customers, by id; open charges are those supplied before `until`."""
    ids = list(customer_ids)
    services = list(
        Service.objects.filter(customer_id__in=ids).only(
            "id", "customer_id", "username", "activated_at", "ended_at"
        )
    )
    lives = _lives(services)
    charged, open_charges = _charged(ids, until), _open(ids, until)
    packages = {change.package_id for life in lives.values() for change in life.packages}
    packages |= {one.package_id for rows in charged.values() for one in rows}
    sold = {row.pk: Sold(row.name, row.tax_group_id) for row in Package.objects.filter(pk__in=packages)}
    prices = _prices(packages)
    discounts = _discounts([one.pk for one in services])
    terms = BillingTerms.objects.in_bulk(ids)
    timings = _timings(ids)
    by_customer: dict[int, list[Service]] = defaultdict(list)
    for service in services:
        by_customer[service.customer_id].append(service)
    return {
        customer_id: Facts(
            customer_id, billing_day_of(terms[customer_id]), Timing(terms[customer_id].timing or timings[customer_id]),
            terms[customer_id].bills_from, terms[customer_id].next_bill_on,
            [lives[one.pk] for one in by_customer[customer_id] if one.pk in lives],
            {one.pk: one.username for one in by_customer[customer_id]}, prices, sold,
            [row for one in by_customer[customer_id] for row in discounts.get(one.pk, ())], charged[customer_id],
            open_charges[customer_id], terms[customer_id].prepaid_from, terms[customer_id].prepaid_until,
        )
        for customer_id in ids
        if customer_id in terms
    }  # fmt: skip


def _day(at: datetime) -> date:
    return settings.FORMATS.local(at).date()


def _lives(services: Sequence[Service]) -> dict[int, Life]:
    changes: dict[int, list[DatedPackage]] = defaultdict(list)
    rows = PackageChange.objects.filter(service_id__in=[one.pk for one in services]).order_by("starts_at")
    for service_id, starts_at, package_id in rows.values_list("service_id", "starts_at", "package_id"):
        changes[service_id].append(DatedPackage(_day(starts_at), package_id))
    return {
        one.pk: Life(
            one.pk,
            _day(one.activated_at),
            _day(one.ended_at) if one.ended_at else None,
            tuple(changes[one.pk]),
        )
        for one in services
        if changes[one.pk]
    }


def _prices(package_ids: set[int]) -> dict[int, list[DatedPrice]]:
    prices: dict[int, list[DatedPrice]] = defaultdict(list)
    rows = PackagePrice.objects.filter(package_id__in=package_ids).order_by("valid_from")
    for package_id, valid_from, price_minor in rows.values_list("package_id", "valid_from", "price_minor"):
        prices[package_id].append(DatedPrice(_day(valid_from), price_minor))
    return prices


def _timings(customer_ids: Sequence[int]) -> dict[int, str]:
    brands = dict(BillingPolicy.objects.values_list("brand_id", "timing"))
    customers = Customer.objects.filter(pk__in=customer_ids).values_list("id", "brand_id")
    return {customer_id: brands.get(brand_id, Timing.ADVANCE) for customer_id, brand_id in customers}


def billing_day_of(terms: BillingTerms) -> BillingDay:
    """The customer's billing day, and the one before it while its periods matter."""
    return BillingDay(terms.billing_day, terms.former_day, terms.day_since)


def _charged(customer_ids: Sequence[int], until: date) -> dict[int, list[Charged]]:
    """Subscriptions that were charged for, less what was given back of them: the days that are left."""
    found: dict[int, list[Charged]] = defaultdict(list)
    rows: Any = Charge.objects.filter(
        customer_id__in=customer_ids,
        kind=ChargeKind.SUBSCRIPTION,
        returns__isnull=True,
        covers_first__gte=until - _YEAR,
    )
    rows = rows.annotate(
        back=Coalesce(Sum("given_back__amount_minor"), 0), back_first=Min("given_back__covers_first")
    ).order_by("service_id", "covers_first", "id")
    corrected = corrected_lines([one.line_id for one in rows if one.line_id])
    for one in rows:
        found[one.customer_id].append(
            Charged(
                one.pk, one.service_id, one.package_id, one.covers_first,
                min(one.covers_end, one.back_first or one.covers_end), one.amount_minor + one.back, one.tax_group_id,
                corrected.get(one.line_id),
            )
        )  # fmt: skip
    return found


def corrected_lines(line_ids: Sequence[int], *, follow: bool = True) -> dict[int, Corrected]:
    """Lines of invoices as credit notes correct them: with their rate, and what of them was not credited yet. One that was issued
    again stands for the line in its place, unless these very lines are meant."""
    now_of = _in_force(line_ids) if follow else dict(zip(line_ids, line_ids, strict=True))
    lines = InvoiceLine.objects.in_bulk(set(now_of.values()))
    notes = LineCredit.objects.filter(line_id__in=lines).values("line_id")
    before = {
        row["line_id"]: (row["amount"], row["vat"])
        for row in notes.annotate(amount=Sum("note_line__amount_minor"), vat=Sum("note_line__vat_minor"))
    }
    found = {}
    for line_id, now_id in now_of.items():
        line, (amount, vat) = lines[now_id], before.get(now_id, (0, 0))
        found[line_id] = Corrected(
            line.invoice_id,
            line.pk,
            line.rate_bp,
            line.tax_name,
            line.amount_minor - amount,
            line.vat_minor - vat,
        )
    return found


def _in_force(line_ids: Sequence[int]) -> dict[int, int]:
    """For each line the one that was issued in its place, the latest; else itself."""
    now_of = {line_id: line_id for line_id in line_ids}
    while True:
        rows = InvoiceLine.objects.filter(replaces_id__in=set(now_of.values()))
        later = dict(rows.values_list("replaces_id", "id"))
        if not later:
            return now_of
        now_of = {line_id: later.get(now_id, now_id) for line_id, now_id in now_of.items()}


def _open(customer_ids: Sequence[int], until: date) -> dict[int, list[OpenCharge]]:
    found: dict[int, list[OpenCharge]] = defaultdict(list)
    midnight = datetime.combine(until, time(), settings.FORMATS.zone)
    rows = Charge.objects.filter(customer_id__in=customer_ids, line__isnull=True, occurred_at__lt=midnight)
    open_ones = list(rows.select_related("returns").order_by("id"))
    corrected = corrected_lines(
        [one.returns.line_id for one in open_ones if one.returns and one.returns.line_id]
    )
    for one in open_ones:
        words = f"{one.description} (paid: {one.paid_with})" if one.paid_with else one.description
        line_id = one.returns.line_id if one.returns else None
        found[one.customer_id].append(
            OpenCharge(
                one.pk, one.service_id, ChargeKind(one.kind), words, one.amount_minor, one.tax_group_id,
                _day(one.occurred_at), corrected.get(line_id) if line_id else None,
            )
        )  # fmt: skip
    return found


def _discounts(service_ids: Sequence[int]) -> dict[int, list[OffPrice]]:
    rows = list(Discount.objects.filter(service_id__in=service_ids).order_by("id"))
    given = _given([row.pk for row in rows])
    found: dict[int, list[OffPrice]] = defaultdict(list)
    for row in rows:
        found[row.service_id].append(
            OffPrice(
                row.pk, row.service_id, row.text, row.percent_bp, row.amount_minor, row.first, row.end,
                given.get(row.pk, {}),
            )
        )  # fmt: skip
    return found


def _given(discount_ids: Sequence[int]) -> dict[int, dict[date, list[int]]]:
    """What each discount took off or gave back, by the first day of the period: its charges are dated so."""
    found: dict[int, dict[date, list[int]]] = defaultdict(lambda: defaultdict(list))
    if not discount_ids:
        return found
    wanted = Discount.objects.filter(pk__in=discount_ids).values_list("service_id", flat=True)
    rows: Any = Charge.objects.filter(
        service_id__in=set(wanted), kind=ChargeKind.DISCOUNT, covers_first__isnull=False
    )
    for reference, first, amount in rows.values_list("reference", "covers_first", "amount_minor"):
        found[int(reference.split(":")[1])][first].append(amount)
    return found
