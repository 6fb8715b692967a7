"""Paying ahead: a period is asked for, paid, invoiced, and its allowances released (S9).

Three deeds, each a transaction of its own that may be repeated: asking, under the lock on the customer's money; paying, when
his credit reaches what was asked for, however it came; releasing, under the locks on his lines' caps. Whatever is killed
between two of them, the next look goes on from there.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from capstan.audit.actions import record
from capstan.billing.actions import charges, credits, terms
from capstan.billing.actions.issue import ToIssue, issue
from capstan.billing.actions.prepaid_tell import tell_paid
from capstan.billing.actions.timing import midnight, withdraw
from capstan.billing.models import BillingPolicy, BillingTerms, Invoice, PrepaidPeriod
from capstan.billing.queries.facts import facts_of
from capstan.billing.queries.prepaid import free_credit
from capstan.billing.rules.lines import Line, lines_of, without_vat
from capstan.billing.rules.periods import Span
from capstan.billing.rules.plan import Facts, NewCharge, charges_ahead, documents_for
from capstan.billing.rules.prepaid import next_span, services_in, span_at
from capstan.billing.rules.words import InvoiceKind, Timing
from capstan.caps.actions import held
from capstan.caps.actions.cap import lock as lock_cap
from capstan.caps.queries import standing
from capstan.catalog.queries import RateTable
from capstan.customers.models import Customer
from capstan.db.wakeup import wake
from capstan.values.refused import Refused

log = structlog.get_logger()

ACTOR = "billing"


class Ask(NamedTuple):
    """A period that a customer is to be asked for, with the services that nobody asked for yet."""

    customer: Customer
    facts: Facts
    span: Span
    services: Sequence[int]


class _Priced(NamedTuple):
    """What a period comes to, before anything is written."""

    ask: Ask
    reference: str
    charges: list[NewCharge]
    lines: list[Line]

    @property
    def total_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)


def is_open(row: PrepaidPeriod) -> bool:
    """Whether it can still be paid."""
    return row.paid_at is None and row.withdrawn_at is None


# --- asking -----------------------------------------------------------------------------------------------------


def ask_next(
    customers: Sequence[tuple[Customer, BillingTerms, BillingPolicy, Facts]],
    day: date,
    *,
    run_id: int | None,
    actor: str,
    now: datetime,
) -> list[Invoice]:
    """Ask these customers, whose terms are locked, for their next period; their billing day moves on, which the caller writes."""
    wanted = []
    for customer, own, policy, facts in customers:
        span = next_span(facts, day, policy.prepaid_lead_days)
        own.next_bill_on = span.end
        if facts.is_ahead(span.first):
            wanted.append(Ask(customer, facts, span, services_in(facts, span)))
    return ask(wanted, day, run_id=run_id, actor=actor, now=now)


def ask(
    wanted: Sequence[Ask], day: date, *, run_id: int | None = None, actor: str, now: datetime
) -> list[Invoice]:
    """Ask for these periods, within the caller's transaction, which holds the customers' terms. What was asked for before and
    isn't paid is withdrawn: it is late for that. What a customer's credit covers is paid and invoiced at once.

    Returns the documents that came of it.
    """
    assert connection.in_atomic_block
    known = _known(wanted)
    withdraw(
        [
            row
            for one in wanted
            for row in known.get(one.customer.pk, ())
            if is_open(row) and row.first < one.span.first
        ],
        now,
    )
    priced = []
    for one in wanted:
        rows = [row for row in known.get(one.customer.pk, ()) if row.first == one.span.first]
        had = {service for row in rows if row.withdrawn_at is None for service in row.services}
        services = [service for service in one.services if service not in had]
        if services:
            again = f":{len(rows) + 1}" if rows else ""
            reference = f"prepaid:{one.customer.pk}:{one.span.first}{again}"
            priced.append(_priced(one._replace(services=services), reference))
    free = free_credit([one.ask.customer.pk for one in priced])
    at_once: list[_Priced] = []
    later: list[_Priced] = []
    for each in priced:
        left = free.get(each.ask.customer.pk, 0)
        (at_once if each.total_minor <= left else later).append(each)
        free[each.ask.customer.pk] = left - each.total_minor if each.total_minor <= left else left
    requests = _request(later, day, run_id, actor, now)
    rows = PrepaidPeriod.objects.bulk_create(_row(one, now) for one in at_once)
    return [*requests, *_supply(list(zip(at_once, rows, strict=True)), day, run_id, actor, now)]


def _known(wanted: Sequence[Ask]) -> dict[int, list[PrepaidPeriod]]:
    """What is open of these customers, and what was asked for since their periods began: not years of what was paid."""
    if not wanted:
        return {}
    matters = Q(paid_at=None, withdrawn_at=None) | Q(first__gte=min(one.span.first for one in wanted))
    rows = PrepaidPeriod.objects.filter(matters, customer_id__in=[one.customer.pk for one in wanted])
    found: dict[int, list[PrepaidPeriod]] = {}
    for row in rows.order_by("pk"):
        found.setdefault(row.customer_id, []).append(row)
    return found


def _priced(ask: Ask, reference: str) -> _Priced:
    new = charges_ahead(ask.facts, ask.span, ask.services, charges.subscription_words())
    items = documents_for([one.as_open(-place) for place, one in enumerate(new, 1)], RateTable().at).items
    return _Priced(
        ask, reference, new, lines_of(items if ask.customer.brand.vat_number else without_vat(items))
    )


def _row(one: _Priced, now: datetime) -> PrepaidPeriod:
    return PrepaidPeriod(
        customer=one.ask.customer, first=one.ask.span.first, end=one.ask.span.end, services=list(one.ask.services),
        reference=one.reference, made_at=now,
    )  # fmt: skip


def _request(
    wanted: Sequence[_Priced], day: date, run_id: int | None, actor: str, now: datetime
) -> list[Invoice]:
    made = issue(
        [
            ToIssue(
                one.ask.customer, InvoiceKind.PROFORMA, day, max(day, one.ask.span.first), one.lines, one.ask.span,
                reference=one.reference, run_id=run_id,
            )
            for one in wanted
        ],
        actor=actor, now=now,
    )  # fmt: skip
    rows = [_row(one, now) for one in wanted]
    for row, request in zip(rows, made, strict=True):
        row.request = request
    PrepaidPeriod.objects.bulk_create(rows)
    return made


# --- paying -----------------------------------------------------------------------------------------------------


def _supply(
    paid: Sequence[tuple[_Priced, PrepaidPeriod]], day: date, run_id: int | None, actor: str, now: datetime
) -> list[Invoice]:
    """Charge for periods that credit covers, invoice them, and let the credit pay. What costs nothing has no invoice."""
    drafts = []
    rates = RateTable()
    for one, row in paid:
        open_ones = charges.write({row.customer_id: one.charges}, actor, now).get(row.customer_id, [])
        items = documents_for(open_ones, rates.at).items
        lines = lines_of(items if one.ask.customer.brand.vat_number else without_vat(items))
        reference = None if row.request_id else row.reference  # a reference is for one document
        draft = ToIssue(
            one.ask.customer,
            InvoiceKind.INVOICE,
            day,
            day,
            lines,
            one.ask.span,
            reference=reference,
            run_id=run_id,
        )
        drafts.append((row, draft))
        row.paid_at = now
    with_lines = [(row, draft) for row, draft in drafts if draft.lines]
    made = issue([draft for _, draft in with_lines], actor=actor, now=now)
    for (row, _), invoice in zip(with_lines, made, strict=True):
        row.invoice = invoice
        Invoice.objects.filter(pk=row.request_id or 0).update(fulfilled_by=invoice)
    PrepaidPeriod.objects.bulk_update([row for row, _ in drafts], ["paid_at", "invoice"])
    wake("pay")
    return made


# Each second: the two small indexes on the customer – what is open, what is left – are joined first, and only what is in both
# looks at its request. In one join the planner, which takes far more for open than is, walks every request there ever was.
_COVERED = """
    WITH funded AS MATERIALIZED (
        SELECT p.id, p.first, p.request_id, sum(c.left_minor) AS free FROM billing_prepaidperiod p
        JOIN billing_credit c ON c.customer_id = p.customer_id AND c.left_minor > 0 AND c.kept_for = ''
        WHERE p.paid_at IS NULL AND p.withdrawn_at IS NULL GROUP BY p.id
    )
    SELECT f.id FROM funded f WHERE f.free >= (SELECT i.total_minor FROM billing_invoice i WHERE i.id = f.request_id)
    ORDER BY f.first, f.id LIMIT %s
