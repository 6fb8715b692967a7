"""What gateways tell us: stored as it came, checked, applied once."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.rules.words import Method
from capstan.db.claim import claim
from capstan.db.connection import connect
from capstan.db.wakeup import wake
from capstan.ledger.actions import post
from capstan.ledger.rules import Code, JournalDraft, Name, entry
from capstan.payments.actions.cards import facts_of, keep
from capstan.payments.actions.gateways.port import (
    CardFacts,
    Heard,
    NotGenuineError,
    Outcome,
    Raw,
    UnclearError,
)
from capstan.payments.actions.gateways.registry import access_of, provider_of
from capstan.payments.actions.refunds import by_gateway, note_gateway_refund
from capstan.payments.actions.take import Received, clearing, reverse, take
from capstan.payments.models import Checkout, Gateway, Notification, Payment
from capstan.payments.rules.words import OPEN_CHECKOUTS, UNDECIDED, CheckoutState, NotificationState
from capstan.values.refused import Refused

log = structlog.get_logger()

ACTOR = "payments"
FEES = Name(Code.FEES)
_LEASE = timedelta(minutes=2)
_PAUSE, _PAUSE_MAX = timedelta(seconds=2), timedelta(minutes=10)
_HEADERS_MAX = 50
_KEPT_MAX = 500


def unmatched(gateway: Gateway) -> Name:
    """Money that a gateway has for us, and nobody knows for whom."""
    return Name(Code.UNMATCHED, gateway.name)


@transaction.atomic
def store(
    gateway: Gateway, *, body: bytes, headers: Mapping[str, str], source: str, now: datetime
) -> Notification:
    """Keep a notification as it came. When this returns, the gateway may forget it."""
    kept = dict(list(headers.items())[:_HEADERS_MAX])
    made = Notification.objects.create(
        gateway=gateway, body=body, headers={name: value[:_KEPT_MAX] for name, value in kept.items()}, source=source,
        received_at=now, due_at=now,
    )  # fmt: skip
    wake("pay")
    return made


def apply_due(*, now: datetime, limit: int, gateway_id: int | None = None) -> int:
    """Check and apply notifications that wait, of this gateway or of all; returns how many."""
    with connect(name="capstan worker notifications") as conn:
        rows = claim(
            conn, "payments_notification", key="id", returning=["id"], now=now, lease=_LEASE, limit=limit,
            equal={"gateway_id": gateway_id} if gateway_id is not None else None,
        )  # fmt: skip
    for (notification_id,) in rows:
        try:
            apply(notification_id, now=now)
        except Exception as problem:  # whatever it is, it mustn't hold up the others
            log.exception("a notification can't be applied; it is tried again", notification=notification_id)
            why = f"{type(problem).__name__}: {problem}"
            _try_later(Notification.objects.get(pk=notification_id), why, now)
    return len(rows)


def apply(notification_id: int, *, now: datetime) -> Notification:
    """Check one with its gateway and apply what it says; applied before, nothing happens."""
    notification = Notification.objects.select_related("gateway").get(pk=notification_id)
    if notification.state != NotificationState.WAITING:
        return notification
    gateway = notification.gateway
    raw = Raw(bytes(notification.body), notification.headers, notification.source)
    provider, access = provider_of(gateway), access_of(gateway)
    try:
        heard = provider.read(access, raw, notification.received_at)
        if heard.outcome == Outcome.PAID:  # outside of any transaction: it may take a while
            provider.confirm(access, raw)
        facts = _facts_for(gateway, heard)
    except NotGenuineError as problem:
        return _refuse(notification, str(problem))
    except UnclearError as problem:
        return _try_later(notification, str(problem), now)
    with transaction.atomic():
        notification = (
            Notification.objects.select_for_update(of=("self",))
            .select_related("gateway")
            .get(pk=notification_id)
        )
        if notification.state != NotificationState.WAITING:  # another worker was faster: our lease had lapsed
            return notification
        return apply_heard(notification, heard, facts, now=now)


def hear(gateway: Gateway, heard: Heard, *, now: datetime) -> bool:
    """Apply what a gateway answered when it was asked, as if it had told us; True if that was news."""
    facts = _facts_for(gateway, heard)
    with transaction.atomic():
        told = Notification.objects.create(
            gateway=gateway, body=repr(tuple(heard._replace(card_token=""))).encode(), source="", received_at=now, due_at=now
        )  # fmt: skip
        return apply_heard(told, heard, facts, now=now).state == NotificationState.APPLIED


def _facts_for(gateway: Gateway, heard: Heard) -> CardFacts:
    """Of the card that is to be stored, if one is: the gateway is asked."""
    wanted = Checkout.objects.filter(token=heard.token, gateway=gateway).exclude(kept_by="")
    return facts_of(gateway, heard.card_token) if heard.card_token and wanted.exists() else CardFacts()


def _refuse(notification: Notification, why: str) -> Notification:
    log.warning("a payment notification isn't believed", gateway=notification.gateway.name, why=why)
    return _end(notification, NotificationState.REFUSED, why)


def _try_later(notification: Notification, why: str, now: datetime) -> Notification:
    notification.attempts = min(notification.attempts + 1, 1000)
    pause = min(_PAUSE * (1 << min(notification.attempts, 10)), _PAUSE_MAX)
    notification.due_at, notification.lease_until, notification.why = now + pause, None, why
    notification.save(update_fields=["attempts", "due_at", "lease_until", "why"])
    return notification


def _end(notification: Notification, state: NotificationState, why: str) -> Notification:
    notification.state, notification.why = state, why
    notification.due_at = notification.lease_until = None
    notification.save(
        update_fields=[
            "state",
            "why",
            "due_at",
            "lease_until",
            "event_key",
            "amount_minor",
            "checkout",
            "payment",
        ]
    )
    return notification


def apply_heard(notification: Notification, heard: Heard, facts: CardFacts, *, now: datetime) -> Notification:
    """Within the caller's transaction. One that is paid makes a payment; anything else only moves its checkout."""
    notification.event_key, notification.amount_minor = heard.event_key, heard.amount_minor
    checkout = (
        Checkout.objects.select_for_update(of=("self",))
        .select_related("customer", "gateway")
        .filter(token=heard.token, gateway=notification.gateway)
        .first()
    )
    notification.checkout = checkout
    if checkout is not None and heard.outcome in (Outcome.PAID, Outcome.CARD_STORED):
        keep(checkout, heard.card_token, facts, now=now)
    if heard.outcome != Outcome.PAID:
        return _not_paid(notification, checkout, heard, now)
    gateway = Gateway.objects.select_for_update(no_key=True).get(pk=notification.gateway_id)
    same = Payment.objects.filter(gateway=gateway, gateway_reference=heard.reference).first()
    said = Notification.objects.filter(gateway=gateway, event_key=heard.event_key).exclude(pk=notification.pk)
    if same is not None or said.filter(state=NotificationState.UNKNOWN).exists():
        notification.payment = same
        return _end(notification, NotificationState.REPEATED, "this payment is booked already")
    if checkout is None:
        return _unknown(notification, heard, now)
    notification.payment = _book(checkout, heard, now)
    return _end(notification, NotificationState.APPLIED, _words(checkout, heard))


