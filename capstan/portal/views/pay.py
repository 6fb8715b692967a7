"""Paying a top-up by card: what is paid for, and on to the gateway. Names no person."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from capstan.portal.going import KeepForm, on_to
from capstan.portal.limits import TooOftenError, count_going_to_pay
from capstan.portal.views.top_up import done_url
from capstan.topups.actions.pay import order_of_link, start_checkout
from capstan.topups.rules.words import ADDED, OrderState
from capstan.values import clock
from capstan.values.refused import Refused


@require_http_methods(["GET", "POST"])
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what is to be paid; POST goes to the gateway's page, by itself or by one more button without scripts."""
    order = order_of_link(token)
    if order is None:
        return render(request, "portal/too_old.html", status=410)
    if order.state in ADDED:
        return redirect(done_url(order))
    keep = KeepForm(request.POST if request.method == "POST" else None)
    waits = order.state == OrderState.AWAITING_PAYMENT
    context = {"order": order, "service": order.service, "waits": waits, "keep": keep}
    if request.method == "POST" and waits:
        now = clock.now()
        try:
            count_going_to_pay(request, f"order:{order.pk}", now)
            going = start_checkout(order, consent=keep.consent(), now=now)
        except Refused as refusal:
            status = 429 if isinstance(refusal, TooOftenError) else 409
            return render(request, "portal/pay.html", {**context, "refusal": str(refusal)}, status=status)
        return on_to(request, *going, brand=order.service.customer.brand, back=request.path)
    return render(request, "portal/pay.html", context)
