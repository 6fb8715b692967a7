"""From when on a customer pays ahead, and no longer; and what that makes of his lines.

That a line waits for payment stands in `services` (its standing) and is written here alone. Locks: the lines' caps, then the
customer's money.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction

from capstan.billing.models import BillingPolicy, BillingTerms, Invoice, PrepaidPeriod
from capstan.billing.rules.periods import period_at
from capstan.billing.rules.words import Timing
from capstan.caps.actions import held
from capstan.caps.actions.cap import lock as lock_cap
from capstan.customers.models import Customer
from capstan.services.models import Service
from capstan.services.rules import ServiceStatus, Standing

log = structlog.get_logger()

_STILL_LOOKED_AT = timedelta(days=150)
"""So long ago a prepaid month may lie that a billing day looks at again."""


def midnight(day: date) -> datetime:
    """The instant at which a day begins where the provider is."""
    return datetime.combine(day, time(), settings.FORMATS.zone)


def withdraw(rows: Sequence[PrepaidPeriod], now: datetime) -> None:
    """Nobody has to pay these any more; what is paid late stays the customer's credit."""
    ids = [row.pk for row in rows]
    PrepaidPeriod.objects.filter(pk__in=ids).update(withdrawn_at=now)
    requests = [row.request_id for row in rows if row.request_id]
    Invoice.objects.filter(pk__in=requests, withdrawn_at=None).update(withdrawn_at=now)


def lock_lines(customer_id: int, timing: Timing | None, now: datetime) -> None:
    """Lock the caps of the customer's lines if this changes who waits for whom. Before his terms are locked."""
    own = BillingTerms.objects.filter(pk=customer_id).values_list("timing", flat=True).first()
    default = _default_of(customer_id)
    if ((own or default) == Timing.PREPAID) != ((timing or default) == Timing.PREPAID):
        for service_id in _lines(customer_id):
            lock_cap(service_id, now=now)


def _default_of(customer_id: int) -> str:
    brand_id = Customer.objects.values_list("brand_id", flat=True).get(pk=customer_id)
    found = BillingPolicy.objects.filter(brand_id=brand_id).values_list("timing", flat=True).first()
    return found or Timing.ADVANCE


def _lines(customer_id: int) -> list[int]:
    rows = Service.objects.filter(customer_id=customer_id).exclude(status=ServiceStatus.ENDED)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def turn(own: BillingTerms, timing: Timing | None, *, actor: str, now: datetime) -> None:
    """Bring the customer, whose terms are locked, over to paying ahead or back; the caller saves them.

    He pays ahead from the first period on that wasn't billed. Back, he owes for the first one that wasn't paid: a request that is
    open is withdrawn, and the next billing day invoices it.
    """
    default = _default_of(own.customer_id)
    before, after = (own.timing or default) == Timing.PREPAID, (timing or default) == Timing.PREPAID
    if before == after:
        return
    today = settings.FORMATS.local(now).date()
    if after:
        since = _first_ahead(own, today)
        _pay_ahead(own, since)
        for service_id in _lines(own.customer_id):
            hold_line(service_id, own.customer_id, since, actor=actor, now=now)
    else:
        _owe_again(own, today, now)
        for service_id in _lines(own.customer_id):
            held.let_go(service_id=service_id, actor=actor, now=now)


def _pay_ahead(own: BillingTerms, since: date) -> None:
    # Months that were paid ahead, or not, a short while ago are still looked at, and still aren't owed.
    lately = own.prepaid_from and own.prepaid_until and since - own.prepaid_until < _STILL_LOOKED_AT
    own.prepaid_from = own.prepaid_from if lately else since
    own.prepaid_until = None


def _first_ahead(own: BillingTerms, today: date) -> date:
    """The first day that nothing was billed for, or will be by the run that is due. Who has no line yet begins at once."""
    if not Service.objects.filter(customer_id=own.customer_id).exists():
        return own.bills_from
    return own.next_bill_on if own.next_bill_on > today else period_at(today, own.billing_day).end


def _owe_again(own: BillingTerms, today: date, now: datetime) -> None:
    rows = PrepaidPeriod.objects.filter(customer_id=own.customer_id, paid_at=None, withdrawn_at=None)
    waiting = list(rows)
    withdraw(waiting, now)
    own.next_bill_on = min([row.first for row in waiting if row.end > today], default=own.next_bill_on)
    own.prepaid_until = own.next_bill_on
    if own.prepaid_from is not None and own.prepaid_until <= own.prepaid_from:
        own.prepaid_from = own.prepaid_until = None


def hold_line(service_id: int, customer_id: int, since: date, *, actor: str, now: datetime) -> None:
    """A line of a customer who pays ahead waits for that, from this day on. The caller holds its cap's lock, if it has a cap."""
    held.hold(
        service_id=service_id, since=midnight(since), reference=f"terms:{customer_id}:{since}", actor=actor, now=now
    )  # fmt: skip


def standing_of_new(customer_id: int) -> Standing:
    """How a line of this customer begins."""
    own = BillingTerms.objects.filter(pk=customer_id).values_list("timing", flat=True).first()
    return Standing.PREPAID if (own or _default_of(customer_id)) == Timing.PREPAID else Standing.POSTPAID


_MISSED = """
    SELECT s.id, s.customer_id FROM services_service s JOIN billing_billingterms t ON t.customer_id = s.customer_id
    WHERE s.standing <> 'prepaid' AND s.status <> 'ended' AND t.prepaid_from IS NOT NULL AND t.prepaid_until IS NULL
    ORDER BY 1 LIMIT %s
"""


def hold_missed(*, now: datetime, limit: int) -> int:
    """Lines of customers who pay ahead that were made without asking how; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_MISSED, [limit])
        found = cursor.fetchall()
    for service_id, customer_id in found:
        try:
            _hold_missed(service_id, customer_id, now)
        except Exception:  # one line's trouble mustn't hold up the others
            log.exception("a line that is paid ahead can't be held; it is tried again", service=service_id)
    return len(found)


@transaction.atomic
def _hold_missed(service_id: int, customer_id: int, now: datetime) -> None:
    lock_cap(service_id, now=now)
    own = BillingTerms.objects.select_for_update(no_key=True).get(pk=customer_id)
    if own.prepaid_from is not None and own.prepaid_until is None:
        hold_line(service_id, customer_id, own.prepaid_from, actor="billing", now=now)
