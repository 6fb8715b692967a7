"""Automatic top-ups: agreed to, switched, and done once for each time that the share is reached (S4)."""

from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Sum

from capstan.audit.actions import record
from capstan.caps.models import Cap, ThresholdCrossing
from capstan.caps.queries import standing
from capstan.caps.rules.words import Limit
from capstan.catalog.models import TopUpOffer
from capstan.db.wakeup import wake
from capstan.services.models import Service
from capstan.topups.actions.order import Wanted, place
from capstan.topups.actions.overtaken import is_overtaken
from capstan.topups.actions.pay_by_card import tell_to_pay
from capstan.topups.actions.tell_auto import tell_soon, tell_stopped
from capstan.topups.models import AutoDeed, AutoTopUp, Order
from capstan.topups.queries.sale import quote
from capstan.topups.rules.auto import Agreed, Done, verdict
from capstan.topups.rules.words import ADDED, WAITING, AutoOutcome, Channel, OrderState
from capstan.values.refused import Refused

log = structlog.get_logger()

ACTOR = "auto"
_NEWS_FOR = timedelta(hours=6)
"""An older crossing isn't acted upon: no worker ran, and the customer has helped himself since."""


class Wish(NamedTuple):
    """What an automatic top-up is to be, and who agreed to it by which channel."""

    service_id: int
    offer_id: int
    from_percent: int
    at_most: int
    ceiling_minor: int | None
    ceiling_bytes: int | None
    agreed_by: str
    agreed_channel: Channel
    is_shown: bool = True


@transaction.atomic
def agree(wish: Wish, *, actor: str, now: datetime) -> AutoTopUp:
    """Record the consent and switch it on with these terms. Raises Refused for terms that make no sense, without somebody who
    agreed, and for an offer that isn't sold to this line."""
    if not wish.agreed_by.strip():
        raise Refused("Say who agreed to it: he will be charged for it.")
    if not 1 <= wish.from_percent <= 100 or not 1 <= wish.at_most <= 50:
        raise Refused("It acts from 1 to 100 % on, and 1 to 50 times a cycle.")
    if any(ceiling is not None and ceiling <= 0 for ceiling in (wish.ceiling_minor, wish.ceiling_bytes)):
        raise Refused("A ceiling is more than nothing; leave it empty for the line's own.")
    service = Service.objects.select_related("customer").get(pk=wish.service_id)
    offer = TopUpOffer.objects.filter(
        pk=wish.offer_id, on_sale=True, brand_id=service.customer.brand_id
    ).first()
    if offer is None:
        raise Refused("This top-up isn't sold to this line.")
    made, _ = AutoTopUp.objects.update_or_create(
        service=service,
        defaults={
            **wish._asdict(), "agreed_by": wish.agreed_by.strip(), "agreed_at": now, "set_by": actor, "is_on": True,
        },
    )  # fmt: skip
    record(
        actor=actor, action="topups.auto_on", subject=f"service:{service.pk}", now=now,
        details={**wish._asdict(), "agreed_channel": wish.agreed_channel.value, "offer": offer.name},
    )  # fmt: skip
    return made


@transaction.atomic
def switch(*, service_id: int, on: bool, reason: str, actor: str, now: datetime) -> bool:
    """Switch an agreed one off or on again; False if it was so already. Raises Refused where nothing was agreed to."""
    auto = AutoTopUp.objects.select_for_update(of=("self",)).filter(pk=service_id).first()
    if auto is None:
        raise Refused("No automatic top-up was agreed to for this line.")
    if auto.is_on == on:
        return False
    auto.is_on = on
    auto.save(update_fields=["is_on"])
    deed = "topups.auto_on" if on else "topups.auto_off"
    record(actor=actor, action=deed, subject=f"service:{service_id}", reason=reason.strip(), now=now)
    return True


def act_due(*, now: datetime, limit: int) -> int:
    """Act upon crossings of lines that have it; returns of how many lines. A day's or week's limit isn't opened by data.

    A line that can't be decided about is logged, looked at again, and holds up no other.
    """
    seen = Exists(AutoDeed.objects.filter(crossing_id=OuterRef("pk")))
    fresh = ThresholdCrossing.objects.filter(
        ~seen,
        limit=Limit.CYCLE,
        recorded_at__gte=now - _NEWS_FOR,
        service_id__in=AutoTopUp.objects.filter(is_on=True).values("pk"),
    )
    lines = dict.fromkeys(fresh.order_by("recorded_at").values_list("service_id", flat=True)[:limit])
    done = 0
    for service_id in lines:
        try:
            with transaction.atomic():
                _act(service_id, now)
            done += 1
        except (ArithmeticError, AssertionError, LookupError, ObjectDoesNotExist, ValueError):
            log.exception(
                "an automatic top-up can't be decided about; the next ones go on", service=service_id
            )
    return done


