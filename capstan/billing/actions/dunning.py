"""Chasing debt: whose turn it is, the one step that is due, and lines that come back when the debt is gone.

A customer is looked at when his `next_look_at` has come: in the morning of a step, and at once when money moved. Each look is one
transaction, under the lock on his money, and takes one step at the most: killed at any moment, the next worker goes on.
Locks: the customer's money, his dunning row, his lines. A look gives way to whoever holds one of them and comes again.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from capstan.audit.actions import record
from capstan.billing.actions import dunning_tell, terms
from capstan.billing.models import DunningHold, DunningPolicy, DunningState, Invoice
from capstan.billing.queries.dunning import Chased, business_days, debt_of, paid_since, rules_of
from capstan.billing.rules.dunning import (
    Debt,
    Deed,
    DunningStep,
    HoldKind,
    IsBusinessDay,
    Policy,
    due_step,
    is_chased,
    is_kept,
    next_look,
    suspends_on,
)
from capstan.customers.models import Customer
from capstan.db.wakeup import wake
from capstan.messaging.actions.send import supersede
from capstan.services.actions.status import resume, suspend
from capstan.services.models import Service
from capstan.services.rules import HoldKind as LineHold
from capstan.services.rules import ServiceStatus
from capstan.values.refused import Refused

log = structlog.get_logger()

ACTOR = "billing"
_LOCK_TIMEOUT = (
    "400ms"  # below PostgreSQL's deadlock_timeout: of two who wait for each other it is we who give way
)
_AGAIN_AFTER = timedelta(seconds=2)
_FAILED_AGAIN_AFTER = timedelta(minutes=15)

_PAID = """
    UPDATE billing_dunningstate SET next_look_at = least(next_look_at, %(now)s)
    WHERE customer_id = ANY(%(ids)s)
"""
_LOOK_AT = """
    INSERT INTO billing_dunningstate AS state (customer_id, last_step, suspended_services, failed_warnings, next_look_at)
    SELECT * FROM (
        SELECT id, '', '[]'::jsonb, 0, min(at) FROM unnest(%(ids)s::bigint[], %(ats)s::timestamptz[]) AS t (id, at)
        GROUP BY id ORDER BY id
    ) wanted
    ON CONFLICT (customer_id) DO UPDATE SET next_look_at = least(state.next_look_at, excluded.next_look_at)
"""


def paid_up(customer_ids: Collection[int], *, now: datetime) -> None:
    """Something was allocated to these customers' invoices, within the caller's transaction: look at them at once after it.

    One statement for all; who never owed anything that is chased has no row and stays without.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PAID, {"now": now, "ids": list(customer_ids)})
        if cursor.rowcount:
            wake("pay")


def look_at(whens: Sequence[tuple[int, datetime]], *, now: datetime) -> None:
    """Have these customers looked at by then at the latest, within the caller's transaction. One statement for all."""
    if whens:
        ids, ats = zip(*whens, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_LOOK_AT, {"ids": list(ids), "ats": list(ats)})
        if min(ats) <= now:
            wake("pay")


def expect(invoices: Sequence[Invoice], *, now: datetime) -> None:
    """Invoices were issued: have their customers looked at when the first step of each is due. Two statements for all."""
    owing = [one for one in invoices if one.open_minor > 0]
    found = DunningPolicy.objects.in_bulk({one.brand_id for one in owing}) if owing else {}
    policies = {brand_id: rules_of(row) for brand_id, row in found.items()}
    today = settings.FORMATS.local(now).date()
    whens = []
    for invoice in owing:
        policy = policies.get(invoice.brand_id)
        if policy:
            first = min((step.days for step in policy.steps if step.days < 0), default=1)
            whens.append(
                (
                    invoice.customer_id,
                    dunning_tell.opening(max(invoice.due_on + timedelta(days=first), today)),
                )
            )
    look_at(whens, now=now)


def look_due(*, now: datetime, limit: int) -> int:
    """Look at the next customers whose time has come; returns how many."""
    return _look_at_all(DunningState.objects.all(), now, limit)


def lift_due(*, now: datetime, limit: int) -> int:
    """The same for those with lines on hold, who wait for it; returns how many."""
    return _look_at_all(DunningState.objects.exclude(suspended_services=[]), now, limit)


