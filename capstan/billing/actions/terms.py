"""A customer's terms. Whoever moves his money locks their row first."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from capstan.audit.actions import record
from capstan.billing.actions import timing as timings
from capstan.billing.models import BillingPolicy, BillingTerms
from capstan.billing.rules.periods import LAST_DAY, period_at
from capstan.billing.rules.words import Method, Timing, TopUpInvoicing
from capstan.customers.models import Customer
from capstan.values.refused import Refused


def policy_of(brand_id: int) -> BillingPolicy:
    """How the brand bills; the defaults, not saved, where nothing was set."""
    return BillingPolicy.objects.filter(brand_id=brand_id).first() or BillingPolicy(brand_id=brand_id)


def policies_of(brand_ids: Iterable[int]) -> dict[int, BillingPolicy]:
    """The same of several brands."""
    wanted = set(brand_ids)
    found = BillingPolicy.objects.in_bulk(wanted)
    return {brand_id: found.get(brand_id) or BillingPolicy(brand_id=brand_id) for brand_id in wanted}


def lock(customer_id: int, *, now: datetime) -> BillingTerms:
    """The customer's terms, locked for the rest of the transaction; made with the brand's defaults if there are none."""
    return lock_many([customer_id], now=now)[customer_id]


def lock_many(customer_ids: Iterable[int], *, now: datetime) -> dict[int, BillingTerms]:
    """The same for many, in the order of their ids, as everybody does who locks two of them."""
    assert connection.in_atomic_block
    wanted = sorted(set(customer_ids))
    found = _locked(wanted)
    missing = [customer_id for customer_id in wanted if customer_id not in found]
    if missing:
        ensure(missing, now=now)
        found |= _locked(missing)
    return found


def _locked(customer_ids: list[int]) -> dict[int, BillingTerms]:
    rows = BillingTerms.objects.select_for_update(no_key=True).filter(pk__in=customer_ids).order_by("pk")
    return {row.pk: row for row in rows}


def ensure(customer_ids: Iterable[int], *, now: datetime) -> int:
    """Give customers without terms the brand's billing day, from today on; returns how many."""
    today = settings.FORMATS.local(now).date()
    customers = list(Customer.objects.filter(pk__in=customer_ids).only("id", "brand_id", "created_at"))
    policies = policies_of(one.brand_id for one in customers)
    made = []
    for customer in customers:
        policy = policies[customer.brand_id]
        begins = settings.FORMATS.local(customer.created_at).date()
        day = begins.day if policy.by_anniversary else policy.billing_day
        made.append(
            BillingTerms(
                customer=customer, billing_day=day, bills_from=today,
                prepaid_from=today if policy.timing == Timing.PREPAID else None,
                next_bill_on=period_at(today, day).first if period_at(today, day).first == today else period_at(today, day).end,
            )
        )  # fmt: skip
    BillingTerms.objects.bulk_create(made, ignore_conflicts=True)
    return len(made)


_WITHOUT = """
    SELECT c.id FROM customers_customer c
    WHERE NOT EXISTS (SELECT FROM billing_billingterms t WHERE t.customer_id = c.id) ORDER BY c.id LIMIT %s
"""


@transaction.atomic
def ensure_missing(*, now: datetime, limit: int) -> int:
    """Give terms to customers that have none yet; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_WITHOUT, [limit])
        missing = [customer_id for (customer_id,) in cursor.fetchall()]
    return ensure(missing, now=now) if missing else 0


@transaction.atomic
def set_terms(
    *,
    customer_id: int,
    billing_day: int,
    timing: Timing | None,
    due_days: int | None,
    top_ups: TopUpInvoicing | None,
    group_top_ups: bool | None,
    method: Method,
    is_paused: bool,
    actor: str,
    now: datetime,
) -> list[str]:
    """Bring a customer's terms to these; returns which ones changed. A new billing day counts from the next one on:
    what was billed stays, and the days between are charged for in proportion. Raises Refused."""
    if not (1 <= billing_day <= 28 or billing_day == LAST_DAY):
        raise Refused("The billing day is one from 1 to 28, or the month's last day.")
    if due_days is not None and not 0 <= due_days <= 180:
        raise Refused("An invoice is due after 0 to 180 days.")
    timings.lock_lines(customer_id, timing, now)
    terms = lock(customer_id, now=now)
    wanted: dict[str, object] = {
        "billing_day": billing_day, "timing": timing, "due_days": due_days, "top_ups": top_ups,
        "group_top_ups": group_top_ups, "method": method, "is_paused": is_paused,
    }  # fmt: skip
    changed = {name: value for name, value in wanted.items() if getattr(terms, name) != value}
    if not changed:
        return []
    timings.turn(terms, timing, actor=actor, now=now)
    if "billing_day" in changed:
        _move_day(terms, billing_day, settings.FORMATS.local(now).date())
        changed["next_bill_on"] = terms.next_bill_on.isoformat()
    for name, value in changed.items():
        if name in wanted:
            setattr(terms, name, value)
    terms.save(
        update_fields=[*wanted, "next_bill_on", "former_day", "day_since", "prepaid_from", "prepaid_until"]
    )
    subject = f"customer:{customer_id}"
    record(actor=actor, action="billing.terms", subject=subject, now=now, details=changed)
    return list(changed)


@transaction.atomic
def set_timing(*, customer_id: int, timing: Timing, actor: str, now: datetime) -> bool:
    """Whether the customer pays ahead, in advance or in arrears; the rest of his terms stays. Returns whether it changed."""
    timings.lock_lines(customer_id, timing, now)
    terms = lock(customer_id, now=now)
    if terms.timing == timing:
        return False
    timings.turn(terms, timing, actor=actor, now=now)
    terms.timing = timing
    terms.save(update_fields=["timing", "next_bill_on", "prepaid_from", "prepaid_until"])
    record(
        actor=actor, action="billing.terms", subject=f"customer:{customer_id}", now=now, details={"timing": timing}
    )  # fmt: skip
    return True


def _move_day(terms: BillingTerms, billing_day: int, today: date) -> None:
    """What the former day has billed stays; from the end of that on the new one counts, and the days between are a part of its
    first period. Changed again before that, the former one is still the former one."""
    policy = policy_of(terms.customer.brand_id)
    timing = Timing(terms.timing or policy.timing)
    if terms.day_since is None or terms.day_since <= today:
        begins = period_at(terms.next_bill_on - timedelta(days=1), terms.billing_day)
        terms.former_day = terms.billing_day
        terms.day_since = begins.first if timing == Timing.ARREARS else begins.end
    if timing == Timing.PREPAID:
        return  # what was asked for stays: the next request is for the days from its end to the new day's
    if terms.next_bill_on > today:
        period = period_at(today, billing_day)
        terms.next_bill_on = period.first if period.first == today else period.end
