"""Telling customers that a share of their data is used: once for each crossing, the highest of several (J1, J2)."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from capstan.caps.models import ThresholdCrossing
from capstan.caps.queries import Standing, standing
from capstan.caps.rules.words import Limit
from capstan.messaging.rules.words import Lane, Medium
from capstan.services.models import Service
from capstan.topups.actions.invite import Occasion, hold_numbers, invitation_for, send_menu
from capstan.topups.actions.overtaken import cause_of, is_overtaken, supersede_lower, try_notices
from capstan.topups.actions.tell import line_name, note_untold, plain_date, tell, to_entry
from capstan.topups.models import AutoDeed, AutoTopUp, ListEntry, Notice
from capstan.topups.queries.sale import Sale, sale
from capstan.topups.rules.words import EntryState, NoticeState

log = structlog.get_logger()

NEWS_FOR = timedelta(hours=6)
"""A crossing that nobody could be told of for so long is no news any more."""

_LOOK_BACK = timedelta(days=2)
"""What is older has been told of, or is passed over (`pass_over_old`): each second only the newest are looked through."""

MENU_FROM_PERCENT = 90
"""From here on the message says how to order."""

_IS_SETTLED = Exists(Notice.objects.filter(crossing_id=OuterRef("pk")))
_WAITS_FOR_AUTO = timedelta(seconds=10)
_Group = list[ThresholdCrossing]


def _is_left_to_auto(now: datetime) -> Q:
    """Crossings that an automatic top-up is about to act upon: who gets data by itself isn't asked to order it as well.

    For some seconds only: when nothing comes of it, the customer is told all the same.
    """
    has_auto = Exists(AutoTopUp.objects.filter(pk=OuterRef("service_id"), is_on=True))
    is_decided = Exists(AutoDeed.objects.filter(crossing_id=OuterRef("pk")))
    return Q(has_auto, ~is_decided, limit=Limit.CYCLE, recorded_at__gt=now - _WAITS_FOR_AUTO)


def tell_crossings(*, now: datetime, limit: int) -> int:
    """Tell of crossings that nobody was told of yet; returns how many were settled.

    Where a line's notice can't be written it shows as a message that failed, and holds up no other line.
    """
    fresh = ThresholdCrossing.objects.filter(
        ~_IS_SETTLED, ~_is_left_to_auto(now), recorded_at__gte=now - _LOOK_BACK
    )
    found = list(fresh.order_by("recorded_at", "pk").values_list("service_id", flat=True)[:limit])
    return sum(_tell_service(service_id, now) for service_id in dict.fromkeys(found))


def pass_over_old(*, after_id: int, limit: int, now: datetime) -> tuple[int, int]:
    """Settle crossings of which nobody was told for days, because no worker ran: they are no news.

    Looks at `limit` old ones after `after_id`; returns the last that it looked at, and at how many.
    """
    old = ThresholdCrossing.objects.filter(pk__gt=after_id, recorded_at__lt=now - _LOOK_BACK)
    some = old.annotate(is_settled=_IS_SETTLED).order_by("pk")[:limit]
    found = list(some.values_list("pk", "service_id", "is_settled"))
    late = [
        Notice(crossing_id=pk, service_id=service_id, state=NoticeState.LATE, at=now)
        for pk, service_id, is_settled in found
        if not is_settled
    ]
    Notice.objects.bulk_create(late, ignore_conflicts=True)
    return (found[-1][0] if found else after_id), len(found)


def _tell_service(service_id: int, now: datetime) -> int:
    try:
        return _settle(service_id, _tell, now)
    except (ArithmeticError, AssertionError, LookupError, ObjectDoesNotExist, ValueError) as failure:
        log.exception("a line's notice can't be written; a person has to look at it", service=service_id)
        why = f"The notice could not be written: {type(failure).__name__}: {failure}"
        return _settle(service_id, lambda crossing, held, now: _note_untold(crossing, why, now), now)


@transaction.atomic
def _settle(
    service_id: int, tell_of: Callable[[ThresholdCrossing, Standing, datetime], int], now: datetime
) -> int:
    """All untold crossings of one line. While one worker is at it, or data is being added, another leaves it alone."""
    if not try_notices(service_id):
        return 0
    groups = _untold(service_id, now)
    _hold_numbers(service_id, groups)
    for group in groups:
        _tell_highest(group, tell_of, now)
    return sum(map(len, groups))


def _untold(service_id: int, now: datetime) -> list[_Group]:
    """By limit and period."""
    untold = ThresholdCrossing.objects.filter(
        ~_IS_SETTLED, ~_is_left_to_auto(now), service_id=service_id, recorded_at__gte=now - _LOOK_BACK
    )
    groups: dict[tuple[str, datetime], _Group] = {}
    for crossing in untold.order_by("pk"):
        groups.setdefault((crossing.limit, crossing.period_start), []).append(crossing)
    return list(groups.values())


def _hold_numbers(service_id: int, groups: Sequence[_Group]) -> None:
    """All at once, as another line may have the same numbers in another order."""
    if any(crossing.percent >= MENU_FROM_PERCENT for group in groups for crossing in group):
        listed = ListEntry.objects.filter(service_id=service_id, medium=Medium.SMS, may_order=True)
        hold_numbers(listed.exclude(state=EntryState.REMOVED).values_list("address", flat=True))


def _tell_highest(
    group: _Group, tell_of: Callable[[ThresholdCrossing, Standing, datetime], int], now: datetime
) -> None:
    """Of several crossings of a limit in one period the newest arming's highest is told."""
    told = max(group, key=lambda one: (one.arming, one.percent))
    for crossing in group:
        if crossing is not told:
            _note(crossing, NoticeState.SUPERSEDED, 0, now)
    held = standing(told.service_id, now=now)
    if now - told.recorded_at > NEWS_FOR or is_overtaken(told, held):
        _note(told, NoticeState.LATE, 0, now)
        return
    sent = tell_of(told, held, now)
    if sent:
        supersede_lower(told, now)
    _note(told, NoticeState.SENT if sent else NoticeState.NOBODY, sent, now)


