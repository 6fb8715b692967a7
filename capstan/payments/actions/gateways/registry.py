"""The provider of each kind of gateway."""

import json

from capstan.payments.actions.gateways import payfast, stripe
from capstan.payments.actions.gateways.port import Access, Provider
from capstan.payments.models import Gateway
from capstan.payments.rules.words import GatewayKind

_PROVIDERS: dict[GatewayKind, Provider] = {GatewayKind.PAYFAST: payfast, GatewayKind.STRIPE: stripe}


def provider_of(gateway: Gateway) -> Provider:
    return _PROVIDERS[GatewayKind(gateway.kind)]


def access_of(gateway: Gateway) -> Access:
    """The gateway as its provider needs it, its secrets opened."""
    return Access(gateway.name, gateway.settings, json.loads(gateway.secrets))