def _act(service_id: int, now: datetime) -> None:
    """All new crossings of one line: the newest arming's highest decides, the others are overtaken by it."""
    auto = (
        AutoTopUp.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(pk=service_id, is_on=True)
        .first()
    )
    if auto is None:
        return
    seen = Exists(AutoDeed.objects.filter(crossing_id=OuterRef("pk")))
    new = list(
        ThresholdCrossing.objects.filter(
            ~seen, limit=Limit.CYCLE, service_id=service_id, recorded_at__gte=now - _NEWS_FOR
        ).order_by("period_start", "arming", "percent")
    )
    for crossing in new[:-1]:
        _note(crossing, AutoOutcome.OVERTAKEN, "", None, now)
    for crossing in new[-1:]:
        _decide(auto, crossing, now)


def _decide(auto: AutoTopUp, crossing: ThresholdCrossing, now: datetime) -> None:
    try:
        wanted = quote(auto.service_id, offer_id=auto.offer_id, now=now)
    except Refused as refusal:
        _stop(auto, crossing, AutoOutcome.REFUSED, str(refusal), now)
        return
    found = verdict(
        Agreed(auto.from_percent, auto.at_most, auto.ceiling_minor, auto.ceiling_bytes), _done(auto.service_id),
        percent=crossing.percent, is_overtaken=is_overtaken(crossing, standing(auto.service_id, now=now)),
        price_minor=wanted.price_minor, size_bytes=wanted.size_bytes, formats=settings.FORMATS,
    )  # fmt: skip
    if found.outcome is None:
        placed = place(
            Wanted(
                wanted, Channel.AUTO, f"auto:{crossing.pk}", auto.agreed_by, ACTOR, "automatic top-up",
                reason=f"at {crossing.percent} %, agreed on {settings.FORMATS.date(auto.agreed_at)}",
            ),
            now=now,
        )  # fmt: skip
        _after(auto, crossing, placed.order, now)
    elif found.why:
        _stop(auto, crossing, found.outcome, found.why, now)
    else:
        _note(crossing, found.outcome, "", None, now)
        if found.outcome == AutoOutcome.NOT_YET:
            tell_soon(auto, crossing, wanted, now)


def _after(auto: AutoTopUp, crossing: ThresholdCrossing, order: Order, now: datetime) -> None:
    if order.state == OrderState.REFUSED:
        _stop(auto, crossing, AutoOutcome.REFUSED, order.refused_because, now, order)
        return
    _note(crossing, AutoOutcome.ORDERED, "", order, now)
    if order.state == OrderState.AWAITING_PAYMENT:
        tell_to_pay(order, now=now)
        wake("pay")


def _stop(
    auto: AutoTopUp,
    crossing: ThresholdCrossing,
    outcome: AutoOutcome,
    why: str,
    now: datetime,
    order: Order | None = None,
) -> None:
    """It can't be done, and the customer is told why."""
    _note(crossing, outcome, why, order, now)
    tell_stopped(auto, crossing, why, now)


def _note(
    crossing: ThresholdCrossing, outcome: AutoOutcome, why: str, order: Order | None, now: datetime
) -> None:
    AutoDeed.objects.create(
        crossing=crossing, service_id=crossing.service_id, outcome=outcome, why=why, order=order, at=now
    )


def _done(service_id: int) -> Done:
    """What it added in this cycle, and what of it waits; what was taken back doesn't count."""
    start = Cap.objects.values_list("cycle_start", flat=True).get(pk=service_id)
    orders = Order.objects.filter(
        service_id=service_id, channel=Channel.AUTO, created_at__gte=start, state__in=[*ADDED, *WAITING]
    )
    sums = orders.aggregate(
        times=Count("pk"),
        minor=Sum(F("price_minor") - F("reversed_minor")),
        size=Sum(F("size_bytes") - F("reversed_bytes")),
    )
    return Done(sums["times"], sums["minor"] or 0, sums["size"] or 0)