"""


def fulfil_due(*, now: datetime, limit: int) -> int:
    """Supply what customers have paid for ahead; returns how many periods were looked at. One that can't be is tried again."""
    with connection.cursor() as cursor:
        cursor.execute(_COVERED, [limit])
        found = [period_id for (period_id,) in cursor.fetchall()]
    for period_id in found:
        try:
            fulfil(period_id=period_id, now=now)
        except Exception:  # whatever it is, it mustn't hold up the others
            log.exception(
                "a period that is paid ahead can't be supplied; it is tried again", period=period_id
            )
    return len(found)


@transaction.atomic
def fulfil(*, period_id: int, now: datetime) -> bool:
    """Supply a period if the customer's credit covers what it costs today; at another price than was asked for, and not covered,
    it is asked for again. Returns whether it was supplied."""
    customer_id = PrepaidPeriod.objects.values_list("customer_id", flat=True).get(pk=period_id)
    terms.lock(customer_id, now=now)
    row = PrepaidPeriod.objects.select_related("request").get(pk=period_id)
    today = settings.FORMATS.local(now).date()
    if not is_open(row):
        return False
    if row.end <= today:
        withdraw([row], now)
        return False
    credits.allocate_free([customer_id], today=today, actor=ACTOR, now=now)
    customer = Customer.objects.select_related("brand").get(pk=customer_id)
    facts = facts_of([customer_id], until=today + timedelta(days=1))[customer_id]
    span = Span(row.first, row.end)
    priced = _priced(Ask(customer, facts, span, _still(facts, span, row.services)), row.reference)
    if priced.total_minor <= free_credit([customer_id]).get(customer_id, 0):
        _supply([(priced, row)], today, None, ACTOR, now)
        return True
    if row.request is not None and priced.total_minor != row.request.total_minor:
        withdraw([row], now)
        ask([priced.ask], today, actor=ACTOR, now=now)
    return False


