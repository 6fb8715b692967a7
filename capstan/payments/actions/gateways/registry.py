"""The provider of each kind of gateway."""

import json

from capstan.payments.actions.gateways import payfast, stripe
from capstan.payments.actions.gateways.port import Access, Provider
from capstan.payments.models import Gateway
from capstan.payments.rules.words import GatewayKind
from capstan.values.refused import Refused

_PROVIDERS: dict[GatewayKind, Provider] = {GatewayKind.PAYFAST: payfast, GatewayKind.STRIPE: stripe}


def provider_of(gateway: Gateway) -> Provider:
    return _PROVIDERS[GatewayKind(gateway.kind)]


def access_of(gateway: Gateway) -> Access:
    """The gateway as its provider needs it, its secrets opened."""
    return Access(gateway.name, gateway.settings, json.loads(gateway.secrets))


def is_ready(gateway: Gateway) -> bool:
    """Whether everything that it needs is entered."""
    access = access_of(gateway)
    try:
        provider_of(gateway).check(access.settings, access.secrets)
    except Refused:
        return False
    return True
