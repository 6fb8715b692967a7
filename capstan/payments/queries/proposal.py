"""Who would be debited on a day, with how much, and who not and why."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import NamedTuple

from django.conf import settings
from django.db.models import Max, Min, Q

from capstan.billing.models import BillingTerms, DunningHold
from capstan.billing.queries.dunning import public_holidays
from capstan.billing.queries.payable import Payable, payable
from capstan.billing.rules.dunning import HoldKind
from capstan.billing.rules.words import Method
from capstan.payments.models import DebitItem, Mandate
from capstan.payments.rules.debit_orders.calendar import Instruction
from capstan.payments.rules.debit_orders.due import Debited, not_due
from capstan.payments.rules.words import DEBITED, ON_ITS_WAY, DebitState, MandateState

_COUNTRY = "ZA"  # Netcash's debit orders run by South Africa's calendar, wherever the provider is


def holidays_about(day: date) -> frozenset[date]:
    """South Africa's public holidays of the day's year and those beside it."""
    return frozenset().union(*(public_holidays(_COUNTRY, day.year + n) for n in (-1, 0, 1)))


class Proposed(NamedTuple):
    """One customer. `why` says why nothing is debited; empty: `amount_minor` is. `parts`: what is to be paid of
    each of these invoices and requests, in their order."""

    customer_id: int
    mandate_id: int | None
    amount_minor: int
    parts: dict[int, int]
    why: str = ""


class _Known(NamedTuple):
    """What there is about the customers, by their ids."""

    mandates: Mapping[int, Mandate]
    holds: Mapping[int, list[DunningHold]]
    on_its_way: Mapping[int, DebitItem]
    debited: Mapping[int, date]
    again: Mapping[int, date]


def proposal(
    brand_id: int,
    on: date,
    instruction: Instruction,
    *,
    today: date,
    customer_ids: Collection[int] | None = None,
    beside: int | None = None,
) -> list[Proposed]:
    """Of the brand's customers who pay by debit order, those of whom something is to be collected by the day `on`, whoever
    they are left out for: a due invoice, or a request for a period that begins the day after.

    `beside`: a batch that is being made, whose own items keep nobody out of it.
    """
    due = _due(brand_id, on, customer_ids)
    known = _known(list(due), today, beside)
    holidays = holidays_about(on)
    found = []
    for customer_id, documents in sorted(due.items()):
        mandate = known.mandates.get(customer_id)
        disputed = {
            one.invoice_id for one in known.holds.get(customer_id, ()) if one.kind == HoldKind.DISPUTE
        }
        parts = {one.document.pk: one.left_minor for one in documents if one.document.pk not in disputed}
        total = sum(parts.values())
        why = _why_not(customer_id, mandate, known, on, instruction, holidays) or (
            "" if parts else "what is due is disputed"
        )
        most = total if mandate is None or mandate.max_minor is None else min(total, mandate.max_minor)
        found.append(Proposed(customer_id, mandate.pk if mandate else None, 0 if why else most, parts, why))
    return found


def _due(brand_id: int, on: date, customer_ids: Collection[int] | None) -> dict[int, list[Payable]]:
    by_debit = BillingTerms.objects.filter(method=Method.DEBIT_ORDER, customer__brand_id=brand_id)
    if customer_ids is not None:
        by_debit = by_debit.filter(pk__in=customer_ids)
    found = payable(by_debit.values_list("pk", flat=True), today=on)
    due = {one: [each for each in of_one if each.collected_on <= on] for one, of_one in found.items()}
    return {one: of_one for one, of_one in due.items() if of_one}


def _known(ids: list[int], today: date, beside: int | None) -> _Known:
    mandates: dict[int, Mandate] = {}
    live = (MandateState.SUSPENDED, MandateState.ACTIVE)
    rows = Mandate.objects.filter(customer_id__in=ids, state__in=live).defer("account_number")
    for mandate in sorted(rows, key=lambda one: (live.index(MandateState(one.state)), one.pk)):
        mandates[mandate.customer_id] = mandate  # the active one last, should there be both
    valid = DunningHold.objects.filter(
        Q(until=None) | Q(until__gte=today), customer_id__in=ids, ended_at=None
    )
    holds: dict[int, list[DunningHold]] = {}
    for hold in valid:
        holds.setdefault(hold.customer_id, []).append(hold)
    items = DebitItem.objects.filter(customer_id__in=ids)
    away = items.filter(state__in=ON_ITS_WAY).exclude(batch_id=beside)
    last = items.filter(state__in=DEBITED).values_list("customer_id").annotate(Max("batch__action_date"))
    again = items.filter(state=DebitState.UNPAID, again_on__isnull=False).exclude(
        repeated_by__state__in=DEBITED
    )
    plans = again.values_list("customer_id").annotate(Min("again_on"))
    return _Known(mandates, holds, {one.customer_id: one for one in away}, dict(last), dict(plans))


def _why_not(
    customer_id: int,
    mandate: Mandate | None,
    known: _Known,
    on: date,
    instruction: Instruction,
    holidays: frozenset[date],
) -> str:
    if mandate is None:
        return "no active mandate"
    if mandate.state != MandateState.ACTIVE:
        return f"the mandate is suspended: {mandate.ended_because}"
    item = known.on_its_way.get(customer_id)
    if item is not None:
        return f"a debit order is on its way in batch {item.batch_id}"
    for hold in known.holds.get(customer_id, ()):
        if hold.kind in (HoldKind.PROMISE, HoldKind.STAFF):
            return _hold_words(hold)
    debited = Debited(mandate.action_day, known.debited.get(customer_id), known.again.get(customer_id))
    return not_due(debited, on, instruction, holidays)


def _hold_words(hold: DunningHold) -> str:
    what = "promised to pay" if hold.kind == HoldKind.PROMISE else "isn't chased, by staff's word"
    return f"{what} until {settings.FORMATS.day(hold.until)}" if hold.until else what