_WITH_NEW_LINES = """
    UPDATE billing_dunningstate SET next_look_at = %(now)s WHERE customer_id IN (
        SELECT d.customer_id FROM billing_dunningstate d
        JOIN customers_customer c ON c.id = d.customer_id JOIN billing_dunningpolicy p ON p.brand_id = c.brand_id
        WHERE p.suspends AND d.episode_since IS NOT NULL AND p.steps -> -1 ->> 'deed' = 'suspend'
            AND (d.suspended_services <> '[]' OR d.last_step = p.steps -> -1 ->> 'code')
            AND EXISTS (
                SELECT FROM services_service s WHERE s.customer_id = d.customer_id AND s.status <> 'ended'
                    AND NOT d.suspended_services @> to_jsonb(s.id)
                    AND NOT EXISTS (SELECT FROM services_servicehold h WHERE h.service_id = s.id AND h.kind = 'unpaid')
            )
        ORDER BY 1 LIMIT %(limit)s
    )
"""


def hold_new_lines(*, now: datetime, limit: int) -> int:
    """A line that was added to a customer whose lines are on hold for a debt is on hold too; returns for how many customers."""
    with connection.cursor() as cursor:
        cursor.execute(_WITH_NEW_LINES, {"now": now, "limit": limit})
        found = cursor.rowcount
    return look_due(now=now, limit=limit) if found else 0


def _look_at_all(rows: QuerySet[DunningState], now: datetime, limit: int) -> int:
    due = rows.filter(next_look_at__lte=now).order_by("next_look_at")
    ids = list(due.values_list("pk", flat=True)[:limit])
    for customer_id in ids:
        try:
            _in_peace(partial(_look, customer_id, now))
        except OperationalError:
            _postpone(customer_id, now + _AGAIN_AFTER)
        except Exception:
            log.exception("chasing a debt failed", customer=customer_id)
            _postpone(customer_id, now + _FAILED_AGAIN_AFTER)
    return len(ids)


