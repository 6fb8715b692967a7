"""Batches of debit orders: proposed, looked at, made into Netcash's file, given to Netcash.

A customer is in one batch on its way at the most, which the database holds; what it collects is worked out anew, under the lock
on each customer's money, when the file is made. Locks: the batch, then the customers' money, then items.
"""

import hashlib
from datetime import date, datetime

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.actions import dunning_holds, terms
from capstan.db.locks import hold
from capstan.payments.actions.debit_orders.mandates import account_of
from capstan.payments.actions.debit_orders.policy import policy_of
from capstan.payments.models import DebitBatch, DebitItem
from capstan.payments.queries.proposal import Proposed, holidays_about, proposal
from capstan.payments.rules.debit_orders.calendar import Instruction, submit_by
from capstan.payments.rules.debit_orders.netcash import DebitLine, batch_file, line_faults
from capstan.payments.rules.words import BatchState, DebitState
from capstan.values.refused import Refused

_AHEAD_DAYS_MAX = 45


@transaction.atomic
def propose(*, brand_id: int, action_date: date, actor: str, now: datetime) -> DebitBatch:
    """Put everybody together who is to be debited on that day. Nothing leaves before it is made.

    Raises Refused for a day on which debit orders don't run, one that is too near or too far, while another proposal of the brand
    waits, and when nobody is to be debited.
    """
    policy = policy_of(brand_id)
    instruction = Instruction(policy.instruction)
    today = settings.FORMATS.local(now).date()
    if (action_date - today).days > _AHEAD_DAYS_MAX:
        raise Refused(
            f"Propose a batch at most {_AHEAD_DAYS_MAX} days ahead: who owes what changes until then."
        )
    _check_time(action_date, instruction, now)
    hold([f"debit orders {brand_id}"])  # two at the same moment: the second finds the first's
    waits = DebitBatch.objects.filter(brand_id=brand_id, state=BatchState.PROPOSED).first()
    if waits is not None:
        day = settings.FORMATS.day(waits.action_date)
        raise Refused(f"Batch {waits.pk} of {day} is proposed and not made yet: make it or drop it first.")
    found = proposal(brand_id, action_date, instruction, today=today)
    if not any(not one.why for one in found):
        raise Refused(_nobody(found, action_date))
    batch = DebitBatch.objects.create(
        brand_id=brand_id,
        action_date=action_date,
        instruction=instruction,
        proposed_by=actor,
        proposed_at=now,
    )
    DebitItem.objects.bulk_create(_item(batch, one) for one in found)
    _noted("propose", batch, actor, now, {"action_date": action_date, "customers": len(found)})
    return batch


def _nobody(found: list[Proposed], on: date) -> str:
    reasons = sorted({one.why for one in found})
    why = f" Of {len(found)} who owe something: {'; '.join(reasons[:5])}." if reasons else ""
    return f"Nobody is to be debited on {settings.FORMATS.day(on)}.{why}"


def _item(batch: DebitBatch, one: Proposed) -> DebitItem:
    return DebitItem(
        batch=batch, customer_id=one.customer_id, mandate_id=one.mandate_id, amount_minor=one.amount_minor,
        invoices=list(one.parts), state=DebitState.LEFT_OUT if one.why else DebitState.PROPOSED, why=one.why,
        repeats_id=one.repeats_id,
    )  # fmt: skip


@transaction.atomic
def leave_out(*, batch_id: int, customer_id: int, reason: str, actor: str, now: datetime) -> None:
    """Take a customer out of a proposal. Raises Refused without a reason, and once the batch is made."""
    if not reason.strip():
        raise Refused("Say why: the reason stays with it.")
    batch = _locked(batch_id, BatchState.PROPOSED)
    item = batch.items.filter(customer_id=customer_id, state=DebitState.PROPOSED).first()
    if item is None:
        raise Refused("That customer isn't debited in this batch.")
    item.left_out_by = actor
    _leave(item, reason.strip())
    details = {"batch": batch.pk}
    record(
        actor=actor, action="debit.leave_out", subject=f"customer:{customer_id}", reason=reason.strip(), now=now,
        details=details,
    )  # fmt: skip


@transaction.atomic
def make(*, batch_id: int, actor: str, now: datetime) -> DebitBatch:
    """Approve a proposal and make its file. Whoever has paid, cancelled or disputed meanwhile is left out, and nobody is debited
    with more than was proposed.

    Raises Refused when it is too late for Netcash, and when nobody is left.
    """
    batch = _locked(batch_id, BatchState.PROPOSED)
    policy, instruction = policy_of(batch.brand_id), Instruction(batch.instruction)
    _check_time(batch.action_date, instruction, now)
    items = list(
        batch.items.filter(state=DebitState.PROPOSED).select_related("customer", "mandate").order_by("pk")
    )
    ids = [one.customer_id for one in items]
    terms.lock_many(ids, now=now)
    today = settings.FORMATS.local(now).date()
    fresh = {
        one.customer_id: one
        for one in proposal(
            batch.brand_id, batch.action_date, instruction, today=today, customer_ids=ids, beside=batch.pk
        )
    }
    lines = [line for item in items if (line := _renewed(item, fresh.get(item.customer_id)))]
    if not lines:
        raise Refused(
            "Nobody is left to be debited: they have paid, or their mandates have ended. Drop the batch."
        )
    content = batch_file(
        policy.service_key, policy.vendor_key, instruction, f"Batch {batch.pk}", batch.action_date, lines
    )
    batch.file, batch.sha256 = content.decode("ascii"), hashlib.sha256(content).hexdigest()
    batch.state, batch.made_by, batch.made_at = BatchState.MADE, actor, now
    batch.total_minor = sum(line.amount_minor for line in lines)
    batch.save(update_fields=["file", "sha256", "state", "made_by", "made_at", "total_minor"])
    _noted("make", batch, actor, now, {"amount_minor": batch.total_minor, "debit_orders": len(lines)})
    return batch


