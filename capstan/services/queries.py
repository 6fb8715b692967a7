"""What a service has, and when."""

from datetime import datetime
from ipaddress import IPv4Address, IPv6Network
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from capstan.catalog.rules import Dated, in_force_at
from capstan.services.models import CheckoutWindow, PackageChange, Service
from capstan.services.rules import (
    Addresses,
    NoWindow,
    ServiceStatus,
    no_window,
    normalise_username,
    prefixes_around,
)
from capstan.values.period import day_at


def by_username(username: str) -> Service | None:
    """The service with this username, however it is written; None if there is none."""
    return Service.objects.filter(username=normalise_username(username)).first()


def package_in_force(service_id: int, at: datetime) -> int:
    """The id of the package that the service has at this instant; before its first one, the first one.

    Raises ValueError for a service without packages, which `actions.create_service` never makes.
    """
    rows = PackageChange.objects.filter(service_id=service_id).values_list("starts_at", "package_id")
    return in_force_at((Dated(*row) for row in rows), at)


def next_package_change(service_id: int, after: datetime) -> datetime | None:
    """When the service's package changes next; None if no change is planned."""
    changes = PackageChange.objects.filter(service_id=service_id, starts_at__gt=after).order_by("starts_at")
    return changes.values_list("starts_at", flat=True).first()


def window_refusal(service: Service, *, now: datetime) -> NoWindow | None:
    """Why no checkout window could be opened for this line now; None if one could."""
    zone = ZoneInfo(settings.PROVIDER_TIME_ZONE)
    windows = CheckoutWindow.objects.filter(service=service, opened_at__gte=day_at(zone, now).start)
    return no_window(
        ServiceStatus(service.status),
        windows.values_list("opened_at", flat=True),
        per_day=settings.OPTIONS.checkout_windows_per_day,
        zone=zone,
        now=now,
    )


_OVERLAP = """
    SELECT username, prefix FROM (
        SELECT id, username, unnest(ARRAY[ipv6_prefix, ipv6_delegated_prefix]) AS prefix FROM services_service
    ) AS held
    WHERE id <> %s AND prefix <> '' AND prefix::inet && ANY (%s::inet[]) LIMIT 1
"""


def holder_of(addresses: Addresses, *, but: int) -> str | None:
    """Which other service holds one of these addresses, or a prefix that overlaps, in words; None if they are free."""
    if addresses.ipv4_address:
        holder = Service.objects.filter(ipv4_address=addresses.ipv4_address).exclude(pk=but).first()
        if holder:
            return f"{addresses.ipv4_address} belongs to {holder.username}"
    prefixes = [prefix for prefix in (addresses.ipv6_prefix, addresses.ipv6_delegated_prefix) if prefix]
    if prefixes:
        with connection.cursor() as cursor:
            cursor.execute(_OVERLAP, [but, prefixes])
            if row := cursor.fetchone():
                return f"{row[1]} belongs to {row[0]}"
    return None


# --- for search: each reads an index, and finds at most `limit` ----------------------------------------------


def usernames_from(start: str, *, limit: int) -> list[Service]:
    """Lines whose username begins so (small letters), by username."""
    found = Service.objects.filter(username__startswith=start).select_related("customer")
    return list(found.order_by("username")[:limit])


def with_address(address: IPv4Address | IPv6Network, *, limit: int) -> list[Service]:
    """Lines with this fixed IPv4 address, or with a fixed or delegated prefix that this one lies in."""
    lines = Service.objects.select_related("customer")
    if isinstance(address, IPv4Address):
        return list(lines.filter(ipv4_address=str(address))[:limit])
    around = prefixes_around(address)
    # One query each, or the planner passes over their indexes.
    fixed = lines.exclude(ipv6_prefix="").filter(ipv6_prefix__in=around)
    delegated = lines.exclude(ipv6_delegated_prefix="").filter(ipv6_delegated_prefix__in=around)
    return [*fixed[:limit], *delegated[:limit]]


def with_device(mac: str, *, limit: int) -> list[Service]:
    """Lines that are locked to this device or log in by it (12 digits, upper case)."""
    found = Service.objects.exclude(mac_address="").filter(mac_address=mac)
    return list(found.select_related("customer").order_by("pk")[:limit])
