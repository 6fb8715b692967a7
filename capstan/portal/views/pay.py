"""Paying a top-up by card: what is paid for, on to the gateway's page, and back. Names no person."""

from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from capstan.payments.actions.checkouts import note_cancelled
from capstan.payments.actions.gateways.port import Form
from capstan.payments.models import Checkout
from capstan.payments.rules.words import CheckoutState
from capstan.portal.views.top_up import done_url
from capstan.topups.actions.pay import order_of_link, pay_link, start_checkout
from capstan.topups.models import Order
from capstan.topups.rules.words import ADDED, OrderState
from capstan.ui.csp import policy
from capstan.values import clock
from capstan.values.refused import Refused

_LOOKS_FOR_SECONDS = 600


@require_http_methods(["GET", "POST"])
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what is to be paid; POST goes to the gateway's page, by itself or by one more button without scripts."""
    order = order_of_link(token)
    if order is None:
        return render(request, "portal/too_old.html", status=410)
    if order.state in ADDED:
        return redirect(done_url(order))
    context = {"order": order, "service": order.service, "waits": order.state == OrderState.AWAITING_PAYMENT}
    if request.method == "POST" and context["waits"]:
        try:
            going = start_checkout(order, now=clock.now())
        except Refused as refusal:
            return render(request, "portal/pay.html", {**context, "refusal": str(refusal)}, status=409)
        return _on_to(request, going.form, context)
    return render(request, "portal/pay.html", context)


def _on_to(request: HttpRequest, form: Form, context: dict[str, object]) -> HttpResponse:
    response = render(request, "portal/on_to_gateway.html", {**context, "form": form})
    parts = urlsplit(form.url)
    response.headers["Content-Security-Policy"] = policy(form_action=f"{parts.scheme}://{parts.netloc}")
    return response


@require_safe
def back(request: HttpRequest, token: str) -> HttpResponse:
    """The browser is back from the gateway. What it says is a hint: only the gateway's own word counts, and is waited for."""
    checkout = Checkout.objects.filter(token=token).first()
    if checkout is None or not checkout.purpose.startswith("order:"):
        raise Http404
    now = clock.now()
    if request.GET.get("cancelled"):
        note_cancelled(token, now=now)
        checkout.refresh_from_db()
    order = Order.objects.select_related("service__customer__brand").get(
        pk=checkout.purpose.partition(":")[2]
    )
    if order.state in ADDED:
        return redirect(done_url(order))
    is_waiting = checkout.state in (CheckoutState.STARTED, CheckoutState.PAID)
    age = (now - checkout.started_at).total_seconds()
    context = {
        "order": order, "service": order.service, "checkout": checkout, "is_waiting": is_waiting,
        "is_short": checkout.state == CheckoutState.SHORT,
        "again": pay_link(order) if order.state == OrderState.AWAITING_PAYMENT else "",
        "looks_again": (2 if age < 120 else 15) if is_waiting and age < _LOOKS_FOR_SECONDS else 0,
    }  # fmt: skip
    return render(request, "portal/paid.html", context)
