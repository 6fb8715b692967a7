"""What staff may do to a line, one deed each: when, with which form, and what is said afterwards."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django import forms
from django.conf import settings

from capstan.billing.actions import prepaid
from capstan.caps.actions.cap import roll
from capstan.caps.models import Cap
from capstan.caps.queries import standing
from capstan.catalog.queries import offers_on_sale, terms, version_in_force
from capstan.console.forms.line import (
    LEARN,
    NEXT_CYCLE,
    AutoTopUpForm,
    CeilingForm,
    DeviceForm,
    PackageForm,
    ReasonForm,
    ReleaseForm,
    SendLoginForm,
)
from capstan.identity.rules import Actor, Permission
from capstan.operator.circumstances import saying
from capstan.services.actions import contract, device, status
from capstan.services.models import Service
from capstan.services.queries import next_package_change, package_in_force
from capstan.services.rules import LoginBy, MacLock, ServiceStatus
from capstan.topups.actions.agreements import set_ceiling
from capstan.topups.actions.auto import Wish, agree, switch
from capstan.topups.actions.line_login import send_login
from capstan.topups.models import AutoTopUp, LineRule
from capstan.topups.queries.logins import trusted_numbers
from capstan.topups.rules.words import Channel
from capstan.values import clock
from capstan.values.refused import Refused

_FOLLOWS = "Open sessions follow within a second."


class Deed(NamedTuple):
    """`question` is asked before it is done, where scripts run."""

    title: str
    button: str
    question: str
    is_open: Callable[[Service, datetime], bool]
    form: Callable[..., forms.Form]
    do: Callable[[Service, dict[str, Any], Actor, datetime], str]
    permission: Permission | None = None


class OpenDeed(NamedTuple):
    """A deed that can be done now, with its form."""

    name: str
    deed: Deed
    form: forms.Form


def open_deeds(
    service: Service, actor: Actor, sent: str = "", form: forms.Form | None = None, *, now: datetime
) -> list[OpenDeed]:
    """What this actor can do to the line now; the form that was `sent` keeps what was typed."""
    found = []
    for name, deed in DEEDS.items():
        if deed.is_open(service, now) and (deed.permission is None or actor.may(deed.permission)):
            shown = form if form is not None and name == sent else form_of(name, service)
            found.append(OpenDeed(name, deed, shown))
    return found


def form_of(name: str, service: Service, data: Any = None) -> forms.Form:
    """The form of a deed; several are on one page, so their ids differ."""
    return DEEDS[name].form(service, data=data, auto_id=f"{name}-%s")


def _reason(_service: Service, **more: Any) -> forms.Form:
    return ReasonForm(**more)


def _package_form(service: Service, **more: Any) -> forms.Form:
    return PackageForm(brand_id=service.customer.brand_id, **more)


def _device_form(_service: Service, **more: Any) -> forms.Form:
    return DeviceForm(**more)


def _send_form(service: Service, **more: Any) -> forms.Form:
    return SendLoginForm(trusted=trusted_numbers(service), **more)


def _ceiling_form(service: Service, **more: Any) -> forms.Form:
    held = LineRule.objects.filter(pk=service.pk).first()
    first = {"ceiling_minor": held.ceiling_minor, "ceiling_bytes": held.ceiling_bytes} if held else {}
    return CeilingForm(initial=first, **more)


def _waits(service: Service, now: datetime) -> bool:
    held = standing(service.pk, now=now) if Cap.objects.filter(pk=service.pk).exists() else None
    return held is not None and held.waits and service.status != ServiceStatus.ENDED


def _release_form(_service: Service, **more: Any) -> forms.Form:
    return ReleaseForm(**more)


def _release(service: Service, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    until = given["until"]
    prepaid.release_by_hand(
        service_id=service.pk, until=until, reason=given["reason"], actor=actor.key, now=now
    )
    how = f"lent up to the end of {settings.FORMATS.day(until)}" if until else "released to the cycle's end"
    return f"The allowance is {how}. What is asked for stays. {_FOLLOWS}"


def _suspend(service: Service, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    if not status.suspend(service_id=service.pk, reason=given["reason"], actor=actor.key, now=now):
        return f"{service.username} was on hold already; nothing was changed."
    return f"{service.username} is on hold. {_FOLLOWS}"


def _resume(service: Service, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    if not status.resume(service_id=service.pk, reason=given["reason"], actor=actor.key, now=now):
        return f"{service.username} wasn't on hold; nothing was changed."
    return f"{service.username} is off hold. {_FOLLOWS}"


def _change_package(service: Service, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    package = given["package"]
    starts_at = now
    if given["since"] == NEXT_CYCLE:
        starts_at = Cap.objects.values_list("cycle_end", flat=True).filter(pk=service.pk).first() or now
    change = contract.change_package(
        service_id=service.pk, package_id=package.pk, starts_at=max(starts_at, now), reason=given["reason"],
        actor=actor.key, now=now,
    )  # fmt: skip
    roll(service.pk, now=now)
    if change.starts_at > now:
        return f"{service.username} has {package.name} from {saying(now).in_full(change.starts_at)}."
    return (
        f"{service.username} has {package.name} from now on: its speeds at once, its allowance and cap with the"
        f" next cycle. {_FOLLOWS}"
    )


def _keep_package(service: Service, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    planned = contract.cancel_package_changes(
        service_id=service.pk, reason=given["reason"], actor=actor.key, now=now
    )
    roll(service.pk, now=now)
    when = saying(now).in_full(planned)
    return f"{service.username} keeps its package; the change planned for {when} is taken back."


def _clear_device(service: Service, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    learn = given["then"] == LEARN
    device.clear_mac(service_id=service.pk, learn=learn, reason=given["reason"], actor=actor.key, now=now)
    if learn:
        return f"The next device that logs in is {service.username}'s. {_FOLLOWS}"
    return f"Any device may use {service.username}. {_FOLLOWS}"


def _send_login(service: Service, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    send_login(service_id=service.pk, number=given["number"], actor=actor.key, now=now)
    return f"The login of {service.username} is on its way to {given['number']}."


def _set_ceiling(service: Service, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    set_ceiling(service_id=service.pk, **given, actor=actor.key, now=now)
    return "The spending ceiling holds from the next order on."


def _auto_form(service: Service, **more: Any) -> forms.Form:
    now = clock.now()
    held = AutoTopUp.objects.filter(pk=service.pk).first()
    first = (
        {
            "offer": str(held.offer_id), "from_percent": held.from_percent, "at_most": held.at_most,
            "ceiling_minor": held.ceiling_minor, "ceiling_bytes": held.ceiling_bytes,
        }
        if held
        else {}
    )  # fmt: skip
    offers = offers_on_sale(at=now, brand_id=service.customer.brand_id)
    version = version_in_force(package_in_force(service.pk, now), now)
    return AutoTopUpForm(initial=first, offers=offers, thresholds=terms(version).thresholds, **more)


def _agree(service: Service, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    wish = Wish(
        service.pk, int(given["offer"]), given["from_percent"], given["at_most"], given["ceiling_minor"],
        given["ceiling_bytes"], given["agreed_by"], Channel.AGENT,
    )  # fmt: skip
    made = agree(wish, actor=actor.key, now=now)
    return f"From now on {made.offer.name} is added by itself at {made.from_percent} %, as {made.agreed_by} agreed."


def _stop_auto(service: Service, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    switch(service_id=service.pk, on=False, reason=given["reason"], actor=actor.key, now=now)
    return "Nothing is added by itself any more."


def _has_auto(service: Service) -> bool:
    return AutoTopUp.objects.filter(pk=service.pk, is_on=True).exists()


def _has_no_numbers(service: Service) -> bool:
    return not trusted_numbers(service)


DEEDS: dict[str, Deed] = {
    "resume": Deed(
        "Take off hold", "Take off hold", "Take this line off hold?",
        lambda service, now: service.status == ServiceStatus.SUSPENDED, _reason, _resume,
    ),
    "login": Deed(
        "Send the line's login", "Send the login", "",
        lambda service, now: service.status != ServiceStatus.ENDED and service.login_by == LoginBy.PASSWORD
        and not _has_no_numbers(service),
        _send_form, _send_login,
    ),
    "package": Deed(
        "Change the package", "Change the package", "Change the package of this line?",
        lambda service, now: service.status != ServiceStatus.ENDED, _package_form, _change_package,
    ),
    "keep": Deed(
        "Keep the present package", "Take the planned change back", "Take the planned change of package back?",
        lambda service, now: next_package_change(service.pk, now) is not None, _reason, _keep_package,
    ),
    "device": Deed(
        "Clear the device", "Clear the device", "Forget the device of this line?",
        lambda service, now: service.mac_lock == MacLock.LOCKED and service.login_by == LoginBy.PASSWORD
        and service.status != ServiceStatus.ENDED,
        _device_form, _clear_device,
    ),
    "release": Deed(
        "Release the allowance before it is paid", "Release it", "",
        _waits, _release_form, _release, Permission.RUN_BILLING,
    ),
    "hold": Deed(
        "Put on hold", "Put on hold", "Put this line on hold? Its sessions go to the walled garden at once.",
        lambda service, now: service.status == ServiceStatus.ACTIVE, _reason, _suspend,
    ),
    "ceiling": Deed(
        "Spending ceiling", "Set the ceiling", "",
        lambda service, now: service.status != ServiceStatus.ENDED, _ceiling_form, _set_ceiling, Permission.EDIT_LIMITS,
    ),
    "auto": Deed(
        "Automatic top-up", "Switch it on with these terms", "",
        lambda service, now: service.status != ServiceStatus.ENDED, _auto_form, _agree,
    ),
    "auto-off": Deed(
        "Stop the automatic top-up", "Stop it", "Stop the automatic top-up of this line?",
        lambda service, now: _has_auto(service), _reason, _stop_auto,
    ),
}  # fmt: skip


def perform(name: str, service: Service, form: forms.Form, actor: Actor, *, now: datetime) -> str | None:
    """Do it and say what was done; None when the form has errors, those of a refusal included."""
    if not form.is_valid():
        return None
    try:
        return DEEDS[name].do(service, form.cleaned_data, actor, now)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    return None
