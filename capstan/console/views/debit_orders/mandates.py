"""All mandates, with what waits for a signature or a second person."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from capstan.console.debit_orders_shown import mandates_table
from capstan.console.forms.debit_orders import MandatesFilter
from capstan.console.payments_shown import tabs
from capstan.identity.rules import Permission
from capstan.payments.models import Mandate
from capstan.payments.queries.debit_orders import mandates
from capstan.payments.rules.words import MandateState
from capstan.ui.access import StaffRequest, staff_required

_SHOWN = 50


@require_GET
@staff_required(Permission.RUN_BILLING)
def show(request: StaffRequest) -> HttpResponse:
    form = MandatesFilter(request.GET or None)
    state = form.state()
    before = form.cleaned_data.get("before") if form.is_valid() else None
    rows = mandates(state, before=before, limit=_SHOWN + 1)
    further = (
        reverse("console:mandates", query={"show": state or "", "before": rows[_SHOWN - 1].pk})
        if rows[_SHOWN:]
        else ""
    )
    context = {
        "tabs": tabs("debit_orders", request.actor), "form": form, "table": mandates_table(rows[:_SHOWN]),
        "active": str(Mandate.objects.filter(state=MandateState.ACTIVE).count()), "further_url": further,
    }  # fmt: skip
    return render(request, "console/debit_orders/mandates.html", context)
