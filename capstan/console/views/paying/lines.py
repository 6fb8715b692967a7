"""All lines that statements brought: what became of each, and the way back to the queue for one that was taken wrongly."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from capstan.console.forms.payments import LinesFilter, PutBackForm
from capstan.console.payments_shown import day, money, payment_url, tabs
from capstan.identity.rules import Permission
from capstan.payments.actions import bank_lines
from capstan.payments.models import BankLine
from capstan.payments.queries.listing_of_bank import lines
from capstan.payments.rules.words import BankLineState
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import badge, link
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock
from capstan.values.refused import Refused

_ROWS = 50
_STATES = {
    BankLineState.WAITING: (Tone.SLOW, "clock"),
    BankLineState.MATCHED: (Tone.GOOD, "user-check"),
    BankLineState.UNMATCHED: (Tone.WARN, "user-question"),
    BankLineState.PLACED: (Tone.GOOD, "check"),
    BankLineState.RETURNED: (Tone.BAD, "arrow-back-up"),
    BankLineState.IGNORED: (Tone.QUIET, "minus"),
}
_COLUMNS = (
    Column("What the bank says", Place.LEAD),
    Column("Day", Place.NOTE),
    Column("Why"),
    Column("Amount", Place.AMOUNT, is_number=True),
    Column("State", Place.STATE),
)


@require_GET
@staff_required(Permission.TAKE_PAYMENTS)
def show(request: StaffRequest) -> HttpResponse:
    form = LinesFilter(request.GET)
    given = form.cleaned_data if form.is_valid() else {}
    state = BankLineState(given["state"]) if given.get("state") else None
    found = lines(
        source_id=given.get("source"), state=state, before=given.get("before"), limit=_ROWS + 1
    )  # fmt: skip
    shown = found[:_ROWS]
    rows = tuple(Row(_cells(one), reverse("console:bank_line", args=[one.pk])) for one in shown)
    nothing = Empty("No line like that", "Read in a statement, or choose another state.")
    return render(
        request,
        "console/paying/lines.html",
        {
            "tabs": tabs("bank", request.actor),
            "form": form,
            "table": Table("Lines of the bank, the last first", _COLUMNS, rows, nothing),
            "older": shown[-1].pk if len(found) > _ROWS else None,
            "crumbs": [("Bank", reverse("console:bank")), ("All lines", None)],
        },
    )


@require_GET
@staff_required(Permission.TAKE_PAYMENTS)
def page(request: StaffRequest, line_id: int) -> HttpResponse:
    return _page(request, _line_or_404(line_id), PutBackForm())


@require_POST
@staff_required(Permission.CORRECT_MONEY)
def put_back(request: StaffRequest, line_id: int) -> HttpResponse:
    """It was placed or set aside by mistake: it waits again."""
    line, form = _line_or_404(line_id), PutBackForm(request.POST)
    if form.is_valid():
        try:
            bank_lines.put_back(
                line_id=line.pk, reason=form.cleaned_data["reason"], actor=request.actor.key, now=clock.now()
            )
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "It waits again, and the books say so.")
            return redirect(reverse("console:bank"))
    return _page(request, line, form)


def _page(request: StaffRequest, line: BankLine, form: forms.Form) -> HttpResponse:
    can_go_back = line.state not in (BankLineState.WAITING, BankLineState.UNMATCHED)
    return render(
        request,
        "console/paying/line.html",
        {
            "line": line,
            "amount": money(line.amount_minor),
            "facts": _facts(line),
            "form": form if form.is_bound or (can_go_back and request.actor.may(Permission.CORRECT_MONEY)) else None,
            "waits": line.state == BankLineState.UNMATCHED,
            "crumbs": [("Bank", reverse("console:bank")), ("All lines", reverse("console:bank_lines")), ("Line", None)],
        },
    )  # fmt: skip


def _line_or_404(line_id: int) -> BankLine:
    found = BankLine.objects.select_related("source", "payment__customer", "took_back__customer")
    line = found.filter(pk=line_id).first()
    if line is None:
        raise Http404(f"There is no bank line {line_id}.")
    return line


def _badge(line: BankLine) -> SafeString:
    state = BankLineState(line.state)
    return badge(state.value.capitalize(), *_STATES[state])


def _cells(line: BankLine) -> tuple[object, ...]:
    return (line.text, day(line.booked_on), line.why, money(line.amount_minor), _badge(line))


def _facts(line: BankLine) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("State", _badge(line)),
        ("Why", line.why),
        ("Reference", line.reference),
        ("Day", day(line.booked_on)),
        ("Account", line.source.account),
        ("Statement", line.source.file_name),
        ("Payment", _payment_link(line)),
        ("Where it was", line.placed.removeprefix("clearing ")),
        ("Fee that was kept", money(line.fee_minor) if line.fee_minor else ""),
    ]
    return [(term, fact) for term, fact in facts if fact]


def _payment_link(line: BankLine) -> object:
    payment = line.payment or line.took_back
    if payment is None:
        return ""
    return link(f"{payment.customer.name}, receipt {payment.receipt_number}", payment_url(payment.pk))
