"""What SMS cost, month by month of the provider's calendar, and how that stands to the budget."""

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, QuerySet, Sum

from capstan.messaging.models import BudgetAlarm, Message
from capstan.messaging.rules.words import Medium
from capstan.values.money import minor_digits

ALARMS = (80, 100)
"""Per cent of the budget."""


class Spend(NamedTuple):
    """SMS handed to gateways in a month, those included of which nobody knows whether they took them."""

    month: date
    messages: int
    segments: int
    cost_minor: int


class Budget(NamedTuple):
    """`limit_minor` and `percent` are None where no budget is set; `alarm` is the highest share that was passed, else 0."""

    spend: Spend
    limit_minor: int | None
    percent: int | None
    alarm: int


def budget(*, now: datetime) -> Budget:
    """This month's."""
    spend = month_spend(now=now)
    limit = limit_minor()
    percent = spend.cost_minor * 100 // limit if limit else None
    passed = [alarm for alarm in ALARMS if percent is not None and percent >= alarm]
    return Budget(spend, limit, percent, max(passed, default=0))


def month_spend(*, now: datetime) -> Spend:
    """That of the provider's calendar month which `now` is in."""
    zone = ZoneInfo(settings.PROVIDER_TIME_ZONE)
    month = now.astimezone(zone).date().replace(day=1)
    start = datetime(month.year, month.month, 1, tzinfo=zone)
    after = (month + timedelta(days=32)).replace(day=1)
    end = datetime(after.year, after.month, 1, tzinfo=zone)
    sent = Message.objects.filter(medium=Medium.SMS, sent_at__gte=start, sent_at__lt=end)
    sums = sent.aggregate(messages=Count("pk"), segments=Sum("segments"), cost=Sum("cost_minor"))
    return Spend(month, sums["messages"], sums["segments"] or 0, sums["cost"] or 0)


def limit_minor() -> int | None:
    """The monthly budget in minor units; None where there is none."""
    given: Decimal | None = settings.OPTIONS.sms_budget
    if given is None:
        return None
    scaled = given.scaleb(minor_digits(settings.OPTIONS.currency))
    return int(scaled.to_integral_value(ROUND_HALF_UP))


def alarms_unseen() -> QuerySet[BudgetAlarm]:
    """Alarms that nobody has put away yet, the newest first."""
    return BudgetAlarm.objects.filter(seen_at=None).order_by("-raised_at", "-percent")
