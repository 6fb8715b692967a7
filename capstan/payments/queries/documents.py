"""Receipts and cash-ups as the reader sees them, on a page or as a PDF."""

from collections.abc import Sequence

from django.conf import settings

from capstan.billing.queries.documents import issuer_of, look_of, recipient_of
from capstan.billing.queries.parties import parties_of
from capstan.catalog.models import Brand
from capstan.documents.document import Column, Document, Look, Party, Row, Table, Total
from capstan.payments.models import CashUp, Payment
from capstan.payments.queries.desk import Part, paid_by

_LANGUAGE = "en"
METHOD_WORDS = {"EFT": "EFT", "debit order": "Debit order", "card": "Card", "cash": "Cash"}


def receipt_document(payment: Payment) -> Document:
    """The receipt of a payment: what came in, when and how, and what it pays."""
    formats, customer = settings.FORMATS, payment.customer
    parties = parties_of([customer])[customer.pk]
    facts = [
        ("Received on", formats.day(payment.received_on)),
        ("Paid by", METHOD_WORDS.get(payment.method, payment.method)),
        ("Reference", payment.reference),
    ]
    return Document(
        kind="receipt", title="Receipt", number=payment.receipt_number, language=_LANGUAGE, look=look_of(customer.brand),
        issuer=issuer_of(parties), recipient=recipient_of(parties),
        facts=tuple((name, value) for name, value in facts if value),
        stamp="Reversed" if payment.reversed_at else "",
        headline=("Thank you, we received", formats.money(payment.amount_minor)),
        tables=(_paid_with_it(paid_by(payment)),), totals=_totals(payment), notes=_notes(payment),
        footer=customer.brand.document_footer, made_on=payment.received_on,
    )  # fmt: skip


def _paid_with_it(parts: Sequence[Part]) -> Table:
    formats = settings.FORMATS
    rows = tuple(
        Row((one.invoice.number, formats.day(one.invoice.issued_on), formats.money(one.amount_minor)))
        for one in parts
    )
    columns = (Column("Invoice"), Column("Date"), Column("Paid", True))
    return Table("Paid with it", columns, rows, "It pays your next invoice.")


def _totals(payment: Payment) -> tuple[Total, ...]:
    money = settings.FORMATS.money
    totals = [Total("Received", money(payment.amount_minor), True)]
    if payment.refunded_minor:
        totals.append(Total("Given back", money(payment.refunded_minor)))
    if payment.credit.left_minor and not payment.reversed_at:
        totals.append(Total("Kept on your account", money(payment.credit.left_minor)))
    return tuple(totals)


def _notes(payment: Payment) -> tuple[str, ...]:
    if payment.reversed_at is None:
        return ()
    day = settings.FORMATS.date(payment.reversed_at)
    return (
        f"This payment was reversed on {day}: {payment.reversed_because}. What it had paid is open again.",
    )


def cash_up_document(made: CashUp, cashier: str, taken: Sequence[Payment]) -> Document:
    """A till's count: what should have been in it, what was, what went to the bank, and the receipts of the day."""
    formats = settings.FORMATS
    difference = made.counted_minor - made.expected_minor
    totals = [
        Total("Should have been there", formats.money(made.expected_minor)),
        Total("Counted", formats.money(made.counted_minor), True),
        Total("Taken to the bank", formats.money(made.banked_minor)),
        Total("Stays as change", formats.money(made.counted_minor - made.banked_minor)),
    ]
    if difference:
        totals.insert(2, Total("Over" if difference > 0 else "Short", formats.money(abs(difference))))
    brand = Brand.objects.order_by("pk").first()
    lines = [one.strip() for one in brand.issuer.splitlines() if one.strip()] if brand else []
    return Document(
        kind="cash_up", title="Cash-up", number=formats.day(made.day), language=_LANGUAGE,
        look=look_of(brand) if brand else Look(), issuer=Party(lines[0] if lines else "Cash-up", tuple(lines[1:])),
        recipient=Party(cashier, (f"Till of {made.actor}",)), facts=(("Counted", formats.moment(made.made_at)),),
        headline=("Counted in the till", formats.money(made.counted_minor)), tables=(_receipts(taken),),
        totals=tuple(totals), notes=(made.remark,) if made.remark else (), signature_fields=("Cashier", "Supervisor"),
        made_on=made.day,
    )  # fmt: skip


def _receipts(taken: Sequence[Payment]) -> Table:
    formats = settings.FORMATS
    rows = tuple(
        Row(
            (
                one.receipt_number, formats.time(one.made_at), f"{one.customer.account_code} {one.customer.name}",
                f"reversed {formats.money(one.amount_minor)}" if one.reversed_at else formats.money(one.amount_minor),
            )
        )
        for one in taken
    )  # fmt: skip
    columns = (Column("Receipt"), Column("Time"), Column("Customer"), Column("Cash", True))
    return Table("Cash receipts of the day", columns, rows, "No cash was taken on this day.")