def _still(facts: Facts, span: Span, services: Collection[int]) -> list[int]:
    return [service for service in services_in(facts, span) if service in services]


# --- releasing --------------------------------------------------------------------------------------------------


def release_due(*, now: datetime, limit: int) -> int:
    """Release the allowances of periods that are paid; returns how many periods."""
    rows = PrepaidPeriod.objects.filter(paid_at__isnull=False, released_at=None).order_by("pk")
    done = 0
    for period_id in list(rows.values_list("pk", flat=True)[:limit]):
        try:
            done += _release(period_id, now)
        except Exception:  # one line's trouble mustn't hold up the others
            log.exception("a paid allowance can't be released; it is tried again", period=period_id)
    return done


@transaction.atomic
def _release(period_id: int, now: datetime) -> bool:
    claimed = PrepaidPeriod.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    row = claimed.filter(pk=period_id, released_at=None).first()
    if row is None:
        return False
    for service_id in sorted(row.services):
        held.release(
            service_id=service_id, starts_at=midnight(row.first), ends_at=midnight(row.end), reference=row.reference,
            actor=ACTOR, reason="paid", now=now,
        )  # fmt: skip
    tell_paid(row, now=now)
    row.released_at = now
    row.save(update_fields=["released_at"])
    return True


@transaction.atomic
def release_by_hand(
    *, service_id: int, until: date | None = None, reason: str, actor: str, now: datetime
) -> None:
    """Give a waiting line its running cycle's allowance before it is paid: to the cycle's end, or lent up to the end of a day.
    What is asked for stays: when it is paid, a lent allowance is made whole. Raises Refused without a reason, for a line that
    waits for nothing, and for a day that is over or after the cycle."""
    if not reason.strip():
        raise Refused("Say why: the reason stays with the line.")
    if until is not None and until < settings.FORMATS.local(now).date():
        raise Refused("That day is over: choose today or a later one.")
    cap = lock_cap(service_id, now=now)
    if not standing(service_id, now=now).waits:
        raise Refused("This line's allowance doesn't wait for a payment.")
    ends = midnight(until + timedelta(days=1)) if until else cap.cycle_end
    if ends > cap.cycle_end:
        raise Refused(
            f"This cycle ends before that: choose a day before {settings.FORMATS.day(cap.cycle_end)}."
        )
    held.release(
        service_id=service_id, starts_at=cap.cycle_start, ends_at=ends,
        until=ends if ends < cap.cycle_end else None, reference=f"by hand:{now.isoformat()}", actor=actor,
        reason=reason.strip(), now=now,
    )  # fmt: skip


