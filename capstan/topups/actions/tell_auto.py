"""What a line's list hears of automatic top-ups: one is about to be made, or can't be."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings

from capstan.caps.models import ThresholdCrossing
from capstan.topups.actions.tell import line_name, tell, to_entry
from capstan.topups.models import AutoTopUp, ListEntry
from capstan.topups.queries.sale import Quote
from capstan.topups.rules.words import EntryState

_SOON_FROM = 80
"""Of the cap: earlier it is no news."""


def tell_soon(auto: AutoTopUp, crossing: ThresholdCrossing, wanted: Quote, now: datetime) -> None:
    """What will be added and charged by itself, before it is (S8)."""
    if crossing.percent < _SOON_FROM:
        return
    formats = settings.FORMATS
    values = {
        "percent": str(auto.from_percent), "size": formats.short_size(wanted.size_bytes),
        "price": formats.short_money(wanted.price_minor),
    }  # fmt: skip
    _tell_all(auto.service_id, "auto.soon", values, f"auto-soon:{crossing.pk}", now)


def tell_stopped(auto: AutoTopUp, crossing: ThresholdCrossing, why: str, now: datetime) -> None:
    """Why nothing was added by itself, and that one can order."""
    _tell_all(auto.service_id, "auto.stopped", {"reason": why}, f"auto-stopped:{crossing.pk}", now)


def _tell_all(service_id: int, template: str, values: Mapping[str, str], cause: str, now: datetime) -> None:
    listed = ListEntry.objects.filter(service_id=service_id, state=EntryState.CONFIRMED, is_paused=False)
    for entry in listed.order_by("pk"):
        own = {**values, "service": line_name(service_id, entry.address)}
        tell(to_entry(entry), template, own, cause=f"{cause}:{entry.pk}", now=now)
