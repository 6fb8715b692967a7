"""How invoices, credit notes and payment requests look in lists and on their pages."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString

from capstan.billing.models import Allocation, Charge, Credit, Invoice
from capstan.billing.queries.statement import Statement
from capstan.billing.rules.age import state_of
from capstan.billing.rules.words import InvoiceKind, InvoiceState
from capstan.documents import document as papers
from capstan.payments.models import Payment
from capstan.ui.navigation import address
from capstan.ui.parts import badge, date_of, link
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.ui.templatetags.capstan import breakable

_LOOKS = {
    InvoiceState.PAID: ("Paid", Tone.GOOD, "circle-check"),
    InvoiceState.PART_PAID: ("Part-paid", Tone.SLOW, "coin"),
    InvoiceState.UNPAID: ("Unpaid", Tone.NEWS, "clock"),
    InvoiceState.OVERDUE: ("Overdue", Tone.BAD, "alert-triangle"),
}
COLUMNS = (
    Column("Number", Place.LEAD),
    Column("Customer", Place.NOTE),
    Column("Date"),
    Column("Due"),
    Column("Total", Place.AMOUNT, is_number=True),
    Column("Open", is_number=True),
    Column("State", Place.STATE),
)
KIND_WORDS = {
    InvoiceKind.INVOICE: "Invoice",
    InvoiceKind.CREDIT_NOTE: "Credit note",
    InvoiceKind.PROFORMA: "Payment request",
}


def invoice_url(invoice_id: int) -> str:
    return reverse("console:invoice", args=[invoice_id])


def money_url(customer_id: int) -> str:
    return reverse("console:money", args=[customer_id])


def invoice_badge(invoice: Invoice, today: date) -> SafeString:
    """What the document is today, in word, colour and shape."""
    if invoice.kind == InvoiceKind.CREDIT_NOTE:
        return badge("Credited", Tone.QUIET, "arrow-back-up")
    if invoice.kind == InvoiceKind.PROFORMA:
        return _request_badge(invoice, today)
    return badge(*_LOOKS[state_of(invoice.total_minor, invoice.open_minor, invoice.due_on, today)])


def _request_badge(invoice: Invoice, today: date) -> SafeString:
    if invoice.fulfilled_by_id:
        return badge("Paid and invoiced", Tone.GOOD, "circle-check")
    if invoice.withdrawn_at:
        return badge("Withdrawn", Tone.QUIET, "circle-x")
    if invoice.due_on < today:
        return badge("Not paid in time", Tone.SLOW, "hourglass")
    return badge("Waits for payment", Tone.NEWS, "clock")


def invoice_row(invoice: Invoice, today: date) -> Row:
    """In a list with `COLUMNS`; its customer must have been read with it."""
    formats = settings.FORMATS
    is_owed = invoice.kind == InvoiceKind.INVOICE
    cells = (
        invoice.number, invoice.customer.name, formats.day(invoice.issued_on),
        "" if invoice.kind == InvoiceKind.CREDIT_NOTE else formats.day(invoice.due_on),
        formats.money(-invoice.total_minor if invoice.kind == InvoiceKind.CREDIT_NOTE else invoice.total_minor),
        formats.money(invoice.open_minor) if is_owed else "", invoice_badge(invoice, today),
    )  # fmt: skip
    return Row(cells, invoice_url(invoice.pk))


def open_table(invoices: Sequence[Invoice], today: date, empty: Empty) -> Table:
    """Open invoices of one customer."""
    columns = (
        Column("Number", Place.LEAD),
        Column("Due", Place.NOTE),
        Column("Open incl. VAT", Place.AMOUNT, is_number=True),
        Column("State", Place.STATE),
    )
    rows = tuple(
        Row(
            (
                one.number, settings.FORMATS.day(one.due_on), settings.FORMATS.money(one.open_minor),
                invoice_badge(one, today),
            ),
            invoice_url(one.pk),
        )
        for one in invoices
    )  # fmt: skip
    return Table("Open invoices, first due first", columns, rows, empty)


def notes_table(notes: Sequence[Invoice]) -> Table:
    """The credit notes of an invoice."""
    columns = (
        Column("Number", Place.LEAD),
        Column("Date", Place.NOTE),
        Column("Amount incl. VAT", Place.AMOUNT, is_number=True),
    )
    rows = tuple(
        Row(
            (one.number, settings.FORMATS.day(one.issued_on), settings.FORMATS.money(one.total_minor)),
            invoice_url(one.pk),
        )
        for one in notes
    )
    return Table("Credit notes", columns, rows, Empty("None", "It was never corrected."))


# --- a document on a page -----------------------------------------------------------------------------------


class Paper(NamedTuple):
    """A document as its page shows it: the same texts, the tables as ours."""

    document: papers.Document
    tables: tuple[Table, ...]


def paper_of(document: papers.Document) -> Paper:
    return Paper(document, tuple(_table(one, document.title) for one in document.tables))


def _table(table: papers.Table, title: str) -> Table:
    last = len(table.columns) - 1
    columns = tuple(
        Column(one.title, _place(position, last), is_number=one.is_number)
        for position, one in enumerate(table.columns)
    )
    rows = tuple(
        Row((f"{row.cells[0]} · {row.note}" if row.note else row.cells[0], *row.cells[1:]))
        for row in table.rows
    )
    return Table(
        table.title or f"Lines of the {title.lower()}", columns, rows, Empty("No lines", table.empty)
    )


def _place(position: int, last: int) -> Place:
    if position == 0:
        return Place.LEAD
    return Place.AMOUNT if position == last else Place.MORE


def statement_table(made: Statement) -> Table:
    """The movements between both balances; on a phone one sees what was charged or paid, and the balance."""
    columns = (
        Column("Date", Place.NOTE),
        Column("What", Place.LEAD),
        Column("Charged", Place.AMOUNT, is_number=True),
        Column("Paid", Place.AMOUNT, is_number=True),  # of the two one is always empty
        Column("Balance", Place.STATE, is_number=True),
    )
    formats = settings.FORMATS
    rows = []
    for line in made.lines:
        net = line.movement.net_minor
        cells = (
            formats.day(line.movement.occurred_on), line.movement.description, formats.money(net) if net > 0 else "",
            formats.money(net) if net < 0 else "", formats.money(line.balance_minor),
        )  # fmt: skip
        rows.append(Row(cells))
    nothing = Empty(
        "Nothing happened", "In these days nothing was invoiced, paid or credited. Choose other days above."
    )
    return Table("What happened on the account", columns, tuple(rows), nothing)


# --- money ------------------------------------------------------------------------------------------------------


def credit_words(
    credit: Credit, payments: Mapping[int, Payment], notes: Mapping[str, Invoice]
) -> tuple[str, str]:
    """What a credit is, and the address of its page if it has one."""
    payment = payments.get(credit.pk)
    if payment is not None:
        return f"Payment {payment.receipt_number}, {payment.method}", address("console:payment", payment.pk)
    note = notes.get(credit.source)
    if note is not None:
        return f"Credit note {note.number}", invoice_url(note.pk)
    if credit.source.startswith("write-off:"):
        return "Written off", ""
    return "Credit", ""


def _linked(words: str, url: str) -> object:
    return link(words, url) if url else words


def allocation_table(
    allocations: Sequence[Allocation], payments: Mapping[int, Payment], notes: Mapping[str, Invoice]
) -> Table:
    """What paid an invoice; each allocation with its credit."""
    columns = (
        Column("What", Place.LEAD),
        Column("Date", Place.NOTE),
        Column("Amount", Place.AMOUNT, is_number=True),
    )
    rows = tuple(
        Row(
            (
                _linked(*credit_words(one.credit, payments, notes)),
                settings.FORMATS.day(one.occurred_on) + (", taken back" if one.amount_minor < 0 else ""),
                settings.FORMATS.money(one.amount_minor),
            )
        )
        for one in allocations
    )
    nothing = Empty(
        "Nothing yet",
        "No payment or credit note has been set against it. The account's credit pays by itself.",
    )
    return Table("What paid it", columns, rows, nothing)


def payments_table(payments: Sequence[Payment]) -> Table:
    columns = (
        Column("Receipt", Place.LEAD),
        Column("Received", Place.NOTE),
        Column("How"),
        Column("Amount", Place.AMOUNT, is_number=True),
        Column("State", Place.STATE),
    )
    rows = tuple(
        Row(
            (
                one.receipt_number, settings.FORMATS.day(one.received_on), one.method,
                settings.FORMATS.money(one.amount_minor), _payment_badge(one),
            ),
            address("console:payment", one.pk),
        )
        for one in payments
    )  # fmt: skip
    nothing = Empty("No payment yet", "What this customer pays shows here as soon as it is booked.")
    return Table("Last payments", columns, rows, nothing)


def _payment_badge(payment: Payment) -> SafeString:
    if payment.reversed_at:
        return badge("Reversed", Tone.BAD, "arrow-back-up")
    if payment.refunded_minor:
        return badge("Refunded", Tone.QUIET, "arrow-back-up")
    return badge("Received", Tone.GOOD, "check")


def credits_table(
    credits: Sequence[Credit], payments: Mapping[int, Payment], notes: Mapping[str, Invoice]
) -> Table:
    columns = (
        Column("What", Place.LEAD),
        Column("Since", Place.NOTE),
        Column("Kept for"),
        Column("Left", Place.AMOUNT, is_number=True),
    )
    rows = tuple(
        Row(
            (
                _linked(*credit_words(one, payments, notes)), settings.FORMATS.day(one.received_on),
                one.kept_for.replace(":", " ") or "any invoice", settings.FORMATS.money(one.left_minor),
            )
        )
        for one in credits
    )  # fmt: skip
    return Table("Credit left", columns, rows, Empty("No credit", "All that was paid has paid invoices."))


def charges_table(charges: Sequence[Charge]) -> Table:
    """Charges that no invoice has taken up; their services must have been read with them."""
    columns = (
        Column("What", Place.LEAD),
        Column("Line"),
        Column("Supplied", Place.NOTE),
        Column("Amount incl. VAT", Place.AMOUNT, is_number=True),
    )
    rows = tuple(
        Row(
            (
                one.description, breakable(one.service.username) if one.service else "–",
                date_of(one.occurred_at),
                settings.FORMATS.money(one.amount_minor),
            )
        )
        for one in charges
    )  # fmt: skip
    return Table(
        "Charges not invoiced yet", columns, rows,
        Empty("Nothing waits", "Top-ups and one-off charges show here until an invoice takes them up."),
    )  # fmt: skip
