"""Cash or EFT that a customer paid, booked by hand. A form books once, however often it is sent."""

from datetime import date
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from capstan.billing.models import Invoice
from capstan.billing.queries.owed import open_invoices, owed
from capstan.billing.rules.words import Method
from capstan.console import links
from capstan.console.forms.payments import TakeForm
from capstan.console.payments_shown import day, money, payment_url
from capstan.console.views import once
from capstan.customers.models import Customer
from capstan.identity.rules import Permission
from capstan.payments.actions.take import BANK, Received, take, till
from capstan.payments.models import Payment
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.navigation import address
from capstan.values import clock
from capstan.values.refused import Refused


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required(Permission.TAKE_PAYMENTS)
def show(request: StaffRequest, customer_id: int) -> HttpResponse:
    customer = Customer.objects.filter(pk=customer_id).first()
    if customer is None:
        raise Http404(f"There is no customer {customer_id}.")
    today = settings.FORMATS.local(clock.now()).date()
    invoices = open_invoices(customer.pk)
    if request.method != "POST":
        fresh = {"key": uuid4(), "day": today, "method": Method.EFT.value}
        return _page(request, customer, TakeForm(initial=fresh, open_invoices=invoices, today=today), today)
    form = TakeForm(request.POST, open_invoices=invoices, today=today)
    if form.is_valid():
        try:
            payment, is_new = _book_once(request, customer, form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            _say(request, payment, is_new)
            return redirect(payment_url(payment.pk))
    elif (before := once.made_by(request)) is not None:  # what it paid isn't open any more
        return redirect(payment_url(before))
    return _page(request, customer, form, today)


def _book_once(request: StaffRequest, customer: Customer, given: dict[str, Any]) -> tuple[Payment, bool]:
    """The payment of this form, and whether it is booked just now."""
    key = str(given["key"])
    with transaction.atomic():
        if (known := once.remembered(request, key)) is not None:
            return Payment.objects.get(pk=known), False
        payment = take(_received(request, customer, given), actor=request.actor.key, now=clock.now())
        once.remember(request, key, payment.pk)
        return payment, True


def _received(request: StaffRequest, customer: Customer, given: dict[str, Any]) -> Received:
    method = Method(given["method"])
    chosen: list[Invoice] = list(given.get("invoices") or [])
    return Received(
        customer.pk, method, given["amount"], given["day"], till(request.actor.key) if method == Method.CASH else BANK,
        given["reference"], invoices=[one.pk for one in chosen],
    )  # fmt: skip


def _say(request: StaffRequest, payment: Payment, is_new: bool) -> None:
    if is_new:
        messages.success(
            request, f"{money(payment.amount_minor)} is booked, receipt {payment.receipt_number}."
        )
    else:
        messages.info(request, "This form was sent twice; it was booked once.")


def _page(request: StaffRequest, customer: Customer, form: TakeForm, today: date) -> HttpResponse:
    state = owed(customer.pk, today=today)
    money_url = address("console:money", customer.pk)
    overdue = (
        f"{money(state.overdue_minor)} of it is overdue since {day(state.oldest_due_on)}."
        if state.oldest_due_on
        else ""
    )
    return render(
        request,
        "console/paying/take.html",
        {
            "customer": customer,
            "form": form,
            "figure": money(abs(state.balance_minor)),
            "words": _words(state.balance_minor),
            "note": overdue,
            "crumbs": [
                (customer.name, links.customer(customer.account_code)),
                *([("Money", money_url)] if money_url else []),
                ("Book a payment", None),
            ],
        },
    )


def _words(balance_minor: int) -> str:
    return "owed" if balance_minor > 0 else "in credit" if balance_minor < 0 else "owed: nothing is open"
