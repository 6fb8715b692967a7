"""Which device may use a line."""

from datetime import datetime

from django.db import transaction

from capstan.services.actions.access_due import raise_access_due
from capstan.services.actions.change import audit, change, check_login_mac, locked
from capstan.services.models import Service
from capstan.services.rules import LoginBy, MacLock, normalise_mac
from capstan.values.refused import Refused


@transaction.atomic
def set_mac_lock(*, service_id: int, mac_address: str, actor: str, now: datetime) -> None:
    """Only this device may use the line from now on; another that is online is cut.

    Raises Refused for what is no MAC address.
    """
    mac = normalise_mac(mac_address)
    service = locked(service_id)
    if service.login_by == LoginBy.MAC:
        check_login_mac(mac, but=service_id)
    change(service_id, "set_mac_lock", actor=actor, now=now, mac_address=mac, mac_lock=MacLock.LOCKED)


@transaction.atomic
def clear_mac(*, service_id: int, learn: bool = True, reason: str = "", actor: str, now: datetime) -> None:
    """Forget the line's device:

    the next one that logs in is learnt, or, with `learn` off, any may use the line.
    """
    if locked(service_id).login_by == LoginBy.MAC:
        raise Refused("This line logs in by its MAC address; give it the new one instead.")
    lock = MacLock.LEARN if learn else MacLock.OFF
    change(service_id, "clear_mac", reason=reason, actor=actor, now=now, mac_address="", mac_lock=lock)


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
        audit("learn_mac", Service(pk=service_id), actor=actor, now=now, mac_address=mac_address)
        raise_access_due([service_id], cause="device learnt", now=now)
    return bool(learnt)
