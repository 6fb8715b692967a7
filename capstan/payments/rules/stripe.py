"""Stripe's protocol: how a webhook is signed, what events and answers of the API say, and what is sent to it.

Sources: docs.stripe.com/webhooks (verify manually), docs.stripe.com/api (events, payment_intents, setup_intents, charges,
disputes, refunds, errors, idempotent_requests), docs.stripe.com/currencies. Amounts are minor units, there and here: Stripe
counts yen in yen and cents in cents, as ISO 4217 does, but for the currencies in `COUNTED_OTHERWISE`.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlencode

from capstan.values.refused import Refused

Pair = tuple[str, str]
Json = Mapping[str, Any]

API = "https://api.stripe.com"
SCRIPT = "https://js.stripe.com/v3/"
"""Stripe allows its script from this address only, never from a copy."""

VERSION = "2024-06-20"
"""Of the API: answers keep this shape whatever the account's own version is. An event has its endpoint's version; what is
read of events here is the same in all of them."""

INTENTS_PATH, REFUNDS_PATH, CUSTOMERS_PATH = "/v1/payment_intents", "/v1/refunds", "/v1/customers"
COUNTED_OTHERWISE = frozenset({"ISK", "UGX", "MGA"})
"""Stripe counts the first two in hundredths, which don't exist, and the third without its fifths."""

BODY_MAX = 262_144
TOLERANCE_SECONDS = 300
TEXT_MAX = 200
PAGE = 100

_TIME = re.compile(r"[0-9]{1,11}")
_ID = re.compile(r"[A-Za-z0-9_]{1,255}")
_TOKEN = re.compile(r"[!-~]{1,100}")
_SECRET = re.compile(r"[!-~]{1,500}")
_AMOUNT_MAX = 10**15  # anything above is no money, and no database's integer either


# The signature of a webhook


def check_signature(header: str, body: bytes, secret: str, now: datetime) -> None:
    """Raises Refused unless `body` was signed with `secret` within the last minutes.

    `header` is Stripe-Signature: `t=1767225600,v1=<hex>`, with several v1 while the secret is being changed; other schemes
    are ignored. `now` is when it came: an old one may be somebody's repeat, and one from the future would stay valid for long.
    """
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        raise Refused("The Stripe-Signature has no time, t=…")
    if not signatures:
        raise Refused("The Stripe-Signature has no signature, v1=…")
    if not secret:
        raise Refused("The gateway has no webhook secret: enter the one that Stripe shows for the endpoint")
    right = hmac.new(secret.encode(), f"{times[0]}.".encode() + body, hashlib.sha256).hexdigest().encode()
    if not any(hmac.compare_digest(right, one.encode("utf-8", "replace")) for one in signatures):
        raise Refused("The signature isn't Stripe's for this gateway's webhook secret")
    age = round(now.timestamp()) - int(times[0])
    if age > TOLERANCE_SECONDS:
        raise Refused(f"It was signed {age} s before it came, and is believed for {TOLERANCE_SECONDS} s")
    if age < -TOLERANCE_SECONDS:
        raise Refused(f"It was signed {-age} s in the future: this server's clock may be slow")


# Events


class Happened(StrEnum):
    """What an event says of a payment intent. FAILED is one try: the customer may try again with another card."""

    SUCCEEDED = "payment_intent.succeeded"
    FAILED = "payment_intent.payment_failed"
    CANCELED = "payment_intent.canceled"
    PROCESSING = "payment_intent.processing"


class Intent(NamedTuple):
    """A payment intent: `reference` is its id, `token` our own. `amount_minor` is what came, or what is asked for until then.

    `card_token`, cus_…/pm_…, is there once it is paid with a card that may be charged again without its holder;
    `client_secret` is for the browser that pays.
    """

    reference: str
    token: str
    status: str
    amount_minor: int
    card_token: str
    client_secret: str


class PaymentSaid(NamedTuple):
    """Something happened to a payment intent."""

    event_id: str
    happened: Happened
    intent: Intent


class RefundSaid(NamedTuple):
    """Money went back. `refunded_minor` is all that went back of this payment so far. `token` may be blank."""

    event_id: str
    reference: str
    token: str
    refunded_minor: int


class DisputeSaid(NamedTuple):
    """The cardholder's bank takes the money back until it is decided. `reason` is Stripe's word; disputes know no token."""

    event_id: str
    reference: str
    amount_minor: int
    reason: str


class CardSaid(NamedTuple):
    """A card was stored without paying. `reference` is the setup intent's."""

    event_id: str
    reference: str
    token: str
    card_token: str


Event = PaymentSaid | RefundSaid | DisputeSaid | CardSaid


