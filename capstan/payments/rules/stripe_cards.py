"""Cards at Stripe: what a page that takes one may load, and which one a token stands for, as people know it."""

import re
from datetime import date
from typing import NamedTuple

from capstan.payments.rules.stripe import Json, document, id_of

PAGE_ORIGINS = (
    ("https://js.stripe.com", "https://*.js.stripe.com"),
    ("https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com"),
    ("https://api.stripe.com",),
)
"""For scripts, frames, and what scripts ask: docs.stripe.com/security/guide (content security policy)."""

METHODS_PATH = "/v1/payment_methods"


class Card(NamedTuple):
    """A payment method that is a card. `expires`: the first day on which it is no good."""

    brand: str
    last4: str
    expires: date | None


def read_card(body: str) -> Card:
    """What of a payment method people know it by; blank for one that is no card. Raises Refused for no payment method."""
    found = document(body, "payment method")
    id_of(found, "id", "payment method")
    card = found.get("card")
    if not isinstance(card, dict):
        return Card("", "", None)
    last4 = _text(card, "last4")
    return Card(_text(card, "brand")[:30], last4 if re.fullmatch("[0-9]{4}", last4) else "", _expires(card))


def _expires(card: Json) -> date | None:
    year, month = card.get("exp_year"), card.get("exp_month")
    if type(year) is int and type(month) is int and 2000 <= year < 2100 and 1 <= month <= 12:
        return date(year + month // 12, month % 12 + 1, 1)
    return None


def _text(found: Json, name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""
