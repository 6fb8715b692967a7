"""Stripe, by Payment Intents: what is said is in `payments.rules.stripe`, here is the talking.

Every POST carries a key of ours, by which Stripe knows a repeat and answers as it did the first time – its refusals and its
errors too. It keeps keys for a day; after that a repeat is a new payment, and `look_up` says whether there was one.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote, urlsplit

import structlog
from django.conf import settings as django_settings
from pydantic import BaseModel, ConfigDict, ValidationError

from capstan.messaging.actions.transports.http.client import Response, call
from capstan.messaging.actions.transports.port import NotSentError
from capstan.payments.actions.gateways.origins import Origin, origin_of
from capstan.payments.actions.gateways.port import (
    Access,
    CardFacts,
    Heard,
    Intent,
    NotDoneError,
    NotGenuineError,
    Origins,
    Outcome,
    Raw,
    UnclearError,
    Wanted,
)
from capstan.payments.rules import stripe, stripe_cards
from capstan.payments.rules.stripe import Happened, Pair, Problem
from capstan.values.refused import Refused

log = structlog.get_logger()

_CONNECT_SECONDS, _READ_SECONDS = 5.0, 25.0  # a card's bank may take its time
_PAGES_MAX = 500
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_KEYS = re.compile(r"[!-~]{8,500}")
_STATUS_OF_REFUNDS = {
    "succeeded": "The money is on its way.",
    "pending": "Stripe has it, and sends it later.",
}
_FOR_CUSTOMERS = ("amount_too_small", "amount_too_large")
_OUTCOMES = {
    Happened.SUCCEEDED: Outcome.PAID, Happened.FAILED: Outcome.FAILED, Happened.CANCELED: Outcome.CANCELLED,
    Happened.PROCESSING: Outcome.PENDING,
}  # fmt: skip


class Settings(BaseModel):
    """Where it is, and the key that browsers may see. `script` is Stripe's own, from its own address; the page that takes a card
    may load scripts and frames from these origins, and they may ask there: blank for those that belong to `script`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api: str = stripe.API
    publishable_key: str
    script: str = stripe.SCRIPT
    script_origins: tuple[Origin, ...] = ()
    frame_origins: tuple[Origin, ...] = ()
    connect_origins: tuple[Origin, ...] = ()


SECRETS = {"secret_key": ("sk_", "rk_"), "webhook_secret": ("whsec_",)}


class _RefusedError(NotDoneError):
    """With what Stripe said of it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.words)
        self.problem = problem


def check(settings: Mapping[str, object], secrets: Mapping[str, str]) -> None:
    """Raises Refused for settings that can't work."""
    try:
        read = Settings.model_validate(settings)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise Refused(f"The gateway's setting {'.'.join(map(str, first['loc']))}: {first['msg']}.") from wrong
    for url in (read.api, read.script):
        if not _is_safe(url):
            raise Refused(f"{url}: a gateway is reached by https.")
    _check_key("publishable_key", read.publishable_key, ("pk_",))
    for name, starts in SECRETS.items():
        _check_key(name, secrets.get(name, ""), starts)
    if read.publishable_key.startswith("pk_live_") != ("_live_" in secrets["secret_key"][:9]):
        raise Refused("One of the gateway's keys is for testing and the other isn't.")
    if _currency() in stripe.COUNTED_OTHERWISE:
        raise Refused(
            f"Stripe counts {_currency()} in other units than everybody else: it can't be used here."
        )


def start_checkout(access: Access, wanted: Wanted) -> Intent:
    """Makes the payment at Stripe; the same one if it is asked for again."""
    try:
        customer = _customer(access, wanted) if wanted.save_card else ""
        fields = stripe.intent_fields(
            amount_minor=wanted.amount_minor, currency=_currency(), token=wanted.token, item=wanted.item,
            customer=customer,
        )  # fmt: skip
        body = _post(access, stripe.INTENTS_PATH, fields, wanted.token)
    except _RefusedError as refusal:
        log.warning("a gateway doesn't take a checkout", gateway=access.name, why=str(refusal))
        if refusal.problem.code in _FOR_CUSTOMERS:
            raise Refused(refusal.problem.message) from refusal
        raise Refused("Paying by card doesn't work just now. Please call us.") from refusal
    made = _intent(body)
    if not made.client_secret:
        raise UnclearError("Stripe made a payment without a client secret")
    settings = _settings(access)
    return Intent(made.client_secret, settings.publishable_key, settings.script, _origins(settings))


