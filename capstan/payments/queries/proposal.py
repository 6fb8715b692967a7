"""Who would be debited on a day, with how much, and who not and why."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import NamedTuple

from django.conf import settings
from django.db.models import Max, Q, QuerySet

from capstan.billing.models import BillingTerms, DunningHold
from capstan.billing.queries.dunning import public_holidays
from capstan.billing.queries.payable import Payable, payable
from capstan.billing.rules.dunning import HoldKind
from capstan.billing.rules.words import Method
from capstan.payments.models import DebitItem, Mandate
from capstan.payments.rules.debit_orders.calendar import Instruction
from capstan.payments.rules.debit_orders.due import Debited, last_day_of, may_try_again, not_due
from capstan.payments.rules.words import DEBITED, ON_ITS_WAY, DebitState, MandateState

_COUNTRY = "ZA"  # Netcash's debit orders run by South Africa's calendar, wherever the provider is


def holidays_about(day: date) -> frozenset[date]:
    """South Africa's public holidays of the day's year and those beside it."""
    return frozenset().union(*(public_holidays(_COUNTRY, day.year + n) for n in (-1, 0, 1)))


class Proposed(NamedTuple):
    """One customer. `why` says why nothing is debited; empty: `amount_minor` is. `parts`: what is to be paid of
    each of these invoices and requests, in their order.

    `repeats_id` is the debit order that came back, if this is its second try; `since`: the day from which on he is to be debited.
    """

    customer_id: int
    mandate_id: int | None
    amount_minor: int
    parts: dict[int, int]
    why: str = ""
    repeats_id: int | None = None
    since: date | None = None


class _Known(NamedTuple):
    """What there is about the customers, by their ids."""

    mandates: Mapping[int, Mandate]
    holds: Mapping[int, list[DunningHold]]
    on_its_way: Mapping[int, DebitItem]
    debited: Mapping[int, date]
    again: Mapping[int, DebitItem]


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
    known = _known(list(due), on, today, beside)
    holidays = holidays_about(on)
    found = []
    for customer_id, documents in sorted(due.items()):
        mandate = known.mandates.get(customer_id)
        disputed = {
            one.invoice_id for one in known.holds.get(customer_id, ()) if one.kind == HoldKind.DISPUTE
        }
        wanted = [one for one in documents if one.document.pk not in disputed]
        why, since, again = _why_not(customer_id, mandate, known), None, None
        if mandate is not None and not why:
            why, since = _its_day(mandate, known.debited.get(customer_id), on, instruction, holidays)
            again = known.again.get(customer_id) if why else None
        if again is not None:  # its second try: what it was for and is open still, and nothing else
            wanted = [one for one in wanted if one.document.pk in set(again.invoices)]
            why, since = ("", again.again_on) if wanted else (why, None)
        why = why or ("" if wanted else "what is due is disputed")
        parts = {one.document.pk: one.left_minor for one in wanted}
        total = sum(parts.values())
        most = total if mandate is None or mandate.max_minor is None else min(total, mandate.max_minor)
        repeats_id = again.pk if again is not None and not why else None
        mandate_id = mandate.pk if mandate else None
        amount = 0 if why else most
        found.append(Proposed(customer_id, mandate_id, amount, parts, why, repeats_id, since))
    return found


def _due(brand_id: int, on: date, customer_ids: Collection[int] | None) -> dict[int, list[Payable]]:
    by_debit = BillingTerms.objects.filter(method=Method.DEBIT_ORDER, customer__brand_id=brand_id)
    if customer_ids is not None:
        by_debit = by_debit.filter(pk__in=customer_ids)
    found = payable(by_debit.values_list("pk", flat=True), today=on)
    due = {one: [each for each in of_one if each.collected_on <= on] for one, of_one in found.items()}
    return {one: of_one for one, of_one in due.items() if of_one}


def _known(ids: list[int], on: date, today: date, beside: int | None) -> _Known:
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
    debited = dict(last)
    again = {
        one.customer_id: one
        for one in _to_try_again(items, on)
        if one.batch.action_date == debited[one.customer_id]
    }
    return _Known(mandates, holds, {one.customer_id: one for one in away}, debited, again)


def _to_try_again(items: QuerySet[DebitItem], on: date) -> list[DebitItem]:
    """Those that came back and may be tried once more on that day; a later debit order takes their place."""
    rows = items.filter(state=DebitState.UNPAID, again_on__isnull=False).exclude(
        repeated_by__state__in=DEBITED
    )
    rows = rows.select_related("batch").defer("batch__file").order_by("pk")
    return [one for one in rows if one.again_on is not None and may_try_again(one.again_on, on)]


def _why_not(customer_id: int, mandate: Mandate | None, known: _Known) -> str:
    """What keeps him from being debited on any day."""
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
    return ""


def _its_day(
    mandate: Mandate, last_on: date | None, on: date, instruction: Instruction, holidays: AbstractSet[date]
) -> tuple[str, date | None]:
    """Why the mandate isn't debited on that day, or else its day that has come."""
    why = not_due(Debited(mandate.action_day, last_on), on, instruction, holidays)
    return why, None if why else last_day_of(mandate.action_day, on, instruction, holidays)


def _hold_words(hold: DunningHold) -> str:
    what = "promised to pay" if hold.kind == HoldKind.PROMISE else "isn't chased, by staff's word"
    return f"{what} until {settings.FORMATS.day(hold.until)}" if hold.until else what