def read_event(body: bytes, currency: str) -> Event:
    """What a webhook says, its signature checked before. `currency`: the provider's, ZAR.

    Raises Refused, naming what is missing, for what can't be read, another currency and events that nothing is done about.
    """
    if len(body) > BODY_MAX:
        raise Refused("The event is longer than any that Stripe sends")
    event = document(body, "event")
    event_id = id_of(event, "id", "event")
    kind = event.get("type")
    if not isinstance(kind, str) or not kind:
        raise Refused("The event has no type")
    found = _part(_part(event, "data", "event"), "object", "event's data")
    if kind in _READERS:
        return _READERS[kind](event_id, found, currency)
    if kind not in set(Happened):
        raise Refused(
            f"Nothing is done about an event {_line(kind)}: take it off the endpoint's list at Stripe"
        )
    return PaymentSaid(event_id, Happened(kind), read_intent(found, currency))


def read_intent(found: Json, currency: str) -> Intent:
    """Raises Refused for one that isn't ours – no token – or in another currency."""
    what = "payment intent"
    _demand_currency(found, currency, what)
    status = id_of(found, "status", what)
    # Not in every stand-in for Stripe: what is captured automatically, as here, is received whole.
    name = "amount_received" if status == "succeeded" and "amount_received" in found else "amount"
    keeps = found.get("setup_future_usage") == "off_session" and status == "succeeded"
    secret = found.get("client_secret")
    return Intent(
        reference=id_of(found, "id", what),
        token=_token(found, what),
        status=status,
        amount_minor=_amount(found, name, what),
        card_token=_card_token(found, what) if keeps else "",
        client_secret=secret if isinstance(secret, str) and _SECRET.fullmatch(secret) else "",
    )


def _refund_said(event_id: str, found: Json, currency: str) -> RefundSaid:
    _demand_currency(found, currency, "charge")
    refunded = _amount(found, "amount_refunded", "charge")
    return RefundSaid(event_id, id_of(found, "payment_intent", "charge"), _token_in(found), refunded)


def _dispute_said(event_id: str, found: Json, currency: str) -> DisputeSaid:
    _demand_currency(found, currency, "dispute")
    reference, reason = id_of(found, "payment_intent", "dispute"), id_of(found, "reason", "dispute")
    return DisputeSaid(event_id, reference, _amount(found, "amount", "dispute"), reason)


def _card_said(event_id: str, found: Json, currency: str) -> CardSaid:
    what = "setup intent"
    return CardSaid(event_id, id_of(found, "id", what), _token(found, what), _card_token(found, what))


_READERS: Mapping[str, Callable[[str, Json, str], Event]] = {
    "charge.refunded": _refund_said,
    "charge.dispute.created": _dispute_said,
    "setup_intent.succeeded": _card_said,
}

EVENTS = (*Happened, *_READERS)
"""What the endpoint at Stripe is to be set up for."""


# What is sent


def split_card(token: str) -> tuple[str, str]:
    """The customer and the payment method, which Stripe needs both. Raises Refused for what stands for no card."""
    customer, _, method = token.partition("/")
    if not (_ID.fullmatch(customer) and _ID.fullmatch(method) and customer.startswith("cus_")):
        raise Refused(f"A card stored at Stripe looks like cus_…/pm_…, not like {token[:TEXT_MAX]!r}")
    return customer, method


def intent_fields(*, amount_minor: int, currency: str, token: str, item: str, customer: str) -> list[Pair]:
    """A payment that the customer's browser will finish. With `customer`, the card is stored under that one."""
    fields = _payment(amount_minor, currency, token, item)
    fields.append(("automatic_payment_methods[enabled]", "true"))
    return [*fields, ("customer", customer), ("setup_future_usage", "off_session")] if customer else fields


def charge_fields(*, amount_minor: int, currency: str, token: str, item: str, card: str) -> list[Pair]:
    """A charge of a stored card, its holder away. A payment that needs its holder on another page is none that can be made."""
    customer, method = split_card(card)
    return [
        *_payment(amount_minor, currency, token, item),
        ("automatic_payment_methods[enabled]", "true"), ("automatic_payment_methods[allow_redirects]", "never"),
        ("customer", customer), ("payment_method", method), ("off_session", "true"), ("confirm", "true"),
    ]  # fmt: skip


def customer_fields(name: str, token: str) -> list[Pair]:
    """Whom a card is stored under. No address: Stripe refuses what it takes for no address, and would refuse the payment."""
    return [("name", _line(name)), ("metadata[token]", _plain(token))]


def refund_fields(reference: str, amount_minor: int, reason: str) -> list[Pair]:
    """Our reason goes along as a note: Stripe's own has three words only. Raises Refused for no payment or amount."""
    if not _ID.fullmatch(reference) or amount_minor <= 0:
        raise Refused("A refund needs the payment's id at Stripe, and an amount that is more than nothing")
    return [("payment_intent", reference), ("amount", str(amount_minor)), ("metadata[reason]", _line(reason))]