def _origins(settings: Settings) -> Origins:
    own = (origin_of(settings.script),)
    usual = stripe_cards.PAGE_ORIGINS if settings.script == stripe.SCRIPT else (own, own, own)
    given = (settings.script_origins, settings.frame_origins, settings.connect_origins)
    return Origins(*(one or other for one, other in zip(given, usual, strict=True)))


def read(access: Access, raw: Raw, now: datetime) -> Heard:
    header = {name.lower(): value for name, value in raw.headers.items()}.get("stripe-signature", "")
    try:
        stripe.check_signature(header, raw.body, access.secrets.get("webhook_secret", ""), now)
        return _heard(stripe.read_event(raw.body, _currency()))
    except Refused as refusal:
        raise NotGenuineError(str(refusal)) from refusal


def confirm(access: Access, raw: Raw) -> None:
    """The signature, which `read` has checked, is proof."""


def look_up(access: Access, since: datetime, now: datetime) -> Sequence[Heard]:
    found: list[stripe.Intent] = []
    after = ""
    for _ in range(_PAGES_MAX):
        query = stripe.form(stripe.list_fields(since, after))
        answer = _call(access, "GET", f"{stripe.INTENTS_PATH}?{query}", None, {})
        if answer.status != 200:
            raise UnclearError(stripe.read_problem(answer.status, answer.body).words)
        try:
            page = stripe.read_page(answer.body, _currency())
        except Refused as refusal:
            raise UnclearError(str(refusal)) from refusal
        found += page.paid
        after = page.after
        if not after:
            return [_paid(one) for one in found]
    raise UnclearError(f"Stripe's list of payments is longer than {_PAGES_MAX * stripe.PAGE}")


def ask(access: Access, reference: str) -> Heard | None:
    answer = _call(access, "GET", f"{stripe.INTENTS_PATH}/{quote(reference, safe='')}", None, {})
    if answer.status != 200:
        raise UnclearError(stripe.read_problem(answer.status, answer.body).words)
    found = _intent(answer.body)
    if found.status == "succeeded":
        return _paid(found)
    ended = found.status in ("requires_action", "requires_payment_method", "canceled")
    outcome = Outcome.FAILED if ended else Outcome.PENDING
    return _paid(found)._replace(event_key=f"{found.reference}:{found.status}", outcome=outcome)


def charge_card(access: Access, card_token: str, wanted: Wanted, now: datetime) -> Heard:
    """A repeat with the same token is the same charge, for a day. A declined card stays declined for it: to try once more
    takes another token."""
    try:
        fields = stripe.charge_fields(
            amount_minor=wanted.amount_minor, currency=_currency(), token=wanted.token, item=wanted.item,
            card=card_token,
        )  # fmt: skip
    except Refused as refusal:
        raise NotDoneError(str(refusal)) from refusal
    made = _intent(_post(access, stripe.INTENTS_PATH, fields, wanted.token))
    if made.status == "succeeded":
        return _paid(made)
    if made.status == "processing":  # a direct debit: an event tells how it ends
        return _paid(made)._replace(event_key=f"{made.reference}:{made.status}", outcome=Outcome.PENDING)
    if made.status in ("requires_action", "requires_payment_method", "canceled"):
        raise NotDoneError(f"The card's bank wants its holder to confirm the payment ({made.status})")
    raise UnclearError(f"Stripe says of payment {made.reference} only that it is {made.status}")


def refund(access: Access, reference: str, amount_minor: int, reason: str, key: str, now: datetime) -> str:
    """The same key goes back once, however often it is asked for in a day."""
    try:
        fields = stripe.refund_fields(reference, amount_minor, reason)
    except Refused as refusal:
        raise NotDoneError(str(refusal)) from refusal
    body = _post(access, stripe.REFUNDS_PATH, fields, key)
    try:
        made = stripe.document(body, "refund")
        own, status = stripe.id_of(made, "id", "refund"), stripe.id_of(made, "status", "refund")
    except Refused as refusal:
        raise UnclearError(str(refusal)) from refusal
    if status in ("failed", "canceled"):
        raise NotDoneError(f"Stripe's refund {own} is {status}")
    return f"{own}: {_STATUS_OF_REFUNDS.get(status, status)}"


