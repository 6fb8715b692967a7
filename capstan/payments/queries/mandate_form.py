"""A mandate as the form that the customer signs. It shows the account number whole: it is made anew each time and never kept."""

from django.conf import settings

from capstan.billing.queries.documents import issuer_of, look_of, recipient_of
from capstan.billing.queries.parties import parties_of
from capstan.documents.document import Column, Document, Row, Table, Words
from capstan.payments.models import Mandate
from capstan.payments.rules.debit_orders.due import LATE_AT_MOST, day_words

_LANGUAGE = "en"


def mandate_document(mandate: Mandate) -> Document:
    """The filled-in form. The same mandate gives the same document, as what it says never changes."""
    formats, customer = settings.FORMATS, mandate.customer
    parties = parties_of([customer])[customer.pk]
    issuer = issuer_of(parties)
    day = f"{day_words(mandate.action_day)} day of the month"
    most = formats.money(mandate.max_minor) if mandate.max_minor else "what is owed"
    rows = (
        ("Account holder", mandate.holder),
        ("Bank", mandate.bank_name),
        ("Branch code", mandate.branch_code),
        ("Account number", mandate.account_number),
        ("Kind of account", mandate.account_type.capitalize()),
    )
    return Document(
        kind="mandate", title="Debit order mandate", number=mandate.reference, language=_LANGUAGE,
        look=look_of(customer.brand), issuer=issuer, recipient=recipient_of(parties),
        facts=(("Date", formats.date(mandate.entered_at)), ("Debit day", day), ("Reference", mandate.reference)),
        headline=("Each month, at most", most),
        tables=(Table("Account to debit", (Column("What"), Column("As given by you")), tuple(map(Row, rows))),),
        notes=_notes(mandate, issuer.name), signature_fields=("Signature of the account holder", "Name", "Date"),
        footer=customer.brand.document_footer, made_on=formats.local(mandate.entered_at).date(),
        words=Words(issuer="Whoever debits", recipient="Customer", notes="What you agree to"),
    )  # fmt: skip


def _notes(mandate: Mandate, issuer: str) -> tuple[str, ...]:
    most = f", {settings.FORMATS.money(mandate.max_minor)} at the most" if mandate.max_minor else ""
    late = LATE_AT_MOST.days
    return (
        f"I authorise {issuer} to debit the account above each month with what is due on my customer account{most}.",
        f"The account is debited on {day_words(mandate.action_day)} day of the month or up to {late} days later; on a weekend"
        " or a public holiday, on the next business day. One that comes back for lack of money may be tried once more.",
        f"Each debit bears the reference {mandate.reference} on my bank statement.",
        "I may cancel this mandate in writing at any time; what was debited before stays due.",
        "The account is mine, or I may sign for it.",
    )
