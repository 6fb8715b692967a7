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
) -> tuple[Gateway, list[str]]:
    """The gateway of this name, made or brought to these values, and what changed, `["new"]` for a new one.

    Raises Refused for what can't work.
    """
    if not name.strip():
        raise Refused("The gateway's name is missing.")
    if len(hook_token) < _TOKEN_MIN:
        raise Refused(f"The token in the notifications' address has at least {_TOKEN_MIN} characters.")
    {GatewayKind.PAYFAST: payfast.check, GatewayKind.STRIPE: stripe.check}[kind](settings, secrets)
    sealed = json.dumps({**secrets, "hook_token": hook_token}, sort_keys=True)
    wanted = {
        "kind": kind, "settings": dict(settings), "secrets": sealed, "active": active, "priority": priority,
        "hook_hash": hook_hash(hook_token),
    }  # fmt: skip
    gateway = Gateway.objects.select_for_update().filter(name=name.strip()).first()
    if gateway is None:
        gateway = Gateway.objects.create(name=name.strip(), created_at=now, **wanted)
        changed = ["new"]
    else:
        changed = [field for field, value in wanted.items() if getattr(gateway, field) != value]
        for field in changed:
            setattr(gateway, field, wanted[field])
        gateway.save(update_fields=changed)
    if changed:
        record(
            actor=actor, action="payment.gateway", subject=f"paymentgateway:{gateway.pk}", now=now,
            details={"name": name, "changed": changed, "active": active, "kind": kind.value},
        )  # fmt: skip
    return gateway, changed


def gateway_called(token: str) -> Gateway | None:
    """The gateway whose notifications come with this token."""
    return Gateway.objects.filter(hook_hash=hook_hash(token)).first()
