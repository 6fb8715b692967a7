"""The bill run of a brand's billing day: previewed, looked at, issued.

Both halves work through the run's items some at a time, each batch in one transaction: killed at any moment, the next worker
goes on where it stopped, and nobody is billed twice or left out.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from capstan.audit.actions import record
from capstan.billing.actions import terms as terms_of
from capstan.billing.actions.bill import bill, plan
from capstan.billing.models import BillingPolicy, BillingTerms, BillRun, BillRunItem
from capstan.billing.rules.outliers import remarks
from capstan.billing.rules.prepaid import asked_on
from capstan.billing.rules.words import RUN_OVER, InvoiceKind, ItemState, RunState, Timing
from capstan.catalog.models import Brand
from capstan.db.locks import try_hold
from capstan.db.wakeup import wake
from capstan.values.refused import Refused

log = structlog.get_logger()

ACTOR = "billing"
_AHEAD_AT_MOST = timedelta(days=62)
_WAITS_AT_MOST = timedelta(days=25)


def start_due(*, now: datetime) -> int:
    """Begin the preview of each brand's next billing day when it is near enough; returns how many runs began."""
    today = settings.FORMATS.local(now).date()
    begun = 0
    under_way = (RunState.PREVIEWING, RunState.PREVIEWED)
    for run_id in BillRun.objects.filter(state__in=under_way).values_list("pk", flat=True):
        with transaction.atomic():
            run = BillRun.objects.select_for_update().filter(pk=run_id, state__in=under_way).first()
            if run is not None:  # else it was issued or dropped this moment
                _take_in(run)
    for brand_id in Brand.objects.values_list("id", flat=True):
        policy = terms_of.policy_of(brand_id)
        day = _next_day(brand_id, today, policy)
        if day and not BillRun.objects.filter(brand_id=brand_id).exclude(state__in=RUN_OVER).exists():
            begun += _begin(brand_id, day, policy, ACTOR, now) is not None
    return begun


def _next_day(brand_id: int, today: date, policy: BillingPolicy) -> date | None:
    """The first billing day that is near enough and had no run. Whoever was left out of one is in the next; nobody waits for
    that longer than a month, though."""
    upto = today + timedelta(days=policy.preview_days)
    due = due_on(upto, brand_id, policy)
    days = sorted(
        {
            asked_on(day, policy.prepaid_lead_days) if (own or policy.timing) == Timing.PREPAID else day
            for day, own in due.values_list("next_bill_on", "timing").distinct()
        }
    )
    had = set(BillRun.objects.filter(brand_id=brand_id).values_list("billing_day", flat=True))
    new = [day for day in days if day not in had]
    if not new and days and days[0] <= today - _WAITS_AT_MOST and today not in had:
        return today
    return new[0] if new else None


def due_on(day: date, brand_id: int, policy: BillingPolicy) -> QuerySet[BillingTerms]:
    """Those of the brand whose turn it is by that day: their billing day, or some days before it for who pays ahead."""
    ahead = Q(timing=Timing.PREPAID)
    if policy.timing == Timing.PREPAID:
        ahead |= Q(timing=None)
    rows = BillingTerms.objects.filter(customer__brand_id=brand_id, is_paused=False)
    soon = day + timedelta(days=policy.prepaid_lead_days)
    return rows.filter(Q(next_bill_on__lte=day) | ahead & Q(next_bill_on__lte=soon))


@transaction.atomic
def start(*, brand_id: int, billing_day: date, actor: str, now: datetime) -> BillRun:
    """Preview this billing day now, up to some weeks ahead. Raises Refused for a later one, and while another run of the brand is
    under way."""
    latest = settings.FORMATS.local(now).date() + _AHEAD_AT_MOST
    if billing_day > latest:
        raise Refused(f"That is far ahead: preview a day up to {settings.FORMATS.day(latest)}.")
    other = BillRun.objects.filter(brand_id=brand_id).exclude(state__in=RUN_OVER).first()
    if other is not None:
        day = settings.FORMATS.day(other.billing_day)
        raise Refused(f"The run of {day} is not issued yet: issue it or drop it first.")
    BillRun.objects.filter(brand_id=brand_id, billing_day=billing_day, state=RunState.DROPPED).delete()
    run = _begin(brand_id, billing_day, terms_of.policy_of(brand_id), actor, now)
    if run is None:
        raise Refused(f"Nobody is to be billed up to {settings.FORMATS.day(billing_day)}.")
    return run


def _begin(brand_id: int, day: date, policy: BillingPolicy, actor: str, now: datetime) -> BillRun | None:
    """The run with everybody whose billing day it is, or was and was not billed; None without anybody, or if it exists."""
    with transaction.atomic():
        if (
            not try_hold(f"bill run {brand_id}")
            or BillRun.objects.filter(brand_id=brand_id, billing_day=day).exists()
        ):
            return None
        ids = list(due_on(day, brand_id, policy).order_by("pk").values_list("pk", flat=True))
        if not ids:
            return None
        run = BillRun.objects.create(
            brand_id=brand_id, billing_day=day, made_at=now, made_by=actor,
            issue_from=datetime.combine(day, datetime.min.time(), settings.FORMATS.zone) + timedelta(hours=6)
            if policy.issues_by_itself
            else None,
        )  # fmt: skip
        BillRunItem.objects.bulk_create(BillRunItem(run=run, customer_id=one) for one in ids)
        record(
            actor=actor, action="billing.run.preview", subject=f"billrun:{run.pk}", now=now,
            details={"billing_day": day, "customers": len(ids)},
        )  # fmt: skip
    wake("bill")
    return run


