"""What every change of a service does: lock its row, check, write, audit, have its access looked at."""

from datetime import datetime
from typing import Any

from capstan.audit.actions import record
from capstan.catalog.models import Package
from capstan.services.actions.access_due import raise_access_due
from capstan.services.models import Service
from capstan.services.rules import LoginBy, ServiceStatus
from capstan.values.refused import Refused


def locked(service_id: int) -> Service:
    return Service.objects.select_for_update(no_key=True).get(pk=service_id)


def change(service_id: int, deed: str, *, reason: str = "", actor: str, now: datetime, **values: Any) -> None:
    """Set columns of a service that hasn't ended, audit it, have its access looked at."""
    service = locked(service_id)
    check_not_ended(service)
    for name, value in values.items():
        setattr(service, name, value)
    service.save(update_fields=list(values))
    audit(deed, service, reason=reason, actor=actor, now=now, **values)
    raise_access_due([service_id], cause=deed.replace("_", " "), now=now)


def audit(
    deed: str, service: Service, *, actor: str, now: datetime, reason: str = "", **details: object
) -> None:
    subject = f"service:{service.pk}"
    record(actor=actor, action=f"service.{deed}", subject=subject, reason=reason, details=details, now=now)


def check_not_ended(service: Service) -> None:
    if service.status == ServiceStatus.ENDED:
        raise Refused(f"The service {service.username} has ended; start a new one.")


def check_on_sale(package_id: int) -> None:
    package = Package.objects.get(pk=package_id)
    if not package.on_sale:
        raise Refused(f"The package {package.name!r} is no longer sold.")


def check_login_mac(mac: str, *, but: int) -> None:
    if not mac:
        raise Refused("A line that logs in by its MAC address needs one.")
    other = Service.objects.filter(mac_address=mac, login_by=LoginBy.MAC).exclude(pk=but).first()
    if other:
        raise Refused(f"The device {mac} logs in {other.username} already.")
