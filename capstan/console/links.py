"""Addresses of the console's pages that many others lead to."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from capstan.topups.models import Order


def service(service_id: int) -> str:
    return reverse("console:service", args=[service_id])


def customer(account_code: str) -> str:
    return reverse("console:customer", args=[account_code])


def order(order_id: int) -> str:
    return reverse("console:order", args=[order_id])


def add_top_up(service_id: int) -> str:
    return reverse("console:add_top_up", args=[service_id])


def after_top_up(made: Order) -> str:
    """Where an agent sees the line come back."""
    return order(made.pk)


def back(request: HttpRequest) -> str:
    """The page of ours that a form came from and asks to be led back to; empty if it doesn't."""
    wanted = request.POST.get("next", "")
    return (
        wanted
        if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, {request.get_host()})
        else ""
    )
