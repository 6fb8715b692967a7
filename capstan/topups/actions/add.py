"""Adding what was ordered: one bucket and one charge, in the transaction of the order."""

from datetime import datetime

from django.conf import settings

from capstan.audit.actions import record
from capstan.billing.actions.at_once import fulfil_request, invoice_charges, pay_from
from capstan.billing.actions.charges import charge
from capstan.billing.queries.standing import standing_of
from capstan.billing.rules.words import ChargeKind, TopUpInvoicing
from capstan.caps.actions.cap import grant
from capstan.caps.models import Cap
from capstan.caps.rules.words import BucketKind, CapState
from capstan.db.wakeup import wake
from capstan.network.queries.state import live
from capstan.topups.actions.events import move_to
from capstan.topups.actions.overtaken import withdraw
from capstan.topups.actions.request import line_text
from capstan.topups.actions.tell_order import tell_added
from capstan.topups.models import Order
from capstan.topups.queries.sale import expiry
from capstan.topups.rules.words import Channel, OrderState, Restore


def add_data(order: Order, actor: str, *, now: datetime) -> None:
    """Grant the bucket, make the charge, and have the line followed until it is back.

    The caller holds the lock on the line's cap row.
    """
    before = Cap.objects.get(pk=order.service_id)
    order.restore = _restore(order.service_id, CapState(before.state), now)
    order.bucket = grant(
        service_id=order.service_id, kind=BucketKind.TOPUP, size_bytes=order.size_bytes,
        expires_at=expiry(order.valid_days, order.never_expires, before.cycle_end, now),
        source=f"order:{order.pk}", reference=f"order:{order.pk}", actor=actor, reason=_reason(order), now=now,
    )  # fmt: skip
    order.charge = charge(
        service_id=order.service_id, kind=ChargeKind.TOP_UP, description=line_text(order), amount_minor=order.price_minor,
        reference=f"order:{order.pk}", actor=actor, now=now, paid_with=order.paid_with,
    )  # fmt: skip
    order.granted_at = order.follow_at = now
    order.expires_at = None
    move_to(order, OrderState.GRANTED, actor, "", now)
    record(
        actor=actor, action="topup.add", subject=f"service:{order.service_id}", reason=order.reason, now=now,
        details={"order": order.pk, "bytes": order.size_bytes, "price_minor": order.price_minor,
                 "for": order.requested_by, "verified": order.verified_how},
    )  # fmt: skip
    _invoice(order, actor, now)
    withdraw(order.service_id, now)
    tell_added(order, now)
    wake("message")


def _invoice(order: Order, actor: str, now: datetime) -> None:
    """Its own invoice, where the account has one for each top-up or has paid; else the next one takes it up (S7)."""
    today = settings.FORMATS.local(now).date()
    assert order.charge is not None
    own = order.paid_with or standing_of(order.service.customer_id, today=today).top_ups == TopUpInvoicing.OWN
    if not own or not order.price_minor:
        return
    reference = f"order:{order.pk}"
    invoice = invoice_charges([order.charge.pk], actor=actor, now=now)
    if invoice is not None:
        fulfil_request(reference, invoice)
        pay_from(invoice, reference, actor=actor, now=now)


def _restore(service_id: int, before: CapState, now: datetime) -> Restore:
    if before == CapState.OPEN:
        return Restore.ALREADY_OPEN
    return Restore.PENDING if live([service_id], now=now)[service_id] else Restore.NEXT_LOGIN


def _reason(order: Order) -> str:
    by = f", by {order.actor_name}" if order.channel == Channel.AGENT else ""
    return f"Top-up for {order.requested_by}{by}"
