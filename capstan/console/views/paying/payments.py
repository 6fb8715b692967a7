"""All payments: found by receipt, reference or customer, narrowed by way, days and what became of them."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from capstan.console.forms.payments import PaymentsFilter
from capstan.console.payments_shown import PAYMENT_COLUMNS, money, payment_row, tabs
from capstan.payments.queries.desk import Wanted, listed, month_bounds, month_of
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.tables import Empty, Table
from capstan.values import clock

_ROWS = 50


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    form = PaymentsFilter(request.GET)
    wanted = form.wanted()
    found = list(listed(request.actor, wanted, form.place())[: _ROWS + 1])
    shown, more = found[:_ROWS], len(found) > _ROWS
    today = settings.FORMATS.local(clock.now()).date()
    rows = tuple(map(payment_row, shown))
    is_narrowed = wanted != Wanted()
    return render(
        request,
        "console/paying/payments.html",
        {
            "tabs": tabs("payments", request.actor),
            "form": form,
            "table": Table("Payments, the last received first", PAYMENT_COLUMNS, rows, _empty(is_narrowed)),
            "is_narrowed": is_narrowed,
            "older": f"{shown[-1].received_on.isoformat()}:{shown[-1].pk}" if more else None,
            "received": money(month_of(*month_bounds(today)).received_minor),
        },
    )


def _empty(is_narrowed: bool) -> Empty:
    if is_narrowed:
        return Empty("No payment like that", "Nothing fits these filters.", "Show all payments", "?")
    return Empty(
        "No payments yet",
        "Payments by card come by themselves; bank statements are imported; cash and EFT are booked at the customer's money.",
    )
