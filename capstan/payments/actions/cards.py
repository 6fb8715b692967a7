"""Cards that customers let us charge without them: kept when they have paid once with one, and taken off."""

from datetime import datetime

import structlog
from django.db import connection, transaction

from capstan.audit.actions import record
from capstan.billing.actions import terms
from capstan.payments.actions.gateways.port import CardFacts, UnclearError
from capstan.payments.actions.gateways.registry import access_of, provider_of
from capstan.payments.models import Checkout, Gateway, StoredCard
from capstan.values.refused import Refused

log = structlog.get_logger()

_BY_A_NEWER = "a newer card took its place"


def facts_of(gateway: Gateway, token: str) -> CardFacts:
    """What people know the card by, as far as its gateway says. Outside of any transaction: it asks."""
    try:
        return provider_of(gateway).card_facts(access_of(gateway), token)
    except UnclearError as problem:
        log.warning("a gateway doesn't say which card it is", gateway=gateway.name, why=str(problem))
        return CardFacts()


def keep(checkout: Checkout, token: str, facts: CardFacts, *, now: datetime) -> StoredCard | None:
    """Within the caller's transaction: store the card that a checkout was paid with, if its payer agreed, once. It takes
    the place of the customer's former one."""
    assert connection.in_atomic_block
    if not token or not checkout.kept_by or StoredCard.objects.filter(checkout=checkout).exists():
        return None
    terms.lock(checkout.customer_id, now=now)
    for former in StoredCard.objects.filter(customer_id=checkout.customer_id, removed_at=None):
        _take_off(former, _BY_A_NEWER, checkout.actor, now)
    made = StoredCard.objects.create(
        customer_id=checkout.customer_id, gateway_id=checkout.gateway_id, token=token, brand=facts.brand,
        last4=facts.last4, expires_on=facts.expires, checkout=checkout, agreed_by=checkout.kept_by,
        agreed_channel=checkout.kept_channel, agreed_at=checkout.started_at,
    )  # fmt: skip
    record(
        actor=checkout.actor, action="card.keep", subject=f"customer:{checkout.customer_id}", now=now,
        details={"card": made.pk, "last4": facts.last4, "agreed_by": made.agreed_by, "by": made.agreed_channel},
    )  # fmt: skip
    return made


@transaction.atomic
def remove(*, card_id: int, reason: str, actor: str, now: datetime) -> StoredCard:
    """The card is never charged again: what stands for it is forgotten. Raises Refused without a reason, and when it was done."""
    if not reason.strip():
        raise Refused("Say why the card goes: who asked for it.")
    customer_id = StoredCard.objects.values_list("customer_id", flat=True).get(pk=card_id)
    terms.lock(customer_id, now=now)
    card = StoredCard.objects.select_for_update(of=("self",)).get(pk=card_id)
    if card.removed_at is not None:
        raise Refused("This card was removed already.")
    _take_off(card, reason.strip(), actor, now)
    return card


def _take_off(card: StoredCard, reason: str, actor: str, now: datetime) -> None:
    card.token, card.removed_at, card.removed_by, card.removed_because = "", now, actor, reason
    card.save(update_fields=["token", "removed_at", "removed_by", "removed_because"])
    record(
        actor=actor, action="card.remove", subject=f"customer:{card.customer_id}", reason=reason, now=now,
        details={"card": card.pk, "last4": card.last4},
    )  # fmt: skip
