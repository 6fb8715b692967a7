"""Batches of debit orders, and proposing the next one."""

from datetime import date, datetime, timedelta
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from capstan.catalog.models import Brand
from capstan.console.debit_orders_shown import batch_url, batches_table, results_table
from capstan.console.forms.debit_orders import ProposeForm
from capstan.console.payments_shown import money, tabs
from capstan.console.views import once
from capstan.identity.rules import Permission
from capstan.operator.words import count
from capstan.payments.actions.debit_orders import batches
from capstan.payments.models import DebitOrderPolicy
from capstan.payments.queries import debit_orders as found
from capstan.payments.queries.proposal import holidays_about
from capstan.payments.rules.debit_orders.calendar import Instruction, runs_on, submit_by
from capstan.payments.rules.words import BatchState
from capstan.ui.access import StaffRequest, staff_required
from capstan.values import clock
from capstan.values.refused import Refused

_RESULTS = 5
_LOOKS_AHEAD = 31


@require_GET
@staff_required(Permission.RUN_BILLING)
def show(request: StaffRequest) -> HttpResponse:
    return _page(request)


@require_POST
@staff_required(Permission.RUN_BILLING)
def propose(request: StaffRequest) -> HttpResponse:
    """Put together who is to be debited on a day; a form that is sent twice leads to what it made."""
    if (before := once.made_by(request)) is not None:
        messages.info(request, once.SENT_TWICE)
        return redirect(batch_url(before))
    form = ProposeForm(request.POST, brands=_brands())
    if form.is_valid():
        try:
            made = _propose_once(request, form)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect(batch_url(made))
    return _page(request, form)


def _propose_once(request: StaffRequest, form: ProposeForm) -> int:
    key, (brand_id, day) = str(form.cleaned_data["key"]), form.given
    with transaction.atomic():
        if (known := once.remembered(request, key)) is not None:
            return known
        made = batches.propose(brand_id=brand_id, action_date=day, actor=request.actor.key, now=clock.now())
        once.remember(request, key, made.pk)
        return made.pk


def _brands() -> list[tuple[int, str]]:
    """Those that collect by debit order."""
    rows = Brand.objects.filter(pk__in=DebitOrderPolicy.objects.values("pk")).order_by("pk")
    return list(rows.values_list("pk", "name"))


def _page(request: StaffRequest, form: ProposeForm | None = None) -> HttpResponse:
    rows, brands, now = found.batches(), _brands(), clock.now()
    sums = found.sums([one.pk for one in rows])
    open_ones = [
        one for one in rows if one.state in (BatchState.PROPOSED, BatchState.MADE, BatchState.SUBMITTED)
    ]
    on_its_way = sum(sums[one.pk].debited_minor for one in open_ones)
    first = DebitOrderPolicy.objects.filter(pk=brands[0][0]).first() if brands else None
    fresh = {"key": uuid4(), "day": next_day(first, now) if first else None}
    context = {
        "tabs": tabs("debit_orders", request.actor), "figure": money(on_its_way),
        "words": f"on its way in {count(len(open_ones), 'batch', 'batches')}" if open_ones else "on its way: no batch is",
        "form": (form or ProposeForm(initial=fresh, brands=brands)) if brands else None,
        "table": batches_table(rows, sums), "results": results_table(found.results(_RESULTS)),
        "late": [one for one in rows if one.state == BatchState.MADE and _is_late(one.action_date, now)],
    }  # fmt: skip
    return render(request, "console/debit_orders/list.html", context)


def _is_late(action_date: date, now: datetime) -> bool:
    return settings.FORMATS.local(now).date() >= action_date


def next_day(policy: DebitOrderPolicy, now: datetime) -> date:
    """The first day that Netcash would still take a batch for."""
    instruction, today = Instruction(policy.instruction), settings.FORMATS.local(now).date()
    holidays = holidays_about(today)
    days = (today + timedelta(days=n) for n in range(_LOOKS_AHEAD))
    open_days = (
        day
        for day in days
        if runs_on(day, instruction, holidays) and now <= submit_by(day, instruction, holidays)
    )
    return next(open_days, today)