def _not_paid(
    notification: Notification, checkout: Checkout | None, heard: Heard, now: datetime
) -> Notification:
    ended = {Outcome.FAILED: CheckoutState.FAILED, Outcome.CANCELLED: CheckoutState.CANCELLED}.get(
        heard.outcome
    )
    told = Notification.objects.filter(
        gateway=notification.gateway, event_key=heard.event_key, state=NotificationState.APPLIED
    )
    if told.exclude(pk=notification.pk).exists():
        return _end(notification, NotificationState.REPEATED, str(heard.outcome))
    if heard.outcome == Outcome.REFUNDED:
        return _refunded(notification, heard, now)
    if heard.outcome == Outcome.DISPUTED:
        return _disputed(notification, heard, now)
    if checkout is None:
        return _end(notification, NotificationState.REFUSED, f"{heard.outcome}, for no checkout of ours")
    if ended and checkout.state in UNDECIDED:
        checkout.state, checkout.ended_at = ended, now
        checkout.save(update_fields=["state", "ended_at"])
        wake("pay")
    return _end(notification, NotificationState.APPLIED, str(heard.outcome))


def _refunded(notification: Notification, heard: Heard, now: datetime) -> Notification:
    """What we gave back ourselves is booked; what somebody gave back at the gateway is booked now. Where that pays invoices, a
    person has to say which of them it doesn't pay any more."""
    payment = Payment.objects.filter(gateway=notification.gateway, gateway_reference=heard.reference).first()
    notification.payment = payment
    if payment is None:
        return _end(notification, NotificationState.REFUSED, "a refund of no payment of ours")
    try:
        news = note_gateway_refund(
            payment_id=payment.pk, refunded_minor=heard.amount_minor, actor=ACTOR, now=now
        )
    except Refused as refusal:
        news = heard.amount_minor - by_gateway(payment)
        return _end(notification, NotificationState.REFUSED, _unbooked(news, str(refusal)))
    words = "refunded at the gateway, and booked now" if news else "refunded, as we have booked it"
    return _end(notification, NotificationState.APPLIED, words)


def _unbooked(amount_minor: int, why: str) -> str:
    return (
        f"{settings.FORMATS.money(amount_minor)} was refunded at the gateway and isn't booked here. {why} Credit what it paid, "
        "then refund it on the payment's page as given back at the gateway already."
    )


