"""What a billing day asks of a customer: charges for the periods, and the documents they come to. Free of storage."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from capstan.billing.rules.amounts import half_even
from capstan.billing.rules.lines import Item, RateOf
from capstan.billing.rules.periods import BillingDay, Span, looked_at, period_at
from capstan.billing.rules.recurring import (
    Back,
    Charged,
    Corrected,
    DatedPrice,
    Due,
    Life,
    compare,
    due_in,
)
from capstan.billing.rules.words import ChargeKind, Timing

_LOOKS_BACK = 3
"""Periods before the present one in which what was charged is compared with what should have been."""


class Sold(NamedTuple):
    """A package as an invoice line names it."""

    name: str
    tax_group_id: int | None


class OffPrice(NamedTuple):
    """A discount on one service; either the percentage, in hundredths, or the amount a period is set."""

    discount_id: int
    service_id: int
    text: str
    percent_bp: int | None
    amount_minor: int | None
    first: date
    end: date | None
    given: Mapping[date, Sequence[int]]  # what was given before, below zero, by the period's first day


class OpenCharge(NamedTuple):
    """A charge that no invoice has taken up. `corrects`: it gives back what that line of an invoice asked for."""

    charge_id: int
    service_id: int | None
    kind: ChargeKind
    text: str
    amount_minor: int
    tax_group_id: int | None
    supplied_on: date
    corrects: Corrected | None


class Facts(NamedTuple):
    """All that is known of one customer's billing."""

    customer_id: int
    billing_day: BillingDay
    timing: Timing
    bills_from: date
    next_bill_on: date
    lives: Sequence[Life]
    usernames: Mapping[int, str]
    prices: Mapping[int, Sequence[DatedPrice]]
    packages: Mapping[int, Sold]
    discounts: Sequence[OffPrice]
    charged: Sequence[Charged]
    open: Sequence[OpenCharge]
    prepaid_from: date | None = None
    prepaid_until: date | None = None

    def is_ahead(self, first: date) -> bool:
        """Whether a period that counts from this day is paid ahead: what of it isn't paid isn't owed."""
        begun = self.prepaid_from is not None and self.prepaid_from <= first
        return begun and (self.prepaid_until is None or first < self.prepaid_until)


class NewCharge(NamedTuple):
    """A charge that is to be made. `returns_id`: it gives back a part of that charge, and the amount is below zero."""

    service_id: int
    kind: ChargeKind
    text: str
    amount_minor: int
    tax_group_id: int | None
    supplied_on: date
    reference: str
    package_id: int | None = None
    covers: Span | None = None
    returns_id: int | None = None
    corrects: Corrected | None = None

    def as_open(self, charge_id: int) -> OpenCharge:
        """As an invoice takes it up."""
        return OpenCharge(
            charge_id, self.service_id, self.kind, self.text, self.amount_minor, self.tax_group_id, self.supplied_on,
            self.corrects,
        )  # fmt: skip


class Words(NamedTuple):
    """How lines are worded: a package's line, what is given back, and a span of dates."""

    package: Callable[[str, str, Span], str]
    returned: Callable[[str, str, Span], str]


def charges_for(facts: Facts, day: date, words: Words) -> list[NewCharge]:
    """What is to be charged and given back so that the customer pays for what he has, had, and will have in this period: the one
    that begins on the billing day, or has ended on it, and those before that may have changed since they were billed.

    Of a period that is paid ahead, only services that it was paid for: the others cost nothing in it.
    """
    begun = period_at(day, facts.billing_day.day)
    end = begun.first if facts.timing == Timing.ARREARS else begun.end
    if facts.timing == Timing.PREPAID:
        end = max(end, facts.next_bill_on)  # what was paid ahead may have changed before it begins
    periods = looked_at(facts.billing_day, min(day, facts.next_bill_on), end, back=_LOOKS_BACK)
    due: list[Due] = []
    found: list[NewCharge] = []
    for period in periods:
        first = max(facts.bills_from, facts.billing_day.counts_from(period))
        rows = [
            row
            for life in facts.lives
            for row in due_in(life._replace(starts_on=max(life.starts_on, first)), period, facts.prices)
        ]
        if facts.is_ahead(first):
            paid = paid_in(facts, period)
            rows = [row for row in rows if row.service_id in paid]
        due += rows
        found += _discounts(facts, period, rows)
    begin = periods[0].first if periods else end
    relevant = [one for one in facts.charged if one.first >= begin and one.end > one.first]
    new, back = compare(due, relevant)
    charged = {one.charge_id: one for one in relevant}
    return [
        *(_charge(facts, row, words) for row in new),
        *(_return(facts, charged[row.charge_id], row, words) for row in back),
        *found,
    ]


def paid_in(facts: Facts, period: Span) -> set[int]:
    """Services that were charged for in this period."""
    return {one.service_id for one in facts.charged if period.first <= one.first < period.end}