def _take_in(run: BillRun) -> int:
    """Whoever came, or was paused, since the preview began and is due by its billing day is in it too; returns how many those
    are. The caller has locked the run."""
    due = due_on(run.billing_day, run.brand_id, terms_of.policy_of(run.brand_id))
    known = run.items.values("customer_id")
    new = list(due.exclude(pk__in=known).order_by("pk").values_list("pk", flat=True))
    if not new:
        return 0
    BillRunItem.objects.bulk_create(BillRunItem(run=run, customer_id=one) for one in new)
    run.state = RunState.PREVIEWING
    run.save(update_fields=["state"])
    wake("bill")
    return len(new)


@transaction.atomic
def preview_again(*, run_id: int, actor: str, now: datetime) -> None:
    """Work the preview out anew, after prices or charges were corrected. Raises Refused once it is being issued."""
    run = _locked(run_id, RunState.PREVIEWED)
    run.items.filter(state__in=(ItemState.PREVIEWED, ItemState.FAILED)).update(
        state=ItemState.WAITING, problem=""
    )
    run.state, run.previewed_at = RunState.PREVIEWING, None
    run.save(update_fields=["state", "previewed_at"])
    record(actor=actor, action="billing.run.preview_again", subject=f"billrun:{run_id}", now=now)
    wake("bill")


@transaction.atomic
def drop(*, run_id: int, actor: str, now: datetime) -> None:
    """Forget a preview; nobody was billed by it, and it doesn't come back by itself: `start` previews that day again.

    Raises Refused once it is being issued.
    """
    run = _locked(run_id, RunState.PREVIEWED, RunState.PREVIEWING)
    run.items.all().delete()
    run.state = RunState.DROPPED
    run.save(update_fields=["state"])
    day, brand_id = run.billing_day, run.brand_id
    record(
        actor=actor,
        action="billing.run.drop",
        subject=f"brand:{brand_id}",
        now=now,
        details={"billing_day": day},
    )


@transaction.atomic
def leave_out(*, run_id: int, customer_id: int, left_out: bool, actor: str, now: datetime) -> None:
    """Leave a customer out of a run, or take him in again; who is left out is due again with the next one. Raises Refused."""
    _locked(run_id, RunState.PREVIEWED)
    item = BillRunItem.objects.get(run_id=run_id, customer_id=customer_id)
    item.state = ItemState.LEFT_OUT if left_out else ItemState.WAITING
    item.save(update_fields=["state"])
    if not left_out:
        BillRun.objects.filter(pk=run_id).update(state=RunState.PREVIEWING)
        wake("bill")
    record(
        actor=actor, action="billing.run.leave_out", subject=f"customer:{customer_id}", now=now,
        details={"run": run_id, "left_out": left_out},
    )  # fmt: skip


@transaction.atomic
def release(*, run_id: int, actor: str, now: datetime) -> BillRun:
    """Issue the run; whoever became due since its preview is previewed first, and then it goes by itself. Raises Refused before
    its billing day, and until its preview is whole."""
    run = _locked(run_id, RunState.PREVIEWED)
    if settings.FORMATS.local(now).date() < run.billing_day:
        raise Refused(
            f"Invoices of this run carry the date {settings.FORMATS.day(run.billing_day)}: issue them on that day or later."
        )
    run.state = RunState.PREVIEWING if _take_in(run) else RunState.ISSUING
    run.issue_from, run.issued_by = now, actor
    run.save(update_fields=["state", "issue_from", "issued_by"])
    record(actor=actor, action="billing.run.issue", subject=f"billrun:{run_id}", now=now)
    wake("bill")
    return run


def _locked(run_id: int, *states: RunState) -> BillRun:
    run = BillRun.objects.select_for_update().get(pk=run_id)
    if run.state not in states:
        raise Refused(f"This can't be done with a run that is {run.state}.")
    return run


def work(*, now: datetime, limit: int) -> int:
    """Preview or issue the next customers of whatever run is under way; returns how many."""
    run = BillRun.objects.filter(state__in=(RunState.PREVIEWING, RunState.ISSUING)).order_by("id").first()
    if run is None:
        _release_due(now)
        return 0
    return _preview(run, now, limit) if run.state == RunState.PREVIEWING else _issue(run, now, limit)


def _release_due(now: datetime) -> None:
    due = BillRun.objects.filter(state=RunState.PREVIEWED, issue_from__lte=now)
    due.filter(issued_by="").update(issued_by=ACTOR)
    due.update(state=RunState.ISSUING)


