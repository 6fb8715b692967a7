"""What credits are: payments, credit notes and what was written off, read together for a page."""

from collections.abc import Iterable

from capstan.billing.models import Credit, Invoice
from capstan.payments.models import Payment
from capstan.payments.queries.listing import payments_behind

_NOTE = "invoice:"


def behind(credits: Iterable[Credit]) -> tuple[dict[int, Payment], dict[str, Invoice]]:
    """The payment of each credit by the credit's id, and the credit note by the credit's source."""
    wanted = list(credits)
    if not wanted:
        return {}, {}
    ids = [int(one.source.removeprefix(_NOTE)) for one in wanted if one.source.startswith(_NOTE)]
    notes = Invoice.objects.filter(pk__in=ids) if ids else Invoice.objects.none()
    return payments_behind([one.pk for one in wanted]), {f"{_NOTE}{one.pk}": one for one in notes}
