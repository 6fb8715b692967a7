"""Paying ahead: which period is asked for, and which services it is for. Free of storage."""

from collections.abc import Collection
from datetime import date, timedelta

from capstan.billing.rules.periods import Span
from capstan.billing.rules.plan import Facts, paid_in


def asked_on(next_bill_on: date, lead_days: int) -> date:
    """The day on which a period is asked for that begins on the billing day."""
    return next_bill_on - timedelta(days=lead_days)


def collected_from(first: date) -> date:
    """The day from which on a period is collected of who pays by debit order or stored card: the one before it begins."""
    return first - timedelta(days=1)


def next_span(facts: Facts, day: date, lead_days: int) -> Span:
    """The period that is to be asked for on this day: the next one that wasn't, or where that was long ago, the one that it
    will be when it can be paid. What lies between was nobody's to pay."""
    return span_at(facts, max(facts.next_bill_on, day + timedelta(days=lead_days)))


def span_at(facts: Facts, day: date) -> Span:
    """The days of the period around this one that it is paid for."""
    period = facts.billing_day.period_at(day)
    return Span(max(facts.billing_day.counts_from(period), facts.bills_from), period.end)


def services_in(facts: Facts, span: Span, but: Collection[int] = ()) -> list[int]:
    """Services that live in these days, that nothing was charged for in them, and that aren't among those."""
    known = paid_in(facts, span).union(but)
    return sorted(
        life.service_id
        for life in facts.lives
        if life.service_id not in known
        and life.starts_on < span.end
        and (life.ends_on is None or life.ends_on > max(span.first, life.starts_on))
    )
