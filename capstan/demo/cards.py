"""A customer of the demo who lets us charge his card: he has paid once at the simulated gateway, and agreed."""

from collections.abc import Sequence
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode, urlsplit

import structlog

from capstan.billing.models import BillingTerms
from capstan.billing.rules.words import Method
from capstan.payments.actions import checkouts
from capstan.payments.actions.bills import return_urls
from capstan.payments.actions.checkouts import Consent, Purpose
from capstan.payments.actions.gateways.port import Form
from capstan.payments.models import Checkout, StoredCard
from capstan.payments.rules.words import CheckoutState
from capstan.topups.models import AccountRule
from capstan.values.refused import Refused

log = structlog.get_logger("capstan.demo")

ACTOR = "demo"
_CARD = "4111 1111 1111 4242"
_PAID_MINOR = 1_000


def keep_card(*, now: datetime) -> None:
    """Once: the household that pays its top-ups first pays ten rand on its account and lets its card be kept. The card is there
    as soon as the gateway's notification has reached the web server."""
    rule = AccountRule.objects.filter(pays_first=True).select_related("customer").order_by("pk").first()
    if rule is None:
        return
    going = Checkout.objects.filter(customer_id=rule.pk, state=CheckoutState.STARTED).exclude(kept_by="")
    if going.exists() or StoredCard.objects.filter(customer_id=rule.pk).exists():
        return
    BillingTerms.objects.filter(pk=rule.pk).update(method=Method.CARD)
    purpose = Purpose("account", rule.pk, _PAID_MINOR, "Payment on account")
    consent = Consent("the account's owner", "payment page")
    try:
        _, way = checkouts.start(purpose, return_urls(), consent=consent, actor=ACTOR, now=now)
        if isinstance(way, Form):
            _pay(way)
    except (Refused, OSError, HTTPException) as problem:
        log.warning(
            "the demo's customer could not store his card; the next start tries again", why=str(problem)
        )


def _pay(form: Form) -> None:
    """What he does on the hosted page."""
    page = _post(form.url, form.fields)
    _post(form.url.replace(urlsplit(form.url).path, page), [("action", "pay"), ("card", _CARD)])


def _post(url: str, fields: Sequence[tuple[str, str]]) -> str:
    """Where the answer leads to."""
    parts = urlsplit(url)
    conn = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        body = urlencode(fields)
        conn.request("POST", parts.path, body, {"Content-Type": "application/x-www-form-urlencoded"})
        return conn.getresponse().getheader("Location") or ""
    finally:
        conn.close()