def _renewed(item: DebitItem, now_is: Proposed | None) -> DebitLine | None:
    """The item's line of the file with what is open of what it pays by now; None, with the reason noted, if there is none."""
    assert item.mandate is not None
    if now_is is not None and not now_is.why:
        item.invoices = [one for one in item.invoices if one in now_is.parts]
        item.amount_minor = min(item.amount_minor, sum(now_is.parts[one] for one in item.invoices))
    line = DebitLine(
        item.mandate.reference,
        item.customer.name,
        account_of(item.mandate),
        item.amount_minor,
        (f"item-{item.pk}",),
    )
    if why := _why_not_any_more(item, now_is) or " ".join(line_faults(line)):
        _leave(item, why)
        return None
    item.state = DebitState.SENT
    item.save(update_fields=["invoices", "amount_minor", "state"])
    return line


def _why_not_any_more(item: DebitItem, now_is: Proposed | None) -> str:
    if now_is is None or (not now_is.why and item.amount_minor <= 0):
        return "nothing is open any more"
    if not now_is.why and now_is.mandate_id != item.mandate_id:
        return "another mandate took the place of the one that was proposed"
    return now_is.why


def _leave(item: DebitItem, why: str) -> None:
    """Nothing is debited of him in this batch."""
    item.state, item.why, item.amount_minor, item.repeats = DebitState.LEFT_OUT, why, 0, None
    item.save(update_fields=["state", "why", "amount_minor", "repeats", "left_out_by"])


@transaction.atomic
def mark_submitted(*, batch_id: int, actor: str, now: datetime) -> DebitBatch:
    """Somebody gave the file to Netcash: on the action date its debit orders are booked. Raises Refused."""
    batch = _locked(batch_id, BatchState.MADE)
    ids = list(batch.items.filter(state=DebitState.SENT).values_list("customer_id", flat=True))
    terms.lock_many(ids, now=now)
    dunning_holds.hold_for_collection(ids, batch.action_date, actor=actor, now=now)
    batch.state, batch.submitted_by, batch.submitted_at = BatchState.SUBMITTED, actor, now
    batch.save(update_fields=["state", "submitted_by", "submitted_at"])
    _noted("submit", batch, actor, now)
    return batch


@transaction.atomic
def drop(*, batch_id: int, reason: str = "", actor: str, now: datetime) -> DebitBatch:
    """Nothing of it is debited: what it holds may be collected otherwise at once.

    A batch whose file is made needs a reason. Raises Refused for one that Netcash has and whose day has come.
    """
    batch = _locked(batch_id, BatchState.PROPOSED, BatchState.MADE, BatchState.SUBMITTED)
    if batch.state != BatchState.PROPOSED and not reason.strip():
        raise Refused("Say why: the file was made, so make sure that Netcash doesn't have it.")
    if batch.state == BatchState.SUBMITTED and settings.FORMATS.local(now).date() >= batch.action_date:
        raise Refused(
            "Its day has come: the accounts are debited. What comes back is read in with the results."
        )
    was, gone = batch.state, f"batch {batch.pk} was dropped"
    if was == BatchState.SUBMITTED:
        ids = list(batch.items.filter(state=DebitState.SENT).values_list("customer_id", flat=True))
        terms.lock_many(ids, now=now)
        dunning_holds.end_collection(ids, gone, actor=actor, now=now)
    batch.items.filter(state__in=(DebitState.PROPOSED, DebitState.SENT)).update(
        state=DebitState.DROPPED, repeats=None
    )
    batch.state, batch.dropped_because = BatchState.DROPPED, reason.strip()
    batch.save(update_fields=["state", "dropped_because"])
    _noted("drop", batch, actor, now, {"was": was}, reason=reason.strip())
    return batch


@transaction.atomic
def file_of(*, batch_id: int, actor: str, now: datetime) -> bytes:
    """The file as it was made; who took it is noted, as it holds account numbers. Raises Refused before it is made."""
    batch = DebitBatch.objects.get(pk=batch_id)
    if batch.file is None:
        raise Refused("This batch has no file yet: make it first.")
    _noted("file", batch, actor, now)
    return batch.file.encode("ascii")


def _check_time(action_date: date, instruction: Instruction, now: datetime) -> None:
    until = submit_by(action_date, instruction, holidays_about(action_date))
    if now > until:
        formats = settings.FORMATS
        raise Refused(
            f"For {formats.day(action_date)} a {instruction.value} batch had to be with Netcash by {formats.moment(until)}:"
            " choose a later day."
        )


def _locked(batch_id: int, *states: BatchState) -> DebitBatch:
    batch = DebitBatch.objects.select_for_update().get(pk=batch_id)
    if batch.state not in states:
        raise Refused(f"This can't be done with a batch that is {batch.state}.")
    return batch


def _noted(
    deed: str,
    batch: DebitBatch,
    actor: str,
    now: datetime,
    details: dict[str, object] | None = None,
    reason: str = "",
) -> None:
    record(
        actor=actor, action=f"debit.{deed}", subject=f"debitbatch:{batch.pk}", reason=reason, now=now,
        details=details or {},
    )  # fmt: skip
