"""The month's SMS budget: passing it is said once. Nothing is ever held back for it."""

from datetime import datetime

import structlog
from django.db import transaction

from capstan.messaging.models import BudgetAlarm
from capstan.messaging.queries.budget import ALARMS, budget

log = structlog.get_logger()


@transaction.atomic
def check_budget(*, now: datetime) -> int:
    """Raise an alarm for each share of the budget that was passed, once in a month; how many are new."""
    state = budget(now=now)
    if state.limit_minor is None or state.percent is None:
        return 0
    raised = 0
    for percent in ALARMS:
        if state.percent >= percent:
            _, is_new = BudgetAlarm.objects.get_or_create(
                month=state.spend.month, percent=percent,
                defaults={
                    "budget_minor": state.limit_minor, "spent_minor": state.spend.cost_minor, "raised_at": now,
                },
            )  # fmt: skip
            if is_new:
                raised += 1
                log.warning(
                    "the month's SMS budget is passed", percent=percent, spent_minor=state.spend.cost_minor,
                    budget_minor=state.limit_minor,
                )  # fmt: skip
    return raised


def put_away(*, alarm_id: int, actor: str, now: datetime) -> bool:
    """Somebody has seen it. False if somebody had."""
    return bool(BudgetAlarm.objects.filter(pk=alarm_id, seen_at=None).update(seen_at=now, seen_by=actor))
