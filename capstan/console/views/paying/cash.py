"""My till: what should be in it, what was taken today, counting it; those who see the books see all tills."""

from datetime import datetime, time, timedelta
from typing import NamedTuple

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from capstan.billing.actions.documents import stored
from capstan.console.forms.payments import CountForm
from capstan.console.payments_shown import (
    CASH_UP_COLUMNS,
    cash_up_rows,
    money,
    payment_badge,
    payment_url,
    tabs,
    who_did,
)
from capstan.console.views.paying.payment import pdf_answer
from capstan.identity.rules import Permission
from capstan.ledger.queries import trial_balance
from capstan.ledger.rules import Code
from capstan.payments.actions import cash
from capstan.payments.models import CashUp, Payment
from capstan.payments.queries.desk import cash_taken, counts_of_tills
from capstan.payments.queries.documents import cash_up_document
from capstan.ui.access import StaffRequest, forbidden, staff_required
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock
from capstan.values.refused import Refused

_SHOWN = 30
_TAKEN = (
    Column("Customer", Place.LEAD),
    Column("Receipt", Place.NOTE),
    Column("Cash", Place.AMOUNT, is_number=True),
    Column("State", Place.STATE),
)


class Day(NamedTuple):
    start: datetime
    end: datetime


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required(Permission.TAKE_PAYMENTS)
def show(request: StaffRequest) -> HttpResponse:
    """The page; a POST counts the till."""
    if request.method != "POST":
        return _page(request, CountForm())
    form = CountForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            made = cash.cash_up(
                counted_minor=given["counted"], banked_minor=given["banked"] or 0, remark=given["remark"],
                actor=request.actor.key, now=clock.now(),
            )  # fmt: skip
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            rest = money(made.counted_minor - made.banked_minor)
            messages.success(
                request, f"Counted: {money(made.counted_minor)}. {rest} stays in the till as change."
            )
            return redirect(reverse("console:cash"))
    return _page(request, form)


@require_safe
@staff_required(Permission.TAKE_PAYMENTS)
def pdf(request: StaffRequest, cash_up_id: int) -> HttpResponse:
    """A count as a document to sign: one's own, or anybody's for those who see the books."""
    made = CashUp.objects.filter(pk=cash_up_id).first()
    if made is None:
        raise Http404(f"There is no cash-up {cash_up_id}.")
    if made.actor != request.actor.key and not request.actor.may(Permission.SEE_BOOKS):
        return forbidden(request, "This is somebody else's till. A manager can see it.")
    bounds = _day_of(made.made_at)
    taken = cash_taken(made.actor, since=bounds.start, until=made.made_at)
    document = cash_up_document(made, who_did([made.actor])[made.actor], taken)
    content = stored(f"cashup:{made.pk}", document, now=clock.now())
    return pdf_answer(content, f"cash-up-{made.day}-{made.actor}.pdf")


def _day_of(at: datetime) -> Day:
    formats = settings.FORMATS
    day = formats.local(at).date()
    return Day(
        datetime.combine(day, time(), formats.zone),
        datetime.combine(day + timedelta(days=1), time(), formats.zone),
    )


def _page(request: StaffRequest, form: CountForm) -> HttpResponse:
    actor, now = request.actor, clock.now()
    today, sees_all = _day_of(now), actor.may(Permission.SEE_BOOKS)
    counts = counts_of_tills(None if sees_all else actor.key, limit=_SHOWN)
    day = settings.FORMATS.local(now).date()
    counted = CashUp.objects.filter(actor=actor.key, day=day).first()
    taken = cash_taken(actor.key, since=today.start, until=today.end)
    nothing = Empty("No cash yet today", "Cash is booked at a customer's money; each has a receipt.")
    return render(
        request,
        "console/paying/cash.html",
        {
            "tabs": tabs("cash", actor),
            "expected": money(cash.expected(actor.key)),
            "form": form,
            "counted": counted,
            "taken": Table("Cash that I took today", _TAKEN, tuple(map(_taken_row, taken)), nothing),
            "tills": _tills() if sees_all else None,
            "counts": Table(
                "Counts, the last first", CASH_UP_COLUMNS, cash_up_rows(counts),
                Empty("No count yet", "Count the till at the end of the day: each count stays here."),
            ),
        },
    )  # fmt: skip


def _taken_row(payment: Payment) -> Row:
    when = f"{payment.receipt_number}, {settings.FORMATS.time(payment.made_at)}"
    cells = (payment.customer.name, when, money(payment.amount_minor), payment_badge(payment))
    return Row(cells, payment_url(payment.pk))


def _tills() -> Table:
    held = [one for one in trial_balance() if one.code == Code.CASH]
    names = who_did(one.subject for one in held)
    rows = tuple(Row((names[one.subject], one.subject, money(one.net))) for one in held)
    columns = (
        Column("Till of", Place.LEAD),
        Column("Key", Place.NOTE),
        Column("Should be in it", Place.AMOUNT, is_number=True),
    )
    return Table("All tills", columns, rows, Empty("No tills yet", "Whoever books cash has one."))
