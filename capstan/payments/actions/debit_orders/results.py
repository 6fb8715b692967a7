"""Files of results: what was paid is confirmed, what came back is taken back, whenever it comes, and once.

A file is looked at as a whole first: with a line that can't be read, names nothing of ours or stands there twice, nothing of it
is taken. Then each line is a transaction of its own. Killed in between, the file is read in again: what was done is known.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.actions import dunning_holds, dunning_tell, pay_by_debit
from capstan.billing.actions.charges import charge_fee
from capstan.payments.actions.debit_orders.book import ACTOR, book, locked
from capstan.payments.actions.debit_orders.mandates import suspend_locked
from capstan.payments.actions.take import reverse
from capstan.payments.models import DebitItem, DebitOrderPolicy, DebitResults
from capstan.payments.queries.proposal import holidays_about
from capstan.payments.rules.debit_orders.calendar import Instruction, action_day
from capstan.payments.rules.debit_orders.netcash import DebitResult, Outcome, read_results
from capstan.payments.rules.debit_orders.unpaid import Aftermath, aftermath
from capstan.payments.rules.statements.lines import Fault, fault
from capstan.payments.rules.words import DEBITED, BatchState, DebitState
from capstan.values.refused import Refused


class FaultyResultsError(Refused):
    """The file has faults; nothing of it was taken. `faults` names each line and cause."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        super().__init__(" ".join(one.sentence for one in self.faults[:20]))


class _Line(NamedTuple):
    """A result with the debit order that it is about."""

    result: DebitResult
    item_id: int


def take_results(*, content: bytes, file_name: str, actor: str, now: datetime) -> DebitResults:
    """Book what a file of Netcash's says; what was read before is known and changes nothing.

    Raises FaultyResultsError, and Refused when the file names no debit order.
    """
    read = read_results(content)
    if read.faults:
        raise FaultyResultsError(read.faults)
    if not read.results:
        raise Refused(
            "No line of this file names a debit order that was paid or came back: nothing was taken."
        )
    _check(read.results)
    made = DebitResults.objects.create(
        file_name=file_name,
        sha256=hashlib.sha256(content).hexdigest(),
        lines=len(read.results),
        actor=actor,
        made_at=now,
    )
    said = Counter[tuple[object, ...]]()
    for result in read.results:
        said[_key(result)] += 1
        try:
            done = _take(result, said[_key(result)], actor, now)
        except Refused as refusal:
            made.problems.append(f"Line {result.line_no}, {result.account_reference}: {refusal}")
        else:
            setattr(made, done, getattr(made, done) + 1)
    made.ended_at = now
    made.save()
    record(
        actor=actor, action="debit.results", subject=f"debitresults:{made.pk}", now=now,
        details={
            "file": file_name, "paid": made.paid, "returned": made.returned, "known": made.known,
            "problems": len(made.problems),
        },
    )  # fmt: skip
    return made


def _check(results: Sequence[DebitResult]) -> None:
    """Refuse the whole file for a line that is there more often than there are such debit orders, or is about nothing of ours."""
    faults: list[Fault] = []
    said: dict[tuple[object, ...], list[int]] = {}
    for one in results:
        before = said.setdefault(_key(one), [])
        if why := _unknown(one):
            faults.append(fault(one.line_no, why))
        elif before and len(before) >= len(_matching(one)):
            words = f"it says the same of {one.account_reference} as line {before[0]}: take one out."
            faults.append(fault(one.line_no, words))
        before.append(one.line_no)
    if faults:
        raise FaultyResultsError(faults)


def _key(result: DebitResult) -> tuple[object, ...]:
    """What two lines share that say the same."""
    return (result.account_reference, result.amount_minor, result.outcome, result.day)


def _unknown(result: DebitResult) -> str:
    items = DebitItem.objects.filter(mandate__reference=result.account_reference, state__in=DEBITED)
    if not items.exists():
        return f"{result.account_reference} is no debit order of ours."
    if not _candidates(result):
        amount = settings.FORMATS.money(result.amount_minor)
        return f"no debit order of {amount} was sent for {result.account_reference}."
    return ""


def _matching(result: DebitResult) -> list[DebitItem]:
    """So many lines of a file may say this: what came back on another day is another one."""
    return [
        one for one in _candidates(result) if one.state != DebitState.UNPAID or one.returned_on == result.day
    ]


def _candidates(result: DebitResult) -> list[DebitItem]:
    """The debit orders that a result may be about, the likeliest first: those by its day, the latest first, then later ones."""
    rows = DebitItem.objects.filter(
        mandate__reference=result.account_reference, amount_minor=result.amount_minor, state__in=DEBITED,
        batch__state__in=(BatchState.SUBMITTED, BatchState.BOOKED),
    ).select_related("batch")  # fmt: skip
    before = [one for one in rows if one.batch.action_date <= result.day]
    later = [one for one in rows if one.batch.action_date > result.day]
    return [
        *sorted(before, key=lambda one: one.batch.action_date, reverse=True),
        *sorted(later, key=lambda one: one.batch.action_date),
    ]


