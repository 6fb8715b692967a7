"""What gateways bring: called by them, or asked for. Who calls must know the gateway's token, and sign if it should."""

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from capstan.messaging.actions.inbound import finish, store
from capstan.messaging.actions.receipts import take_receipt
from capstan.messaging.actions.transports.port import NotSentError, Polled
from capstan.messaging.models import Gateway
from capstan.messaging.queries.gateways import by_name, secrets_of
from capstan.messaging.rules.callbacks import is_signed, items, read_inbound, read_receipt
from capstan.messaging.rules.gateways import InboundFields, Polls, ReceiptFields, Signature
from capstan.messaging.rules.words import InboundState
from capstan.values.refused import Refused

log = structlog.get_logger()

Items = Sequence[Mapping[str, object]]


def gateway_called(name: str, token: str) -> Gateway | None:
    """The gateway that may call with this token. The comparison takes as long whatever is wrong."""
    gateway = by_name(name)
    wanted = secrets_of(gateway).get("hook_token", "") if gateway is not None else ""
    is_right = hmac.compare_digest((wanted or "none").encode(), token.encode())
    return gateway if wanted and is_right else None


def signature_of(gateway: Gateway) -> Signature | None:
    """How its callbacks are signed; None if they aren't."""
    return (
        Signature.model_validate(gateway.settings["signature"]) if gateway.settings.get("signature") else None
    )


def has_signed(gateway: Gateway, signature: Signature, given: str, body: bytes) -> bool:
    key = secrets_of(gateway).get("hook_key", "")
    return bool(key) and is_signed(signature, key, given, body)


def inbound_fields(gateway: Gateway) -> InboundFields:
    return InboundFields.model_validate(gateway.settings.get("inbound", {}))


def receipt_fields(gateway: Gateway) -> ReceiptFields:
    return ReceiptFields.model_validate(gateway.settings.get("receipt", {}))


@transaction.atomic
def take_inbound(gateway: Gateway, came: Items, *, now: datetime) -> int:
    """Keep all of these SMS or, when one can't be read, none. Raises Refused that names what is wrong with it."""
    fields = inbound_fields(gateway)
    for sms in [read_inbound(fields, item) for item in came]:
        store(gateway, **sms._asdict(), now=now)
    return len(came)


@transaction.atomic
def take_receipts(gateway: Gateway, came: Items, *, now: datetime) -> int:
    """Keep and apply these receipts, all or none. Raises Refused that names what is wrong with one."""
    fields = receipt_fields(gateway)
    for facts in [read_receipt(fields, item) for item in came]:
        take_receipt(gateway, facts, now=now)
    return len(came)


@transaction.atomic
def take_polled(gateway_id: int, result: Polled | BaseException, *, now: datetime) -> None:
    """Keep what a gateway had for us, together with how far it was read. If it can't be read it is asked again."""
    gateway = Gateway.objects.select_for_update(no_key=True).get(pk=gateway_id)
    polls = gateway.settings.get("poll")
    every = Polls.model_validate(polls).every_seconds if polls else None
    gateway.poll_lease_until = None
    gateway.poll_due_at = now + timedelta(seconds=every) if every and gateway.active else None
    trouble = ""
    if isinstance(result, Polled):
        try:
            _keep_polled(gateway, result, now)
            gateway.poll_cursors, gateway.polled_at = dict(result.cursors), now
        except Refused as refusal:
            trouble = str(refusal)
    else:
        trouble = result.detail if isinstance(result, NotSentError) else f"{type(result).__name__}: {result}"
    if trouble and not gateway.poll_trouble:
        log.warning("a gateway could not be asked for what came in", gateway=gateway.name, why=trouble)
    gateway.poll_trouble = trouble
    gateway.save(
        update_fields=["poll_lease_until", "poll_due_at", "poll_cursors", "polled_at", "poll_trouble"]
    )


def _keep_polled(gateway: Gateway, polled: Polled, now: datetime) -> None:
    """All of it; an item that can't be read mustn't hold up those after it, so a person gets it."""
    inbound, receipts = inbound_fields(gateway), receipt_fields(gateway)
    came = _items(polled.inbound, inbound.items)
    told = _items(polled.receipts, receipts.items)
    for item in came:
        try:
            store(gateway, **read_inbound(inbound, item)._asdict(), now=now)
        except Refused as refusal:
            _for_person(gateway, item, str(refusal), now)
    for item in told:
        try:
            take_receipt(gateway, read_receipt(receipts, item), now=now)
        except Refused as refusal:
            log.warning("a receipt can't be read", gateway=gateway.name, why=str(refusal), receipt=item)


def _items(body: str, path: str) -> Items:
    if not body.strip():
        return []
    try:
        return items(json.loads(body), path)
    except ValueError as problem:
        raise Refused(f"the answer can't be read: {problem}") from problem


def _for_person(gateway: Gateway, item: Mapping[str, object], why: str, now: datetime) -> None:
    inbound = store(
        gateway, sender="unknown", recipient="", text=json.dumps(item), sent_at=None, carrier_id="",
        parent_carrier_id="", now=now,
    )  # fmt: skip
    finish(inbound.pk, InboundState.NEEDS_PERSON, f"It can't be read: {why}.", now)
