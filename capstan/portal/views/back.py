"""The browser is back from the gateway. What it says is a hint: only the gateway's own word counts, and is waited for."""

from datetime import datetime, timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from capstan.billing.actions.pay_links import account_link, invoice_link
from capstan.payments.models import Checkout
from capstan.payments.rules.words import OPEN_CHECKOUTS, UNDECIDED, CheckoutState
from capstan.portal.paid_ahead import asked_ahead
from capstan.portal.views.top_up import done_url
from capstan.topups.actions.pay import pay_link
from capstan.topups.models import Order
from capstan.topups.rules.words import ADDED, OrderState
from capstan.values import clock

_States = tuple[CheckoutState, ...]
_LOOKS_FOR_SECONDS = 600
_SETTLES_WITHIN = timedelta(minutes=10)
_LEADS_ON_FOR = timedelta(days=1)
"""The page leads back to what is paid for: not for ever, as that link ends, too."""


@require_safe
def back(request: HttpRequest, token: str) -> HttpResponse:
    """What became of it so far; changes nothing. `?cancelled=1`: he says that he didn't pay; `?sent=1`: that he did, after a try
    that failed perhaps."""
    checkout = (
        Checkout.objects.select_related("customer__brand", "payment")
        .filter(token=token, card__isnull=True)
        .first()
    )
    if checkout is None:
        raise Http404
    may_wait: _States = OPEN_CHECKOUTS if request.GET.get("sent") else UNDECIDED
    if request.GET.get("cancelled"):
        may_wait = ()
    now = clock.now()
    if checkout.purpose.startswith("order:"):
        return _order(request, checkout, now, may_wait)
    context = _state(checkout, now, may_wait)
    if checkout.state == CheckoutState.PAID:
        context |= _ahead(checkout, now)
    context["again"] = _bill_link(checkout, now) if now < checkout.started_at + _LEADS_ON_FOR else ""
    return render(request, "portal/bill_paid.html", context)


def _ahead(checkout: Checkout, now: datetime) -> dict[str, object]:
    """What was paid ahead; the data comes a moment after the money."""
    found = asked_ahead(checkout.invoices, today=settings.FORMATS.local(now).date())
    is_soon = any(one.is_settling for one in found) and now - checkout.started_at < _SETTLES_WITHIN
    return {"ahead": found, **({"looks_again": 2} if is_soon else {})}


def _order(request: HttpRequest, checkout: Checkout, now: datetime, may_wait: _States) -> HttpResponse:
    order_id = checkout.purpose.partition(":")[2]
    order = Order.objects.select_related("service__customer__brand").get(pk=order_id)
    if order.state in ADDED:
        return redirect(done_url(order))
    context = _state(
        checkout, now, (*may_wait, CheckoutState.PAID)
    )  # the data comes a moment after the money
    again = pay_link(order) if order.state == OrderState.AWAITING_PAYMENT else ""
    context |= {"order": order, "service": order.service, "again": again}
    return render(request, "portal/paid.html", context)


def _state(checkout: Checkout, now: datetime, may_wait: _States) -> dict[str, object]:
    """`may_wait`: the states in which there is something to wait for."""
    is_waiting = checkout.state in may_wait
    age = (now - checkout.started_at).total_seconds()
    return {
        "checkout": checkout, "brand": checkout.customer.brand, "is_waiting": is_waiting,
        "is_paid": checkout.state == CheckoutState.PAID, "is_short": checkout.state == CheckoutState.SHORT,
        "looks_again": (2 if age < 120 else 15) if is_waiting and age < _LOOKS_FOR_SECONDS else 0,
    }  # fmt: skip


def _bill_link(checkout: Checkout, now: datetime) -> str:
    kind, _, number = checkout.purpose.partition(":")
    return (
        invoice_link(int(number), now=now)
        if kind == "invoice"
        else account_link(checkout.customer_id, now=now)
    )