@transaction.atomic
def _preview(run: BillRun, now: datetime, limit: int) -> int:
    items = _claimed(run, ItemState.WAITING, limit)
    if not items:
        _finish(run, RunState.PREVIEWED, ItemState.WAITING, previewed_at=now)
        return 0
    ids = [item.customer_id for item in items]
    last = _last_totals(run, ids)
    planned, problems = _planned(ids, run.billing_day)
    for item in items:
        item.last_minor = last.get(item.customer_id)
        if item.customer_id in problems:
            item.state, item.problem = ItemState.FAILED, problems[item.customer_id]
            continue
        one = planned[item.customer_id]
        item.state, item.preview_minor, item.problem = ItemState.PREVIEWED, one.total_minor, ""
        item.asked_minor = one.asked_minor or None
        item.remarks = remarks(
            one.total_minor,
            item.last_minor,
            is_empty=not one.documents.items,
            facts=one.facts,
            asked_minor=one.asked_minor,
        )
    fields = ["state", "preview_minor", "asked_minor", "last_minor", "remarks", "problem"]
    BillRunItem.objects.bulk_update(items, fields)
    return len(items)


def _planned(ids: Sequence[int], day: date) -> tuple[dict[int, Any], dict[int, str]]:
    """All at once; if that fails, one by one, so that one broken account doesn't hold up the others."""
    try:
        with transaction.atomic():
            return dict(plan(ids, day)), {}
    except Exception:
        log.exception("a batch of the preview failed; trying its customers one by one")
    planned: dict[int, Any] = {}
    problems: dict[int, str] = {}
    for customer_id in ids:
        try:
            with transaction.atomic():
                planned |= plan([customer_id], day)
        except Exception as problem:
            problems[customer_id] = f"{type(problem).__name__}: {problem}"
    return planned, problems


def _issue(run: BillRun, now: datetime, limit: int) -> int:
    with transaction.atomic():
        items = _claimed(run, ItemState.PREVIEWED, limit)
        if not items:
            _finish(run, RunState.ISSUED, ItemState.PREVIEWED, issued_at=now)
            return 0
        try:
            with transaction.atomic():
                _issue_items(run, items, now)
        except Exception:
            log.exception("a batch of the bill run failed; trying its customers one by one", run=run.pk)
            for item in items:
                _issue_one(run, item, now)
    return len(items)


def _issue_one(run: BillRun, item: BillRunItem, now: datetime) -> None:
    try:
        with transaction.atomic():
            _issue_items(run, [item], now)
    except Exception as problem:
        item.state, item.problem = ItemState.FAILED, f"{type(problem).__name__}: {problem}"
        item.save(update_fields=["state", "problem"])


def _issue_items(run: BillRun, items: Sequence[BillRunItem], now: datetime) -> None:
    locked = terms_of.lock_many([item.customer_id for item in items], now=now)
    # Somebody whose terms changed since the preview is due on another day.
    policy = terms_of.policy_of(run.brand_id)
    still = set(
        due_on(run.billing_day, run.brand_id, policy).filter(pk__in=list(locked)).values_list("pk", flat=True)
    )
    due = {key: one for key, one in locked.items() if key in still}
    issued = bill(due, run.billing_day, run_id=run.pk, actor=run.issued_by or ACTOR, now=now)
    for item in items:
        every = issued.get(item.customer_id, [])
        ahead = [one for one in every if one.reference]  # only what is paid ahead has one in a run
        documents = [one for one in every if not one.reference]
        item.asked_minor = sum(one.total_minor for one in ahead) or None
        item.issued_minor = sum(
            -one.total_minor if one.kind == InvoiceKind.CREDIT_NOTE else one.total_minor for one in documents
        )
        invoices = [one for one in documents if one.kind == InvoiceKind.INVOICE]
        item.invoice = invoices[0] if invoices else None
        item.state = ItemState.ISSUED if every else ItemState.NOTHING
        if item.customer_id not in due:
            item.state, item.problem = ItemState.LEFT_OUT, "The terms changed since the preview."
    BillRunItem.objects.bulk_update(items, ["state", "issued_minor", "asked_minor", "invoice", "problem"])


def _claimed(run: BillRun, state: ItemState, limit: int) -> list[BillRunItem]:
    rows = BillRunItem.objects.select_for_update(skip_locked=True).filter(run=run, state=state)
    return list(rows.order_by("id")[:limit])


def _finish(run: BillRun, state: RunState, left: ItemState, **fields: datetime) -> None:
    """The run moves on when nothing is left, not even with another worker."""
    if not BillRunItem.objects.filter(run=run, state=left).exists():
        BillRun.objects.filter(pk=run.pk, state=run.state).update(state=state, **fields)


_LAST = """
    SELECT DISTINCT ON (i.customer_id) i.customer_id, i.issued_minor
    FROM billing_billrunitem i JOIN billing_billrun r ON r.id = i.run_id
    WHERE i.customer_id = ANY(%s) AND r.billing_day < %s AND i.issued_minor IS NOT NULL
    ORDER BY i.customer_id, r.billing_day DESC
"""


def _last_totals(run: BillRun, customer_ids: Sequence[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_LAST, [list(customer_ids), run.billing_day])
        return dict(cursor.fetchall())
