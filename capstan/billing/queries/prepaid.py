"""What a customer is asked to pay ahead, and what of it his lines wait for."""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from django.conf import settings
from django.db.models import Sum

from capstan.billing.models import Credit, PrepaidPeriod
from capstan.billing.rules.prepaid import collected_from
from capstan.services.models import Service


class Waiting(NamedTuple):
    """A period that isn't paid: what is missing, until when, and whether it has begun."""

    period: PrepaidPeriod
    total_minor: int
    left_minor: int  # what the account's credit doesn't cover
    due_on: date
    has_begun: bool

    @property
    def collected_from(self) -> date:
        """From this day on it is collected of who pays by debit order or stored card."""
        return collected_from(self.period.first)

    @property
    def words(self) -> str:
        """As in `payment of R500, due 1 Feb 2026`."""
        return (
            f"payment of {settings.FORMATS.money(self.left_minor)}, due {settings.FORMATS.day(self.due_on)}"
        )


def waiting_of(customer_id: int, *, today: date) -> list[Waiting]:
    """Everything that is asked for and can still be paid, the first period first."""
    return waiting_of_many([customer_id], today=today).get(customer_id, [])


def waiting_of_many(customer_ids: Collection[int], *, today: date) -> dict[int, list[Waiting]]:
    """The same of each of these customers who is asked for something."""
    rows = PrepaidPeriod.objects.filter(
        customer_id__in=customer_ids, paid_at=None, withdrawn_at=None, request__isnull=False, end__gt=today
    )
    asked = list(rows.select_related("request").order_by("first", "pk"))
    left = free_credit([row.customer_id for row in asked])
    found: dict[int, list[Waiting]] = {}
    for row in asked:
        assert row.request is not None
        total, has = row.request.total_minor, left.get(row.customer_id, 0)
        waits = Waiting(row, total, max(0, total - has), row.request.due_on, row.first <= today)
        found.setdefault(row.customer_id, []).append(waits)
        left[row.customer_id] = max(0, has - total)
    return found


def free_credit(customer_ids: Collection[int]) -> dict[int, int]:
    """Credit that isn't kept for anything, by customer."""
    rows = Credit.objects.filter(customer_id__in=customer_ids, left_minor__gt=0, kept_for="").order_by()
    return dict(
        rows.values("customer_id").annotate(left=Sum("left_minor")).values_list("customer_id", "left")
    )


def why_it_waits(service_id: int, *, today: date) -> str:
    """What a line's allowance waits for, in words that end a sentence: `payment of R500, due 1 Feb 2026`."""
    customer_id = Service.objects.values_list("customer_id", flat=True).get(pk=service_id)
    mine = [one for one in waiting_of(customer_id, today=today) if service_id in one.period.services]
    begun = [one for one in mine if one.has_begun]
    return begun[0].words if begun else "payment: the next period is asked for some days before it begins"


def latest_of(customer_id: int, *, limit: int) -> list[PrepaidPeriod]:
    """What was asked for, the latest first."""
    rows = PrepaidPeriod.objects.filter(customer_id=customer_id).select_related("request", "invoice")
    return list(rows.order_by("-first", "-pk")[:limit])
