"""A customer's statement for a period, on a page and as a PDF: worked out anew each time (H10)."""

from datetime import date, timedelta

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header, urlencode
from django.views.decorators.http import require_GET

from capstan.billing.queries.documents import statement_document
from capstan.billing.queries.statement import Statement, statement
from capstan.console.forms.invoices import PeriodForm
from capstan.console.invoices_shown import money_url, statement_table
from capstan.console.views.billing.found import customer_or_404, local_day, money_crumbs
from capstan.customers.models import Customer
from capstan.documents.pdf import render as render_pdf
from capstan.ui.access import StaffRequest, staff_required
from capstan.values import clock

_MONTHS = 3


def _default(today: date) -> dict[str, date]:
    """This month and the ones before it."""
    months = today.year * 12 + today.month - _MONTHS
    return {"first": date(months // 12, months % 12 + 1, 1), "last": today}


def _read(request: StaffRequest, today: date) -> PeriodForm:
    """The period that was asked for, or the usual one."""
    asked = request.GET if "first" in request.GET or "last" in request.GET else None
    initial = _default(today)
    form = PeriodForm(
        asked if asked is not None else {name: day.isoformat() for name, day in initial.items()}
    )
    form.is_valid()
    return form


def _made(customer: Customer, form: PeriodForm) -> Statement:
    given = form.cleaned_data
    return statement(customer.pk, given["first"], given["last"] + timedelta(days=1))


@require_GET
@staff_required()
def show(request: StaffRequest, customer_id: int) -> HttpResponse:
    customer, formats = customer_or_404(customer_id), settings.FORMATS
    form = _read(request, local_day(clock.now()))
    context: dict[str, object] = {
        "customer": customer, "form": form, "words": "A statement",
        "crumbs": money_crumbs(customer, ("Money", money_url(customer.pk)), ("Statement", None)),
    }  # fmt: skip
    if form.is_valid():
        made = _made(customer, form)
        last = formats.day(form.cleaned_data["last"])
        asked = urlencode({name: form.cleaned_data[name].isoformat() for name in ("first", "last")})
        in_favour = made.closing_minor < 0
        context |= {
            "made": made, "figure": formats.money(abs(made.closing_minor)),
            "words": f"in the customer's favour on {last}" if in_favour else f"owed on {last}",
            "period": formats.days(made.first, made.end), "table": statement_table(made),
            "pdf_url": f"{reverse('console:statement_pdf', args=[customer.pk])}?{asked}",
        }  # fmt: skip
    return render(request, "console/billing/statement.html", context)


@require_GET
@staff_required()
def pdf(request: StaffRequest, customer_id: int) -> HttpResponse:
    """As a document; a period that makes no sense leads to the page that says so."""
    customer, today = customer_or_404(customer_id), local_day(clock.now())
    form = _read(request, today)
    if not form.is_valid():
        page = reverse("console:statement", args=[customer.pk])
        return redirect(f"{page}?{request.GET.urlencode()}")
    made = _made(customer, form)
    answer = HttpResponse(
        render_pdf(statement_document(customer, made, today=today)), content_type="application/pdf"
    )
    code = "".join(sign if sign.isalnum() else "-" for sign in customer.account_code)
    name = f"statement-{code}-{made.first}-{form.cleaned_data['last']}.pdf"
    answer.headers["Content-Disposition"] = (
        content_disposition_header(as_attachment=False, filename=name) or "inline"
    )
    return answer