def _disputed(notification: Notification, heard: Heard, now: datetime) -> Notification:
    """The payer's bank took the money back: what it had paid is open again."""
    payment = Payment.objects.filter(gateway=notification.gateway, gateway_reference=heard.reference).first()
    notification.payment = payment
    if payment is None:
        return _end(notification, NotificationState.REFUSED, "a dispute about no payment of ours")
    if heard.amount_minor not in (0, payment.amount_minor):
        return _end(
            notification, NotificationState.REFUSED, "a part of this payment is disputed: a person decides"
        )
    try:
        reverse(payment_id=payment.pk, reason="disputed by the payer's bank", actor=ACTOR, now=now)
    except Refused as refusal:
        return _end(notification, NotificationState.REFUSED, f"disputed by the payer's bank; {refusal}")
    return _end(notification, NotificationState.APPLIED, "disputed: the payment was reversed")


def _book(checkout: Checkout, heard: Heard, now: datetime) -> Payment:
    """The money is the customer's, whatever it was for. What it was for gets it only if it is enough and the first."""
    today = settings.FORMATS.local(now).date()
    is_enough = heard.amount_minor >= checkout.amount_minor
    is_first = checkout.payment_id is None and checkout.state in OPEN_CHECKOUTS
    for_order = checkout.purpose.startswith("order:") and is_enough and is_first
    payment = take(
        Received(
            checkout.customer_id, Method.CARD, heard.amount_minor, today, clearing(checkout.gateway), heard.reference,
            invoices=checkout.invoices if is_first else (), kept_for=checkout.purpose if for_order else "",
            gateway_id=checkout.gateway_id, gateway_reference=heard.reference,
        ),
        actor=ACTOR, now=now,
    )  # fmt: skip
    _book_fee(payment, checkout.gateway, heard.fee_minor, now)
    if is_first:
        checkout.state = CheckoutState.PAID if is_enough else CheckoutState.SHORT
        checkout.ended_at, checkout.payment = now, payment
        checkout.save(update_fields=["state", "ended_at", "payment"])
    wake("pay")
    return payment


def _book_fee(payment: Payment, gateway: Gateway, fee_minor: int, now: datetime) -> None:
    entries = entry(FEES, clearing(gateway), fee_minor)
    if entries:
        day = settings.FORMATS.local(now).date()
        text = f"{gateway.name}'s fee on receipt {payment.receipt_number}"
        post([JournalDraft(f"payment:{payment.pk}", "fee", day, text, ACTOR, entries)], now=now)


def _words(checkout: Checkout, heard: Heard) -> str:
    if heard.amount_minor < checkout.amount_minor:
        return "less was paid than was asked for: it is the customer's credit, and bought nothing"
    if heard.amount_minor > checkout.amount_minor:
        return "more was paid than was asked for: the rest is the customer's credit"
    return "paid"


def _unknown(notification: Notification, heard: Heard, now: datetime) -> Notification:
    """Money that is ours to keep safe until somebody finds whose it is."""
    gateway = notification.gateway
    day = settings.FORMATS.local(now).date()
    if not heard.amount_minor:
        return _end(
            notification, NotificationState.REFUSED, "it says that nothing was paid, for no checkout of ours"
        )
    entries = entry(clearing(gateway), unmatched(gateway), heard.amount_minor)
    if entries:
        text = f"{gateway.name} payment {heard.reference}, for nothing of ours"
        post(
            [JournalDraft(f"notification:{notification.pk}", "unmatched", day, text, ACTOR, entries)], now=now
        )
    return _end(notification, NotificationState.UNKNOWN, f"for {heard.token!r}, which is no checkout of ours")


@transaction.atomic
def assign(*, notification_id: int, customer_id: int, reason: str, actor: str, now: datetime) -> Payment:
    """Somebody found out whose an unknown payment is: it becomes this customer's credit. Raises Refused."""
    notification = (
        Notification.objects.select_for_update(of=("self",)).select_related("gateway").get(pk=notification_id)
    )
    if notification.state != NotificationState.UNKNOWN or notification.payment_id:
        raise Refused("This payment has found its customer already.")
    if not reason.strip():
        raise Refused("Say how you know whose it is.")
    gateway, reference = notification.gateway, (notification.event_key or "").split(":")[0]
    payment = take(
        Received(
            customer_id, Method.CARD, notification.amount_minor or 0, settings.FORMATS.local(now).date(),
            clearing(gateway), reference, from_account=unmatched(gateway), gateway_id=gateway.pk,
            gateway_reference=reference,
        ),
        actor=actor, now=now,
    )  # fmt: skip
    notification.payment, notification.looked_after_by = payment, actor
    notification.save(update_fields=["payment", "looked_after_by"])
    record(
        actor=actor, action="payment.assign", subject=f"customer:{customer_id}", reason=reason.strip(), now=now,
        details={"notification": notification_id, "payment": payment.pk},
    )  # fmt: skip
    return payment
