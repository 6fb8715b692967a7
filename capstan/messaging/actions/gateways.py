"""Entering gateways, and what is noticed about them while they work."""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from capstan.audit.actions import record
from capstan.messaging.models import Gateway
from capstan.messaging.queries.gateways import secrets_of
from capstan.messaging.rules.gateways import HttpSettings, check_gateway, read_settings
from capstan.messaging.rules.words import GatewayKind, Medium
from capstan.values.refused import Refused

log = structlog.get_logger()

_SECRETS = ("password", "hook_token", "hook_key")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,100}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PAUSE = timedelta(seconds=2)
_PAUSE_MAX = timedelta(minutes=1)


@transaction.atomic
def enter_gateway(
    *,
    name: str,
    kind: GatewayKind,
    medium: Medium,
    settings: Mapping[str, object],
    password: str = "",
    hook_token: str = "",
    hook_key: str = "",
    sender: str = "",
    two_way: bool = False,
    per_second: int = 10,
    parallel: int = 4,
    cost_minor: int = 0,
    priority: int = 10,
    active: bool = True,
    actor: str,
    now: datetime,
) -> tuple[Gateway, list[str]]:
    """The gateway of this name, made or brought to these values; with what changed, `["new"]` for a new one.

    Without `hook_token` it can't call us. Raises Refused for what can't work.
    """
    check_gateway(name, kind, medium)
    read = read_settings(kind, settings)
    _check_numbers(per_second, parallel, cost_minor)
    _check_ways(read, kind, sender=sender, hook_token=hook_token, hook_key=hook_key, two_way=two_way)
    secrets = dict(zip(_SECRETS, (password, hook_token, hook_key), strict=True))
    wanted: dict[str, object] = {
        "settings": dict(settings), "sender": sender, "two_way": two_way, "per_second": per_second,
        "parallel": parallel, "cost_minor": cost_minor, "priority": priority, "active": active,
    }  # fmt: skip
    kept = {key: value for key, value in secrets.items() if value}
    poll_due_at = now if active and isinstance(read, HttpSettings) and read.poll else None
    gateway = Gateway.objects.select_for_update().filter(name=name).first()
    if gateway is None:
        gateway = Gateway.objects.create(
            name=name, kind=kind, medium=medium, secrets=json.dumps(kept), created_at=now, poll_due_at=poll_due_at,
            **wanted,
        )  # fmt: skip
        changed = ["new"]
    else:
        if (gateway.kind, gateway.medium) != (kind, medium):
            raise Refused("A gateway keeps its kind and medium; give the new one another name.")
        changed = _change(gateway, wanted, kept, poll_due_at)
    if changed:
        record(
            actor=actor, action="enter_gateway", subject=f"gateway:{name}", details={"changed": changed}, now=now
        )  # fmt: skip
    return gateway, changed


@transaction.atomic
def set_active(*, gateway_id: int, active: bool, reason: str, actor: str, now: datetime) -> bool:
    """Switch a gateway on or off; what waited for it goes by another. False if it was so already."""
    gateway = Gateway.objects.select_for_update(no_key=True).get(pk=gateway_id)
    if gateway.active == active:
        return False
    gateway.active = active
    gateway.poll_due_at = now if active and gateway.settings.get("poll") else None
    gateway.save(update_fields=["active", "poll_due_at"])
    deed = "switch_on_gateway" if active else "switch_off_gateway"
    record(actor=actor, action=deed, subject=f"gateway:{gateway.name}", reason=reason, now=now)
    return True


def note_trouble(gateway_id: int, why: str, *, now: datetime) -> None:
    """Leave it alone for a while, longer each time up to a minute; the first time is logged."""
    gateway = Gateway.objects.select_for_update(no_key=True).get(pk=gateway_id)
    if gateway.paused_until is not None and gateway.paused_until > now:
        return  # one of several that were under way: the same trouble
    if not gateway.troubles:
        gateway.trouble_since = now
        log.warning("a gateway is in trouble", gateway=gateway.name, why=why)
    gateway.paused_until = now + min(_PAUSE * (1 << min(gateway.troubles, 16)), _PAUSE_MAX)
    gateway.troubles += 1
    gateway.trouble = why
    gateway.save(update_fields=["paused_until", "troubles", "trouble", "trouble_since"])


def note_works(gateway_id: int) -> None:
    ended = Gateway.objects.filter(pk=gateway_id, troubles__gt=0)
    if ended.update(paused_until=None, troubles=0, trouble="", trouble_since=None):
        log.info("a gateway works again", gateway=gateway_id)


def _change(
    gateway: Gateway, wanted: Mapping[str, object], secrets: Mapping[str, str], poll_due_at: datetime | None
) -> list[str]:
    """Bring it to these values, and give it another chance if it was in trouble; returns what changed."""
    had = secrets_of(gateway)
    changed = [key for key, value in wanted.items() if getattr(gateway, key) != value]
    changed += [key for key in _SECRETS if had.get(key, "") != secrets.get(key, "")]
    if changed:
        for key, value in wanted.items():
            setattr(gateway, key, value)
        gateway.secrets, gateway.poll_due_at = json.dumps(secrets), poll_due_at
        gateway.paused_until, gateway.trouble_since = None, None
        gateway.trouble, gateway.troubles = "", 0
        gateway.save()
    return changed


def _check_numbers(per_second: int, parallel: int, cost_minor: int) -> None:
    if not 1 <= per_second <= 1000:
        raise Refused("A gateway takes 1 to 1000 messages a second.")
    if not 1 <= parallel <= 16:
        raise Refused("A gateway gets 1 to 16 requests at a time.")
    if cost_minor < 0:
        raise Refused("A segment costs nothing or more.")


def _check_ways(
    read: object, kind: GatewayKind, *, sender: str, hook_token: str, hook_key: str, two_way: bool
) -> None:
    if hook_token and not _TOKEN.fullmatch(hook_token):
        raise Refused("hook_token must have 16 to 100 letters, digits, - or _.")
    if kind == GatewayKind.SMTP and not _EMAIL.fullmatch(sender):
        raise Refused("A mail gateway needs a sender, the address its mails are from.")
    if isinstance(read, HttpSettings):
        if read.signature is not None and not hook_key:
            raise Refused("A signature needs hook_key, the key that both sides know.")
        hears = hook_token or (read.poll is not None and read.poll.inbound is not None)
        if two_way and not hears:
            raise Refused("A two-way gateway needs hook_token, or poll.inbound: how else would answers come?")
