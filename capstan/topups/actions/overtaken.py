"""Notices that wait and aren't true any more: a higher one was reached, or data was added (J1, I7)."""

from datetime import datetime

from capstan.caps.models import ThresholdCrossing
from capstan.caps.queries import Standing, standing
from capstan.caps.rules.words import Limit
from capstan.db.locks import hold, try_hold
from capstan.messaging.actions.send import supersede
from capstan.messaging.models import Message
from capstan.messaging.rules.words import MessageState

_CAUSE = "crossing:"


def cause_of(crossing: ThresholdCrossing) -> str:
    """Why a notice is sent. Its messages add `:<entry>`; pages find the crossing by it."""
    return f"{_CAUSE}{crossing.pk}"


def try_notices(service_id: int) -> bool:
    """Have the line's notices for oneself until the transaction ends; False if another has them at this moment.

    Else data that is added while a notice is written would find nothing to withdraw, and the notice would know nothing
    of the data.
    """
    return try_hold(_lock_name(service_id))


def withdraw(service_id: int, now: datetime) -> int:
    """After data was added: take back what waits and says too much, in the transaction of the data; how many messages."""
    hold([_lock_name(service_id)])
    waiting = _waiting(service_id)
    if not waiting:
        return 0
    held = standing(service_id, now=now)
    untrue = [crossing for crossing in waiting if is_overtaken(crossing, held)]
    return sum(_take_back(crossing, "Data was added before it left.", now) for crossing in untrue)


def supersede_lower(told: ThresholdCrossing, now: datetime) -> int:
    """Take back what waits about lower shares of the same limit, now that this one is told; how many messages."""
    lower = [one for one in _waiting(told.service_id) if one.limit == told.limit and _rank(one) < _rank(told)]
    why = f"A notice of {told.percent} % was written before it left."
    return sum(_take_back(crossing, why, now) for crossing in lower)


def is_overtaken(crossing: ThresholdCrossing, held: Standing) -> bool:
    """Whether data was added since, so that the line is below that share again, or another cycle has begun."""
    if crossing.limit != Limit.CYCLE:
        return False
    return crossing.period_start < held.cycle_start or held.percent < crossing.percent


def _lock_name(service_id: int) -> str:
    return f"cap notices {service_id}"


def _rank(crossing: ThresholdCrossing) -> tuple[datetime, int, int]:
    return crossing.period_start, crossing.arming, crossing.percent


def _waiting(service_id: int) -> list[ThresholdCrossing]:
    """Crossings whose messages haven't left, some of them at least."""
    queued = Message.objects.filter(
        subject=f"service:{service_id}", state=MessageState.QUEUED, cause__startswith=_CAUSE
    )
    keys = {cause.split(":")[1] for cause in queued.values_list("cause", flat=True)}
    ids = [int(key) for key in keys if key.isdigit()]
    return list(ThresholdCrossing.objects.filter(pk__in=ids).order_by("pk")) if ids else []


def _take_back(crossing: ThresholdCrossing, why: str, now: datetime) -> int:
    return supersede(
        subject=f"service:{crossing.service_id}",
        cause_prefix=f"{cause_of(crossing)}:",
        by=None,
        reason=why,
        now=now,
    )
