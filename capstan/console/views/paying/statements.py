"""Reading in a bank's statement: whole or not at all, and what became of those before."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from capstan.console.forms.payments import ImportForm
from capstan.console.payments_shown import tabs, who_did
from capstan.identity.rules import Permission
from capstan.payments.actions import bank
from capstan.payments.queries.listing_of_bank import Statement, accounts, last_account, statements
from capstan.payments.rules.statements.lines import FAULTS_MAX, Fault
from capstan.payments.rules.words import BankLineState
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import moment
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock
from capstan.values.refused import Refused

_SHOWN = 20


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required(Permission.TAKE_PAYMENTS)
def show(request: StaffRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, ImportForm(initial={"account": last_account()}))
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form)
    given = form.cleaned_data
    try:
        done = bank.import_statement(
            content=given["file"].read(), file_name=given["file"].name, account=given["account"],
            profile=given["profile"], actor=request.actor.key, now=clock.now(),
        )  # fmt: skip
    except bank.FaultyStatementError as problem:
        return _page(request, form, problem.faults, given["file"].name)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _page(request, form)
    messages.success(request, _words(done))
    return redirect(reverse("console:bank" if done.unmatched else "console:bank_import"))


def _words(done: bank.Imported) -> str:
    source = done.source
    known = f", {source.lines_known} known from before" if source.lines_known else ""
    out = f", {done.ignored} money out" if done.ignored else ""
    ours = f", {done.placed} were ours already" if done.placed else ""
    rest = f" The rest of them, {done.waiting}, the worker books within minutes." if done.waiting else ""
    return (
        f"{source.file_name} is read: {source.lines_new} new{known}. Of the new ones {done.matched} found their customer{ours},"
        f" {done.unmatched} wait for you{out}.{rest}"
    )


def _page(
    request: StaffRequest, form: ImportForm, faults: Sequence[Fault] = (), file_name: str = ""
) -> HttpResponse:
    return render(
        request,
        "console/paying/import.html",
        {
            "tabs": tabs("bank", request.actor),
            "form": form,
            "accounts": accounts(),
            "faults": _faults(faults) if faults else None,
            "count": str(len(faults)),
            "fault_words": f"{'fault' if len(faults) == 1 else 'faults'} in the file: nothing was taken",
            "file_name": file_name,
            "before": _before(statements(limit=_SHOWN)),
        },
    )


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


def _before(found: Sequence[Statement]) -> Table:
    names = who_did(one.source.actor for one in found)
    rows = tuple(
        Row(
            (
                one.source.file_name, moment(one.source.made_at), one.source.account, names[one.source.actor],
                str(one.source.lines_new), str(one.source.lines_known),
                str(one.states.get(BankLineState.UNMATCHED, 0) + one.states.get(BankLineState.WAITING, 0)),
            ),
            reverse("console:bank_lines", query={"source": one.source.pk}),
        )
        for one in found
    )  # fmt: skip
    columns = (
        Column("File", Place.LEAD),
        Column("Read in", Place.NOTE),
        Column("Account"),
        Column("By"),
        Column("New", Place.AMOUNT, is_number=True),
        Column("Known", is_number=True),
        Column("Still waiting", Place.STATE, is_number=True),
    )
    nothing = Empty("No statement yet", "Download one from the bank, as CSV or OFX, and read it in above.")
    return Table("Statements, the last first", columns, rows, nothing)