def charges_ahead(facts: Facts, span: Span, services: Collection[int], words: Words) -> list[NewCharge]:
    """What these services cost in a period that is paid ahead: its whole price, or from a service's start on."""
    period = facts.billing_day.period_at(span.first)
    wanted = [
        life._replace(starts_on=max(life.starts_on, span.first))
        for life in facts.lives
        if life.service_id in services
    ]
    rows = [row for life in wanted for row in due_in(life, period, facts.prices) if row.amount_minor]
    discounts = [one for one in facts.discounts if one.service_id in services]
    return [
        *(_charge(facts, row, words) for row in rows),
        *_discounts(facts._replace(discounts=discounts), period, rows),
    ]


def _charge(facts: Facts, row: Due, words: Words) -> NewCharge:
    sold, span = facts.packages[row.package_id], Span(row.first, row.end)
    again = sum(
        (one.service_id, one.package_id, one.first) == (row.service_id, row.package_id, row.first)
        for one in facts.charged
    )
    return NewCharge(
        row.service_id, ChargeKind.SUBSCRIPTION, words.package(sold.name, facts.usernames[row.service_id], span),
        row.amount_minor, sold.tax_group_id, row.first,
        f"subscription:{row.service_id}:{row.package_id}:{row.first}" + (f":{again}" if again else ""),
        row.package_id, span,
    )  # fmt: skip


def _return(facts: Facts, one: Charged, row: Back, words: Words) -> NewCharge:
    sold, span = facts.packages[one.package_id], Span(row.first, row.end)
    return NewCharge(
        one.service_id, ChargeKind.SUBSCRIPTION, words.returned(sold.name, facts.usernames[one.service_id], span),
        -row.amount_minor, one.tax_group_id, one.first, f"subscription:{one.charge_id}:back:{row.first}",
        one.package_id, span, one.charge_id, one.corrects,
    )  # fmt: skip


def _discounts(facts: Facts, period: Span, rows: Sequence[Due]) -> list[NewCharge]:
    found = []
    for discount in facts.discounts:
        of_service = [row for row in rows if row.service_id == discount.service_id]
        whole = sum(row.amount_minor for row in of_service)
        holds = discount.first <= period.first and (discount.end is None or period.first < discount.end)
        wanted = -_off(discount, whole) if holds else 0
        given = discount.given.get(period.first, ())
        if wanted != sum(given):
            nth = f":{len(given)}" if given else ""
            found.append(
                NewCharge(
                    discount.service_id, ChargeKind.DISCOUNT, discount.text, wanted - sum(given),
                    _group_of(facts, discount.service_id, of_service), period.first,
                    f"discount:{discount.discount_id}:{period.first}{nth}",
                )
            )  # fmt: skip
    return found


def _group_of(facts: Facts, service_id: int, rows: Sequence[Due]) -> int | None:
    """The tax group of what the discount is on: of the package, else of what was charged before."""
    if rows:
        return facts.packages[rows[0].package_id].tax_group_id
    charged = [one.tax_group_id for one in facts.charged if one.service_id == service_id]
    return charged[-1] if charged else None


def _off(discount: OffPrice, whole_minor: int) -> int:
    """What the discount takes off, never more than there is."""
    if discount.percent_bp is not None:
        return half_even(whole_minor * discount.percent_bp, 10_000)
    return min(discount.amount_minor or 0, whole_minor)


class Documents(NamedTuple):
    """What the open charges come to: the invoice's items, and what is to be credited of which earlier invoice."""

    items: list[Item]
    credits: dict[int, list[Item]]

    @property
    def total_minor(self) -> int:
        """What the customer will owe more than before."""
        return sum(one.amount_minor for one in self.items) - sum(
            one.amount_minor for group in self.credits.values() for one in group
        )


def documents_for(open_charges: Sequence[OpenCharge], rate_of: RateOf) -> Documents:
    """Sort what is open onto an invoice and credit notes. Every item has the rate of its day of supply."""
    items: list[Item] = []
    credits: dict[int, list[Item]] = {}
    for one in open_charges:
        fixed = one.corrects
        rate, name = (fixed.rate_bp, fixed.tax_name) if fixed else rate_of(one.tax_group_id, one.supplied_on)
        item = Item(
            one.charge_id, one.service_id, one.kind, one.text, one.amount_minor, rate, name, one.supplied_on, fixed,
            one.tax_group_id,
        )  # fmt: skip
        if fixed is None:
            items.append(item)
        elif one.amount_minor:
            credits.setdefault(fixed.invoice_id, []).append(item._replace(amount_minor=-one.amount_minor))
    if sum(item.amount_minor for item in items) < 0:
        # A discount that came after its bill waits for the next one.
        items = [item for item in items if item.kind != ChargeKind.DISCOUNT]
    return Documents(items, credits)
