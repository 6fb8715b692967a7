"""The Billing desk: this month and last, who owes, what brought money in, what is next and what needs a person (S9)."""

from datetime import date
from typing import NamedTuple

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from capstan.billing.models import BillRun
from capstan.billing.queries.documents import BAND_NAMES
from capstan.billing.queries.owed import debt_by_age, debtors
from capstan.billing.rules.age import Ages
from capstan.billing.rules.words import RunState
from capstan.console import links
from capstan.console.payments_shown import RUN_WORDS, day, money, tabs
from capstan.payments.queries import desk
from capstan.payments.queries.documents import METHOD_WORDS
from capstan.topups.queries.revenue import Revenue, by_channel
from capstan.topups.rules.describe import CHANNEL_WORDS
from capstan.topups.rules.words import Channel
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.navigation import address
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock

_DEBTORS = 10


class Todo(NamedTuple):
    """Something that waits for a person: how much of it, what one of it is and several are, where it is dealt with."""

    number: int
    one: str
    several: str
    url: str

    @property
    def words(self) -> str:
        return self.one if self.number == 1 else self.several


class Band(NamedTuple):
    """A part of what is open; its place on the bar in per cent."""

    name: str
    words: str
    number: int
    x: float
    width: float


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    today = settings.FORMATS.local(clock.now()).date()
    waits, ages, run = desk.waits(), debt_by_age(today), desk.next_run()
    now, before = desk.month_bounds(today), desk.month_bounds(today, 1)
    top_ups = by_channel(*now, settings.FORMATS.zone), by_channel(*before, settings.FORMATS.zone)
    auto = next((one for one in top_ups[0] if one.channel == Channel.AUTO), None)
    return render(
        request,
        "console/paying/desk.html",
        {
            "tabs": tabs("billing", request.actor),
            "received": money(desk.month_of(*now).received_minor),
            "todos": todos(waits),
            "months": _months(now, before),
            "methods": _methods(*now),
            "ages": ages,
            "bands": bands(ages),
            "top_ups": _top_ups(*top_ups),
            "auto": auto,
            "run": run,
            "run_words": _run_words(run, today) if run else "",
            "run_url": address("console:run", run.pk) if run else "",
            "runs_url": address("console:runs"),
            "debtors": _debtors(today),
        },
    )


def todos(waits: desk.Waits) -> list[Todo]:
    """What needs a person, with where to go; what there is none of is left out."""
    runs = desk.failed_run_ids() if waits.failed_items else []
    run_url = (address("console:run", runs[0]) or address("console:runs")) if runs else ""
    charged = desk.charged_uncertainly() if waits.charges else None
    payments = reverse("console:payments")
    found = [
        Todo(
            waits.bank_lines,
            "line of the bank that nobody knows whose it is",
            "lines of the bank that nobody knows whose they are",
            reverse("console:bank"),
        ),
        Todo(
            waits.notifications,
            "notification of a gateway that could not be believed or placed",
            "notifications of gateways that could not be believed or placed",
            f"{reverse('console:notifications')}?show=person",
        ),
        Todo(
            waits.short,
            "checkout that was paid too little, its money unused",
            "checkouts that were paid too little, their money unused",
            f"{payments}?only=short",
        ),
        Todo(
            waits.refunds,
            "refund of which nobody knows whether it went out",
            "refunds of which nobody knows whether they went out",
            f"{payments}?only=uncertain",
        ),
        Todo(
            waits.failed_items,
            "customer whose invoice failed in a run",
            "customers whose invoices failed in a run",
            run_url,
        ),
        Todo(
            waits.gateways,
            "payment gateway in trouble, card payments may be missing",
            "payment gateways in trouble, card payments may be missing",
            reverse("console:needs_person"),
        ),
        Todo(
            waits.charges,
            "charge of a stored card of which nobody knows whether it went through",
            "charges of stored cards of which nobody knows whether they went through",
            reverse("console:card", args=[charged.pk]) if charged else "",
        ),
        *_debit_todos(waits),
    ]
    return [one for one in found if one.number]


