"""Batches, mandates and results as staff look for them."""

from typing import NamedTuple

from django.db.models import Count, QuerySet, Sum

from capstan.customers.models import Customer
from capstan.payments.models import DebitBatch, DebitItem, DebitResults, Mandate
from capstan.payments.rules.words import DebitState, MandateState

_SHOWN = 50
_NOT_DEBITED = (DebitState.LEFT_OUT, DebitState.DROPPED)


class Sums(NamedTuple):
    """What a batch comes to: debit orders and their sum, those that came back, and who was left out."""

    debited: int
    debited_minor: int
    returned: int
    returned_minor: int
    left_out: int


def sums_of(batch_id: int) -> Sums:
    """One batch's; of a dropped one nothing is debited."""
    return sums([batch_id])[batch_id]


def sums(batch_ids: list[int]) -> dict[int, Sums]:
    """The same of several, in one question."""
    rows = DebitItem.objects.filter(batch_id__in=batch_ids).values("batch_id", "state")
    found = {batch_id: Sums(0, 0, 0, 0, 0) for batch_id in batch_ids}
    for row in rows.annotate(number=Count("pk"), total=Sum("amount_minor")):
        one, number, total = found[row["batch_id"]], row["number"], row["total"]
        if row["state"] == DebitState.LEFT_OUT:
            one = one._replace(left_out=number)
        elif row["state"] not in _NOT_DEBITED:
            one = one._replace(debited=one.debited + number, debited_minor=one.debited_minor + total)
        if row["state"] == DebitState.UNPAID:
            one = one._replace(returned=number, returned_minor=total)
        found[row["batch_id"]] = one
    return found


def batches(limit: int = _SHOWN) -> list[DebitBatch]:
    """The latest, without their files."""
    return list(DebitBatch.objects.select_related("brand").defer("file").order_by("-pk")[:limit])


def items(batch: DebitBatch) -> QuerySet[DebitItem]:
    """Everybody in a batch, without account numbers."""
    rows = batch.items.select_related("customer", "mandate", "payment").defer("mandate__account_number")
    return rows.order_by("pk")


def results(limit: int) -> list[DebitResults]:
    """The files that were read in, the last first."""
    return list(DebitResults.objects.order_by("-pk")[:limit])


def results_for_person() -> list[DebitResults]:
    """Files of which something couldn't be booked and that nobody has looked after, the oldest first."""
    return list(DebitResults.objects.filter(looked_after_by="").exclude(problems=[]).order_by("pk")[:_SHOWN])


def mandates(state: MandateState | None, *, before: int | None, limit: int) -> list[Mandate]:
    """All or those in a state, the last entered first; `before`: older than this one."""
    found = Mandate.objects.select_related("customer")
    if state is not None:
        found = found.filter(state=state)
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(found.order_by("-pk")[:limit])


def mandates_of(customer: Customer) -> list[Mandate]:
    """A customer's, the last entered first."""
    return list(Mandate.objects.filter(customer=customer).order_by("-pk")[:_SHOWN])


def debits_of(customer: Customer, limit: int) -> list[DebitItem]:
    """His debit orders, the last first, and why there was none."""
    rows = DebitItem.objects.filter(customer=customer).select_related("batch", "payment").defer("batch__file")
    return list(rows.order_by("-pk")[:limit])
