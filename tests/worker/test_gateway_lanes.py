"""A payment gateway that doesn't answer holds up its own lane, and nobody else's."""

import hashlib
import hmac
import json
import time
from threading import Event
from urllib.parse import urlencode

import pytest

from capstan.payments.actions import notifications
from capstan.payments.actions.gateways.enter import enter_gateway
from capstan.payments.models import Notification
from capstan.payments.rules import payfast
from capstan.payments.rules.words import GatewayKind, NotificationState
from capstan.values.clock import now
from capstan.worker.loop import GatewayLanes
from tests.carrier import Says, carrier
from tests.payments.local_stripe import KEYS, SECRETS
from tests.worker.test_lanes import stop, until

__all__ = ["stop"]

pytestmark = pytest.mark.django_db(transaction=True)
MERCHANT = {"merchant_id": "10000100", "merchant_key": "46f0cd694581a", "passphrase": "made up for tests"}


def slow_one(url: str) -> Notification:
    """A genuine notification of a gateway that, asked whether it sent it, says nothing."""
    gateway, _ = enter_gateway(
        name="slow", kind=GatewayKind.PAYFAST, settings={"web": url, "api": url, "sources": ["127.0.0.1"]},
        secrets=MERCHANT, hook_token="a-token-of-the-slow-one", actor="test", now=now(),
    )  # fmt: skip
    pairs = [
        ("m_payment_id", "tok-1"), ("pf_payment_id", "4711"), ("payment_status", "COMPLETE"),
        ("amount_gross", "35.00"), ("merchant_id", MERCHANT["merchant_id"]),
    ]  # fmt: skip
    signature = payfast.itn_signature(pairs, MERCHANT["passphrase"])
    body = urlencode([*pairs, ("signature", signature)]).encode()
    return notifications.store(gateway, body=body, headers={}, source="127.0.0.1", now=now())


def other_one() -> Notification:
    gateway, _ = enter_gateway(
        name="other", kind=GatewayKind.STRIPE, settings=KEYS, secrets=SECRETS,
        hook_token="a-token-of-the-other-one", actor="test", now=now(),
    )  # fmt: skip
    paid = {
        "id": "pi_1",
        "status": "succeeded",
        "amount": 3500,
        "currency": "zar",
        "metadata": {"token": "tok-2"},
    }
    event = {"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": paid}}
    body, at = json.dumps(event).encode(), int(now().timestamp())
    signed = hmac.new(
        SECRETS["webhook_secret"].encode(), f"{at}.".encode() + body, hashlib.sha256
    ).hexdigest()
    headers = {"Stripe-Signature": f"t={at},v1={signed}"}
    return notifications.store(gateway, body=body, headers=headers, source="192.0.2.1", now=now())


def state(of: Notification) -> str:
    return Notification.objects.values_list("state", flat=True).get(pk=of.pk)


def test_a_gateway_that_says_nothing_holds_up_only_itself(stop: Event) -> None:
    answer = Event()
    with carrier() as silent:
        silent.answer = lambda asked: Says("VALID", after=answer)
        slow = slow_one(silent.url)
        lanes = GatewayLanes(stop, now)
        lanes.start()
        silent.wait(1)  # it is being asked
        other, begun = other_one(), time.monotonic()
        assert until(lambda: state(other) == NotificationState.UNKNOWN), (
            "entered while the first one was asked"
        )
        assert time.monotonic() - begun < 5
        assert state(slow) == NotificationState.WAITING
        answer.set()
        assert until(lambda: state(slow) == NotificationState.UNKNOWN)
        assert lanes.figures()["gateways_errors"] == 0
        assert lanes.figures()["step_gateways_notifications"] >= 2
        stop.set()
        lanes.join(10)
    assert not lanes.is_alive()
