"""Billing customers: what their billing day asks for, and the documents it comes to."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from capstan.billing.actions import charges, prepaid
from capstan.billing.actions.issue import ToIssue, absorb, issue
from capstan.billing.actions.terms import policies_of
from capstan.billing.models import BillingPolicy, BillingTerms, Invoice
from capstan.billing.queries.facts import facts_of
from capstan.billing.rules.lines import Item, Line, credit_lines, lines_of, without_vat
from capstan.billing.rules.periods import Span, next_billing_day, period_at
from capstan.billing.rules.plan import (
    Documents,
    Facts,
    NewCharge,
    Words,
    charges_ahead,
    charges_for,
    documents_for,
)
from capstan.billing.rules.prepaid import next_span, services_in
from capstan.billing.rules.words import InvoiceKind, Timing
from capstan.catalog.queries import RateTable
from capstan.customers.models import Customer

_GROUPED = "Top-ups ({count})"


class Planned(NamedTuple):
    """What a billing day comes to for one customer, before anything is written."""

    facts: Facts
    new: list[NewCharge]
    documents: Documents
    asked_minor: int = 0  # of a customer who pays ahead: for the next period

    @property
    def total_minor(self) -> int:
        return self.documents.total_minor


def plan(customer_ids: Sequence[int], day: date) -> dict[int, Planned]:
    """What this billing day comes to for these customers; nothing is written."""
    rates, words = RateTable(), charges.subscription_words()
    brands = dict(Customer.objects.filter(pk__in=customer_ids).values_list("pk", "brand_id"))
    by_brand = policies_of(brands.values())
    policies = {customer_id: by_brand[brand_id] for customer_id, brand_id in brands.items()}
    found = {}
    for customer_id, facts in facts_of(customer_ids, until=day + timedelta(days=1)).items():
        new = charges_for(facts, day, words)
        drafts = [one.as_open(-position) for position, one in enumerate(new, 1)]
        asked = _asked(facts, day, policies[customer_id], words)
        found[customer_id] = Planned(facts, new, documents_for([*facts.open, *drafts], rates.at), asked)
    return found


def _asked(facts: Facts, day: date, policy: BillingPolicy, words: Words) -> int:
    """What the customer is asked to pay ahead."""
    if facts.timing != Timing.PREPAID:
        return 0
    span = next_span(facts, day, policy.prepaid_lead_days)
    services = services_in(facts, span) if facts.is_ahead(span.first) else []
    return sum(one.amount_minor for one in charges_ahead(facts, span, services, words))


def bill(
    terms: dict[int, BillingTerms], day: date, *, run_id: int | None, actor: str, now: datetime
) -> dict[int, list[Invoice]]:
    """Charge these customers for their periods and issue what it comes to, by customer; who pays ahead is asked for the next
    one. The caller holds their terms' locks.

    Who has nothing to pay and nothing to get back gets no document.
    """
    rates, words = RateTable(), charges.subscription_words()
    known = facts_of(list(terms), until=day + timedelta(days=1))
    new = {customer_id: charges_for(facts, day, words) for customer_id, facts in known.items()}
    made = charges.write(new, actor, now)
    customers = Customer.objects.select_related("brand").in_bulk(list(terms))
    policies = policies_of(one.brand_id for one in customers.values())
    wanted: list[ToIssue] = []
    for customer_id, facts in known.items():
        customer = customers[customer_id]
        policy = policies[customer.brand_id]
        documents = documents_for([*facts.open, *made.get(customer_id, ())], rates.at)
        period = period_at(day, facts.billing_day.day)
        wanted += to_issue(
            customer, terms[customer_id], policy, documents, day=day, period=period, run_id=run_id
        )
    issued: dict[int, list[Invoice]] = {}
    for invoice in issue(wanted, actor=actor, now=now):
        issued.setdefault(invoice.customer_id, []).append(invoice)
    ahead = [
        (customers[key], terms[key], policies[customers[key].brand_id], facts)
        for key, facts in known.items()
        if facts.timing == Timing.PREPAID
    ]
    for invoice in prepaid.ask_next(ahead, day, run_id=run_id, actor=actor, now=now):
        issued.setdefault(invoice.customer_id, []).append(invoice)
    is_ahead = {customer.pk for customer, *_ in ahead}
    for one in terms.values():
        if one.pk not in is_ahead and one.next_bill_on <= day:
            one.next_bill_on = next_billing_day(day, one.billing_day)
    BillingTerms.objects.bulk_update(terms.values(), ["next_bill_on"])
    return issued


def to_issue(
    customer: Customer,
    terms: BillingTerms,
    policy: BillingPolicy,
    documents: Documents,
    *,
    day: date,
    period: Span | None,
    run_id: int | None,
) -> list[ToIssue]:
    """The invoice and the credit notes that these charges come to."""
    grouped = policy.group_top_ups if terms.group_top_ups is None else terms.group_top_ups
    due_days = policy.due_days if terms.due_days is None else terms.due_days
    due_on = day + timedelta(days=due_days)
    wanted = []
    for invoice_id, items in sorted(documents.credits.items()):
        credited = credit_lines(items)
        absorb(credited.absorbed)
        if credited.lines:
            wanted.append(
                ToIssue(
                    customer, InvoiceKind.CREDIT_NOTE, day, day, credited.lines, credits_id=invoice_id,
                    reason="Given back", run_id=run_id,
                )
            )  # fmt: skip
    if documents.items:
        lines = _lines(customer, documents.items, grouped)
        wanted.append(ToIssue(customer, InvoiceKind.INVOICE, day, due_on, lines, period, run_id=run_id))
    return wanted


def _lines(customer: Customer, items: Sequence[Item], grouped: bool) -> list[Line]:
    shown = items if customer.brand.vat_number else without_vat(items)
    return lines_of(shown, group_top_ups=grouped, grouped_text=_GROUPED)