@transaction.atomic
def _take(result: DebitResult, nth: int, actor: str, now: datetime) -> str:
    """What was done, by the column it is counted in; `nth`: so often the file has said the same with this line.

    Raises Refused for a payment that can't be reversed by itself."""
    found = _candidates(result)
    if not found:
        raise Refused("it was dropped meanwhile.")
    locked(
        found[0].pk, now
    )  # the customer's money: whoever reads the same file waits here, then finds it done
    found = _candidates(result)
    if result.outcome == Outcome.PAID:
        return _confirm(locked(found[min(nth, len(found)) - 1].pk, now), now)
    came_back = [one for one in found if one.state == DebitState.UNPAID and one.returned_on == result.day]
    if len(came_back) >= nth:
        return "known"
    left = [one for one in found if one.state != DebitState.UNPAID]
    if not left:
        return "known"
    _return(locked(left[0].pk, now), result, actor, now)
    return "returned"


def _confirm(item: DebitItem, now: datetime) -> str:
    if item.state in (DebitState.PAID, DebitState.UNPAID):
        return "known"
    if item.state == DebitState.SENT:
        book(item, now)
    item.state = DebitState.PAID
    item.save(update_fields=["state"])
    if _is_last(item):
        pay_by_debit.clear_returned(item.customer_id, actor=ACTOR, now=now)
    return "paid"


def _is_last(item: DebitItem) -> bool:
    """A late word that an older one was paid says nothing of the one that came back since."""
    since = DebitItem.objects.filter(customer_id=item.customer_id, state=DebitState.UNPAID)
    return not since.filter(batch__action_date__gt=item.batch.action_date).exists()


def _return(item: DebitItem, result: DebitResult, actor: str, now: datetime) -> None:
    """It came back: the payment is reversed, and what follows is done. Nothing that was granted is taken back."""
    words = f"{result.reason_code} {result.reason}".strip()
    if item.payment is not None and item.payment.reversed_at is None:
        reverse(
            payment_id=item.payment.pk, reason=f"Debit order came back: {words}"[:300], actor=actor, now=now
        )
    assert item.mandate is not None
    policy = DebitOrderPolicy.objects.filter(pk=item.batch.brand_id).first()
    item.state, item.returned_on, item.why = DebitState.UNPAID, result.day, ""
    item.return_code, item.return_reason = result.reason_code, result.reason
    after = aftermath(result.reason_code, [*_returned_before(item), result.day], result.day)
    item.again_on = _again(item, after, policy, result, now)
    item.save(update_fields=["state", "returned_on", "return_code", "return_reason", "again_on", "why"])
    if policy and policy.fee_minor:
        charge_fee(
            customer_id=item.customer_id, description=f"Debit order that came back, {settings.FORMATS.day(result.day)}",
            amount_minor=policy.fee_minor, reference=f"debit-returned:{item.pk}", actor=actor, now=now,
        )  # fmt: skip
    if after.suspends:
        suspend_locked(item.mandate, f"debit order came back: {words}", actor=actor, now=now)
    dunning_holds.end_collection([item.customer_id], "the debit order came back", actor=actor, now=now)
    pay_by_debit.note_returned(item.customer_id, result.day, actor=actor, now=now)
    _tell(item, now)
    record(
        actor=actor, action="debit.returned", subject=f"customer:{item.customer_id}", reason=words, now=now,
        details={
            "amount_minor": item.amount_minor, "of": item.mandate.reference, "item": item.pk,
            "suspends": after.suspends, "again_on": item.again_on,
        },
    )  # fmt: skip


def _returned_before(item: DebitItem) -> list[date]:
    rows = DebitItem.objects.filter(mandate=item.mandate, state=DebitState.UNPAID).exclude(pk=item.pk)
    return [one.returned_on for one in rows.only("returned_on") if one.returned_on]


def _again(
    item: DebitItem, after: Aftermath, policy: DebitOrderPolicy | None, result: DebitResult, now: datetime
) -> date | None:
    """The day from which it is tried once more; None for a code that forbids it, a second try, or a brand that doesn't."""
    if not after.may_present_again or item.repeats_id or policy is None or policy.again_after_days is None:
        return None
    earliest = max(result.day + timedelta(days=policy.again_after_days), settings.FORMATS.local(now).date())
    return action_day(earliest, holidays_about(earliest), instruction=Instruction(policy.instruction))


def _tell(item: DebitItem, now: datetime) -> None:
    values = {
        "amount": dunning_tell.money(item.amount_minor), "reason": item.return_reason or "It gave no reason.",
        "again": dunning_tell.day(item.again_on) if item.again_on else "",
    }  # fmt: skip
    cause = f"debit:{item.pk}:returned"
    dunning_tell.tell(item.customer, "debit.returned", values, cause=cause, by_sms=True, now=now)
