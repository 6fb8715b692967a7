"""Whether a line may be used at all."""

from datetime import datetime

from django.db import transaction

from capstan.services.actions.access_due import raise_access_due
from capstan.services.actions.change import audit, check_not_ended, locked
from capstan.services.actions.line import addresses_of, put_addresses
from capstan.services.rules import Addresses, MacLock, ServiceStatus


@transaction.atomic
def suspend(*, service_id: int, reason: str, actor: str, now: datetime) -> bool:
    """Put a service on hold:

    its sessions go to the walled garden. False if it is on hold already. Refused if it has ended.
    """
    return _set_status(service_id, ServiceStatus.SUSPENDED, reason=reason, actor=actor, now=now)


@transaction.atomic
def resume(*, service_id: int, reason: str, actor: str, now: datetime) -> bool:
    """Take a service off hold. False if it wasn't on hold. Refused if it has ended."""
    return _set_status(service_id, ServiceStatus.ACTIVE, reason=reason, actor=actor, now=now)


@transaction.atomic
def end_service(*, service_id: int, reason: str, actor: str, now: datetime) -> bool:
    """End a service for good: its sessions are cut, its fixed addresses and its device are free for others.

    Its username stays taken, since usage and documents carry it. False if it has ended already.
    """
    service = locked(service_id)
    if service.status == ServiceStatus.ENDED:
        return False
    freed = {**addresses_of(service), "mac_address": service.mac_address}
    put_addresses(service, Addresses())
    service.mac_address, service.mac_lock, service.status = "", MacLock.OFF, ServiceStatus.ENDED
    service.ended_at = now
    service.save(update_fields=[*Addresses._fields, "mac_address", "mac_lock", "status", "ended_at"])
    audit("end_service", service, actor=actor, now=now, reason=reason, freed=freed)
    raise_access_due([service_id], cause="service ended", now=now)
    return True


def _set_status(service_id: int, status: ServiceStatus, *, reason: str, actor: str, now: datetime) -> bool:
    service = locked(service_id)
    check_not_ended(service)
    if service.status == status:
        return False
    service.status = status
    service.save(update_fields=["status"])
    deed, cause = (
        ("suspend", "service suspended")
        if status == ServiceStatus.SUSPENDED
        else ("resume", "service resumed")
    )
    audit(deed, service, actor=actor, now=now, reason=reason)
    raise_access_due([service_id], cause=cause, now=now)
    return True
