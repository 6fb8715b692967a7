"""Asking for the payment of a top-up that is paid first: a payment request with a number, no VAT document (S6)."""

from datetime import datetime

from django.conf import settings

from capstan.billing.actions.at_once import request_payment, withdraw_request
from capstan.billing.rules.words import ChargeKind
from capstan.topups.models import Order
from capstan.topups.rules.describe import invoice_line
from capstan.topups.rules.words import Channel


def line_text(order: Order) -> str:
    """What documents say of it."""
    return invoice_line(
        order.size_bytes, order.service.username, Channel(order.channel), order.requested_by, order.actor_name,
        settings.FORMATS,
    )  # fmt: skip


def ask_for_payment(order: Order, actor: str, *, now: datetime) -> None:
    """The payment request of an order that waits, once."""
    local = settings.FORMATS.local
    request_payment(
        customer_id=order.service.customer_id, service_id=order.service_id, kind=ChargeKind.TOP_UP,
        text=line_text(order), amount_minor=order.price_minor, tax_group_id=None, reference=f"order:{order.pk}",
        due_on=local(order.expires_at or now).date(), actor=actor, now=now,
    )  # fmt: skip


def ask_no_more(order: Order, *, now: datetime) -> None:
    """It came to nothing: nobody has to pay it."""
    withdraw_request(f"order:{order.pk}", now=now)
