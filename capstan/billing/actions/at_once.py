"""Documents that don't wait for the billing day: a top-up's own invoice, a payment request, returns of what was invoiced."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction

from capstan.billing.actions import credits, terms
from capstan.billing.actions.bill import to_issue
from capstan.billing.actions.issue import ToIssue, issue
from capstan.billing.actions.terms import policy_of
from capstan.billing.models import Charge, Credit, Invoice
from capstan.billing.queries.facts import facts_of
from capstan.billing.rules.lines import Item, lines_of, without_vat
from capstan.billing.rules.plan import documents_for
from capstan.billing.rules.words import ChargeKind, InvoiceKind
from capstan.catalog.queries import RateTable
from capstan.customers.models import Customer

log = structlog.get_logger()


def invoice_charges(charge_ids: Sequence[int], *, actor: str, now: datetime) -> Invoice | None:
    """An invoice of these charges alone, today, within the caller's transaction; due at once. None if nothing of them is open."""
    assert connection.in_atomic_block
    charges = list(
        Charge.objects.filter(pk__in=charge_ids, line__isnull=True).select_related("customer__brand")
    )
    if not charges:
        return None
    customer = charges[0].customer
    terms.lock(customer.pk, now=now)
    today, rates = _today(now), RateTable()
    items = []
    for one in charges:
        rate, name = rates.at(one.tax_group_id, settings.FORMATS.local(one.occurred_at).date())
        items.append(
            Item(
                one.pk, one.service_id, ChargeKind(one.kind), one.description, one.amount_minor, rate, name,
                settings.FORMATS.local(one.occurred_at).date(), tax_group_id=one.tax_group_id,
            )
        )  # fmt: skip
    lines = lines_of(items if customer.brand.vat_number else without_vat(items))
    (invoice,) = issue([ToIssue(customer, InvoiceKind.INVOICE, today, today, lines)], actor=actor, now=now)
    return invoice


def pay_from(invoice: Invoice, kept_for: str, *, actor: str, now: datetime) -> int:
    """Let the money that was kept for something pay its invoice, and free the rest; returns how much it paid."""
    paid = 0
    for credit in Credit.objects.filter(customer_id=invoice.customer_id, kept_for=kept_for, left_minor__gt=0):
        invoice.refresh_from_db(fields=["open_minor"])
        paid += credits.allocate_to(credit, [invoice], today=_today(now), actor=actor, now=now)
        credit.refresh_from_db(fields=["left_minor"])
        credits.free(credit)
    credits.allocate_free([invoice.customer_id], today=_today(now), actor=actor, now=now)
    return paid


def request_payment(
    *,
    customer_id: int,
    service_id: int,
    kind: ChargeKind,
    text: str,
    amount_minor: int,
    tax_group_id: int | None,
    reference: str,
    due_on: date,
    actor: str,
    now: datetime,
) -> Invoice:
    """A proforma for something that is supplied when it is paid, within the caller's transaction. A reference that has one
    already gives that."""
    known = Invoice.objects.filter(reference=reference).first()
    if known is not None:
        return known
    customer = Customer.objects.select_related("brand").get(pk=customer_id)
    rate, name = RateTable().at(tax_group_id, _today(now))
    item = Item(0, service_id, kind, text, amount_minor, rate, name, _today(now), tax_group_id=tax_group_id)
    lines = lines_of([item] if customer.brand.vat_number else without_vat([item]))
    (made,) = issue(
        [ToIssue(customer, InvoiceKind.PROFORMA, _today(now), due_on, lines, reference=reference)],
        actor=actor,
        now=now,
    )
    return made


def fulfil_request(reference: str, invoice: Invoice | None) -> None:
    """What a payment request asked for is supplied and invoiced."""
    if invoice is not None:
        Invoice.objects.filter(reference=reference, fulfilled_by=None).update(fulfilled_by=invoice)


def withdraw_request(reference: str, *, now: datetime) -> None:
    """Nobody has to pay it any more."""
    Invoice.objects.filter(reference=reference, withdrawn_at=None, fulfilled_by=None).update(withdrawn_at=now)


_RETURNED = """
    SELECT back.customer_id, array_agg(back.id) FROM billing_charge back JOIN billing_charge first ON first.id = back.returns_id
    WHERE back.line_id IS NULL AND first.line_id IS NOT NULL AND back.amount_minor < 0
    GROUP BY 1 ORDER BY 1 LIMIT %s
"""


def credit_returns(*, now: datetime, limit: int, actor: str = "billing") -> int:
    """Credit notes for what was given back of invoiced charges; nobody has to wait for the billing day. Returns how many
    customers had some."""
    with connection.cursor() as cursor:
        cursor.execute(_RETURNED, [limit])
        found = cursor.fetchall()
    done = 0
    for customer_id, charge_ids in found:
        try:
            with transaction.atomic():
                _credit_returns(customer_id, set(charge_ids), actor, now)
            done += 1
        except Exception:  # one customer's mustn't hold up the others'
            log.exception("what was given back can't be credited", customer=customer_id)
    return done


def _credit_returns(customer_id: int, charge_ids: set[int], actor: str, now: datetime) -> None:
    locked = terms.lock(customer_id, now=now)
    customer = Customer.objects.select_related("brand").get(pk=customer_id)
    today = _today(now)
    facts = facts_of([customer_id], until=today + timedelta(days=1))[customer_id]
    returned = [one for one in facts.open if one.charge_id in charge_ids and one.corrects]
    documents = documents_for(returned, RateTable().at)
    policy = policy_of(customer.brand_id)
    issue(
        to_issue(customer, locked, policy, documents, day=today, period=None, run_id=None),
        actor=actor,
        now=now,
    )


def _today(now: datetime) -> date:
    return settings.FORMATS.local(now).date()
