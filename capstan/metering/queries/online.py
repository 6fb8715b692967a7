"""Who is online: with an address or a device, and on which lines.

Each reads an index of the open sessions; the first two find at most `limit`.
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Network

from django.db.models import QuerySet

from capstan.db.text import BareMac
from capstan.metering.models import RadiusSession
from capstan.metering.rules.words import SessionState
from capstan.services.rules import prefixes_around


def sessions_with_address(address: IPv4Address | IPv6Network, *, limit: int) -> list[RadiusSession]:
    """Open sessions that got this IPv4 address, or an IPv6 prefix (framed or delegated) that this one lies in."""
    if isinstance(address, IPv4Address):
        return _newest(_open().filter(framed_ip=str(address)), limit)
    around = prefixes_around(address)
    return _newest(_open().exclude(framed_ipv6="").filter(framed_ipv6__in=around), limit)


def sessions_with_device(mac: str, *, limit: int) -> list[RadiusSession]:
    """Open sessions from this device (12 digits, upper case), however its router writes it."""
    return _newest(_open().alias(mac=BareMac("calling_station")).filter(mac=mac), limit)


def connected(service_ids: Collection[int]) -> set[int]:
    """Those of these lines that have an open session; one whose router has gone silent counts."""
    found = _open().filter(service_id__in=service_ids).values_list("service_id", flat=True)
    return {one for one in found if one is not None}


def _open() -> QuerySet[RadiusSession]:
    return RadiusSession.objects.filter(state__lt=SessionState.CLOSED)


def _newest(found: QuerySet[RadiusSession], limit: int) -> list[RadiusSession]:
    """Sorted here: asked for in that order, the planner may walk back through all sessions there ever were."""
    rows = found.select_related("service__customer", "nas")[:limit]
    return sorted(rows, key=lambda session: -session.pk)
