"""The books: every account's balance, an account's entries, a journal, and the export for a bookkeeper's program."""

from collections import defaultdict
from datetime import date
from itertools import islice
from typing import NamedTuple

from django.conf import settings
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from capstan.console.forms.payments import DaysForm, UntilForm, account_named
from capstan.console.payments_shown import (
    LINE_COLUMNS,
    account_url,
    day,
    line_rows,
    money,
    source_of,
    tabs,
    who_did,
)
from capstan.identity.rules import Permission
from capstan.ledger.models import Journal
from capstan.ledger.queries import balance, export_csv, lines, trial_balance
from capstan.ledger.rules import SIDES, Balance, Code, Name
from capstan.payments.queries.desk import month_bounds
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import link
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock
from capstan.values.refused import Refused

_SHOWN = 500
_IN_ONE_SUM = (Code.RECEIVABLE, Code.CREDIT)  # of all customers together


class Days(NamedTuple):
    first: date
    last: date


@require_GET
@staff_required(Permission.SEE_BOOKS)
def show(request: StaffRequest) -> HttpResponse:
    """The trial balance until a day."""
    form = UntilForm(request.GET) if "until" in request.GET else UntilForm()
    until = form.cleaned_data["until"] if form.is_valid() else _today()
    totals = trial_balance(until=until)
    debits, credits = sum(one.debits for one in totals), sum(one.credits for one in totals)
    month = Days(month_bounds(_today())[0], _today())
    return render(
        request,
        "console/paying/ledger.html",
        {
            "tabs": tabs("ledger", request.actor),
            "form": UntilForm(initial={"until": until}),
            "wrong": form.errors.get("until"),
            "until": day(until),
            "table": _trial(totals, until),
            "debits": money(debits),
            "credits": money(credits),
            "is_even": debits == credits,
            "difference": money(abs(debits - credits)),
            "days": DaysForm(initial=month._asdict()),
        },
    )


@require_GET
@staff_required(Permission.SEE_BOOKS)
def account(request: StaffRequest) -> HttpResponse:
    """The entries of an account in some days, with the balance after each."""
    try:
        name = account_named(request.GET.get("code", ""), request.GET.get("subject", ""))
    except Refused as refusal:
        raise Http404(str(refusal)) from None
    form, days = _days(request)
    found = list(islice(lines(days.first, days.last, of=name), _SHOWN + 1))
    before = balance(name, until=date.fromordinal(days.first.toordinal() - 1))
    nothing = Empty("No entry in these days", "Choose other days above.")
    return render(
        request,
        "console/paying/account.html",
        {
            "name": str(name),
            "code": str(name.code),
            "subject": name.subject,
            "form": form,
            "balance": money(balance(name, until=days.last)),
            "before": money(before),
            "first": day(days.first),
            "last": day(days.last),
            "table": Table(
                f"Entries of {name}", LINE_COLUMNS, line_rows(found[:_SHOWN], name, before), nothing
            ),
            "is_cut": len(found) > _SHOWN,
            "further": account_url(name, found[_SHOWN].occurred_on, days.last) if len(found) > _SHOWN else "",
            "shown": _SHOWN,
            "crumbs": [("Ledger", reverse("console:ledger")), (str(name), None)],
        },
    )


@require_GET
@staff_required(Permission.SEE_BOOKS)
def journal(request: StaffRequest, journal_id: int) -> HttpResponse:
    """Entries that were made together, for one reason."""
    found = Journal.objects.filter(pk=journal_id).first()
    if found is None:
        raise Http404(f"There is no journal {journal_id}.")
    entries = list(found.entries.select_related("debit", "credit").order_by("pk"))
    rows = tuple(
        Row(
            (
                _account_link(Name(Code(one.debit.code), one.debit.subject)),
                _account_link(Name(Code(one.credit.code), one.credit.subject)),
                money(one.amount_minor),
            )
        )
        for one in entries
    )
    columns = (
        Column("Debit", Place.LEAD),
        Column("Credit", Place.NOTE),
        Column("Amount", Place.AMOUNT, is_number=True),
    )
    source = source_of(found.source)
    facts: list[tuple[str, object]] = [
        ("For", link(source.words, source.url) if source.url else source.words),
        ("What happened", found.kind),
        ("Counts for", day(found.occurred_on)),
        ("Booked", f"by {who_did([found.actor])[found.actor]}, {settings.FORMATS.moment(found.made_at)}"),
    ]
    return render(
        request,
        "console/paying/journal.html",
        {
            "journal": found,
            "total": money(sum(one.amount_minor for one in entries)),
            "facts": facts,
            "table": Table(f"Entries of journal {found.pk}", columns, rows, Empty("No entries", "")),
            "crumbs": [("Ledger", reverse("console:ledger")), (f"Journal {found.pk}", None)],
        },
    )


@require_GET
@staff_required(Permission.SEE_BOOKS)
def as_csv(request: StaffRequest) -> HttpResponseBase:
    """The entries of some days, sent while they are read."""
    form = DaysForm(request.GET)
    if not form.is_valid():
        wrong = " ".join(str(one) for errors in form.errors.values() for one in errors)
        return HttpResponse(f"Which days? {wrong}", "text/plain; charset=utf-8", status=400)
    first, last = form.cleaned_data["first"], form.cleaned_data["last"]
    name = f"ledger-{first.isoformat()}-{last.isoformat()}.csv"
    return StreamingHttpResponse(
        export_csv(first, last, settings.FORMATS.currency), content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip


def _today() -> date:
    today: date = settings.FORMATS.local(clock.now()).date()
    return today


def _days(request: StaffRequest) -> tuple[DaysForm, Days]:
    """The days that are asked for; this month until today where none are, or none that can be."""
    usual = Days(month_bounds(_today())[0], _today())
    if "first" not in request.GET and "last" not in request.GET:
        return DaysForm(initial=usual._asdict()), usual
    form = DaysForm(request.GET)
    return form, Days(form.cleaned_data["first"], form.cleaned_data["last"]) if form.is_valid() else usual


def _account_link(name: Name) -> object:
    return link(str(name), account_url(name))


def _trial(totals: list[Balance], until: date) -> Table:
    by_side: dict[str, list[Balance]] = defaultdict(list)
    for one in totals:
        by_side[SIDES[one.code]].append(one)
    first = month_bounds(until)[0]
    rows = tuple(
        Row(
            (
                f"{one.code} of all customers" if one.code in _IN_ONE_SUM else str(Name(one.code, one.subject)),
                side, money(one.debits), money(one.credits), money(one.net),
            ),
            "" if one.code in _IN_ONE_SUM else account_url(Name(one.code, one.subject), first, until),
        )
        for side, of_side in by_side.items()
        for one in of_side
    )  # fmt: skip
    columns = (
        Column("Account", Place.LEAD),
        Column("Kind", Place.NOTE),
        Column("Debits", is_number=True),
        Column("Credits", is_number=True),
        Column("Balance", Place.AMOUNT, is_number=True),
    )
    nothing = Empty(
        "Nothing is booked yet",
        "Invoices, payments and everything else that moves money is booked by itself.",
    )
    return Table("Trial balance", columns, rows, nothing)
