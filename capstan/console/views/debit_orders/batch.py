"""One batch of debit orders, from its proposal to what came back."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from capstan.console.debit_orders_shown import (
    batch_badge,
    batch_url,
    debit_badge,
    item_words,
    mandate_url,
)
from capstan.console.forms.debit_orders import LeaveOutForm, NothingForm, ReasonForm
from capstan.console.payments_shown import day, money, payment_url, who_did
from capstan.console.views.billing.found import billing_crumbs
from capstan.identity.rules import Permission
from capstan.operator.words import count
from capstan.payments.actions.debit_orders import batches
from capstan.payments.models import DebitBatch, DebitItem
from capstan.payments.queries.debit_orders import Sums, items, sums_of
from capstan.payments.queries.proposal import holidays_about
from capstan.payments.rules.debit_orders.calendar import Instruction, submit_by
from capstan.payments.rules.words import BatchState, DebitState
from capstan.ui.access import StaffRequest, staff_required
from capstan.values import clock
from capstan.values.refused import Refused

_SHOWN = 500
_DROPPABLE = (BatchState.PROPOSED, BatchState.MADE, BatchState.SUBMITTED)


def _make(batch: DebitBatch, given: dict[str, Any], actor: str, now: datetime) -> str:
    made = batches.make(batch_id=batch.pk, actor=actor, now=now)
    return f"The file is made: {money(made.total_minor)}. Give it to Netcash, then say so here."


def _submitted(batch: DebitBatch, given: dict[str, Any], actor: str, now: datetime) -> str:
    batches.mark_submitted(batch_id=batch.pk, actor=actor, now=now)
    return f"Noted. On {day(batch.action_date)} its debit orders are booked as payments."


def _drop(batch: DebitBatch, given: dict[str, Any], actor: str, now: datetime) -> str:
    batches.drop(batch_id=batch.pk, reason=given.get("reason", ""), actor=actor, now=now)
    return f"Batch {batch.pk} is dropped: what it held may be collected otherwise."


def _leave_out(batch: DebitBatch, given: dict[str, Any], actor: str, now: datetime) -> str:
    batches.leave_out(
        batch_id=batch.pk, customer_id=given["customer"], reason=given["reason"], actor=actor, now=now
    )
    return "Left out: the next batch takes it up."


class _Deed(NamedTuple):
    form: type[forms.Form]
    do: Callable[[DebitBatch, dict[str, Any], str, datetime], str]


_DEEDS = {
    "make": _Deed(NothingForm, _make),
    "submitted": _Deed(NothingForm, _submitted),
    "drop": _Deed(ReasonForm, _drop),
    "leave-out": _Deed(LeaveOutForm, _leave_out),
}


class Shown(NamedTuple):
    """One customer of the batch."""

    item: DebitItem
    badge: SafeString
    words: str
    url: str
    form: forms.Form | None


@require_GET
@staff_required(Permission.RUN_BILLING)
def show(request: StaffRequest, batch_id: int) -> HttpResponse:
    return _page(request, batch_or_404(batch_id))


@require_GET
@staff_required(Permission.RUN_BILLING)
def file(request: StaffRequest, batch_id: int) -> HttpResponse:
    """What goes to Netcash, as it was made; whoever takes it is noted."""
    batch = batch_or_404(batch_id)
    try:
        content = batches.file_of(batch_id=batch.pk, actor=request.actor.key, now=clock.now())
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(batch_url(batch.pk))
    name = f"debit-orders-{batch.action_date}-{batch.pk}.txt"
    return HttpResponse(
        content, content_type="text/plain; charset=us-ascii",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )  # fmt: skip


@require_POST
@staff_required(Permission.RUN_BILLING)
def act(request: StaffRequest, batch_id: int, deed: str) -> HttpResponse:
    """Do it, or show the page again with why it can't be done. Each deed has a state that it ends: sent twice, it acts once."""
    batch, todo = batch_or_404(batch_id), _DEEDS.get(deed)
    if todo is None:
        raise Http404(f"Nothing called {deed} can be done to a batch.")
    form = todo.form(request.POST, auto_id=f"{deed}-%s")
    if deed == "drop" and batch.state == BatchState.PROPOSED:
        form.fields["reason"].required = False
    if form.is_valid():
        try:
            words = todo.do(batch, form.cleaned_data, request.actor.key, clock.now())
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, words)
            return redirect(batch_url(batch.pk))
    return _page(request, batch_or_404(batch_id), deed, form)


