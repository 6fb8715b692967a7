"""How a request to pay ahead is said to whoever has its link: to be paid, paid, there, withdrawn."""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from django.conf import settings

from capstan.billing.models import PrepaidPeriod
from capstan.billing.queries.prepaid import waiting_of


class Ahead(NamedTuple):
    """`is_settling`: it is paid, and a moment later the data is there. `is_over`: nobody has to pay it any more."""

    title: str
    lead: str
    is_settling: bool = False
    is_over: bool = False


def asked_ahead(request_ids: Collection[int], *, today: date) -> list[Ahead]:
    """Of those that are requests to pay ahead, the first period first."""
    rows = PrepaidPeriod.objects.filter(request_id__in=request_ids).order_by("first", "pk")
    return [_said(row, today) for row in rows]


def _said(row: PrepaidPeriod, today: date) -> Ahead:
    what = f"Your data for {settings.FORMATS.days(row.first, row.end)}"
    if row.paid_at is not None:
        return _paid(row, what, today)
    if row.withdrawn_at is not None or row.end <= today:
        lead = "There is nothing to pay on it. If you paid it all the same, your account has the money."
        return Ahead(f"{what} is no longer asked for", lead, is_over=True)
    waiting = next((one for one in waiting_of(row.customer_id, today=today) if one.period.pk == row.pk), None)
    left = waiting.left_minor if waiting is not None else 0
    if left:
        return Ahead(f"{what} waits for payment", f"{settings.FORMATS.money(left)} is still missing.")
    return Ahead(f"{what} is paid", "It is there in a moment.", is_settling=True)


def _paid(row: PrepaidPeriod, what: str, today: date) -> Ahead:
    if row.released_at is None:
        return Ahead(f"{what} is paid", "It is there in a moment.", is_settling=True)
    if row.first > today:
        return Ahead(f"{what} is paid", f"It is there when {settings.FORMATS.day(row.first)} begins.")
    return Ahead(f"{what} is there", "It is paid. There is nothing more to do.")
