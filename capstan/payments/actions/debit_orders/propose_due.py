"""Batches that propose themselves, so that nobody has to think of the day. Making one and sending it is a person's deed."""

from datetime import date, datetime

from django.db.models import Q

from capstan.payments.actions.debit_orders.batches import propose
from capstan.payments.models import DebitBatch, DebitItem, DebitOrderPolicy
from capstan.payments.queries.proposal import Proposed, holidays_about, proposal
from capstan.payments.rules.debit_orders.calendar import SOUTH_AFRICA, Instruction, days_to_propose
from capstan.payments.rules.words import BatchState, DebitState
from capstan.values.refused import Refused

ACTOR = "debit orders"


def propose_due(*, now: datetime) -> int:
    """Propose what has to be with Netcash soon, for each brand that collects and has no proposal waiting; returns how many.

    What a person dropped or left out isn't proposed for its sake alone once more.
    """
    waiting = DebitBatch.objects.filter(state=BatchState.PROPOSED).values("brand_id")
    policies = DebitOrderPolicy.objects.exclude(pk__in=waiting).order_by("pk")
    return sum(
        _propose_for(brand_id, Instruction(instruction), now)
        for brand_id, instruction in list(policies.values_list("pk", "instruction"))
    )


def _propose_for(brand_id: int, instruction: Instruction, now: datetime) -> bool:
    today = now.astimezone(SOUTH_AFRICA).date()
    for day in days_to_propose(today, instruction, holidays_about(today)):
        if _anybody_new(proposal(brand_id, day, instruction, today=today), day):
            try:
                propose(brand_id=brand_id, action_date=day, actor=ACTOR, now=now)
            except Refused:
                return False  # a person was faster
            return True
    return False


def _anybody_new(found: list[Proposed], on: date) -> bool:
    """Somebody of whom no person has said in this time that he isn't debited."""
    since = {one.customer_id: one.since for one in found if not one.why and one.since is not None}
    if not since:
        return False
    seen = DebitItem.objects.filter(
        Q(state=DebitState.DROPPED) | ~Q(left_out_by=""), customer_id__in=since,
        batch__action_date__gte=min(since.values()), batch__action_date__lte=on,
    )  # fmt: skip
    known = {
        customer_id
        for customer_id, day in seen.values_list("customer_id", "batch__action_date")
        if day >= since[customer_id]
    }
    return bool(since.keys() - known)