def _in_peace(do: Callable[[], None]) -> None:
    """In a transaction that rather fails than waits long for a lock."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
        do()


def _postpone(customer_id: int, until: datetime) -> None:
    with suppress(OperationalError):
        _in_peace(partial(_put_off, customer_id, until))


def _put_off(customer_id: int, until: datetime) -> None:
    DunningState.objects.filter(pk=customer_id, next_look_at__lt=until).update(next_look_at=until)


def _look(customer_id: int, now: datetime) -> None:
    """Lift, close the episode or take a step, whatever is due, and say when to look again."""
    terms.lock(customer_id, now=now)
    state = DunningState.objects.select_for_update(of=("self",)).select_related("customer__brand").get(
        pk=customer_id
    )  # fmt: skip
    if state.next_look_at is None or state.next_look_at > now:
        return  # another worker was here
    today = settings.FORMATS.local(now).date()
    row = DunningPolicy.objects.filter(pk=state.customer.brand_id).first()
    policy = rules_of(row) if row else Policy((), suspends=False)
    _end_lapsed(state, policy, today, now)
    _check_warning(state, now)
    chased = debt_of(state, policy, today=today)
    _follow(state, policy, chased, today, now)
    state.next_look_at = None
    if row:
        if dunning_tell.is_open(now):
            _take_due(state, policy, _told(chased, state), business_days(row), now)
        state.next_look_at = _next(_told(chased, state), chased.holds, policy, now)
    state.save()


def _told(chased: Chased, state: DunningState) -> Debt:
    """The debt with what was done about it by now."""
    return chased.debt._replace(
        last_days=state.last_days,
        warned_on=state.warned_on,
        failed_warnings=state.failed_warnings,
        soon_for=state.soon_for,
        soon_days=state.soon_days,
    )


def _follow(state: DunningState, policy: Policy, chased: Chased, today: date, now: datetime) -> None:
    """Lines that may come back do, and the episode begins or ends."""
    is_late = is_chased(chased.debt, policy)
    if state.suspended_services and (not policy.suspends or chased.debt.is_held or not is_late):
        _lift(state, policy, is_late=is_late, now=now)
    elif is_late and not chased.debt.is_held and _is_suspended(state, policy):
        _hold_new(state, now)
    if is_late and state.episode_since is None:
        state.episode_since = today
    elif not is_late and state.episode_since is not None:
        state.episode_since = state.last_days = state.last_step_on = state.warned_on = None
        state.last_step, state.failed_warnings = "", 0
        kept = DunningHold.objects.filter(customer_id=state.pk, kind=HoldKind.PROMISE, ended_at__isnull=True)
        for one in kept:
            _end_promise(one, is_kept=True, why="nothing overdue is left", now=now)
        supersede(subject=_subject(state.pk), cause_prefix="dunning:", by=None, reason="paid", now=now)


def _is_suspended(state: DunningState, policy: Policy) -> bool:
    """Whether the step of suspension was taken, on whatever lines there were."""
    last = policy.steps[-1] if policy.steps else None
    if last is None or last.deed != Deed.SUSPEND or not policy.suspends:
        return False
    return bool(state.suspended_services) or state.last_step == last.code


def _hold_new(state: DunningState, now: datetime) -> None:
    """Lines that came since: nobody goes around a debt by taking another line."""
    held = _suspend(state.customer, now)
    if held:
        state.suspended_services = sorted({*state.suspended_services, *held})
        record(
            actor=ACTOR, action="billing.dunning.suspend", subject=_subject(state.pk), now=now,
            reason="added while the account is on hold", details={"services": held},
        )  # fmt: skip


def _lift(state: DunningState, policy: Policy, *, is_late: bool, now: datetime) -> None:
    """Take the lines off the hold that we put them on; what others hold stays on hold. While the debt is only held, the step of
    suspension counts as not taken: it comes again when the hold is over."""
    why = "the debt is held" if is_late else "the debt is paid"
    ids = sorted(state.suspended_services)
    for service_id in ids:
        with suppress(Refused):  # it has ended, or somebody was quicker
            resume(service_id=service_id, reason=why, actor=ACTOR, now=now, kind=LineHold.UNPAID)
    state.suspended_services = []
    if is_late:
        before = [step for step in policy.steps if step.deed != Deed.SUSPEND]
        state.last_step, state.last_days = (before[-1].code, before[-1].days) if before else ("", None)
    subject = _subject(state.pk)
    details = {"services": ids}
    record(actor=ACTOR, action="billing.dunning.lift", subject=subject, reason=why, now=now, details=details)
    supersede(subject=subject, cause_prefix="dunning:", by=None, now=now)
    if Service.objects.filter(pk__in=ids, status=ServiceStatus.ACTIVE).exists():
        # Named otherwise than the steps: what ends the episode in this very look withdraws those.
        cause = f"restored:{state.pk}:{now.isoformat()}"
        dunning_tell.tell(
            state.customer, "dunning.restored", {}, cause=cause, by_sms=True, may_wait=False, now=now
        )


def _take_due(
    state: DunningState, policy: Policy, debt: Debt, is_business_day: IsBusinessDay, now: datetime
) -> None:
    today = settings.FORMATS.local(now).date()
    step = due_step(debt, policy, today, is_business_day)
    if step is None:
        return
    if step.days < 0:
        state.soon_for, state.soon_days = debt.next_due_on, step.days
    else:
        supersede(subject=_subject(state.pk), cause_prefix="dunning:", by=None, now=now)
    values = {"amount": dunning_tell.money(debt.overdue_minor if step.days >= 0 else debt.next_minor)}
    due_on = debt.oldest_due_on if step.days >= 0 else debt.next_due_on
    assert due_on is not None
    values["due"] = dunning_tell.day(due_on)
    if step.deed == Deed.WARN:
        ends = suspends_on(debt, policy, today, is_business_day)
        values["suspends"] = dunning_tell.day(ends) if ends else ""
    told = _do(state, policy, step, values, now)
    if step.days >= 0:
        _note(state, step, today, told=told)


def _do(
    state: DunningState, policy: Policy, step: DunningStep, values: dict[str, str], now: datetime
) -> bool:
    """Take the step; True if anybody could be told."""
    customer = state.customer
    held = _suspend(customer, now) if step.deed == Deed.SUSPEND else []
    state.suspended_services = sorted({*state.suspended_services, *held})
    told = 0
    if step.deed != Deed.SUSPEND or held:
        today = settings.FORMATS.local(now).date()
        again = step.deed == Deed.WARN and state.failed_warnings > 0
        told = dunning_tell.tell(
            customer, _template(step, policy), values, by_sms=step.deed != Deed.REMIND, to_all=again, now=now,
            cause=dunning_tell.cause_of(customer.pk, step.code, today) + (":again" if again else ""),
        )  # fmt: skip
    if (
        told or held or state.last_step != step.code
    ):  # a warning that reaches nobody is tried daily, noted once
        record(
            actor=ACTOR, action=f"billing.dunning.{step.deed}", subject=_subject(customer.pk), now=now,
            details={"step": step.code, "messages": told, "services": held, **values},
        )  # fmt: skip
    return told > 0


def _note(state: DunningState, step: DunningStep, today: date, *, told: bool) -> None:
    """A warning counts only if it was sent."""
    state.last_step, state.last_step_on = step.code, today
    state.last_days = step.days if state.last_days is None else max(state.last_days, step.days)
    if step.deed == Deed.WARN and told:
        state.warned_on = today


def _suspend(customer: Customer, now: datetime) -> list[int]:
    """Put all his lines on hold for the debt; returns those that weren't."""
    held = []
    rows = Service.objects.filter(customer=customer).exclude(status=ServiceStatus.ENDED).order_by("pk")
    for service_id in rows.values_list("pk", flat=True):
        with suppress(Refused):  # it has just ended
            if suspend(service_id=service_id, reason="unpaid", actor=ACTOR, now=now, kind=LineHold.UNPAID):
                held.append(service_id)
    return held


