"""Correcting what was issued: credit notes by hand, wrong VAT, debt that is given up. Nothing issued changes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from capstan.audit.actions import record
from capstan.billing.actions import credits, terms
from capstan.billing.actions.issue import ToIssue, issue
from capstan.billing.models import Credit, Invoice, InvoiceLine
from capstan.billing.queries.facts import corrected_lines
from capstan.billing.rules.amounts import vat_in
from capstan.billing.rules.lines import Line
from capstan.billing.rules.recurring import Corrected
from capstan.billing.rules.words import ChargeKind, InvoiceKind
from capstan.catalog.queries import RateTable
from capstan.ledger.rules import Code, Name
from capstan.values.refused import Refused


@transaction.atomic
def credit_note(
    *, invoice_id: int, amounts: Mapping[int, int], reason: str, actor: str, now: datetime
) -> Invoice:
    """Credit parts of an invoice: by line, the amount with VAT. Its VAT goes back at the line's rate. What was written off of it
    comes back first, or the customer would be given what he never paid.

    Raises Refused without a reason, for a line of another invoice, and for more than is left of a line.
    """
    invoice = _locked(invoice_id, reason, now)
    note = _credit(invoice, amounts, reason, actor, now, _withdraw_write_offs)
    _record(
        "billing.credit_note",
        invoice,
        reason,
        actor,
        now,
        {"note": note.number, "amount_minor": note.total_minor},
    )
    return note


def _credit(
    invoice: Invoice, amounts: Mapping[int, int], reason: str, actor: str, now: datetime,
    before_it: Callable[[Invoice, int, str, datetime], None] | None = None,
) -> Invoice:  # fmt: skip
    lines = {line.pk: line for line in invoice.lines.all()}
    wanted = {pk: amount for pk, amount in amounts.items() if amount}
    if not wanted or set(wanted) - set(lines):
        raise Refused("Say how much of which line of this invoice is credited.")
    before = corrected_lines(list(lines), follow=False)
    drafts = [_credited(lines[pk], amount, before[pk]) for pk, amount in sorted(wanted.items())]
    left = sum(one.left_minor for one in before.values())
    if not 0 < sum(wanted.values()) <= left:
        raise Refused(
            f"{settings.FORMATS.money(left)} is left of this invoice: no more of it can be credited."
        )
    if before_it is not None:
        before_it(invoice, sum(wanted.values()), actor, now)
    today = _today(now)
    (note,) = issue(
        [
            ToIssue(
                invoice.customer, InvoiceKind.CREDIT_NOTE, today, today, drafts, reason=reason.strip(), credits_id=invoice.pk
            )
        ],
        actor=actor, now=now,
    )  # fmt: skip
    return note


def _withdraw_write_offs(invoice: Invoice, at_most: int, actor: str, now: datetime) -> None:
    for credit in Credit.objects.filter(source__startswith=f"write-off:{invoice.pk}:").order_by("-pk"):
        still = credit.allocations.aggregate(total=Sum("amount_minor", default=0))["total"]
        back = min(still, at_most)
        if back > 0:
            credits.take_back(
                credit, back, back_to=Name(Code.WRITE_OFF), source=f"{credit.source}:{still}", kind="withdrawn",
                description=f"Invoice {invoice.number} is credited, not written off", today=_today(now), actor=actor,
                now=now,
            )  # fmt: skip
            at_most -= back
    invoice.refresh_from_db(fields=["open_minor"])


def _credited(line: InvoiceLine, amount: int, before: Corrected) -> Line:
    """A discount's line is below zero, and so is what is given back of it."""
    left = before.left_minor
    if amount * left <= 0 or abs(amount) > abs(left):
        raise Refused(
            f"{settings.FORMATS.money(left)} is left of “{line.text}”: no more of it can be credited."
        )
    vat = before.vat_left_minor if amount == left else vat_in(amount, line.rate_bp)
    return Line(
        line.text, (), line.service_id, ChargeKind(line.kind), amount, vat, line.rate_bp, line.tax_name,
        line.supplied_from, line.supplied_to, (), line.tax_group_id, corrects_line_id=line.pk,
    )  # fmt: skip


@transaction.atomic
def write_off(*, invoice_id: int, reason: str, actor: str, now: datetime) -> int:
    """Give up what is open of an invoice; returns how much. Its VAT isn't reclaimed by this: that is a credit note's.

    Raises Refused without a reason, or when nothing is open.
    """
    invoice = _locked(invoice_id, reason, now)
    if not invoice.open_minor:
        raise Refused("Nothing is open of this invoice.")
    today, amount = _today(now), invoice.open_minor
    nth = Credit.objects.filter(source__startswith=f"write-off:{invoice.pk}:").count()
    credit = credits.add_credit(
        customer_id=invoice.customer_id, source=f"write-off:{invoice.pk}:{nth}", paid_from=Name(Code.WRITE_OFF),
        amount_minor=amount, description=f"Written off: invoice {invoice.number}", received_on=today, actor=actor, now=now,
    )  # fmt: skip
    credits.allocate_to(credit, [invoice], today=today, actor=actor, now=now)
    _record("billing.write_off", invoice, reason, actor, now, {"amount_minor": amount})
    return amount


