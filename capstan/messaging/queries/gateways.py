"""Which gateway carries what."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from capstan.messaging.models import Gateway
from capstan.messaging.rules.words import Medium


def gateways() -> QuerySet[Gateway]:
    return Gateway.objects.order_by("medium", "priority", "name")


def in_trouble() -> QuerySet[Gateway]:
    """Those that should work and don't, the longest first."""
    return Gateway.objects.filter(active=True).exclude(trouble="").order_by("trouble_since", "pk")


def by_name(name: str) -> Gateway | None:
    return Gateway.objects.filter(name=name).first()


def route(
    medium: Medium,
    *,
    two_way: bool,
    prefer: int | None = None,
    avoid: Collection[int] = (),
    now: datetime,
) -> Gateway | None:
    """The gateway for a message: `prefer` if it will do, else by priority.

    One that is in trouble, or in `avoid`, is taken only if there is no other. What expects an answer leaves by a two-way
    gateway or not at all.
    """
    usable = Gateway.objects.filter(medium=medium, active=True)
    if two_way and medium == Medium.SMS:
        usable = usable.filter(two_way=True)

    def order(one: Gateway) -> tuple[bool, bool, int, int]:
        is_paused = one.paused_until is not None and one.paused_until > now
        return (is_paused or one.pk in avoid, one.pk != prefer, one.priority, one.pk)

    return min(usable, key=order, default=None)


def secrets_of(gateway: Gateway) -> dict[str, str]:
    """`password`, `hook_token` and `hook_key`, those that are set."""
    found: dict[str, Any] = json.loads(gateway.secrets)
    return {name: str(value) for name, value in found.items()}
