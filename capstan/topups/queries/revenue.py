"""What top-ups brought in, by the way in which they were ordered."""

from datetime import date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Count, Sum

from capstan.topups.models import Order
from capstan.topups.rules.words import Channel


class Revenue(NamedTuple):
    """Top-ups of one channel that were added: how many, at which prices, and what of that was given back; VAT included."""

    channel: Channel
    number: int
    sold_minor: int
    back_minor: int

    @property
    def net_minor(self) -> int:
        return self.sold_minor - self.back_minor


def by_channel(first: date, end: date, zone: ZoneInfo) -> list[Revenue]:
    """Of top-ups ordered from `first` up to, but not including, `end`; the channel that brought most comes first."""
    start, stop = (datetime.combine(day, time(), zone) for day in (first, end))
    added = Order.objects.filter(created_at__gte=start, created_at__lt=stop, granted_at__isnull=False)
    rows = added.values_list("channel").annotate(
        number=Count("pk"), sold=Sum("price_minor"), back=Sum("reversed_minor")
    )
    found = [Revenue(Channel(channel), number, sold, back) for channel, number, sold, back in rows.order_by()]
    return sorted(found, key=lambda one: (-one.net_minor, one.channel))