def batch_or_404(batch_id: int) -> DebitBatch:
    batch = DebitBatch.objects.select_related("brand").defer("file").filter(pk=batch_id).first()
    if batch is None:
        raise Http404(f"There is no batch {batch_id}.")
    return batch


def _page(
    request: StaffRequest, batch: DebitBatch, deed: str = "", form: forms.Form | None = None
) -> HttpResponse:
    sums, rows = sums_of(batch.pk), list(items(batch)[: _SHOWN + 1])
    is_proposed = batch.state == BatchState.PROPOSED
    sent_for = form.data.get("customer", "") if form is not None and deed == "leave-out" else ""
    shown = [
        _shown(one, form if str(one.customer_id) == sent_for else None, is_proposed) for one in rows[:_SHOWN]
    ]
    refusal = form if form is not None and deed in ("make", "submitted") else None
    drop = None
    if batch.state in _DROPPABLE or deed == "drop":
        drop = form if form is not None and deed == "drop" else ReasonForm(auto_id="drop-%s")
        drop.fields["reason"].required = not is_proposed
    context = {
        "batch": batch, "figure": money(sums.debited_minor), "words": _words(batch, sums), "facts": _facts(batch, sums),
        "debited": [one for one in shown if one.item.state != DebitState.LEFT_OUT],
        "left_out": [one for one in shown if one.item.state == DebitState.LEFT_OUT],
        "is_cut": len(rows) > _SHOWN, "refusal": " ".join(map(str, refusal.non_field_errors())) if refusal else "",
        "can_make": is_proposed, "can_submit": batch.state == BatchState.MADE, "has_file": bool(batch.sha256),
        "drop_form": drop, "is_drop_open": deed == "drop", "total": money(batch.total_minor),
        "crumbs": billing_crumbs(("Debit orders", reverse("console:debit_orders")), (f"Batch {batch.pk}", None)),
    }  # fmt: skip
    return render(request, "console/debit_orders/batch.html", context)


def _shown(item: DebitItem, sent: forms.Form | None, is_proposed: bool) -> Shown:
    own = None
    if sent is not None or (is_proposed and item.state == DebitState.PROPOSED):
        own = sent or LeaveOutForm(initial={"customer": item.customer_id}, auto_id=f"out-{item.pk}-%s")
    url = payment_url(item.payment_id) if item.payment_id else mandate_url(item.customer_id)
    return Shown(item, debit_badge(item), item_words(item), url, own)


def _words(batch: DebitBatch, sums: Sums) -> str:
    debits = count(sums.debited, "debit order")
    back = f", {money(sums.returned_minor)} of it came back" if sums.returned else ""
    verb = {BatchState.PROPOSED: "would be", BatchState.BOOKED: "was"}.get(
        BatchState(batch.state), "is to be"
    )
    return f"{verb} collected by {debits} on {day(batch.action_date)}{back}"


def _facts(batch: DebitBatch, sums: Sums) -> list[tuple[str, object]]:
    formats, names = settings.FORMATS, who_did({batch.proposed_by, batch.made_by, batch.submitted_by} - {""})
    instruction = Instruction(batch.instruction)
    until = submit_by(batch.action_date, instruction, holidays_about(batch.action_date))

    def did(actor: str, at: datetime | None) -> str:
        return f"by {names[actor]}, {formats.moment(at)}" if at else ""

    facts: list[tuple[str, object]] = [
        ("State", batch_badge(batch)), ("Brand", batch.brand.name), ("Action date", day(batch.action_date)),
        ("Service", batch.instruction), ("With Netcash by", formats.moment(until)),
        ("Proposed", did(batch.proposed_by, batch.proposed_at)), ("Made", did(batch.made_by, batch.made_at)),
        ("Submitted", did(batch.submitted_by, batch.submitted_at)), ("Left out", str(sums.left_out or "")),
        ("SHA-256 of the file", batch.sha256), ("Dropped", batch.dropped_because),
    ]  # fmt: skip
    return [(term, fact) for term, fact in facts if fact]