def _debit_todos(waits: desk.Waits) -> list[Todo]:
    unbooked = desk.debit_unbooked() if waits.debits else None
    return [
        Todo(
            waits.proposed,
            "proposed batch of debit orders to look at",
            "proposed batches of debit orders to look at",
            reverse("console:debit_orders"),
        ),
        Todo(
            waits.batches,
            "batch of debit orders that wasn't given to Netcash yet",
            "batches of debit orders that weren't given to Netcash yet",
            reverse("console:debit_orders"),
        ),
        Todo(
            waits.results,
            "file of debit orders' results with something that couldn't be booked",
            "files of debit orders' results with something that couldn't be booked",
            reverse("console:debit_results"),
        ),
        Todo(
            waits.debits,
            "debit order whose day has come and that can't be booked",
            "debit orders whose day has come and that can't be booked",
            reverse("console:debit_batch", args=[unbooked.batch_id]) if unbooked else "",
        ),
    ]


def bands(ages: Ages) -> list[Band]:
    """The age bands along one bar."""
    found, x = [], 0.0
    for number, (name, amount) in enumerate(zip(BAND_NAMES, ages, strict=True)):
        width = 100 * amount / ages.total if ages.total else 0.0
        found.append(Band(name, money(amount), number, round(x, 3), round(width, 3)))
        x += width
    return found


def _months(now: tuple[date, date], before: tuple[date, date]) -> Table:
    this, last = desk.month_of(*now), desk.month_of(*before)
    names = ("Issued", "Credit notes", "Received", "Given back")
    rows = tuple(
        Row((name, money(new), money(old))) for name, new, old in zip(names, this, last, strict=True)
    )
    columns = (
        Column("Incl. VAT", Place.LEAD),
        Column(f"{now[0]:%B}, until today", Place.AMOUNT, is_number=True),
        Column(f"{before[0]:%B}", Place.STATE, is_number=True),
    )
    return Table("This month and last", columns, rows, Empty("", ""))


def _methods(first: date, end: date) -> Table:
    rows = tuple(
        Row((METHOD_WORDS[one.method], str(one.number), money(one.amount_minor)))
        for one in desk.received_by_method(first, end)
    )
    columns = (
        Column("Paid by", Place.LEAD),
        Column("Payments", Place.NOTE, is_number=True),
        Column("Received", Place.AMOUNT, is_number=True),
    )
    nothing = Empty(
        "Nothing came in this month", "Import a bank statement, or book what was paid over the counter."
    )
    return Table("Received this month by way of paying", columns, rows, nothing)


def _top_ups(now: list[Revenue], before: list[Revenue]) -> Table:
    last = {one.channel: one.net_minor for one in before}
    new = {one.channel: one for one in now}
    rows = tuple(
        Row(
            (
                CHANNEL_WORDS[channel].capitalize(), str(new[channel].number if channel in new else 0),
                money(new[channel].net_minor if channel in new else 0), money(last.get(channel, 0)),
            )
        )
        for channel in [*new, *(one for one in last if one not in new)]
    )  # fmt: skip
    columns = (
        Column("Ordered", Place.LEAD),
        Column("Top-ups", Place.NOTE, is_number=True),
        Column("This month", Place.AMOUNT, is_number=True),
        Column("Last month", Place.STATE, is_number=True),
    )
    nothing = Empty(
        "No top-ups in these months", "Each one that is sold by SMS, on the website or by a call counts here."
    )
    return Table("Top-ups by channel, less what was given back", columns, rows, nothing)


def _debtors(today: date) -> Table:
    rows = tuple(
        Row(
            (
                one.name, f"{one.account_code}, since {day(one.oldest_due_on)}", money(one.overdue_minor),
                money(one.open_minor),
            ),
            address("console:money", one.customer_id) or links.customer(one.account_code),
        )
        for one in debtors(today, limit=_DEBTORS)
    )  # fmt: skip
    columns = (
        Column("Customer", Place.LEAD),
        Column("Overdue since", Place.NOTE),
        Column("Overdue", Place.AMOUNT, is_number=True),
        Column("Open in all", Place.STATE, is_number=True),
    )
    nothing = Empty(
        "Nobody is late", "Whoever hasn't paid when an invoice was due is listed here, most first."
    )
    return Table("Who owes most overdue", columns, rows, nothing)


def _run_words(run: BillRun, today: date) -> str:
    when = "today" if run.billing_day == today else f"on {day(run.billing_day)}"
    return f"{run.brand.name} bills {when}: {RUN_WORDS[RunState(run.state)]}"
