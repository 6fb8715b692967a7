"""New lines, and the kinds of connection they may have."""

from datetime import datetime

from django.db import transaction

from capstan.audit.actions import record
from capstan.services.actions.change import audit, check_login_mac, check_on_sale
from capstan.services.models import ConnectionType, PackageChange, Service
from capstan.services.rules import (
    LoginBy,
    MacLock,
    Standing,
    check_password,
    normalise_mac,
    normalise_username,
    nt_hash,
)
from capstan.values.refused import Refused


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
        check_login_mac(mac, but=0)
    if activated_at is not None and activated_at > now:
        raise Refused("A service can't start in the future: it could log in from now on.")
    check_on_sale(package_id)
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
    audit("create", service, actor=actor, now=now, username=username, package=package_id)
    return service
