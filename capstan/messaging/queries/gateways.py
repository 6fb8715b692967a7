"""Which gateway carries what."""

import json
from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet

from capstan.messaging.models import Gateway
from capstan.messaging.rules.words import Medium


def gateways() -> QuerySet[Gateway]:
    return Gateway.objects.order_by("medium", "priority", "name")


def by_name(name: str) -> Gateway | None:
    return Gateway.objects.filter(name=name).first()


def route(
    medium: Medium, *, two_way: bool, prefer: int | None = None, avoid: Collection[int] = ()
) -> Gateway | None:
    """The gateway for a message: `prefer` if it will do, else by priority; one in `avoid` only if there is no other.

    What expects an answer leaves by a two-way gateway or not at all.
    """
    usable = Gateway.objects.filter(medium=medium, active=True)
    if two_way and medium == Medium.SMS:
        usable = usable.filter(two_way=True)
    ordered = sorted(usable, key=lambda one: (one.pk in avoid, one.pk != prefer, one.priority, one.pk))
    return next(iter(ordered), None)


def secrets_of(gateway: Gateway) -> dict[str, str]:
    """`password`, `hook_token` and `hook_key`, those that are set."""
    found: dict[str, Any] = json.loads(gateway.secrets)
    return {name: str(value) for name, value in found.items()}
