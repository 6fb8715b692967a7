"""PDFs of documents: made once, kept for ever."""

import hashlib
from datetime import datetime

import structlog
from django.db import transaction

from capstan.billing.models import Invoice, StoredDocument
from capstan.billing.queries.documents import invoice_document
from capstan.documents.document import Document
from capstan.documents.pdf import render

log = structlog.get_logger()


def stored(source: str, make: "Document", *, now: datetime) -> bytes:
    """The PDF of this source: the bytes that were made the first time, whatever the templates look like since."""
    known = StoredDocument.objects.filter(source=source).first()
    if known is None:
        pdf = render(make)
        StoredDocument.objects.bulk_create(
            [StoredDocument(source=source, pdf=pdf, sha256=hashlib.sha256(pdf).hexdigest(), made_at=now)],
            ignore_conflicts=True,  # somebody else made it at the same moment: his is the one
        )
        known = StoredDocument.objects.get(source=source)
    return bytes(known.pdf)


def invoice_pdf(invoice: Invoice, *, now: datetime) -> bytes:
    """An invoice's, credit note's or proforma's PDF."""
    source = f"invoice:{invoice.pk}"
    known = StoredDocument.objects.filter(source=source).values_list("pdf", flat=True).first()
    return bytes(known) if known is not None else stored(source, invoice_document(invoice), now=now)


def make_due(*, now: datetime, limit: int) -> int:
    """Make the PDFs of documents that have none yet, oldest first; returns how many."""
    missing = Invoice.objects.extra(
        where=[
            "NOT EXISTS (SELECT FROM billing_storeddocument d WHERE d.source = 'invoice:' || billing_invoice.id)"
        ]
    )
    rows = list(missing.select_related("brand", "credits").order_by("id")[:limit])
    made = 0
    for invoice in rows:
        try:
            with transaction.atomic():
                invoice_pdf(invoice, now=now)
            made += 1
        except Exception:  # one that can't be printed mustn't hold up the others
            log.exception("a document can't be printed", number=invoice.number)
    return made
