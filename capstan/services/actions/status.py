"""Whether a line may be used at all."""

from datetime import datetime

from django.db import transaction

from capstan.services.actions.access_due import raise_access_due
from capstan.services.actions.change import audit, check_not_ended, locked
from capstan.services.actions.line import addresses_of, put_addresses
from capstan.services.models import Service, ServiceHold
from capstan.services.rules import Addresses, HoldKind, MacLock, ServiceStatus
from capstan.values.refused import Refused

_WHY = {
    HoldKind.STAFF: "because somebody put it on hold: take it off hold by hand",
    HoldKind.UNPAID: "because its account is unpaid: a payment, a promise to pay or a credit lifts that",
}


@transaction.atomic
def suspend(
    *, service_id: int, reason: str, actor: str, now: datetime, kind: HoldKind = HoldKind.STAFF
) -> bool:
    """Put a service on hold for a reason of this kind: its sessions go to the walled garden.

    False if it is on hold for such a reason already. Refused if it has ended.
    """
    service = locked(service_id)
    check_not_ended(service)
    kinds = _kinds(service, now)
    if kind in kinds:
        return False
    ServiceHold.objects.create(service=service, kind=kind, reason=reason, since=now)
    _set_status(service, ServiceStatus.SUSPENDED, cause="service suspended", now=now)
    audit("suspend", service, actor=actor, now=now, reason=reason, **_told(kind, kinds))
    return True


@transaction.atomic
def resume(
    *, service_id: int, reason: str, actor: str, now: datetime, kind: HoldKind = HoldKind.STAFF
) -> bool:
    """Take a service off the hold of this kind; it works again once no other is left.

    False if it wasn't on hold. Refused if it has ended, and if it is on hold for other reasons alone.
    """
    service = locked(service_id)
    check_not_ended(service)
    kinds = _kinds(service, now)
    if not kinds:
        return False
    if kind not in kinds:
        raise Refused(f"The service {service.username} is on hold {_WHY[min(kinds)]}.")
    ServiceHold.objects.filter(service=service, kind=kind).delete()
    left = kinds - {kind}
    if not left:
        _set_status(service, ServiceStatus.ACTIVE, cause="service resumed", now=now)
    audit("resume", service, actor=actor, now=now, reason=reason, **_told(kind, left))
    return True


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
    service.holds.all().delete()
    service.save(update_fields=[*Addresses._fields, "mac_address", "mac_lock", "status", "ended_at"])
    audit("end_service", service, actor=actor, now=now, reason=reason, freed=freed)
    raise_access_due([service_id], cause="service ended", now=now)
    return True


def _kinds(service: Service, now: datetime) -> set[HoldKind]:
    """Why it is on hold. A line that is suspended without a word about it was put on hold by staff."""
    kinds = {HoldKind(kind) for kind in service.holds.values_list("kind", flat=True)}
    if not kinds and service.status == ServiceStatus.SUSPENDED:
        ServiceHold.objects.create(service=service, kind=HoldKind.STAFF, since=now)
        return {HoldKind.STAFF}
    return kinds


def _told(kind: HoldKind, others: set[HoldKind]) -> dict[str, object]:
    """What the audit entry says beside the reason: nothing where staff's hold is the only one."""
    if kind == HoldKind.STAFF and not others:
        return {}
    return {"hold": kind.value, "other_holds": sorted(one.value for one in others)}


def _set_status(service: Service, status: ServiceStatus, *, cause: str, now: datetime) -> None:
    if service.status == status:
        return
    service.status = status
    service.save(update_fields=["status"])
    raise_access_due([service.pk], cause=cause, now=now)
