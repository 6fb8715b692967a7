"""Which transport a kind of gateway has."""

from typing import cast

from capstan.messaging.actions.transports.http import transport as http
from capstan.messaging.actions.transports.loopback import transport as loopback
from capstan.messaging.actions.transports.port import Transport
from capstan.messaging.actions.transports.smtp import transport as smtp
from capstan.messaging.rules.words import GatewayKind

_TRANSPORTS = {GatewayKind.LOOPBACK: loopback, GatewayKind.HTTP: http, GatewayKind.SMTP: smtp}


def transport(kind: GatewayKind) -> Transport:
    return cast(Transport, _TRANSPORTS[kind])
