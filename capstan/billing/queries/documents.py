"""Invoices, credit notes, proformas and statements as the reader sees them, on a page or as a PDF."""

from datetime import date, timedelta

from django.conf import settings

from capstan.billing.models import Invoice, InvoiceLine
from capstan.billing.queries.owed import owed
from capstan.billing.queries.parties import parties_of
from capstan.billing.queries.statement import Statement
from capstan.billing.rules.forms import invoice_form
from capstan.billing.rules.words import InvoiceKind
from capstan.catalog.models import Brand, BrandLogo
from capstan.customers.models import Customer
from capstan.documents.document import Column, Document, Kind, Look, Pair, Party, Row, Table, Total

BAND_NAMES = ("Current", "30 days", "60 days", "90 days", "120+ days")
_LANGUAGE = "en"


def look_of(brand: Brand) -> Look:
    """The brand's logo and colour."""
    logo = BrandLogo.objects.filter(brand=brand).first()
    return Look(brand.accent, bytes(logo.content) if logo else b"", logo.kind if logo else "")  # type: ignore[arg-type]


def issuer_of(parties: dict[str, object]) -> Party:
    """The provider, as the document kept it."""
    lines = _texts(parties, "issuer")
    facts = [
        ("Registration", str(parties.get("company_number", ""))),
        ("VAT number", str(parties.get("vat_number", ""))),
    ]
    return Party(lines[0], (*lines[1:], *_texts(parties, "contact")), _said(facts))


def recipient_of(parties: dict[str, object]) -> Party:
    """The customer, as the document kept him."""
    facts = [
        ("Account code", str(parties.get("account_code", ""))),
        ("Registration", str(parties.get("customer_company_number", ""))),
        ("VAT number", str(parties.get("customer_vat_number", ""))),
    ]
    return Party(str(parties.get("name", "")), _texts(parties, "address"), _said(facts))


def how_to_pay(parties: dict[str, object]) -> tuple[Pair, ...]:
    """The bank's details, and the reference that the money is found by."""
    pairs = [
        (label.strip(), value.strip())
        for label, _, value in (one.partition(":") for one in _texts(parties, "bank"))
    ]
    known = [(label, value) if value else ("Bank", label) for label, value in pairs]
    return (*known, ("Reference", str(parties.get("account_code", "")))) if known else ()


def invoice_document(invoice: Invoice) -> Document:
    """The invoice, credit note or proforma as it was issued."""
    form = invoice_form(settings.OPTIONS.country, invoice.total_minor, says_vat=invoice.says_vat)
    parties = invoice.parties
    lines = list(invoice.lines.order_by("position"))
    return Document(
        kind=_kind(invoice), title=_title(invoice, form.title), number=invoice.number, language=_LANGUAGE,
        look=look_of(invoice.brand), issuer=issuer_of(parties), recipient=recipient_of(parties), facts=_facts(invoice),
        headline=_headline(invoice), tables=(_lines_table(invoice, lines, is_full=form.is_full),),
        totals=_totals(invoice, lines, is_full=form.is_full), notes=_notes(invoice),
        payment=how_to_pay(parties) if invoice.kind != InvoiceKind.CREDIT_NOTE and invoice.total_minor else (),
        footer=invoice.brand.document_footer, made_on=invoice.issued_on,
    )  # fmt: skip


def _kind(invoice: Invoice) -> Kind:
    if invoice.kind == InvoiceKind.CREDIT_NOTE:
        return "credit_note"
    if invoice.kind == InvoiceKind.PROFORMA:
        return "proforma"
    return "tax_invoice" if invoice.says_vat else "invoice"


def _title(invoice: Invoice, invoice_title: str) -> str:
    if invoice.kind == InvoiceKind.CREDIT_NOTE:
        return "Credit note"
    return "Payment request" if invoice.kind == InvoiceKind.PROFORMA else invoice_title


def _facts(invoice: Invoice) -> tuple[Pair, ...]:
    formats = settings.FORMATS
    facts = [("Date", formats.day(invoice.issued_on))]
    if invoice.kind == InvoiceKind.CREDIT_NOTE:
        first = invoice.credits
        facts.append(("Corrects", f"{first.number} of {formats.day(first.issued_on)}" if first else ""))
        facts.append(("Reason", invoice.reason))
    else:
        facts.append(("Due", formats.day(invoice.due_on)))
    if invoice.period_first and invoice.period_end:
        facts.append(("Period", formats.days(invoice.period_first, invoice.period_end)))
    return _said(facts)


def _headline(invoice: Invoice) -> Pair:
    amount = settings.FORMATS.money(invoice.total_minor)
    if invoice.kind == InvoiceKind.CREDIT_NOTE:
        return "Credited to your account", amount
    if invoice.total_minor == 0:
        return "Nothing to pay", amount
    return f"To pay by {settings.FORMATS.day(invoice.due_on)}", amount