def _template(step: DunningStep, policy: Policy) -> str:
    if step.days < 0:
        return "dunning.soon"
    if step.deed == Deed.REMIND:
        first = next(one for one in policy.steps if one.days >= 0)
        return "dunning.overdue" if step == first else "dunning.overdue_again"
    return "dunning.warning" if step.deed == Deed.WARN else "dunning.suspended"


def _check_warning(state: DunningState, now: datetime) -> None:
    """A warning that visibly failed to reach anybody was none: it is sent again to everybody, and then a person has to do it."""
    if state.warned_on is None or state.suspended_services:
        return
    if dunning_tell.failed(state.pk, state.last_step, state.warned_on):
        record(
            actor=ACTOR, action="billing.dunning.not_warned", subject=_subject(state.pk), now=now,
            reason="every message of the warning failed", details={"warned_on": state.warned_on},
        )  # fmt: skip
        state.warned_on, state.failed_warnings = None, state.failed_warnings + 1


def _end_lapsed(state: DunningState, policy: Policy, today: date, now: datetime) -> None:
    """Holds whose last day is over; of a promise is said whether it was kept: what was paid by its day, against what was said."""
    over = DunningHold.objects.filter(customer_id=state.pk, ended_at__isnull=True, until__lt=today)
    for one in over:
        if one.kind == HoldKind.PROMISE:
            overdue = debt_of(state, policy, today=today).debt.overdue_minor
            paid = paid_since(state.pk, one)
            _end_promise(
                one,
                is_kept=is_kept(one.amount_minor, paid, overdue),
                why="its last day is over",
                now=now,
            )
        else:
            one.ended_at, one.ended_by, one.ended_because = now, ACTOR, "its last day is over"
            one.save(update_fields=["ended_at", "ended_by", "ended_because"])


def _end_promise(one: DunningHold, *, is_kept: bool, why: str, now: datetime) -> None:
    one.ended_at, one.ended_by, one.ended_because = now, ACTOR, why
    one.is_kept, one.paid_minor = is_kept, paid_since(one.customer_id, one)
    one.save(update_fields=["ended_at", "ended_by", "ended_because", "is_kept", "paid_minor"])


def _next(debt: Debt, holds: Sequence[DunningHold], policy: Policy, now: datetime) -> datetime | None:
    """When to look again: at the next opening that may bring something."""
    local = settings.FORMATS.local(now)
    days = [hold.until + timedelta(days=1) for hold in holds if hold.until]
    found = next_look(debt, policy, local.date())
    if found is not None:
        days.append(found)
        if not dunning_tell.is_open(now):
            days.append(local.date() + timedelta(days=local.hour >= dunning_tell.OPENS))
    return dunning_tell.opening(min(days)) if days else None


def _subject(customer_id: int) -> str:
    return f"customer:{customer_id}"
