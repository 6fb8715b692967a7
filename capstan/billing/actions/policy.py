"""How a brand bills."""

from datetime import datetime

from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.actions import terms
from capstan.billing.models import BillingPolicy, BillingTerms
from capstan.billing.rules.periods import LAST_DAY
from capstan.billing.rules.words import Timing, TopUpInvoicing
from capstan.catalog.models import Brand
from capstan.customers.models import Customer
from capstan.values.refused import Refused

_DUE_DAYS_MAX = 180
_OVERDUE_DAYS_MAX = 365
_PREVIEW_DAYS_MAX = 27
_LEAD_DAYS_MAX = 27


@transaction.atomic
def set_policy(
    *,
    brand_id: int,
    billing_day: int,
    by_anniversary: bool,
    timing: Timing,
    due_days: int,
    top_ups: TopUpInvoicing,
    group_top_ups: bool,
    pays_first_after_days: int | None,
    preview_days: int,
    prepaid_lead_days: int,
    issues_by_itself: bool,
    actor: str,
    now: datetime,
) -> list[str]:
    """Bring a brand's billing to this; returns what changed. Customers with terms of their own keep them, and everybody his
    billing day: that of the brand is for those who come. So is paying ahead: who is there already goes on as before, until he is
    brought over by himself. Raises Refused."""
    if not (1 <= billing_day <= 28 or billing_day == LAST_DAY):
        raise Refused("The billing day is one from 1 to 28, or the month's last day.")
    if not 0 <= due_days <= _DUE_DAYS_MAX:
        raise Refused(f"An invoice is due after 0 to {_DUE_DAYS_MAX} days.")
    if not 0 <= preview_days <= _PREVIEW_DAYS_MAX:
        raise Refused(f"A run is previewed 0 to {_PREVIEW_DAYS_MAX} days before its billing day.")
    if not 0 <= prepaid_lead_days <= _LEAD_DAYS_MAX:
        raise Refused(f"A period is asked for 0 to {_LEAD_DAYS_MAX} days before it begins.")
    if pays_first_after_days is not None and not 0 <= pays_first_after_days <= _OVERDUE_DAYS_MAX:
        raise Refused(
            f"Who is overdue for 0 to {_OVERDUE_DAYS_MAX} days pays top-ups first; empty: nobody does for that."
        )
    Brand.objects.select_for_update(no_key=True).get(pk=brand_id)
    policy = BillingPolicy.objects.filter(brand_id=brand_id).first() or BillingPolicy(brand_id=brand_id)
    wanted: dict[str, object] = {
        "billing_day": billing_day, "by_anniversary": by_anniversary, "timing": timing, "due_days": due_days,
        "top_ups": top_ups, "group_top_ups": group_top_ups,
        "pays_first_after_days": pays_first_after_days, "preview_days": preview_days,
        "prepaid_lead_days": prepaid_lead_days,
        "issues_by_itself": issues_by_itself,
    }  # fmt: skip
    changed = {name: value for name, value in wanted.items() if getattr(policy, name) != value}
    if not changed:
        return []
    if Timing.PREPAID in (policy.timing, changed.get("timing", policy.timing)) and "timing" in changed:
        _keep_timing(brand_id, Timing(policy.timing), now)
    for name, value in changed.items():
        setattr(policy, name, value)
    policy.save()
    record(actor=actor, action="billing.policy", subject=f"brand:{brand_id}", now=now, details=changed)
    return list(changed)


def _keep_timing(brand_id: int, timing: Timing, now: datetime) -> None:
    """Write down for everybody who had the brand's timing what it was."""
    without = Customer.objects.filter(brand_id=brand_id).exclude(pk__in=BillingTerms.objects.values("pk"))
    terms.ensure(list(without.values_list("pk", flat=True)), now=now)
    own = BillingTerms.objects.filter(customer__brand_id=brand_id, timing=None)
    terms.lock_many(own.values_list("pk", flat=True), now=now)
    own.update(timing=timing)