class Wrong(NamedTuple):
    """A line with another rate than that of its day of supply: what is left of it, and the rate it should have."""

    line: InvoiceLine
    left: Corrected
    rate_bp: int


_READ_AT_ONCE = 2_000


def batched(rows: Iterable[InvoiceLine], size: int) -> Iterator[list[InvoiceLine]]:
    """Some at a time, as `itertools.batched` of Python 3.12 has it."""
    left = iter(rows)
    while some := list(islice(left, size)):
        yield some


def wrong_vat(since: date, *, invoice_id: int | None = None, limit: int | None = None) -> list[Wrong]:
    """Lines of issued invoices, supplied since that day, whose VAT isn't that of their day of supply as the rates are now; those
    that were credited whole are in order. At most `limit` of them."""
    rates = RateTable()
    rows = InvoiceLine.objects.filter(
        invoice__kind=InvoiceKind.INVOICE, invoice__says_vat=True, supplied_from__gte=since
    ).select_related("invoice", "invoice__customer")
    if invoice_id is not None:
        rows = rows.filter(invoice_id=invoice_id)
    found: list[Wrong] = []
    for some in batched(rows.order_by("id").iterator(_READ_AT_ONCE), _READ_AT_ONCE):
        suspects = [(line, rates.at(line.tax_group_id, line.supplied_from)[0]) for line in some]
        wrong = [(line, rate) for line, rate in suspects if rate != line.rate_bp]
        left = corrected_lines([line.pk for line, _ in wrong], follow=False)
        found += [Wrong(line, left[line.pk], rate) for line, rate in wrong if left[line.pk].left_minor]
        if limit is not None and len(found) >= limit:
            return found[:limit]
    return found


@transaction.atomic
def correct_vat(*, invoice_id: int, since: date, reason: str, actor: str, now: datetime) -> Invoice | None:
    """Credit the lines of an invoice that carry another rate than that of their day of supply, and issue them again at the right
    one: the customer pays the same. None if nothing is wrong with it (any more)."""
    invoice = _locked(invoice_id, reason, now)
    wrong = wrong_vat(since, invoice_id=invoice_id)
    if not wrong:
        return None
    wrong = _creditable(invoice, wrong)
    amounts = {one.line.pk: one.left.left_minor for one in wrong}
    _credit(invoice, amounts, reason, actor, now)
    today = _today(now)
    again = ToIssue(
        invoice.customer,
        InvoiceKind.INVOICE,
        today,
        max(today, invoice.due_on),
        [_at_right_rate(one) for one in wrong],
    )
    (issued,) = issue([again], actor=actor, now=now)
    _record("billing.correct_vat", invoice, reason, actor, now, {"invoice": issued.number})
    return issued


def _creditable(invoice: Invoice, wrong: list[Wrong]) -> list[Wrong]:
    """The wrong lines if a credit note can have them by themselves. Where a discount is among them, or stays behind without them,
    they may come to less than nothing or to more than the invoice: then all that is left of it is issued again."""
    every = {line.pk: line for line in invoice.lines.order_by("position")}
    before = corrected_lines(list(every), follow=False)
    if 0 < sum(one.left.left_minor for one in wrong) <= sum(one.left_minor for one in before.values()):
        return wrong
    rates = {one.line.pk: one.rate_bp for one in wrong}
    return [
        Wrong(line, before[pk], rates.get(pk, line.rate_bp))
        for pk, line in every.items()
        if before[pk].left_minor
    ]


def _at_right_rate(one: Wrong) -> Line:
    line, amount = one.line, one.left.left_minor
    return Line(
        line.text, tuple(line.details), line.service_id, ChargeKind(line.kind), amount, vat_in(amount, one.rate_bp),
        one.rate_bp, line.tax_name, line.supplied_from, line.supplied_to, (), line.tax_group_id, replaces_line_id=line.pk,
    )  # fmt: skip


def _locked(invoice_id: int, reason: str, now: datetime) -> Invoice:
    if not reason.strip():
        raise Refused("Say why: the reason stays with it.")
    customer_id = Invoice.objects.values_list("customer_id", flat=True).get(pk=invoice_id)
    terms.lock(customer_id, now=now)
    invoice = Invoice.objects.select_related("customer__brand").get(pk=invoice_id)
    if invoice.kind != InvoiceKind.INVOICE:
        raise Refused(f"A {invoice.kind} isn't corrected: nothing is owed on it.")
    return invoice


def _today(now: datetime) -> date:
    return settings.FORMATS.local(now).date()


def _record(
    action: str, invoice: Invoice, reason: str, actor: str, now: datetime, details: dict[str, object]
) -> None:
    record(
        actor=actor, action=action, subject=f"customer:{invoice.customer_id}", reason=reason.strip(), now=now,
        details={"of": invoice.number, **details},
    )  # fmt: skip
