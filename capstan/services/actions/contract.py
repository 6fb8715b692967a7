"""Which package a line has when, and what its owner agreed to."""

from datetime import datetime

from django.db import transaction

from capstan.catalog.rules import Dated, in_force_at
from capstan.services.actions.access_due import raise_access_due
from capstan.services.actions.change import audit, change, check_not_ended, check_on_sale, locked
from capstan.services.models import PackageChange
from capstan.services.rules import Standing, Urgency
from capstan.values.refused import Refused


@transaction.atomic
def change_package(
    *,
    service_id: int,
    package_id: int,
    starts_at: datetime | None = None,
    reason: str = "",
    actor: str,
    now: datetime,
) -> PackageChange:
    """Another package from `starts_at` on, now by default. Then `caps.actions.cap.roll` the service.

    Raises Refused for a date in the past, a package that is no longer sold or that the service has then
    anyway, and a second change at the same moment.
    """
    starts_at = starts_at or now
    service = locked(service_id)
    check_not_ended(service)
    if starts_at < now:
        raise Refused("A package can't change in the past: data was used under the old one.")
    check_on_sale(package_id)
    changes = [Dated(*row) for row in service.package_changes.values_list("starts_at", "package_id")]
    if any(change.valid_from == starts_at for change in changes):
        raise Refused("The package changes at that very moment already.")
    if in_force_at(changes, starts_at) == package_id:
        raise Refused("The service has that package then already.")
    change = PackageChange.objects.create(
        service=service, package_id=package_id, starts_at=starts_at, made_at=now, actor=actor
    )
    audit(
        "change_package",
        service,
        reason=reason,
        actor=actor,
        now=now,
        package=package_id,
        starts_at=starts_at,
    )
    urgency = Urgency.AWAITED if starts_at <= now else Urgency.CROWD
    raise_access_due([service_id], cause="package changed", now=now, due_at=starts_at, urgency=urgency)
    return change


@transaction.atomic
def set_standing(*, service_id: int, standing: Standing, reason: str = "", actor: str, now: datetime) -> None:
    """Who waits for whom from now on. The caller holds the lock on the line's cap row: `caps.actions.held` does it."""
    change(service_id, "set_standing", standing=standing, reason=reason, actor=actor, now=now)


@transaction.atomic
def cancel_package_changes(*, service_id: int, reason: str = "", actor: str, now: datetime) -> datetime:
    """Take back every change that is planned; returns when the first would have been. Then `roll` the service.

    Raises Refused if none is planned.
    """
    service = locked(service_id)
    planned = service.package_changes.filter(starts_at__gt=now).order_by("starts_at")
    dates = list(planned.values_list("starts_at", flat=True))
    if not dates:
        raise Refused(f"No package change of {service.username} is planned.")
    planned.delete()
    audit(
        "cancel_package_changes",
        service,
        reason=reason,
        actor=actor,
        now=now,
        planned_for=[date.isoformat() for date in dates],
    )
    raise_access_due([service_id], cause="package change taken back", now=now)
    return dates[0]


@transaction.atomic
def record_overage_consent(
    *, service_id: int, given_by: str, channel: str, actor: str, now: datetime
) -> None:
    """Keep that the customer agreed to be charged beyond the cap.

    Then `caps.actions.cap.roll` the service.
    """
    if not given_by.strip() or not channel.strip():
        raise Refused("Consent needs who gave it and by which channel.")
    consent = {"by": given_by, "channel": channel, "at": now.isoformat()}
    change(service_id, "record_overage_consent", actor=actor, now=now, overage_consent=consent)


@transaction.atomic
def withdraw_overage_consent(*, service_id: int, actor: str, now: datetime) -> None:
    """From now on nothing beyond the cap is charged, so it is blocked.

    Then `caps.actions.cap.roll` the service.
    """
    change(service_id, "withdraw_overage_consent", actor=actor, now=now, overage_consent=None)
