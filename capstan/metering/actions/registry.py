"""The register of peers and routers: entering them, and bringing them to what staff say.

Whoever sends packets is a *peer* (address and secret), the router they tell of a *NAS*; behind a proxy many NASes
share a peer. Entering a router that was discovered makes it one that is acted upon.
"""

from datetime import datetime
from ipaddress import ip_network
from typing import Any

from django.db import models, transaction

from capstan.audit.actions import record
from capstan.metering.models import Nas, Peer
from capstan.metering.rules.words import RequireMessageAuthenticator
from capstan.values.refused import Refused

_SECRETS = ("secret", "coa_secret")


@transaction.atomic
def enter_peer(
    *,
    name: str,
    network: str,
    secret: str,
    require_message_authenticator: RequireMessageAuthenticator = RequireMessageAuthenticator.AUTO,
    is_proxy: bool = False,
    actor: str,
    now: datetime,
) -> tuple[Peer, list[str]]:
    """The peer of this name with these values, and which of them changed; a new peer has `["new"]`.

    Raises Refused for what isn't an address or network, one that another peer has, and an empty secret.
    """
    if not name.strip() or not secret:
        raise Refused("A peer needs a name and a secret.")
    try:
        normal = ip_network(network)
    except ValueError as error:
        raise Refused(f"{network!r} is not an address or network: {error}.") from error
    shown = str(normal.network_address) if normal.num_addresses == 1 else str(normal)
    if other := Peer.objects.filter(network=shown).exclude(name=name).first():
        raise Refused(f"{shown} is the peer {other.name!r} already.")
    values = {
        "network": shown,
        "secret": secret,
        "require_message_authenticator": RequireMessageAuthenticator(require_message_authenticator),
        "is_proxy": is_proxy,
    }
    peer = Peer.objects.filter(name=name).first() or Peer(name=name)
    return peer, _bring_to(peer, values, kind="peer", actor=actor, now=now)


@transaction.atomic
def enter_nas(
    *, peer_id: int, identifier: str, name: str, actor: str, now: datetime, **values: Any
) -> tuple[Nas, list[str]]:
    """The router with this identifier behind this peer with these values, and which of them changed.

    `values` are further fields of `Nas`; those left out get their defaults. `registered_at` is kept, so that a router's
    running sessions go on as they are counted. Raises Refused for numbers out of range and without identifier or name.
    """
    if not identifier.strip() or not name.strip():
        raise Refused("A router needs an identifier (NAS-Identifier, else its address) and a name.")
    for field, least, most in (
        ("coa_port", 1, 65_535),
        ("interim_seconds", 60, 86_400),
        ("max_rate_mbps", 1, 1_000_000),
        ("coa_per_second", 1, 10_000),
    ):
        if not least <= values.get(field, least) <= most:
            raise Refused(f"{field} must be from {least} to {most}.")
    known = Nas.objects.filter(peer_id=peer_id, identifier=identifier).first()
    nas = known or Nas(peer_id=peer_id, identifier=identifier, registered_at=now)
    wanted = {"name": name, "discovered": False, **_nas_defaults(), **values}
    return nas, _bring_to(nas, wanted, kind="nas", actor=actor, now=now)


def _nas_defaults() -> dict[str, Any]:
    fresh = Nas()
    fields = (
        "vendor_profile coa_address coa_port coa_secret observe_only lacks_gigawords interim_seconds max_rate_mbps"
        " coa_per_second"
    )
    return {field: getattr(fresh, field) for field in fields.split()}


def _bring_to(
    row: models.Model, values: dict[str, Any], *, kind: str, actor: str, now: datetime
) -> list[str]:
    """Set these fields and save; audited with the values, but for secrets, if anything changed."""
    is_new = row.pk is None
    changed = [field for field, value in values.items() if getattr(row, field) != value]
    if not is_new and not changed:
        return []
    for field, value in values.items():
        setattr(row, field, value)
    row.save()
    shown = {field: "(changed)" if field in _SECRETS else values[field] for field in changed}
    deed = f"metering.{'create' if is_new else 'change'}_{kind}"
    record(actor=actor, action=deed, subject=f"{kind}:{row.pk}", now=now, details=shown)
    return ["new"] if is_new else changed
