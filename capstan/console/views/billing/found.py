"""What an address of billing names, or a 404 that says what there isn't; and what views of billing share."""

from datetime import date, datetime

from django.conf import settings
from django.http import Http404, HttpResponse

from capstan.billing.models import BillRun, Invoice
from capstan.catalog.models import Brand, TaxGroup
from capstan.console import links
from capstan.customers.models import Customer
from capstan.identity.rules import Permission
from capstan.ui.access import StaffRequest, forbidden
from capstan.ui.navigation import address

Crumbs = list[tuple[str, str | None]]


def invoice_or_404(invoice_id: int) -> Invoice:
    found = Invoice.objects.select_related("customer", "brand", "credits", "fulfilled_by").filter(
        pk=invoice_id
    )
    invoice = found.first()
    if invoice is None:
        raise Http404(f"There is no invoice with the id {invoice_id}.")
    return invoice


def customer_or_404(customer_id: int) -> Customer:
    customer = Customer.objects.select_related("brand").filter(pk=customer_id).first()
    if customer is None:
        raise Http404(f"There is no customer {customer_id}.")
    return customer


def run_or_404(run_id: int) -> BillRun:
    run = BillRun.objects.select_related("brand").filter(pk=run_id).first()
    if run is None:
        raise Http404(f"There is no bill run {run_id}; it may have been dropped.")
    return run


def group_or_404(group_id: int) -> TaxGroup:
    group = TaxGroup.objects.filter(pk=group_id).first()
    if group is None:
        raise Http404(f"There is no tax group {group_id}.")
    return group


def brand_or_404(brand_id: int) -> Brand:
    brand = Brand.objects.filter(pk=brand_id).first()
    if brand is None:
        raise Http404(f"There is no brand {brand_id}.")
    return brand


def local_day(now: datetime) -> date:
    """The provider's date."""
    return settings.FORMATS.local(now).date()


def billing_crumbs(*here: tuple[str, str | None]) -> Crumbs:
    """From the desk of billing to here."""
    return [("Billing", address("console:billing") or address("console:invoices")), *here]


def money_crumbs(customer: Customer, *here: tuple[str, str | None]) -> Crumbs:
    """From the customer to here."""
    return [(customer.name, links.customer(customer.account_code)), *here]


def not_allowed(request: StaffRequest, permission: Permission) -> HttpResponse | None:
    """The answer for somebody who may look, but not do this; None for who may."""
    if request.actor.may(permission):
        return None
    return forbidden(
        request, f"Your sign-in doesn't let you {permission.value}. A manager can do it for you."
    )
