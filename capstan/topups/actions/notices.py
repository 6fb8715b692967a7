"""Telling customers that a share of their data is used: once for each crossing, the highest of several (J1, J2)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from capstan.caps.models import ThresholdCrossing
from capstan.caps.queries import Standing, standing
from capstan.caps.rules.words import Limit
from capstan.messaging.rules.words import Lane, Medium
from capstan.services.models import Service
from capstan.topups.actions.invite import Occasion, invitation_for, send_menu
from capstan.topups.actions.tell import line_name, plain_date, tell, to_entry
from capstan.topups.models import ListEntry, Notice
from capstan.topups.queries.sale import Sale, sale
from capstan.topups.rules.words import EntryState, NoticeState

NEWS_FOR = timedelta(hours=6)
"""A crossing that nobody could be told of for so long is no news any more."""

_LOOK_BACK = timedelta(days=2)

MENU_FROM_PERCENT = 90
"""From here on the message says how to order."""


def tell_crossings(*, now: datetime, limit: int) -> int:
    """Tell of crossings that nobody was told of yet; returns how many were settled."""
    fresh = ThresholdCrossing.objects.filter(recorded_at__gte=now - _LOOK_BACK).filter(
        ~Exists(Notice.objects.filter(crossing_id=OuterRef("pk")))
    )
    found = list(fresh.order_by("recorded_at", "pk").values_list("service_id", flat=True)[:limit])
    return sum(_tell_service(service_id, now) for service_id in dict.fromkeys(found))


@transaction.atomic
def _tell_service(service_id: int, now: datetime) -> int:
    """All untold crossings of one line. The lock on them keeps a second worker from telling them as well."""
    untold = ThresholdCrossing.objects.filter(
        service_id=service_id, recorded_at__gte=now - _LOOK_BACK
    ).filter(~Exists(Notice.objects.filter(crossing_id=OuterRef("pk"))))
    groups: defaultdict[tuple[str, datetime], list[ThresholdCrossing]] = defaultdict(list)
    for crossing in untold.order_by("pk").select_for_update(skip_locked=True, of=("self",)):
        if not Notice.objects.filter(
            pk=crossing.pk
        ).exists():  # the lock may have come after another's commit
            groups[crossing.limit, crossing.period_start].append(crossing)
    for group in groups.values():
        _tell_highest(group, now)
    return sum(len(group) for group in groups.values())


def _tell_highest(group: Sequence[ThresholdCrossing], now: datetime) -> None:
    """Of several crossings of a limit in one period the newest arming's highest is told."""
    told = max(group, key=lambda one: (one.arming, one.percent))
    for crossing in group:
        if crossing is not told:
            _note(crossing, NoticeState.SUPERSEDED, 0, now)
    held = standing(told.service_id, now=now)
    if now - told.recorded_at > NEWS_FOR or _is_overtaken(told, held):
        _note(told, NoticeState.LATE, 0, now)
        return
    sent = _tell(told, held, now)
    _note(told, NoticeState.SENT if sent else NoticeState.NOBODY, sent, now)


def _is_overtaken(crossing: ThresholdCrossing, held: Standing) -> bool:
    """Whether data was added since, so that the line is below that share again, or another cycle has begun."""
    if crossing.limit != Limit.CYCLE:
        return False
    return crossing.period_start < held.cycle_start or held.percent < crossing.percent


def _note(crossing: ThresholdCrossing, state: NoticeState, messages: int, now: datetime) -> None:
    Notice.objects.create(
        crossing=crossing, service_id=crossing.service_id, state=state, at=now, messages=messages
    )


def _tell(crossing: ThresholdCrossing, held: Standing, now: datetime) -> int:
    """Queue the messages; returns how many."""
    listed = ListEntry.objects.filter(
        service_id=crossing.service_id, state=EntryState.CONFIRMED, is_paused=False,
        from_percent__lte=crossing.percent,
    )  # fmt: skip
    on_sale = sale(crossing.service_id, now=now)
    entries = list(listed.order_by("pk"))
    for entry in entries:
        _tell_entry(entry, crossing, held, on_sale, now)
    return len(entries)


def _tell_entry(
    entry: ListEntry, crossing: ThresholdCrossing, held: Standing, on_sale: Sale, now: datetime
) -> None:
    values = {"name": entry.name, **_values(crossing, held)}
    may_reply = entry.medium == Medium.SMS and entry.may_order and crossing.percent >= MENU_FROM_PERCENT
    if may_reply and on_sale.hindrance is None and on_sale.quotes:
        invitation = invitation_for(crossing.service_id, f"crossing:{crossing.pk}", now)
        send_menu(entry, invitation, on_sale, Occasion("cap.threshold", values, Lane.CAP), now)
        return
    about = line_name(entry.service_id, entry.address) or _username(entry.service_id)
    tell(
        to_entry(entry),
        "cap.threshold.notice",
        {"name": entry.name, "service": about, **_notice_values(crossing, held)},
        cause=f"crossing:{crossing.pk}:{entry.pk}",
        lane=Lane.CAP,
        two_way=entry.medium == Medium.SMS,
        now=now,
    )


def _values(crossing: ThresholdCrossing, held: Standing) -> dict[str, str]:
    formats = settings.FORMATS
    limits = {Limit.DAY: held.terms.day_limit_bytes, Limit.WEEK: held.terms.week_limit_bytes}
    total = limits.get(Limit(crossing.limit)) or crossing.drawn_bytes + crossing.remaining_bytes
    span = {Limit.DAY: " a day", Limit.WEEK: " a week"}.get(Limit(crossing.limit), "")
    return {"percent": str(crossing.percent), "cap": formats.short_size(total) + span}


def _notice_values(crossing: ThresholdCrossing, held: Standing) -> dict[str, str]:
    left = max(0, crossing.remaining_bytes)
    return {
        **_values(crossing, held),
        "left": settings.FORMATS.short_size(left) if left else "",
        "until": plain_date(held.cycle_end),
        "link": f"{settings.PUBLIC_URL}/top-up",
    }


def _username(service_id: int) -> str:
    return str(Service.objects.values_list("username", flat=True).get(pk=service_id))
