"""Somebody goes to a gateway to pay."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from django.conf import settings

from capstan.customers.models import Contact, Customer
from capstan.payments.actions.gateways.port import Form, Intent, NotDoneError, UnclearError, Wanted
from capstan.payments.actions.gateways.registry import access_of, provider_of
from capstan.payments.models import Checkout, Gateway
from capstan.payments.rules.words import CheckoutState, GatewayKind
from capstan.values.refused import Refused

log = structlog.get_logger()

WITH_A_PAGE = (GatewayKind.PAYFAST,)
TIME_TO_PAY = timedelta(minutes=30)
"""A bank's app and a code by SMS included. What comes later still counts."""


class Purpose(NamedTuple):
    """What is paid for. `key`: order:17, invoice:4 or account; `invoices`: which are paid first."""

    key: str
    customer_id: int
    amount_minor: int
    item: str
    invoices: Sequence[int] = ()


class Urls(NamedTuple):
    """Where the browser comes back to, and where the gateway calls; `{token}` stands for the checkout's."""

    done: str
    cancel: str
    notify: str = ""  # empty: our own address for this gateway


def gateway_for_checkouts() -> Gateway | None:
    """The one that takes new checkouts; None if customers can't pay by card here. One without a page of its own takes none."""
    return Gateway.objects.filter(active=True, kind__in=WITH_A_PAGE).order_by("priority", "id").first()


def start(purpose: Purpose, urls: Urls, *, actor: str, now: datetime) -> tuple[Checkout, Form | Intent]:
    """A checkout at the present price, and what the browser needs to go and pay. Raises Refused without a gateway, and when it
    doesn't answer."""
    gateway = gateway_for_checkouts()
    if gateway is None:
        raise Refused("Paying by card isn't set up here. Please call us.")
    if purpose.amount_minor <= 0:
        raise Refused("There is nothing to pay.")
    customer = Customer.objects.get(pk=purpose.customer_id)
    checkout = Checkout.objects.create(
        token=secrets.token_urlsafe(16), gateway=gateway, customer=customer, purpose=purpose.key,
        invoices=list(purpose.invoices), amount_minor=purpose.amount_minor, item=purpose.item, started_at=now,
        expires_at=now + TIME_TO_PAY, actor=actor,
    )  # fmt: skip
    try:
        return checkout, _ask(checkout, urls)
    except (Refused, UnclearError, NotDoneError) as problem:
        log.warning("a checkout couldn't begin", gateway=gateway.name, why=str(problem))
        Checkout.objects.filter(pk=checkout.pk).update(state=CheckoutState.FAILED, ended_at=now)
        raise Refused(
            "The payment page can't be reached at the moment. Please try again in a minute."
        ) from problem


def _ask(checkout: Checkout, urls: Urls) -> Form | Intent:
    """Outside of any transaction: a gateway may take its time."""
    gateway, customer, access = checkout.gateway, checkout.customer, access_of(checkout.gateway)
    email = (
        Contact.objects.filter(customer=customer).exclude(email="").values_list("email", flat=True).first()
    )
    hook = urls.notify or f"{settings.PUBLIC_URL}/hooks/pay/{access.secrets['hook_token']}"
    wanted = Wanted(
        checkout.token, checkout.amount_minor, checkout.item, customer.name, email or "",
        urls.done.format(token=checkout.token), urls.cancel.format(token=checkout.token), hook,
    )  # fmt: skip
    return provider_of(gateway).start_checkout(access, wanted)


def note_cancelled(token: str, *, now: datetime) -> None:
    """The browser came back saying so. A notification that it was paid after all goes before that."""
    Checkout.objects.filter(token=token, state=CheckoutState.STARTED).update(
        state=CheckoutState.CANCELLED, ended_at=now
    )


def expire(*, now: datetime, limit: int) -> int:
    """Nothing was heard of these; returns how many."""
    due = Checkout.objects.filter(state=CheckoutState.STARTED, expires_at__lte=now).order_by("expires_at")
    return Checkout.objects.filter(pk__in=list(due.values_list("pk", flat=True)[:limit])).update(
        state=CheckoutState.EXPIRED, ended_at=now
    )
