"""Issuing documents: number, lines, journal and allocation in one transaction, for one customer or for hundreds."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.db import connection

from capstan.billing.actions import credits, dunning
from capstan.billing.actions.numbering import take
from capstan.billing.models import Invoice, InvoiceLine, LineCredit
from capstan.billing.queries.parties import parties_of
from capstan.billing.rules.lines import Line, totals
from capstan.billing.rules.periods import Span
from capstan.billing.rules.words import ChargeKind, InvoiceKind, SeriesKind
from capstan.customers.models import Customer
from capstan.ledger.actions import post
from capstan.ledger.rules import Code, Draft, JournalDraft, Name, entry


class ToIssue(NamedTuple):
    """A document that is to be issued. The lines of a credit note are what is given back, above zero."""

    customer: Customer
    kind: InvoiceKind
    issued_on: date
    due_on: date
    lines: Sequence[Line]
    period: Span | None = None
    reason: str = ""
    credits_id: int | None = None
    reference: str | None = None
    run_id: int | None = None


def issue(wanted: Sequence[ToIssue], *, actor: str, now: datetime) -> list[Invoice]:
    """Issue these documents, all or none, and let what credit there is pay the invoices. The caller has locked the customers.

    Charges that a line takes up are on that line from here on.
    """
    assert connection.in_atomic_block
    if not wanted:
        return []
    parties = parties_of([one.customer for one in wanted])
    rows = [_row(one, parties[one.customer.pk], actor, now) for one in wanted]
    _number(rows)
    invoices = Invoice.objects.bulk_create(rows)
    _write_lines(wanted, invoices)
    journals = [
        _journal(one, invoice, actor)
        for one, invoice in zip(wanted, invoices, strict=True)
        if one.kind == InvoiceKind.INVOICE
    ]
    post([draft for draft in journals if draft.entries], now=now)  # lines that cancel out move nothing
    for one, invoice in zip(wanted, invoices, strict=True):
        if one.kind == InvoiceKind.CREDIT_NOTE:
            _credit(one, invoice, actor, now)
    owing = {one.customer.pk for one in wanted if one.kind != InvoiceKind.PROFORMA}
    credits.allocate_free(owing, today=max(one.issued_on for one in wanted), actor=actor, now=now)
    dunning.expect(invoices, now=now)
    return invoices


def _row(one: ToIssue, parties: dict[str, object], actor: str, now: datetime) -> Invoice:
    sums = totals(one.lines)
    is_owed = one.kind == InvoiceKind.INVOICE
    return Invoice(
        customer=one.customer, brand_id=one.customer.brand_id, kind=one.kind, issued_on=one.issued_on, due_on=one.due_on,
        period_first=one.period.first if one.period else None, period_end=one.period.end if one.period else None,
        net_minor=sums.net_minor, vat_minor=sums.vat_minor, total_minor=sums.total_minor,
        open_minor=sums.total_minor if is_owed else 0, parties=parties,
        says_vat=bool(parties["vat_number"]) or sums.vat_minor != 0,  # a credit note says what its invoice said
        reason=one.reason, credits_id=one.credits_id, reference=one.reference, run_id=one.run_id, actor=actor,
        issued_at=now,
    )  # fmt: skip


def _number(rows: Sequence[Invoice]) -> None:
    """Last before they are written: the series waits for our commit."""
    by_series: dict[tuple[int, str], list[Invoice]] = defaultdict(list)
    for row in rows:
        by_series[row.brand_id, row.kind].append(row)
    for (brand_id, kind), together in sorted(by_series.items()):
        for row, number in zip(together, take(brand_id, SeriesKind(kind), len(together)), strict=True):
            row.number = number


_TAKE_UP = """
    UPDATE billing_charge c SET line_id = t.line_id
    FROM unnest(%s::bigint[], %s::bigint[]) AS t (charge_id, line_id) WHERE c.id = t.charge_id AND c.line_id IS NULL
"""


def _write_lines(wanted: Sequence[ToIssue], invoices: Sequence[Invoice]) -> None:
    pairs = [
        (invoice, position, line, one.kind)
        for one, invoice in zip(wanted, invoices, strict=True)
        for position, line in enumerate(one.lines, 1)
    ]
    rows = InvoiceLine.objects.bulk_create(
        InvoiceLine(
            invoice=invoice, position=position, text=line.text, details=list(line.details), service_id=line.service_id,
            kind=line.kind, amount_minor=line.amount_minor, vat_minor=line.vat_minor, rate_bp=line.rate_bp,
            tax_name=line.tax_name, tax_group_id=line.tax_group_id, supplied_from=line.supplied_from,
            supplied_to=line.supplied_to, replaces_id=line.replaces_line_id,
        )
        for invoice, position, line, _ in pairs
    )  # fmt: skip
    taken = [
        (charge_id, row.pk)
        for row, (_, _, line, kind) in zip(rows, pairs, strict=True)
        if kind != InvoiceKind.PROFORMA
        for charge_id in line.charge_ids
    ]
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_UP, [[pair[0] for pair in taken], [pair[1] for pair in taken]])
        if cursor.rowcount != len(taken):
            raise ValueError(
                "a charge was taken up by another invoice in the meantime: its customer wasn't locked"
            )
    LineCredit.objects.bulk_create(
        LineCredit(note_line=row, line_id=line.corrects_line_id)
        for row, (_, _, line, _) in zip(rows, pairs, strict=True)
        if line.corrects_line_id is not None
    )


def absorb(returns: Sequence[tuple[int, int]]) -> None:
    """What gives back a line that was credited before, by hand or by VAT put right, comes to nothing: it is with that line."""
    if returns:
        with connection.cursor() as cursor:
            cursor.execute(_TAKE_UP, [[one for one, _ in returns], [line for _, line in returns]])


def revenue(kind: ChargeKind) -> Name:
    """Where sales of this kind are booked."""
    return Name(Code.DISCOUNT) if kind == ChargeKind.DISCOUNT else Name(Code.REVENUE, str(kind))


def _sold(one: ToIssue, other: Name) -> tuple[Draft, ...]:
    """Revenue by kind and VAT by rate of these lines, against the other account."""
    sums: dict[Name, int] = defaultdict(int)
    for line in one.lines:
        sums[revenue(line.kind)] += line.net_minor
        sums[Name(Code.VAT_OUTPUT, f"{line.rate_bp / 100:g} %")] += line.vat_minor
    return tuple(draft for account, amount in sums.items() for draft in entry(other, account, amount))


def _journal(one: ToIssue, invoice: Invoice, actor: str) -> JournalDraft:
    entries = _sold(one, credits.receivable(one.customer.pk))
    return JournalDraft(
        f"invoice:{invoice.pk}", "issued", one.issued_on, f"Invoice {invoice.number}", actor, entries
    )


def _credit(one: ToIssue, note: Invoice, actor: str, now: datetime) -> None:
    """A credit note is money of the customer's. It pays what is open of the invoice that it corrects, before others."""
    account = credits.credit_account(one.customer.pk)
    entries = tuple(Draft(draft.credit, draft.debit, draft.amount_minor) for draft in _sold(one, account))
    credit = credits.add_credit(
        customer_id=one.customer.pk, source=f"invoice:{note.pk}", entries=entries, amount_minor=note.total_minor,
        description=f"Credit note {note.number}", received_on=one.issued_on, actor=actor, now=now,
    )  # fmt: skip
    assert one.credits_id is not None
    first = Invoice.objects.filter(pk=one.credits_id)
    credits.allocate_to(credit, list(first), today=one.issued_on, actor=actor, now=now)
