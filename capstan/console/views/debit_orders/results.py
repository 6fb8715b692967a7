"""Reading in what Netcash says became of debit orders."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from capstan.console.debit_orders_shown import results_table
from capstan.console.forms.debit_orders import ResultsForm
from capstan.console.forms.payments import LookedAfterForm
from capstan.console.payments_shown import tabs
from capstan.identity.rules import Permission
from capstan.payments.actions.debit_orders.looked_after import look_after_results
from capstan.payments.actions.debit_orders.results import FaultyResultsError, take_results
from capstan.payments.models import DebitResults
from capstan.payments.queries.debit_orders import results, results_for_person
from capstan.payments.rules.statements.lines import FAULTS_MAX, Fault
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import moment
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock
from capstan.values.refused import Refused

_SHOWN = 30


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required(Permission.RUN_BILLING)
def show(request: StaffRequest) -> HttpResponse:
    """The page; a POST reads a file in. The same file twice changes nothing the second time."""
    if request.method != "POST":
        return _page(request, ResultsForm())
    form = ResultsForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form)
    file = form.cleaned_data["file"]
    try:
        done = take_results(
            content=file.read(), file_name=file.name, actor=request.actor.key, now=clock.now()
        )
    except FaultyResultsError as problem:
        return _page(request, form, problem.faults, file.name)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _page(request, form)
    messages.success(request, _words(done))
    for sentence in done.problems:
        messages.warning(request, sentence)
    return redirect(reverse("console:debit_results"))


@require_POST
@staff_required(Permission.RUN_BILLING)
def looked_after(request: StaffRequest, results_id: int) -> HttpResponse:
    """Somebody has seen to what couldn't be booked: the file leaves the list of what needs a person."""
    get_object_or_404(DebitResults, pk=results_id)
    form = LookedAfterForm(request.POST, auto_id=f"looked-{results_id}-%s")
    if form.is_valid():
        try:
            look_after_results(
                results_id=results_id,
                remark=form.cleaned_data["reason"],
                actor=request.actor.key,
                now=clock.now(),
            )
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "Looked after: the file is off the list.")
        return redirect(reverse("console:debit_results"))
    return _page(request, ResultsForm(), looked={results_id: form})


def _words(done: DebitResults) -> str:
    known = f", {done.known} known from before" if done.known else ""
    return f"{done.file_name} is read: {done.paid} paid, {done.returned} came back{known}."


def _page(
    request: StaffRequest,
    form: ResultsForm,
    faults: Sequence[Fault] = (),
    file_name: str = "",
    looked: Mapping[int, LookedAfterForm] = MappingProxyType({}),
) -> HttpResponse:
    waiting = [
        (one, moment(one.made_at), looked.get(one.pk) or LookedAfterForm(auto_id=f"looked-{one.pk}-%s"))
        for one in results_for_person()
    ]
    context = {
        "tabs": tabs("debit_orders", request.actor), "form": form, "faults": _faults(faults) if faults else None,
        "count": str(len(faults)), "file_name": file_name,
        "fault_words": f"{'fault' if len(faults) == 1 else 'faults'} in the file: nothing was taken",
        "waiting": waiting,
        "before": results_table(results(_SHOWN)),
    }  # fmt: skip
    return render(request, "console/debit_orders/results.html", context)


def _faults(faults: Sequence[Fault]) -> Table:
    columns = (Column("What is wrong", Place.LEAD), Column("Where", Place.NOTE))
    rows = tuple(
        Row((_what(one), f"Line {one.line_no}" if one.line_no else "The file")) for one in faults[:FAULTS_MAX]
    )
    return Table("What is wrong with the file", columns, rows, Empty("", ""))


def _what(fault: Fault) -> str:
    """Its sentence without the line's number, which has a column of its own."""
    words = fault.sentence.removeprefix(f"Line {fault.line_no}: ")
    return words[:1].upper() + words[1:]
