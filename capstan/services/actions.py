"""Setting services up and changing them. Whatever changes a line's access also has enforcement look at it.

A service's *cap* is opened and brought up to date by `caps.actions.cap`, which stands above this app:
whoever creates a service, changes its package or its consent calls `open_cap` or `roll` after it (see
README).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from capstan.audit.actions import record
from capstan.catalog.models import Package
from capstan.catalog.rules import Dated, in_force_at
from capstan.db.wakeup import wake
from capstan.services.models import ConnectionType, PackageChange, Service
from capstan.services.queries import holder_of
from capstan.services.rules import (
    Addresses,
    LoginBy,
    MacLock,
    ServiceStatus,
    Standing,
    check_password,
    normalise_addresses,
    normalise_mac,
    normalise_username,
    nt_hash,
)
from capstan.values.refused import Refused

_SESSION_LIMIT_MAX = 1000

_UPSERT_DUE = """
    INSERT INTO services_accessdue AS due (service_id, version, cause, raised_at, due_at, attempts)
    SELECT id, 1, %(cause)s, %(now)s, %(due_at)s, 0 FROM unnest(%(ids)s::bigint[]) AS id
    ON CONFLICT (service_id) DO UPDATE SET
        version = due.version + 1, cause = excluded.cause, raised_at = excluded.raised_at,
        due_at = least(due.due_at, excluded.due_at), attempts = 0