def _lines_table(invoice: Invoice, lines: list[InvoiceLine], *, is_full: bool) -> Table:
    money, percent = settings.FORMATS.money, settings.FORMATS.percent
    columns: tuple[str, ...]
    rows: list[tuple[InvoiceLine, tuple[str, ...]]]
    if is_full:
        columns = ("Description", "Excl. VAT", "VAT", "Incl. VAT")
        rows = [
            (
                line,
                (
                    line.text,
                    money(line.amount_minor - line.vat_minor),
                    percent(line.rate_bp),
                    money(line.amount_minor),
                ),
            )
            for line in lines
        ]
    else:
        columns = ("Description", "Amount incl. VAT" if invoice.says_vat else "Amount")
        rows = [(line, (line.text, money(line.amount_minor))) for line in lines]
    return Table(
        "", tuple(Column(title, is_number=position > 0) for position, title in enumerate(columns)),
        tuple(Row(cells, note=" · ".join(line.details)) for line, cells in rows), empty="Nothing was charged.",
    )  # fmt: skip


def _totals(invoice: Invoice, lines: list[InvoiceLine], *, is_full: bool) -> tuple[Total, ...]:
    money, percent = settings.FORMATS.money, settings.FORMATS.percent
    if not invoice.says_vat:
        return (Total("Total", money(invoice.total_minor), True),)
    rates: dict[tuple[str, int], int] = {}
    for line in lines:
        key = (line.tax_name, line.rate_bp)
        rates[key] = rates.get(key, 0) + line.vat_minor
    vat = [
        Total(f"{name} {percent(rate)}" if is_full else f"of which {name} {percent(rate)}", money(amount))
        for (name, rate), amount in sorted(rates.items(), key=lambda item: -item[0][1])
    ]
    total = Total("Total incl. VAT", money(invoice.total_minor), True)
    return (Total("Total excl. VAT", money(invoice.net_minor)), *vat, total) if is_full else (total, *vat)


def _notes(invoice: Invoice) -> tuple[str, ...]:
    if invoice.kind == InvoiceKind.PROFORMA:
        notes = ["This is a request for payment" + (", not a tax invoice." if invoice.says_vat else ".")]
        return (*notes, "What you asked for is added, and your invoice made, when the payment is here.")
    if invoice.kind == InvoiceKind.CREDIT_NOTE:
        return ("It pays what is open on your account; you need to do nothing.",)
    return ()


def statement_document(customer: Customer, made: Statement, *, today: date) -> Document:
    """The customer's account over some days, with what is open by age today."""
    formats, parties = settings.FORMATS, parties_of([customer])[customer.pk]
    opening = Row(
        (formats.day(made.first), "Opening balance", "", "", formats.money(made.opening_minor)),
        is_strong=True,
    )
    rows = [
        Row(
            (
                formats.day(line.movement.occurred_on), line.movement.description,
                formats.money(line.movement.net_minor) if line.movement.net_minor > 0 else "",
                formats.money(-line.movement.net_minor) if line.movement.net_minor < 0 else "",
                formats.money(line.balance_minor),
            )
        )
        for line in made.lines
    ]  # fmt: skip
    last = formats.day(made.end - timedelta(days=1))
    closing = Row((last, "Closing balance", "", "", formats.money(made.closing_minor)), is_strong=True)
    columns = (
        Column("Date"),
        Column("What"),
        Column("Charged", True),
        Column("Paid", True),
        Column("Balance", True),
    )
    now = owed(customer.pk, today=today)
    bands = tuple((name, formats.money(amount)) for name, amount in zip(BAND_NAMES, now.ages, strict=True))
    return Document(
        kind="statement", title="Statement", number=customer.account_code, language=_LANGUAGE,
        look=look_of(customer.brand), issuer=issuer_of(parties), recipient=recipient_of(parties),
        facts=(("Period", formats.days(made.first, made.end)), ("Made on", formats.day(today))),
        headline=_balance_line(made.closing_minor, last), tables=(Table("", columns, (opening, *rows, closing)),),
        bands=(*bands, ("Total due", formats.money(now.ages.total))),
        notes=(f"{formats.money(now.credit_minor)} was paid and isn't used yet: it pays your next invoice.",)
        if now.credit_minor
        else (),
        payment=how_to_pay(parties), footer=customer.brand.document_footer, made_on=today,
    )  # fmt: skip


def _balance_line(balance_minor: int, day: str) -> Pair:
    if balance_minor < 0:
        return f"In your favour on {day}", settings.FORMATS.money(-balance_minor)
    return f"Owed on {day}", settings.FORMATS.money(balance_minor)


def _texts(parties: dict[str, object], key: str) -> tuple[str, ...]:
    found = parties.get(key)
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def _said(facts: list[tuple[str, str]]) -> tuple[Pair, ...]:
    return tuple((name, value) for name, value in facts if value)
