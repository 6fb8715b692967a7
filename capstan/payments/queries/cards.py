"""The stored card of a customer, and what was charged to it."""

from datetime import date

from django.conf import settings
from django.db.models import Q

from capstan.payments.models import Checkout, StoredCard
from capstan.payments.rules.cards import card_name


def card_of(customer_id: int) -> StoredCard | None:
    """The card that the customer lets us charge."""
    cards = StoredCard.objects.filter(customer_id=customer_id, removed_at=None).select_related("gateway")
    return cards.first()


def name_of_card(card: StoredCard) -> str:
    """`the Visa card ending 4242`."""
    return card_name(card.brand, card.last4, settings.FORMATS.date(card.agreed_at))


def hindrance(card: StoredCard, today: date) -> str:
    """Why it can't be charged, a sentence; empty: it can be tried."""
    if card.removed_at is not None:
        return "The card was removed."
    if not card.gateway.active:
        return "The payment partner that keeps the card isn't used any more."
    if card.expires_on is not None and card.expires_on <= today:
        return f"{name_of_card(card).capitalize()} has expired."
    return ""


def not_expired(today: date) -> Q:
    """Of stored cards: as far as the gateway says. Those of the others are never asked for."""
    return Q(expires_on=None) | Q(expires_on__gt=today)


def last_charges(customer_id: int, *, limit: int) -> list[Checkout]:
    """What was charged to the customer's cards, or tried, the last first."""
    charges = Checkout.objects.filter(customer_id=customer_id, card__isnull=False)
    return list(charges.select_related("card", "payment").order_by("-started_at", "-pk")[:limit])
