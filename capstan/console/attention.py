"""What needs attention, counted: each is one look at an index."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from capstan.caps.models import ThresholdCrossing
from capstan.console import needs_person
from capstan.metering.actions.log_reader import backlog
from capstan.operator.status.facts import METER_LATE
from capstan.payments.queries import desk
from capstan.topups.models import Order
from capstan.topups.rules.words import WAITING
from capstan.values.period import day_at


class Attention(NamedTuple):
    """`meter_lag` is how old the oldest record is that the meter hasn't counted yet."""

    waiting_orders: int
    needs_person: int
    capped_today: int
    meter_lag: timedelta
    meter_waiting: int  # records

    @property
    def is_meter_late(self) -> bool:
        return self.meter_lag > METER_LATE


def attention(*, now: datetime) -> Attention:
    """As it is at this moment."""
    day = day_at(settings.FORMATS.zone, now)
    capped = ThresholdCrossing.objects.filter(recorded_at__gte=day.start, percent__gte=100)
    with connection.cursor() as cursor:
        records, seconds = backlog(cursor, now=now)
    return Attention(
        waiting_orders=waiting_orders(),
        needs_person=needs_person.count(now=now),
        capped_today=capped.values("service_id").distinct().count(),
        meter_lag=timedelta(seconds=seconds if records else 0),
        meter_waiting=records,
    )


def nav_counts(*, now: datetime) -> dict[str, int]:
    """How much waits on the pages of the navigation."""
    return {
        "console:waiting_orders": waiting_orders(),
        "console:needs_person": needs_person.count(now=now),
        "console:billing": desk.waits().total,
    }


def waiting_orders() -> int:
    """Orders that wait for authorisation or payment."""
    return Order.objects.filter(state__in=WAITING).count()