def card_facts(access: Access, card_token: str) -> CardFacts:
    try:
        _, method = stripe.split_card(card_token)
        answer = _call(access, "GET", f"{stripe_cards.METHODS_PATH}/{method}", None, {})
        if answer.status != 200:
            raise UnclearError(stripe.read_problem(answer.status, answer.body).words)
        card = stripe_cards.read_card(answer.body)
    except Refused as refusal:
        raise UnclearError(str(refusal)) from refusal
    return CardFacts(card.brand, card.last4, card.expires)


def _customer(access: Access, wanted: Wanted) -> str:
    """Under whom the card will be stored; one for each checkout, as nothing here says which of them is the same person."""
    fields = stripe.customer_fields(wanted.customer_name, wanted.token)
    body = _post(access, stripe.CUSTOMERS_PATH, fields, f"{wanted.token}-customer")
    try:
        return stripe.id_of(stripe.document(body, "customer"), "id", "customer")
    except Refused as refusal:
        raise UnclearError(str(refusal)) from refusal


def _intent(body: str) -> stripe.Intent:
    """What was made. Unreadable, it was made nevertheless."""
    try:
        return stripe.read_intent(stripe.document(body, "payment intent"), _currency())
    except Refused as refusal:
        raise UnclearError(str(refusal)) from refusal


def _paid(intent: stripe.Intent) -> Heard:
    return Heard(
        intent.token, intent.reference, _key(intent.reference, Happened.SUCCEEDED), Outcome.PAID, intent.amount_minor,
        card_token=intent.card_token,
    )  # fmt: skip


def _heard(event: stripe.Event) -> Heard:
    """What an event means here. Stripe tells its fee elsewhere, and not in the notification: none is known."""
    key = _key(
        event.intent.reference if isinstance(event, stripe.PaymentSaid) else event.reference, event.event_id
    )
    match event:
        case stripe.PaymentSaid(_, happened, intent):
            return _paid(intent)._replace(event_key=key, outcome=_OUTCOMES[happened])
        case stripe.RefundSaid(_, reference, token, refunded_minor):
            return Heard(token, reference, key, Outcome.REFUNDED, refunded_minor)
        case stripe.DisputeSaid(_, reference, amount_minor, _):
            return Heard("", reference, key, Outcome.DISPUTED, amount_minor)
        case stripe.CardSaid(_, reference, token, card):
            return Heard(token, reference, key, Outcome.CARD_STORED, 0, card_token=card)


def _key(reference: str, event: str) -> str:
    """The payment stands before the colon, where whoever looks after a payment of nobody's reads it."""
    return f"{reference}:{event}"


def _post(access: Access, path: str, fields: Sequence[Pair], key: str) -> str:
    """The answer's body. Raises NotDoneError for a clear no."""
    answer = _call(access, "POST", path, stripe.form(fields).encode(), {**_FORM, "Idempotency-Key": key})
    if answer.status == 200:
        return answer.body
    problem = stripe.read_problem(answer.status, answer.body)
    # 409: the first asking is still going on; 429: too many at once, and what was asked before stands.
    is_clear = 400 <= answer.status < 500 and answer.status not in (408, 409, 429)
    if is_clear and problem.kind != "idempotency_error":  # that one: done before, with other words
        raise _RefusedError(problem)
    raise UnclearError(f"{problem.words} [{answer.status}]")


def _call(access: Access, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
    key = access.secrets.get("secret_key", "")
    try:
        return call(
            method, _settings(access).api.rstrip("/") + path, body=body,
            headers={"Authorization": f"Bearer {key}", "Stripe-Version": stripe.VERSION, **headers},
            connect_seconds=_CONNECT_SECONDS, read_seconds=_READ_SECONDS,
        )  # fmt: skip
    except NotSentError as problem:
        raise UnclearError(f"{access.name}: {problem.detail}") from problem


def _settings(access: Access) -> Settings:
    return Settings.model_validate(access.settings)


def _currency() -> str:
    return str(django_settings.OPTIONS.currency)


def _check_key(name: str, key: str, starts: Sequence[str]) -> None:
    words = name.replace("_", " ")
    if not key:
        raise Refused(f"The gateway's {words} is missing.")
    if not _KEYS.fullmatch(key) or not key.startswith(tuple(starts)):
        raise Refused(f"The gateway's {words} starts with {' or '.join(starts)}, as Stripe shows it.")


def _is_safe(url: str) -> bool:
    """By https, or without leaving this machine."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname != "localhost":
            return ipaddress.ip_address(parts.hostname or "").is_loopback
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
