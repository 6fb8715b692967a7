"""What a customer pays ahead, as his money's page shows it."""

from datetime import date
from typing import NamedTuple

from django.conf import settings
from django.utils.safestring import SafeString

from capstan.billing.actions.prepaid import is_open
from capstan.billing.models import PrepaidPeriod
from capstan.billing.queries.prepaid import Waiting, latest_of, waiting_of
from capstan.console.invoices_shown import invoice_url
from capstan.ui.parts import badge
from capstan.ui.states import Tone

_SHOWN = 4


class Ahead(NamedTuple):
    """A period that is paid ahead, or was to be."""

    days: str
    amount_minor: int | None
    url: str
    badge: SafeString
    words: str


def ahead(customer_id: int, today: date, *, is_prepaid: bool, may: bool) -> dict[str, object]:
    """What is asked for ahead, and what became of it."""
    found = latest_of(customer_id, limit=_SHOWN)
    is_asked = any(is_open(row) for row in found)
    waiting = {one.period.pk: one for one in waiting_of(customer_id, today=today)} if is_asked else {}
    rows = [_ahead_row(one, waiting.get(one.pk)) for one in found]
    return {"is_prepaid": is_prepaid or bool(rows), "ahead": rows, "can_ask_again": may and bool(waiting)}


def _ahead_row(row: PrepaidPeriod, waiting: Waiting | None) -> Ahead:
    formats = settings.FORMATS
    document = row.invoice or row.request
    if waiting is not None:
        look = badge("Waits for payment", Tone.BAD if waiting.has_begun else Tone.SLOW, "clock")
        missing = f"{formats.money(waiting.left_minor)} is missing, due {formats.day(waiting.due_on)}"
        words = f"{missing}; it has begun, and its data waits." if waiting.has_begun else f"{missing}."
    elif row.paid_at is not None:
        look, words = badge("Paid", Tone.GOOD, "circle-check"), f"{formats.moment(row.paid_at)}."
    else:
        look, words = badge("Withdrawn", Tone.QUIET, "circle-dashed"), "Nobody has to pay it any more."
    return Ahead(
        formats.days(row.first, row.end), document.total_minor if document else None,
        invoice_url(document.pk) if document else "", look, words,
    )  # fmt: skip