def refund_key(reference: str, amount_minor: int, reason: str) -> str:
    """The same for the same refund: asked for again, Stripe tells of the first one. It forgets keys after a day."""
    return hashlib.sha256(f"{reference}\n{amount_minor}\n{reason}".encode("utf-8", "replace")).hexdigest()


def list_fields(since: datetime, after: str) -> list[Pair]:
    """The payment intents made since, the newest first; `after` is where the page before ended."""
    fields = [("created[gte]", str(int(since.timestamp()))), ("limit", str(PAGE))]
    return [*fields, ("starting_after", after)] if after else fields


def form(fields: Sequence[Pair]) -> str:
    """As application/x-www-form-urlencoded, for a body or a query."""
    return urlencode(fields, errors="replace")


def _payment(amount_minor: int, currency: str, token: str, item: str) -> list[Pair]:
    if amount_minor <= 0:
        raise Refused("The amount to pay must be more than nothing")
    return [
        ("amount", str(amount_minor)), ("currency", currency.lower()), ("description", _line(item)),
        ("metadata[token]", _plain(token)),
    ]  # fmt: skip


def _plain(token: str) -> str:
    """It goes into a header, too."""
    if not _TOKEN.fullmatch(token):
        raise Refused(f"A payment's id has 1 to 100 plain characters: {token[:TEXT_MAX]!r}")
    return token


# What the API answers


class Page(NamedTuple):
    """Of a list of payment intents: those of ours that were paid. `after` leads to the next page, "" at the end."""

    paid: Sequence[Intent]
    after: str


def read_page(body: str, currency: str) -> Page:
    """Payments of others on the same account – no token, another currency – are left out. Raises Refused for no list."""
    listed = document(body, "list")
    data = listed.get("data")
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        raise Refused("The list has no data")
    paid = [read_intent(one, currency) for one in data if _is_paid_to_us(one, currency)]
    more = listed.get("has_more") is True
    if more and not data:
        raise Refused("The list has a page without data before its end")
    return Page(paid, id_of(data[-1], "id", "payment intent") if more else "")


class Problem(NamedTuple):
    """Why something wasn't done. `code` is Stripe's word, `kind` its sort; `message` is theirs, for people."""

    kind: str
    code: str
    message: str

    @property
    def words(self) -> str:
        return f"{self.message} ({self.code})" if self.code else self.message


def read_problem(status: int, body: str) -> Problem:
    """The error that an answer tells; whatever came, never an exception."""
    try:
        error = _part(document(body, "answer"), "error", "answer")
    except Refused:
        error = {}
    code = _said(error, "decline_code") or _said(error, "code")
    return Problem(_said(error, "type"), code, _said(error, "message") or f"Stripe answered {status}")


def _is_paid_to_us(found: Json, currency: str) -> bool:
    is_paid = found.get("status") == "succeeded" and found.get("currency") == currency.lower()
    return is_paid and bool(_token_in(found))


# Reading JSON


def document(body: bytes | str, what: str) -> Json:
    """The object that a body is. Raises Refused for anything else, naming it `what`."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise Refused(f"The {what} is no JSON") from wrong
    if not isinstance(read, dict):
        raise Refused(f"The {what} is no JSON object")
    return read


def _part(found: Json, name: str, what: str) -> Json:
    part = found.get(name)
    if not isinstance(part, dict):
        raise Refused(f"The {what} has no {name}")
    return part


def id_of(found: Json, name: str, what: str) -> str:
    """Raises Refused where there is none."""
    value = found.get(name)
    if isinstance(value, dict):  # the whole object, where its id was enough
        value = value.get("id")
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Refused(f"The {what} has no {name}")
    return value


def _token(found: Json, what: str) -> str:
    token = _token_in(found)
    if not token:
        raise Refused(f"The {what} has no metadata.token: it isn't one of ours")
    return token


def _token_in(found: Json) -> str:
    metadata = found.get("metadata")
    token = metadata.get("token") if isinstance(metadata, dict) else None
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""


def _amount(found: Json, name: str, what: str) -> int:
    value = found.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _AMOUNT_MAX:
        raise Refused(f"The {what} has no {name}")
    return value


def _demand_currency(found: Json, currency: str, what: str) -> None:
    said = found.get("currency")
    if not isinstance(said, str) or not said:
        raise Refused(f"The {what} has no currency")
    if said.upper() != currency.upper():
        raise Refused(f"The {what} is in {_line(said)[:10].upper()}, not in {currency}")


def _card_token(found: Json, what: str) -> str:
    return f"{id_of(found, 'customer', what)}/{id_of(found, 'payment_method', what)}"


def _said(found: Json, name: str) -> str:
    value = found.get(name)
    return _line(value) if isinstance(value, str) else ""


def _line(text: str) -> str:
    """One line without control characters or half characters, and not too long."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:TEXT_MAX].rstrip()
