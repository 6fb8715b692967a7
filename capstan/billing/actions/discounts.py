"""Discounts on a line's subscription: given, and ended."""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.actions import terms
from capstan.billing.models import Discount
from capstan.services.models import Service
from capstan.values.refused import Refused

_PERCENT_MAX = 10_000  # hundredths
_BACK = timedelta(days=366)


@transaction.atomic
def add(
    *,
    service_id: int,
    text: str,
    percent_bp: int | None,
    amount_minor: int | None,
    first: date,
    end: date | None,
    actor: str,
    now: datetime,
) -> Discount:
    """So much off a line, for the periods that begin from `first` on and before `end`; the next bill run gives it.

    Raises Refused for a discount of nothing, of two kinds at once, without a text, or that ends before it begins.
    """
    service = Service.objects.only("id", "customer_id", "ended_at", "username").get(pk=service_id)
    _check(text, percent_bp, amount_minor)
    _check_days(first, end, settings.FORMATS.local(now).date())
    if service.ended_at is not None and service.ended_at <= now:
        raise Refused(f"The line {service.username} has ended: nothing is charged for it any more.")
    terms.lock(service.customer_id, now=now)
    made = Discount.objects.create(
        service=service, text=text.strip(), percent_bp=percent_bp, amount_minor=amount_minor, first=first, end=end,
        actor=actor, made_at=now,
    )  # fmt: skip
    record(
        actor=actor, action="billing.discount", subject=f"service:{service_id}", now=now,
        details={
            "discount": made.pk, "text": made.text, "percent_bp": percent_bp, "amount_minor": amount_minor,
            "first": first, "end": end.isoformat() if end else None,
        },
    )  # fmt: skip
    return made


def _check(text: str, percent_bp: int | None, amount_minor: int | None) -> None:
    if not text.strip():
        raise Refused("Say what the discount is: the invoice says so too.")
    if (percent_bp is None) == (amount_minor is None):
        raise Refused("A discount is either a percentage or an amount a month.")
    if percent_bp is not None and not 0 < percent_bp <= _PERCENT_MAX:
        raise Refused("A percentage is above 0 and at most 100.")
    if amount_minor is not None and amount_minor <= 0:
        raise Refused("A discount takes something off: say how much.")


def _check_days(first: date, end: date | None, today: date) -> None:
    if end is not None and end <= first:
        raise Refused("A discount ends after it begins.")
    if first < today - _BACK:
        raise Refused("A discount can't begin more than a year ago: what was billed then is closed.")


@transaction.atomic
def end_on(*, discount_id: int, end: date, actor: str, now: datetime) -> Discount:
    """From this day on the discount is no more; what it gave for later periods is charged again by the next bill run.

    Raises Refused for a day before it began, and for one that has ended.
    """
    customer_id = Discount.objects.values_list("service__customer_id", flat=True).get(pk=discount_id)
    terms.lock(customer_id, now=now)
    discount = Discount.objects.get(pk=discount_id)
    today = settings.FORMATS.local(now).date()
    if discount.end is not None and discount.end <= today:
        raise Refused(f"It ended on {settings.FORMATS.day(discount.end)} already.")
    if end < discount.first:
        raise Refused(f"It begins on {settings.FORMATS.day(discount.first)}: it can't end before.")
    before = discount.end
    discount.end = end
    discount.save(update_fields=["end"])
    record(
        actor=actor, action="billing.end_discount", subject=f"service:{discount.service_id}", now=now,
        details={
            "discount": discount.pk, "text": discount.text, "end": end,
            "before": before.isoformat() if before else None,
        },
    )  # fmt: skip
    return discount
