"""What there is to chase, and by which rules."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import holidays
from django.conf import settings
from django.db.models import Q, QuerySet, Sum

from capstan.billing.models import Credit, DunningHold, DunningPolicy, DunningState, Invoice
from capstan.billing.rules.dunning import WARNINGS_MAX, Debt, HoldKind, IsBusinessDay, Policy, steps_of
from capstan.billing.rules.words import InvoiceKind

_SATURDAY = 5


class Chased(NamedTuple):
    """A customer's debt, and the holds on it that have not ended."""

    debt: Debt
    holds: Sequence[DunningHold]


def rules_of(row: DunningPolicy) -> Policy:
    """The brand's policy as the rules want it. Raises Refused for steps that can't be read."""
    return Policy(
        steps_of(row.steps), row.least_minor, row.grace_days, row.warn_days, row.skip_weekends, row.reminders_skip,
        row.suspends,
    )  # fmt: skip


@lru_cache(maxsize=64)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """A country's, by its ISO 3166 code. Raises NotImplementedError for one that isn't known."""
    return frozenset(holidays.country_holidays(country, years=year))


def business_days(row: DunningPolicy) -> IsBusinessDay:
    """Whether offices are open on a day in the policy's country."""
    country = row.country or settings.OPTIONS.country

    def is_one(day: date) -> bool:
        return day.weekday() < _SATURDAY and day not in public_holidays(country, day.year)

    return is_one


def debt_of(state: DunningState, policy: Policy, *, today: date) -> Chased:
    """What the customer owes today. Disputed invoices don't count, nor does a hold whose last day is over."""
    valid = DunningHold.objects.filter(Q(until=None) | Q(until__gte=today), ended_at__isnull=True)
    holds = list(valid.filter(customer_id=state.pk).order_by("pk"))
    disputed = [hold.invoice_id for hold in holds if hold.kind == HoldKind.DISPUTE and hold.invoice_id]
    rows = Invoice.objects.filter(customer_id=state.pk, kind=InvoiceKind.INVOICE, open_minor__gt=0)
    dues = [
        (one.due_on, one.open_minor) for one in rows.only("due_on", "open_minor").exclude(pk__in=disputed)
    ]
    late = [(day, amount) for day, amount in dues if (today - day).days > policy.grace_days]
    coming = sorted(one for one in dues if one not in late)
    next_due_on = coming[0][0] if coming else None
    debt = Debt(
        overdue_minor=sum(amount for _, amount in late), oldest_due_on=min((day for day, _ in late), default=None),
        next_minor=sum(amount for day, amount in coming if day == next_due_on), next_due_on=next_due_on,
        last_days=state.last_days, warned_on=state.warned_on, soon_for=state.soon_for, soon_days=state.soon_days,
        is_held=any(hold.kind != HoldKind.DISPUTE for hold in holds), failed_warnings=state.failed_warnings,
    )  # fmt: skip
    return Chased(debt, holds)


def paid_since(customer_id: int, promise: DunningHold) -> int:
    """What the customer paid from a promise to its last day, less what was reversed or refunded since."""
    money = Credit.objects.filter(
        customer_id=customer_id, source__startswith="receipt:", made_at__gte=promise.made_at
    )
    if promise.until is not None:
        money = money.filter(received_on__lte=promise.until)
    left = money.aggregate(total=Sum("left_minor"))["total"] or 0
    return left + (money.aggregate(total=Sum("allocations__amount_minor"))["total"] or 0)


def not_warned() -> QuerySet[DunningState]:
    """Debtors whose warnings all failed: their lines don't go on hold before a person has told them."""
    rows = DunningState.objects.filter(
        episode_since__isnull=False, warned_on__isnull=True, failed_warnings__gte=WARNINGS_MAX
    )
    return rows.select_related("customer").order_by("episode_since", "pk")