"""


@transaction.atomic
def raise_access_due(
    service_ids: Collection[int], *, cause: str, now: datetime, due_at: datetime | None = None
) -> None:
    """Have enforcement compare these services' sessions with what they should have: at `due_at`, or at once.

    Called in the transaction of whatever changed their access; enforcement is woken when that commits.
    Raised again before it was looked at, a row keeps the earlier date and gets a new version, so that a
    worker clears only what it has seen. Rows are written in id order, so that two writers can't wait for
    each other.
    """
    if service_ids:
        ids = sorted(set(service_ids))
        with connection.cursor() as cursor:
            cursor.execute(_UPSERT_DUE, {"ids": ids, "cause": cause, "now": now, "due_at": due_at or now})
        wake("enforce")


def create_connection_type(*, code: str, name: str, actor: str, now: datetime) -> ConnectionType:
    """One more entry of the provider's list:

    fibre, wireless, … Raises Refused for a code that is taken or missing.
    """
    if not code.strip() or not name.strip():
        raise Refused("A connection type needs a code and a name.")
    with transaction.atomic():
        if ConnectionType.objects.filter(code=code).exists():
            raise Refused(f"There is a connection type {code!r} already.")
        made = ConnectionType.objects.create(code=code, name=name)
        record(
            actor=actor,
            action="service.create_connection_type",
            subject=f"connection_type:{made.pk}",
            now=now,
            details={"code": code},
        )
    return made


@transaction.atomic
def create_service(
    *,
    customer_id: int,
    connection_type_id: int,
    package_id: int,
    username: str,
    line_password: str,
    login_by: LoginBy = LoginBy.PASSWORD,
    standing: Standing = Standing.POSTPAID,
    mac_address: str = "",
    activated_at: datetime | None = None,
    actor: str,
    now: datetime,
) -> Service:
    """A new line on a package, active from `activated_at` (now, or earlier for one that moves in).

    Raises Refused for a username that is taken or can't be sent, a password that PAP can't carry, a package
    that is no longer sold, a line that logs in by a MAC address it doesn't give, and a start in the future.
    """
    username = normalise_username(username)
    check_password(line_password)
    mac = normalise_mac(mac_address) if mac_address else ""
    if Service.objects.filter(username=username).exists():
        raise Refused(
            f"There is a service with the username {username!r} already, perhaps one that has ended."
        )
    if login_by == LoginBy.MAC:
        _check_login_mac(mac, but=0)
    if activated_at is not None and activated_at > now:
        raise Refused("A service can't start in the future: it could log in from now on.")
    _check_on_sale(package_id)
    service = Service.objects.create(
        customer_id=customer_id,
        connection_type_id=connection_type_id,
        username=username,
        line_password=line_password,
        nt_hash=nt_hash(line_password),
        login_by=login_by,
        standing=standing,
        mac_address=mac,
        mac_lock=MacLock.LOCKED if mac else MacLock.OFF,
        activated_at=activated_at or now,
    )
    PackageChange.objects.create(
        service=service, package_id=package_id, starts_at=service.activated_at, made_at=now, actor=actor
    )
    _audit("create", service, actor=actor, now=now, username=username, package=package_id)
    return service


@transaction.atomic
def set_line_password(*, service_id: int, line_password: str, actor: str, now: datetime) -> None:
    """The password that the line's router must use from its next login on.

    Raises Refused for one that PAP can't carry.
    """
    check_password(line_password)
    service = _locked(service_id)
    service.line_password, service.nt_hash = line_password, nt_hash(line_password)
    service.save(update_fields=["line_password", "nt_hash"])
    _audit("set_line_password", service, actor=actor, now=now)


# --- status ----------------------------------------------------------------------------------------------


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
    service = _locked(service_id)
    if service.status == ServiceStatus.ENDED:
        return False
    freed = {**_addresses(service), "mac_address": service.mac_address}
    _put_addresses(service, Addresses())
    service.mac_address, service.mac_lock, service.status = "", MacLock.OFF, ServiceStatus.ENDED
    service.save(update_fields=[*Addresses._fields, "mac_address", "mac_lock", "status"])
    _audit("end_service", service, actor=actor, now=now, reason=reason, freed=freed)
    raise_access_due([service_id], cause="service ended", now=now)
    return True


def _set_status(service_id: int, status: ServiceStatus, *, reason: str, actor: str, now: datetime) -> bool:
    service = _locked(service_id)
    _check_not_ended(service)
    if service.status == status:
        return False
    service.status = status
    service.save(update_fields=["status"])
    deed, cause = (
        ("suspend", "service suspended")
        if status == ServiceStatus.SUSPENDED
        else ("resume", "service resumed")
    )
    _audit(deed, service, actor=actor, now=now, reason=reason)
    raise_access_due([service_id], cause=cause, now=now)
    return True


# --- package and policy ----------------------------------------------------------------------------------


@transaction.atomic
def change_package(
    *, service_id: int, package_id: int, starts_at: datetime | None = None, actor: str, now: datetime
) -> PackageChange:
    """Another package from `starts_at` on, now by default. Then `caps.actions.cap.roll` the service.

    Raises Refused for a date in the past, a package that is no longer sold or that the service has then
    anyway, and a second change at the same moment.
    """
    starts_at = starts_at or now
    service = _locked(service_id)
    _check_not_ended(service)
    if starts_at < now:
        raise Refused("A package can't change in the past: data was used under the old one.")
    _check_on_sale(package_id)
    changes = [Dated(*row) for row in service.package_changes.values_list("starts_at", "package_id")]
    if any(change.valid_from == starts_at for change in changes):
        raise Refused("The package changes at that very moment already.")
    if in_force_at(changes, starts_at) == package_id:
        raise Refused("The service has that package then already.")
    change = PackageChange.objects.create(
        service=service, package_id=package_id, starts_at=starts_at, made_at=now, actor=actor
    )
    _audit("change_package", service, actor=actor, now=now, package=package_id, starts_at=starts_at)
    raise_access_due([service_id], cause="package changed", now=now, due_at=starts_at)
    return change


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
    _change(service_id, "record_overage_consent", actor=actor, now=now, overage_consent=consent)


@transaction.atomic
def withdraw_overage_consent(*, service_id: int, actor: str, now: datetime) -> None:
    """From now on nothing beyond the cap is charged, so it is blocked.

    Then `caps.actions.cap.roll` the service.
    """
    _change(service_id, "withdraw_overage_consent", actor=actor, now=now, overage_consent=None)


@transaction.atomic
def set_session_limit(*, service_id: int, session_limit: int, actor: str, now: datetime) -> None:
    """How many sessions the line may have at once; 0 is unlimited. Raises Refused beyond 1000."""
    if not 0 <= session_limit <= _SESSION_LIMIT_MAX:
        raise Refused(f"The session limit is 0, for unlimited, to {_SESSION_LIMIT_MAX}.")
    _change(service_id, "set_session_limit", actor=actor, now=now, session_limit=session_limit)


@transaction.atomic
def set_reply_extra(
    *, service_id: int, reply_extra: Sequence[tuple[str, str]], actor: str, now: datetime
) -> None:
    """Further attributes of this line's Accept, as (name, value).

    The caller has checked them against the dictionary.
    """
    pairs = [list(pair) for pair in reply_extra]
    _change(service_id, "set_reply_extra", actor=actor, now=now, reply_extra=pairs)


@transaction.atomic
def set_addresses(*, service_id: int, addresses: Addresses, actor: str, now: datetime) -> None:
    """What the line gets from its next login on: fixed addresses, pools, prefixes, routes.

    Raises Refused for what isn't an address and for what another service holds.
    """
    addresses = normalise_addresses(addresses)
    service = _locked(service_id)
    _check_not_ended(service)
    if holder := holder_of(addresses, but=service_id):
        raise Refused(f"{holder}; a line's address is its own.")
    _put_addresses(service, addresses)
    service.save(update_fields=list(Addresses._fields))
    _audit("set_addresses", service, actor=actor, now=now, **_addresses(service))


# --- which device ----------------------------------------------------------------------------------------


@transaction.atomic
def set_mac_lock(*, service_id: int, mac_address: str, actor: str, now: datetime) -> None:
    """Only this device may use the line from now on; another that is online is cut.

    Raises Refused for what is no MAC address.
    """
    mac = normalise_mac(mac_address)
    service = _locked(service_id)
    if service.login_by == LoginBy.MAC:
        _check_login_mac(mac, but=service_id)
    _change(service_id, "set_mac_lock", actor=actor, now=now, mac_address=mac, mac_lock=MacLock.LOCKED)


@transaction.atomic
def clear_mac(*, service_id: int, learn: bool = True, actor: str, now: datetime) -> None:
    """Forget the line's device:

    the next one that logs in is learnt, or, with `learn` off, any may use the line.
    """
    if _locked(service_id).login_by == LoginBy.MAC:
        raise Refused("This line logs in by its MAC address; give it the new one instead.")
    lock = MacLock.LEARN if learn else MacLock.OFF
    _change(service_id, "clear_mac", actor=actor, now=now, mac_address="", mac_lock=lock)


@transaction.atomic
def learn_mac(*, service_id: int, mac_address: str, actor: str, now: datetime) -> bool:
    """The device that has just logged in is the line's from now on. False if there was nothing to learn any
    more.

    Of two devices that log in at the same moment the conditional update lets one win. The listener logs in a
    crowd with one statement of its own; this is for everything else.
    """
    learnt = Service.objects.filter(pk=service_id, mac_lock=MacLock.LEARN).update(
        mac_lock=MacLock.LOCKED, mac_address=normalise_mac(mac_address)
    )
    if learnt:
        _audit("learn_mac", Service(pk=service_id), actor=actor, now=now, mac_address=mac_address)
        raise_access_due([service_id], cause="device learnt", now=now)
    return bool(learnt)


# --- shared ----------------------------------------------------------------------------------------------


def _locked(service_id: int) -> Service:
    return Service.objects.select_for_update(no_key=True).get(pk=service_id)


def _change(service_id: int, deed: str, *, actor: str, now: datetime, **values: Any) -> None:
    """Set columns of a service that hasn't ended, audit it, have its access looked at."""
    service = _locked(service_id)
    _check_not_ended(service)
    for name, value in values.items():
        setattr(service, name, value)
    service.save(update_fields=list(values))
    _audit(deed, service, actor=actor, now=now, **values)
    raise_access_due([service_id], cause=deed.replace("_", " "), now=now)


def _put_addresses(service: Service, addresses: Addresses) -> None:
    for name, value in addresses._asdict().items():
        setattr(service, name, list(value) if isinstance(value, tuple) else value)


def _addresses(service: Service) -> dict[str, Any]:
    return {name: getattr(service, name) for name in Addresses._fields}


def _audit(
    deed: str, service: Service, *, actor: str, now: datetime, reason: str = "", **details: object
) -> None:
    subject = f"service:{service.pk}"
    record(actor=actor, action=f"service.{deed}", subject=subject, reason=reason, details=details, now=now)


def _check_not_ended(service: Service) -> None:
    if service.status == ServiceStatus.ENDED:
        raise Refused(f"The service {service.username} has ended; start a new one.")


def _check_on_sale(package_id: int) -> None:
    package = Package.objects.get(pk=package_id)
    if not package.on_sale:
        raise Refused(f"The package {package.name!r} is no longer sold.")


def _check_login_mac(mac: str, *, but: int) -> None:
    if not mac:
        raise Refused("A line that logs in by its MAC address needs one.")
    other = Service.objects.filter(mac_address=mac, login_by=LoginBy.MAC).exclude(pk=but).first()
    if other:
        raise Refused(f"The device {mac} logs in {other.username} already.")
