"""What carriers say about messages that they took. Kept as it came, then applied; the order of coming doesn't matter."""

from datetime import datetime, timedelta

from django.db import transaction

from capstan.db.wakeup import wake
from capstan.messaging.models import Gateway, Message, Receipt
from capstan.messaging.rules.callbacks import ReceiptFacts, kind_of
from capstan.messaging.rules.gateways import ReceiptFields
from capstan.messaging.rules.states import ReceiptKind, after_receipt
from capstan.messaging.rules.words import FINAL, MessageState, Reason

_AGAIN = timedelta(seconds=2)
_GIVE_UP_AFTER = timedelta(hours=1)

_REASONS = {
    ReceiptKind.FAILED: Reason.UNDELIVERED,
    ReceiptKind.UNKNOWN_SUBSCRIBER: Reason.UNKNOWN_SUBSCRIBER,
}


@transaction.atomic
def take_receipt(gateway: Gateway, facts: ReceiptFacts, *, now: datetime) -> Receipt:
    """Keep a receipt and apply it. The same one again changes nothing.

    One whose message isn't known yet – it knows only the carrier's id, and the answer that brings it isn't committed –
    is looked at again for an hour.
    """
    receipt, is_new = Receipt.objects.get_or_create(
        gateway=gateway,
        reference=facts.reference,
        carrier_id=facts.carrier_id,
        status=facts.status,
        error=facts.error,
        defaults={"raw": facts.raw, "received_at": now, "due_at": now},
    )
    if is_new:
        _apply(receipt, now)
        if receipt.due_at is not None:
            wake("message")
    return receipt


def apply_waiting(*, now: datetime, limit: int) -> int:
    """Apply receipts that came before their message was known; how many were looked at."""
    due = Receipt.objects.filter(due_at__lte=now).order_by("due_at").values_list("pk", flat=True)[:limit]
    return sum(_apply_one(pk, now) for pk in due)


@transaction.atomic
def _apply_one(receipt_id: int, now: datetime) -> bool:
    held = Receipt.objects.select_for_update(skip_locked=True)
    receipt = held.filter(pk=receipt_id, due_at__lte=now).first()
    if receipt is not None:
        _apply(receipt, now)
    return receipt is not None


def _apply(receipt: Receipt, now: datetime) -> None:
    message = _message(receipt)
    if message is not None:
        _change(message, receipt, now)
        receipt.message, receipt.applied_at, receipt.due_at = message, now, None
    else:
        is_hopeless = now >= receipt.received_at + _GIVE_UP_AFTER
        receipt.due_at = None if is_hopeless else now + _AGAIN
    receipt.save(update_fields=["message", "applied_at", "due_at"])


def _message(receipt: Receipt) -> Message | None:
    """By our reference, else by the carrier's id, of this gateway; locked."""
    held = Message.objects.select_for_update().filter(gateway_id=receipt.gateway_id)
    if receipt.reference:
        return held.filter(reference=receipt.reference).first()
    return held.filter(carrier_id=receipt.carrier_id).order_by("-pk").first()


def _change(message: Message, receipt: Receipt, now: datetime) -> None:
    fields = ReceiptFields.model_validate(receipt.gateway.settings.get("receipt", {}))
    kind = kind_of(fields, receipt.status, receipt.error)
    message.carrier_id = message.carrier_id or receipt.carrier_id
    message.sent_at = message.sent_at or (now if kind != ReceiptKind.UNKNOWN else None)
    new = after_receipt(MessageState(message.state), kind)
    if new != message.state:
        message.state, message.due_at, message.lease_until = new, None, None
        message.reason = _REASONS.get(kind, Reason.NONE)
        message.detail = f"{receipt.status} {receipt.error}".strip() if message.reason else ""
        if new in FINAL:
            message.finished_at = now
        if new != MessageState.UNCERTAIN:
            message.sealed_text = None
    message.save()
