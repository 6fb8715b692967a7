"""Bill runs: whose billing day comes next, and those that were (S9)."""

from datetime import date, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import Count, Min, Sum
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.actions import run as actions
from capstan.billing.actions.terms import policies_of
from capstan.billing.models import BillingPolicy, BillingTerms, BillRun, BillRunItem
from capstan.billing.rules.words import RUN_OVER, RunState
from capstan.catalog.models import Brand
from capstan.console.forms.invoices import StartForm
from capstan.console.views.billing.found import (
    billing_crumbs,
    brand_or_404,
    local_day,
)
from capstan.identity.rules import Permission
from capstan.operator.words import count
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import badge
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock
from capstan.values.refused import Refused

_RUNS = 30
_LOOKS = {
    RunState.PREVIEWING: ("Previewing", Tone.SLOW, "clock"),
    RunState.PREVIEWED: ("Look at it", Tone.NEWS, "eye"),
    RunState.ISSUING: ("Issuing", Tone.SLOW, "clock"),
    RunState.ISSUED: ("Issued", Tone.GOOD, "circle-check"),
    RunState.DROPPED: ("Dropped", Tone.QUIET, "circle-dashed"),
}


def run_url(run_id: int) -> str:
    return reverse("console:run", args=[run_id])


def run_badge(run: BillRun) -> SafeString:
    return badge(*_LOOKS[RunState(run.state)])


# --- all runs -----------------------------------------------------------------------------------------------------


class Next(NamedTuple):
    """A brand's next billing day, and what comes before it."""

    brand: Brand
    day: date | None
    customers: int
    words: str
    run: BillRun | None
    form: StartForm | None

    @property
    def day_words(self) -> str:
        return settings.FORMATS.day(self.day) if self.day else ""


@require_GET
@staff_required()
def show_all(request: StaffRequest) -> HttpResponse:
    return _list(request)


@require_POST
@staff_required(Permission.RUN_BILLING)
def start(request: StaffRequest) -> HttpResponse:
    """Preview a billing day, or say why not."""
    raw = request.POST.get("brand", "")
    brand = brand_or_404(int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else 0)
    form = StartForm(request.POST, auto_id=f"start-{brand.pk}-%s")
    if form.is_valid():
        try:
            run = actions.start(
                brand_id=brand.pk,
                billing_day=form.cleaned_data["billing_day"],
                actor=request.actor.key,
                now=clock.now(),
            )
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect(run_url(run.pk))
    return _list(request, brand.pk, form)


def _list(request: StaffRequest, brand_id: int = 0, form: StartForm | None = None) -> HttpResponse:
    today = local_day(clock.now())
    runs = list(BillRun.objects.select_related("brand").order_by("-billing_day", "-pk")[:_RUNS])
    coming = _coming(request, today, brand_id, form)
    figure, words = _answer_of_all(coming)
    context = {
        "figure": figure, "words": words, "coming": coming, "table": _runs_table(runs), "shown": _RUNS,
        "crumbs": billing_crumbs(("Bill runs", None)),
    }  # fmt: skip
    return render(request, "console/billing/runs.html", context)


def _coming(request: StaffRequest, today: date, sent: int, form: StartForm | None) -> list[Next]:
    brands = list(Brand.objects.order_by("pk"))
    policies = policies_of(one.pk for one in brands)
    due = BillingTerms.objects.filter(is_paused=False).order_by()
    grouped = due.values("customer__brand_id", "next_bill_on").annotate(number=Count("pk"))
    days: dict[int, list[tuple[date, int]]] = {}
    for row in grouped:
        days.setdefault(row["customer__brand_id"], []).append((row["next_bill_on"], row["number"]))
    under_way = {one.brand_id: one for one in BillRun.objects.exclude(state__in=RUN_OVER)}
    may = request.actor.may(Permission.RUN_BILLING)
    return [
        _next(
            one, policies[one.pk], sorted(days.get(one.pk, [])), under_way.get(one.pk),
            (form if one.pk == sent else _start_form(one, sorted(days.get(one.pk, [])), today)) if may else None,
        )
        for one in brands
    ]  # fmt: skip


def _start_form(brand: Brand, days: list[tuple[date, int]], today: date) -> StartForm:
    day = days[0][0] if days else today
    return StartForm(initial={"brand": brand.pk, "billing_day": day}, auto_id=f"start-{brand.pk}-%s")


def _next(
    brand: Brand,
    policy: BillingPolicy,
    days: list[tuple[date, int]],
    run: BillRun | None,
    form: StartForm | None,
) -> Next:
    if not days:
        return Next(brand, None, 0, "Nobody has a billing day: customers get one within a minute.", run, form)
    day, formats = days[0][0], settings.FORMATS
    previewed = formats.day(day - timedelta(days=policy.preview_days))
    issued = (
        "its invoices are issued by themselves at 06:00 that day"
        if policy.issues_by_itself
        else "its invoices are issued when somebody says so"
    )
    return Next(brand, day, days[0][1], f"Previewed by itself from {previewed} on; {issued}.", run, form)


def _answer_of_all(coming: list[Next]) -> tuple[str, str]:
    waiting = [one for one in coming if one.run is not None and one.run.state == RunState.PREVIEWED]
    if waiting:
        return str(len(waiting)), "bill run waits for you" if len(waiting) == 1 else "bill runs wait for you"
    days = [one for one in coming if one.day is not None]
    if not days:
        return "", "No billing day is near"
    first = min(days, key=lambda one: one.day or date.max)
    assert first.day is not None
    day = settings.FORMATS.day(first.day).replace(
        "\N{NO-BREAK SPACE}", " "
    )  # on a small telephone it takes two lines
    return day, f"is the next billing day, of {count(first.customers, 'customer')}"


def _runs_table(runs: list[BillRun]) -> Table:
    columns = (
        Column("Billing day", Place.LEAD),
        Column("Brand", Place.NOTE),
        Column("Customers", is_number=True),
        Column("Amount incl. VAT", Place.AMOUNT, is_number=True),
        Column("State", Place.STATE),
    )
    sums = {
        row["run_id"]: row
        for row in BillRunItem.objects.filter(run__in=runs)
        .values("run_id")
        .annotate(
            number=Count("pk"), issued=Sum("issued_minor"), preview=Sum("preview_minor"), first=Min("pk")
        )
    }
    rows = []
    for one in runs:
        row = sums.get(one.pk, {"number": 0, "issued": 0, "preview": 0})
        amount = row["issued"] if one.state == RunState.ISSUED else row["preview"]
        cells = (
            settings.FORMATS.day(one.billing_day), one.brand.name, str(row["number"]),
            settings.FORMATS.money(amount or 0), run_badge(one),
        )  # fmt: skip
        rows.append(Row(cells, run_url(one.pk)))
    nothing = Empty("No run yet", "The first preview begins by itself some days before the next billing day.")
    return Table("Bill runs, latest first", columns, tuple(rows), nothing)
