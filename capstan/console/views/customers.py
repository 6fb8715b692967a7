"""All customers, by account code; the search is quicker."""

from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from capstan.console import links
from capstan.customers.models import Customer
from capstan.customers.rules import CustomerKind
from capstan.operator.words import count
from capstan.services.models import Service
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.tables import Column, Empty, Place, Row, Table

_A_PAGE = 50
_COLUMNS = (
    Column("Customer", Place.LEAD),
    Column("Account code", Place.NOTE),
    Column("Kind"),
    Column("Lines", Place.AMOUNT, is_number=True),
)


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    everybody: QuerySet[Customer] = Customer.objects.order_by("account_code")
    page = Paginator(everybody, _A_PAGE).get_page(request.GET.get("page"))
    shown = list(page)
    lines = Service.objects.filter(customer__in=shown).values_list("customer_id").annotate(Count("pk"))
    number_of = dict(lines.order_by())
    rows = tuple(
        Row(
            (one.name, one.account_code, CustomerKind(one.kind).value, str(number_of.get(one.pk, 0))),
            links.customer(one.account_code),
        )
        for one in shown
    )
    nothing = Empty("No customers yet", "`capstan load FILE` enters customers and their lines.")
    context = {
        "table": Table("Customers by account code", _COLUMNS, rows, nothing),
        "page": page,
        "words": count(page.paginator.count, "customer"),
    }
    return render(request, "console/customers/list.html", context)
