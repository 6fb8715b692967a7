"""Somebody goes to a gateway to pay."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from django.conf import settings

from capstan.customers.models import Contact
from capstan.payments.actions.gateways.port import Form, Intent, NotDoneError, UnclearError, Wanted
from capstan.payments.actions.gateways.registry import access_of, is_ready, provider_of
from capstan.payments.models import Checkout, Gateway
from capstan.payments.rules.words import CheckoutState
from capstan.values.refused import Refused

log = structlog.get_logger()

TIME_TO_PAY = timedelta(minutes=30)
"""A bank's app and a code by SMS included. What comes later still counts."""


class Purpose(NamedTuple):
    """What is paid for. `key`: order:17, invoice:4 or account; `invoices`: which are paid first."""

    key: str
    customer_id: int
    amount_minor: int
    item: str
    invoices: Sequence[int] = ()


class Consent(NamedTuple):
    """Somebody agreed to his card being stored, and charged without him later: who, and by which channel."""

    by: str
    channel: str


class Urls(NamedTuple):
    """Where the browser comes back to, and where the gateway calls; `{token}` stands for the checkout's."""

    done: str
    cancel: str
    notify: str = ""  # empty: our own address for this gateway


def gateway_for_checkouts() -> Gateway | None:
    """The one that takes new checkouts; None if customers can't pay by card here. One that lacks a setting takes none."""
    active = Gateway.objects.filter(active=True).order_by("priority", "id")
    return next((one for one in active if is_ready(one)), None)


def start(
    purpose: Purpose, urls: Urls, *, consent: Consent | None = None, actor: str, now: datetime
) -> tuple[Checkout, Form | Intent]:
    """A checkout at the present price, and what the browser needs to go and pay. With `consent` the card is stored once it has
    paid. Raises Refused without a gateway, and when it doesn't answer."""
    gateway = gateway_for_checkouts()
    if gateway is None:
        raise Refused("Paying by card isn't set up here. Please call us.")
    if purpose.amount_minor <= 0:
        raise Refused("There is nothing to pay.")
    if consent is not None and not consent.by.strip():
        raise Refused("Give your name, if the card is to be kept: we write down who agreed.")
    checkout = Checkout.objects.create(
        token=new_token(), gateway=gateway, customer_id=purpose.customer_id, purpose=purpose.key,
        invoices=list(purpose.invoices), amount_minor=purpose.amount_minor, item=purpose.item, started_at=now,
        expires_at=now + TIME_TO_PAY, actor=actor, kept_by=consent.by.strip() if consent else "",
        kept_channel=consent.channel if consent else "",
    )  # fmt: skip
    try:
        return checkout, provider_of(gateway).start_checkout(access_of(gateway), wanted_of(checkout, urls))
    except (Refused, UnclearError, NotDoneError) as problem:
        log.warning("a checkout couldn't begin", gateway=gateway.name, why=str(problem))
        Checkout.objects.filter(pk=checkout.pk).update(state=CheckoutState.FAILED, ended_at=now)
        raise Refused(
            "The payment page can't be reached at the moment. Please try again in a minute."
        ) from problem


def new_token() -> str:
    """Our id of a checkout at its gateway; whoever knows it may see the checkout's state."""
    return secrets.token_urlsafe(16)


def wanted_of(checkout: Checkout, urls: Urls) -> Wanted:
    """A checkout as its gateway is told of it."""
    customer, access = checkout.customer, access_of(checkout.gateway)
    email = (
        Contact.objects.filter(customer=customer).exclude(email="").values_list("email", flat=True).first()
    )
    hook = urls.notify or f"{settings.PUBLIC_URL}/hooks/pay/{access.secrets['hook_token']}"
    return Wanted(
        checkout.token, checkout.amount_minor, checkout.item, customer.name, email or "",
        urls.done.format(token=checkout.token), urls.cancel.format(token=checkout.token), hook,
        save_card=bool(checkout.kept_by),
    )  # fmt: skip


def expire(*, now: datetime, limit: int) -> int:
    """Nothing was heard of these; returns how many. What became of a charge is looked up, however long it takes."""
    open_ones = Checkout.objects.filter(state=CheckoutState.STARTED, card__isnull=True)
    due = open_ones.filter(expires_at__lte=now).order_by("expires_at")
    return Checkout.objects.filter(pk__in=list(due.values_list("pk", flat=True)[:limit])).update(
        state=CheckoutState.EXPIRED, ended_at=now
    )
