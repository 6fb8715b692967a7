"""Peers and routers of a provider file. These are brought to what the file says; what it leaves out is the default."""

from capstan.metering.actions.registry import enter_nas, enter_peer
from capstan.metering.models import Peer
from capstan.network.vendors.registry import UnknownProfileError, profile
from capstan.operator.load.catalogue import Circumstances
from capstan.operator.load.entries import NasEntry, PeerEntry
from capstan.values.refused import Refused


def enter_peer_entry(entry: PeerEntry, at: Circumstances) -> list[str]:
    _, changed = enter_peer(**entry.model_dump(), actor=at.actor, now=at.now)
    return changed


def enter_nas_entry(entry: NasEntry, at: Circumstances) -> list[str]:
    """Raises Refused for a peer or a vendor profile that doesn't exist."""
    peer = Peer.objects.filter(name=entry.peer).first()
    if peer is None:
        raise Refused(f"There is no peer {entry.peer!r}.")
    try:
        profile(entry.profile)
    except UnknownProfileError as error:
        raise Refused(str(error)) from error
    values = entry.model_dump(exclude={"peer", "profile"}) | {"vendor_profile": entry.profile}
    _, changed = enter_nas(peer_id=peer.pk, **values, actor=at.actor, now=at.now)
    return changed
