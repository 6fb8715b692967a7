"""Billing customers: what their billing day asks for, and the documents it comes to."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.conf import settings

from capstan.billing.actions.issue import ToIssue, absorb, issue
from capstan.billing.actions.terms import policies_of
from capstan.billing.models import BillingPolicy, BillingTerms, Charge, Invoice
from capstan.billing.queries.facts import facts_of
from capstan.billing.rules.lines import Item, Line, credit_lines, lines_of, without_vat
from capstan.billing.rules.periods import Span, next_billing_day, period_at
from capstan.billing.rules.plan import (
    Documents,
    Facts,
    NewCharge,
    OpenCharge,
    Words,
    charges_for,
    documents_for,
)
from capstan.billing.rules.words import InvoiceKind
from capstan.catalog.queries import RateTable
from capstan.customers.models import Customer

_GROUPED = "Top-ups ({count})"


class Planned(NamedTuple):
    """What a billing day comes to for one customer, before anything is written."""

    facts: Facts
    new: list[NewCharge]
    documents: Documents

    @property
    def total_minor(self) -> int:
        return self.documents.total_minor


def plan(customer_ids: Sequence[int], day: date) -> dict[int, Planned]:
    """What this billing day comes to for these customers; nothing is written."""
    rates, words = RateTable(), _words()
    found = {}
    for customer_id, facts in facts_of(customer_ids, until=day + timedelta(days=1)).items():
        new = charges_for(facts, day, words)
        drafts = [one.as_open(-position) for position, one in enumerate(new, 1)]
        found[customer_id] = Planned(facts, new, documents_for([*facts.open, *drafts], rates.at))
    return found


def bill(
    terms: dict[int, BillingTerms], day: date, *, run_id: int | None, actor: str, now: datetime
) -> dict[int, list[Invoice]]:
    """Charge these customers for their periods and issue what it comes to, by customer. The caller holds their terms' locks.

    Who has nothing to pay and nothing to get back gets no document.
    """
    rates, words = RateTable(), _words()
    known = facts_of(list(terms), until=day + timedelta(days=1))
    new = {customer_id: charges_for(facts, day, words) for customer_id, facts in known.items()}
    made = _write_charges(new, actor, now)
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
    due = [one for one in terms.values() if one.next_bill_on <= day]
    for one in due:
        one.next_bill_on = next_billing_day(day, one.billing_day)
    BillingTerms.objects.bulk_update(due, ["next_bill_on"])
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


def _write_charges(new: dict[int, list[NewCharge]], actor: str, now: datetime) -> dict[int, list[OpenCharge]]:
    pairs = [(customer_id, one) for customer_id, ones in new.items() for one in ones]
    rows = Charge.objects.bulk_create(
        Charge(
            customer_id=customer_id, service_id=one.service_id, kind=one.kind, description=one.text,
            amount_minor=one.amount_minor, occurred_at=datetime.combine(one.supplied_on, time(), settings.FORMATS.zone),
            tax_group_id=one.tax_group_id, reference=one.reference, returns_id=one.returns_id,
            package_id=one.package_id, covers_first=one.covers.first if one.covers else one.supplied_on,
            covers_end=one.covers.end if one.covers else None, actor=actor, made_at=now,
        )
        for customer_id, one in pairs
    )  # fmt: skip
    made: dict[int, list[OpenCharge]] = {}
    for row, (customer_id, one) in zip(rows, pairs, strict=True):
        made.setdefault(customer_id, []).append(one.as_open(row.pk))
    return made


def _words() -> Words:
    formats = settings.FORMATS
    return Words(
        lambda package, username, span: f"{package}, {username}, {formats.days(span.first, span.end)}",
        lambda package, username, span: (
            f"Not used: {package}, {username}, {formats.days(span.first, span.end)}"
        ),
    )
