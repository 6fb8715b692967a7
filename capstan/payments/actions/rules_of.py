"""What was learnt from lines that somebody matched, taken back."""

from datetime import datetime

from django.db import transaction

from capstan.audit.actions import record
from capstan.payments.models import MatchRule
from capstan.values.refused import Refused


@transaction.atomic
def end_rule(*, rule_id: int, actor: str, now: datetime) -> MatchRule:
    """These words mean nothing any more; what was booked by them stays. Raises Refused when that was so already."""
    rule = MatchRule.objects.select_for_update(of=("self",)).select_related("customer").get(pk=rule_id)
    if rule.ended_at is not None:
        raise Refused("These words were forgotten already.")
    rule.ended_at = now
    rule.save(update_fields=["ended_at"])
    about = f"customer:{rule.customer_id}" if rule.customer_id else f"matchrule:{rule.pk}"
    record(
        actor=actor, action="bank.rule.end", subject=about, now=now,
        details={"rule": rule.pk, "words": list(rule.words)},
    )  # fmt: skip
    return rule
