"""Charges that were priced elsewhere, from a file: looked at, then taken over whole or not at all (S9)."""

from collections.abc import Sequence

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from capstan.billing.actions import rated
from capstan.billing.models import RatedImport
from capstan.billing.rules.rated import COLUMNS
from capstan.billing.rules.words import ImportState
from capstan.console.forms.rated import RatedForm
from capstan.console.invoices_shown import money_url
from capstan.console.payments_shown import tabs, who_did
from capstan.console.views.billing.found import billing_crumbs
from capstan.customers.models import Customer
from capstan.identity.rules import Permission
from capstan.operator.words import count
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import badge, link, moment
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock
from capstan.values.refused import Refused

_SHOWN = 30
_CUSTOMERS = 200
_LOOKS = {
    ImportState.WAITING: ("Not taken over yet", Tone.NEWS, "clock"),
    ImportState.TAKEN: ("Taken over", Tone.GOOD, "circle-check"),
    ImportState.PUT_AWAY: ("Put away", Tone.QUIET, "x"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required(Permission.RUN_BILLING)
def show(request: StaffRequest) -> HttpResponse:
    """The files so far; a new one is read, and kept if it has no fault."""
    if request.method != "POST":
        return _page(request, RatedForm())
    form = RatedForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form)
    file = form.cleaned_data["file"]
    try:
        kept = rated.keep(content=file.read(), file_name=file.name, actor=request.actor.key, now=clock.now())
    except rated.FaultyFileError as problem:
        return _page(request, form, problem.faults, file.name)
    return redirect(reverse("console:rated_import", args=[kept.pk]))


@require_GET
@staff_required(Permission.RUN_BILLING)
def look(request: StaffRequest, import_id: int) -> HttpResponse:
    return _preview(request, _found(import_id))


@require_POST
@staff_required(Permission.RUN_BILLING)
def take_over(request: StaffRequest, import_id: int) -> HttpResponse:
    kept = _found(import_id)
    try:
        taken = rated.take_over(import_id=kept.pk, actor=request.actor.key, now=clock.now())
    except rated.FaultyFileError as problem:
        return _preview(request, kept, problem.faults)
    except Refused as refusal:
        messages.info(request, str(refusal))
    else:
        what = f"{count(taken.new, 'charge')}, {settings.FORMATS.money(taken.amount_minor)} incl. VAT"
        messages.success(request, f"{what}: the next invoices take them up.")
    return redirect(reverse("console:rated_import", args=[kept.pk]))


@require_POST
@staff_required(Permission.RUN_BILLING)
def put_away(request: StaffRequest, import_id: int) -> HttpResponse:
    kept = _found(import_id)
    try:
        rated.put_away(import_id=kept.pk, actor=request.actor.key, now=clock.now())
    except Refused as refusal:
        messages.info(request, str(refusal))
    else:
        messages.success(request, f"{kept.file_name} is put away: nothing of it was charged.")
    return redirect(reverse("console:rated"))


def _found(import_id: int) -> RatedImport:
    kept = RatedImport.objects.defer("content").filter(pk=import_id).first()
    if kept is None:
        raise Http404(f"There is no file of charges {import_id}.")
    return kept


def _page(
    request: StaffRequest, form: RatedForm, faults: Sequence[str] = (), file_name: str = ""
) -> HttpResponse:
    context = {
        "tabs": tabs("rated", request.actor), "form": form, "faults": faults, "file_name": file_name,
        "count": str(len(faults)), "before": _before(), "columns": ", ".join(COLUMNS),
        "fault_words": f"{'fault' if len(faults) == 1 else 'faults'} in the file: nothing was taken",
    }  # fmt: skip
    return render(request, "console/billing/rated.html", context)


def _preview(request: StaffRequest, kept: RatedImport, faults: Sequence[str] = ()) -> HttpResponse:
    names, formats = who_did([kept.made_by, kept.decided_by]), settings.FORMATS
    facts = [
        ("Read in", f"{names[kept.made_by]}, {formats.moment(kept.made_at)}"),
        ("New", f"{count(kept.rows_new, 'charge')}, {settings.FORMATS.money(kept.amount_minor)} incl. VAT"),
        ("Charged before", f"{count(kept.rows_known, 'charge')}, left as they are"),
    ]
    if kept.decided_at:
        facts.append(
            (
                _LOOKS[ImportState(kept.state)][0],
                f"{names[kept.decided_by]}, {formats.moment(kept.decided_at)}",
            )
        )
    context = {
        "tabs": tabs("rated", request.actor), "kept": kept, "facts": facts, "faults": faults, "look": _look(kept),
        "is_waiting": kept.state == ImportState.WAITING, "customers": _customers(kept),
        "more": max(0, len(kept.customers) - _CUSTOMERS), "figure": settings.FORMATS.money(kept.amount_minor),
        "crumbs": billing_crumbs(("Rated charges", reverse("console:rated")), (kept.file_name, None)),
    }  # fmt: skip
    return render(request, "console/billing/rated_import.html", context)


def _look(kept: RatedImport) -> SafeString:
    return badge(*_LOOKS[ImportState(kept.state)])


def _customers(kept: RatedImport) -> Table:
    shown = kept.customers[:_CUSTOMERS]
    names = Customer.objects.in_bulk([one[0] for one in shown])
    rows = tuple(
        Row(
            (
                link(names[pk].name, money_url(pk)),
                names[pk].account_code,
                str(number),
                settings.FORMATS.money(amount),
            )
        )
        for pk, number, amount in shown
    )
    columns = (
        Column("Customer", Place.LEAD), Column("Account", Place.NOTE), Column("Charges", is_number=True),
        Column("Incl. VAT", Place.AMOUNT, is_number=True),
    )  # fmt: skip
    nothing = Empty("Nothing new", "All of it was charged before.")
    return Table("New charges by customer, the highest first", columns, rows, nothing)


def _before() -> Table:
    found = list(RatedImport.objects.defer("content").order_by("-pk")[:_SHOWN])
    names = who_did(one.made_by for one in found)
    rows = tuple(
        Row(
            (
                link(one.file_name, reverse("console:rated_import", args=[one.pk])), moment(one.made_at),
                names[one.made_by], str(one.rows_new), str(one.rows_known), settings.FORMATS.money(one.amount_minor), _look(one),
            )
        )
        for one in found
    )  # fmt: skip
    columns = (
        Column("File", Place.LEAD), Column("Read in", Place.NOTE), Column("By"), Column("New", is_number=True),
        Column("Known", is_number=True), Column("Incl. VAT", Place.AMOUNT, is_number=True), Column("State", Place.STATE),
    )  # fmt: skip
    return Table(
        "Files, the last first",
        columns,
        rows,
        Empty("No file yet", "Read one in above, or with capstan bill import FILE."),
    )