def _note(crossing: ThresholdCrossing, state: NoticeState, messages: int, now: datetime) -> None:
    Notice.objects.create(
        crossing=crossing, service_id=crossing.service_id, state=state, at=now, messages=messages
    )


def _tell(crossing: ThresholdCrossing, held: Standing, now: datetime) -> int:
    """Queue the messages; returns how many."""
    on_sale = sale(crossing.service_id, now=now)
    entries = _wanted_by(crossing)
    for entry in entries:
        _tell_entry(entry, crossing, held, on_sale, now)
    return len(entries)


def _note_untold(crossing: ThresholdCrossing, why: str, now: datetime) -> int:
    """Note for everybody who should have been told that it failed; returns how many."""
    entries = _wanted_by(crossing)
    for entry in entries:
        cause = f"{cause_of(crossing)}:{entry.pk}"
        note_untold(to_entry(entry), "cap.threshold.notice", cause=cause, lane=Lane.CAP, why=why, now=now)
    return len(entries)


def _wanted_by(crossing: ThresholdCrossing) -> list[ListEntry]:
    listed = ListEntry.objects.filter(
        service_id=crossing.service_id, state=EntryState.CONFIRMED, is_paused=False,
        from_percent__lte=crossing.percent,
    )  # fmt: skip
    return list(listed.order_by("pk"))


def _tell_entry(
    entry: ListEntry, crossing: ThresholdCrossing, held: Standing, on_sale: Sale, now: datetime
) -> None:
    values = {"name": entry.name, **_values(crossing, held)}
    may_reply = entry.medium == Medium.SMS and entry.may_order and crossing.percent >= MENU_FROM_PERCENT
    if may_reply and on_sale.hindrance is None and on_sale.quotes:
        invitation = invitation_for(crossing.service_id, cause_of(crossing), now)
        send_menu(entry, invitation, on_sale, Occasion("cap.threshold", values, Lane.CAP), now)
        return
    about = line_name(entry.service_id, entry.address) or _username(entry.service_id)
    tell(
        to_entry(entry),
        "cap.threshold.notice",
        {"name": entry.name, "service": about, **_notice_values(crossing, held)},
        cause=f"{cause_of(crossing)}:{entry.pk}",
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