@transaction.atomic
def ask_again(*, customer_id: int, actor: str, now: datetime) -> int:
    """Withdraw what is asked for and ask at today's price; returns for how many periods. Raises Refused if nothing is open."""
    terms.lock(customer_id, now=now)
    today = settings.FORMATS.local(now).date()
    rows = PrepaidPeriod.objects.filter(
        customer_id=customer_id, paid_at=None, withdrawn_at=None, end__gt=today
    ).order_by("first", "pk")
    if not rows:
        raise Refused("Nothing is asked for at the moment.")
    customer = Customer.objects.select_related("brand").get(pk=customer_id)
    facts = facts_of([customer_id], until=today + timedelta(days=1))[customer_id]
    waiting = list(rows)
    withdraw(waiting, now)
    for row in waiting:
        span = Span(row.first, row.end)
        ask([Ask(customer, facts, span, _still(facts, span, row.services))], today, actor=actor, now=now)
    record(
        actor=actor, action="billing.prepaid.ask_again", subject=f"customer:{customer_id}", now=now,
        details={"withdrawn": [row.reference for row in waiting]},
    )  # fmt: skip
    return len(waiting)


# --- lines that come, and asking anew ---------------------------------------------------------------------------

_NEW = """
    SELECT DISTINCT s.customer_id FROM services_service s JOIN billing_billingterms t ON t.customer_id = s.customer_id
    WHERE s.standing = 'prepaid' AND s.status <> 'ended' AND s.activated_at > %(since)s AND NOT t.is_paused
        AND t.prepaid_from <= %(today)s AND t.prepaid_until IS NULL
        AND NOT EXISTS (
            SELECT FROM billing_prepaidperiod p WHERE p.customer_id = s.customer_id AND p.first <= %(today)s
                AND p.end > %(today)s AND p.services @> to_jsonb(s.id)
        )
    ORDER BY 1 LIMIT %(limit)s
"""
_NEW_FOR = timedelta(days=31)


def ask_for_new(*, now: datetime, limit: int) -> int:
    """Ask for the rest of the running period of lines that came into it; returns how many customers were asked."""
    today = settings.FORMATS.local(now).date()
    with connection.cursor() as cursor:
        cursor.execute(_NEW, {"since": now - _NEW_FOR, "today": today, "limit": limit})
        found = [customer_id for (customer_id,) in cursor.fetchall()]
    return sum(ask_for_customer(customer_id=customer_id, now=now) for customer_id in found)


@transaction.atomic
def ask_for_customer(*, customer_id: int, now: datetime) -> bool:
    """Ask a customer who pays ahead for what nobody asked for in the running period and those that were asked for after it.
    Returns whether there was something."""
    own = terms.lock(customer_id, now=now)
    customer = Customer.objects.select_related("brand").get(pk=customer_id)
    today = settings.FORMATS.local(now).date()
    facts = facts_of([customer_id], until=today + timedelta(days=1))[customer_id]
    if facts.timing != Timing.PREPAID:
        return False
    wanted, span = [], span_at(facts, today)
    while span.first < max(own.next_bill_on, today + timedelta(days=1)):
        had = PrepaidPeriod.objects.filter(customer_id=customer_id, first__lt=span.end, end__gt=span.first)
        asked = {service for services in had.values_list("services", flat=True) for service in services}
        services = services_in(facts, span, asked)
        if services and facts.is_ahead(span.first):
            wanted.append(Ask(customer, facts, span, services))
        span = span_at(facts, span.end)
    for one in wanted:
        ask([one], today, actor=ACTOR, now=now)
    return bool(wanted)
