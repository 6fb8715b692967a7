"""The demo handset: a message is delivered by being in its table, and the handset's page reads it there."""

from collections.abc import Mapping

from capstan.messaging.actions.transports.port import Accepted, Outgoing, Polled, Route


def send(route: Route, outgoing: Outgoing) -> Accepted:
    """It is there already."""
    return Accepted(carrier_id=outgoing.reference, delivered=True)


def poll(route: Route, cursors: Mapping[str, str]) -> Polled:
    """Nothing waits anywhere: the handset writes its SMS to the inbox itself."""
    return Polled("", "", cursors)
