"""Entering payment gateways."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from capstan.audit.actions import record
from capstan.payments.actions.gateways import payfast, stripe
from capstan.payments.models import Gateway
from capstan.payments.rules.words import GatewayKind
from capstan.values.refused import Refused

_TOKEN_MIN = 16


def hook_hash(token: str) -> str:
    """Only this is stored: who reads the database can't call."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


@transaction.atomic
def enter_gateway(
    *,
    name: str,
    kind: GatewayKind,
    settings: Mapping[str, object],
    secrets: Mapping[str, str],
    hook_token: str,
    active: bool = True,
    priority: int = 10,
    actor: str,
    now: datetime,
) -> Gateway:
    """The gateway of this name, made or brought to these values. Raises Refused for what can't work."""
    if not name.strip():
        raise Refused("The gateway's name is missing.")
    if len(hook_token) < _TOKEN_MIN:
        raise Refused(f"The token in the notifications' address has at least {_TOKEN_MIN} characters.")
    {GatewayKind.PAYFAST: payfast.check, GatewayKind.STRIPE: stripe.check}[kind](settings, secrets)
    sealed = json.dumps({**secrets, "hook_token": hook_token})
    gateway, is_new = Gateway.objects.update_or_create(
        name=name.strip(),
        defaults={
            "kind": kind, "settings": dict(settings), "secrets": sealed, "active": active,
            "hook_hash": hook_hash(hook_token), "priority": priority,
        },
        create_defaults={
            "kind": kind, "settings": dict(settings), "secrets": sealed, "active": active,
            "hook_hash": hook_hash(hook_token), "priority": priority, "created_at": now,
        },
    )  # fmt: skip
    record(
        actor=actor, action="payment.gateway", subject=f"paymentgateway:{gateway.pk}", now=now,
        details={"name": name, "new": is_new, "active": active, "kind": kind.value},
    )  # fmt: skip
    return gateway


def gateway_called(token: str) -> Gateway | None:
    """The gateway whose notifications come with this token."""
    return Gateway.objects.filter(hook_hash=hook_hash(token)).first()
