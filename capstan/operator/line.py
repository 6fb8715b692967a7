"""Changing one line from the command line, and saying what that does."""

from collections.abc import Callable
from typing import Any, NamedTuple

from capstan.caps.actions.cap import roll
from capstan.catalog.models import Package
from capstan.operator.find import moment
from capstan.operator.words import Saying
from capstan.services.actions import contract, device, status
from capstan.services.models import Service
from capstan.values.refused import Refused


class At(NamedTuple):
    """Whose line, who changes it, and when."""

    service: Service
    actor: str
    say: Saying

    @property
    def by(self) -> dict[str, Any]:
        return {"service_id": self.service.pk, "actor": self.actor, "now": self.say.now}


_STATUS: dict[str, tuple[Callable[..., bool], str, str]] = {
    "suspend": (status.suspend, "is on hold", "was on hold already"),
    "resume": (status.resume, "is off hold", "wasn't on hold"),
    "end": (status.end_service, "has ended", "had ended already"),
}


def set_status(at: At, deed: str, reason: str) -> str:
    """Suspend, resume or end it."""
    act, done, nothing = _STATUS[deed]
    if not act(**at.by, reason=reason):
        return f"{at.service.username} {nothing}; nothing was changed."
    return f"{at.service.username} {done}. {_follows(at)}"


def change_package(at: At, code: str, since: str | None) -> str:
    """Another package, from now or from a day or time on. Raises Refused."""
    package = Package.objects.filter(code=code).first()
    if package is None:
        codes = ", ".join(
            Package.objects.filter(on_sale=True).order_by("code").values_list("code", flat=True)
        )
        raise Refused(f"There is no package {code!r}. There are: {codes or 'none yet'}.")
    starts_at = at.say.now if since is None else moment(since, at.say.zone)
    change = contract.change_package(**at.by, package_id=package.pk, starts_at=starts_at)
    roll(at.service.pk, now=at.say.now)
    if change.starts_at > at.say.now:
        return f"{at.service.username} has {package.name} from {at.say.in_full(change.starts_at)}."
    return (
        f"{at.service.username} has {package.name} from now on: its speeds at once, its allowance and cap with the next "
        f"cycle. {_follows(at)}"
    )


def keep_package(at: At) -> str:
    """Take back what is planned. Raises Refused if nothing is."""
    planned = contract.cancel_package_changes(**at.by)
    roll(at.service.pk, now=at.say.now)
    return f"{at.service.username} keeps its package; the change planned for {at.say.in_full(planned)} is taken back."


def set_device(at: At, mac: str) -> str:
    """Only this device from now on. Raises Refused."""
    device.set_mac_lock(**at.by, mac_address=mac)
    return f"Only {mac} may use {at.service.username} from now on. {_follows(at)}"


def forget_device(at: At, *, learn: bool) -> str:
    """Let the next device be learnt, or any use the line. Raises Refused."""
    device.clear_mac(**at.by, learn=learn)
    if learn:
        return f"The next device that logs in is {at.service.username}'s."
    return f"Any device may use {at.service.username}."


def record_consent(at: At, given_by: str, channel: str) -> str:
    """Beyond the cap it may be charged. Raises Refused."""
    contract.record_overage_consent(**at.by, given_by=given_by, channel=channel)
    roll(at.service.pk, now=at.say.now)
    return f"{given_by} agreed by {channel} that {at.service.username} is charged beyond its cap, where its package does so."


def withdraw_consent(at: At) -> str:
    """Beyond the cap nothing is charged, so it is blocked."""
    contract.withdraw_overage_consent(**at.by)
    roll(at.service.pk, now=at.say.now)
    return f"{at.service.username} is not charged beyond its cap any more: it is cut there. {_follows(at)}"


def _follows(at: At) -> str:
    return f"Open sessions follow within a second: see `capstan explain {at.service.username}`."
