"""What a line gets at its login, and the password it shows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from capstan.services.actions.change import audit, change, check_not_ended, locked
from capstan.services.models import Service
from capstan.services.queries import holder_of
from capstan.services.rules import Addresses, check_password, normalise_addresses, nt_hash
from capstan.values.refused import Refused

_SESSION_LIMIT_MAX = 1000


@transaction.atomic
def set_line_password(*, service_id: int, line_password: str, actor: str, now: datetime) -> None:
    """The password that the line's router must use from its next login on.

    Raises Refused for one that PAP can't carry.
    """
    check_password(line_password)
    service = locked(service_id)
    service.line_password, service.nt_hash = line_password, nt_hash(line_password)
    service.save(update_fields=["line_password", "nt_hash"])
    audit("set_line_password", service, actor=actor, now=now)


@transaction.atomic
def see_line_password(*, service_id: int, actor: str, now: datetime) -> str:
    """The password in clear. Who has seen it is audited; that he may is for the caller to know."""
    service = locked(service_id)
    audit("see_line_password", service, actor=actor, now=now)
    return service.line_password


@transaction.atomic
def set_session_limit(*, service_id: int, session_limit: int, actor: str, now: datetime) -> None:
    """How many sessions the line may have at once; 0 is unlimited. Raises Refused beyond 1000."""
    if not 0 <= session_limit <= _SESSION_LIMIT_MAX:
        raise Refused(f"The session limit is 0, for unlimited, to {_SESSION_LIMIT_MAX}.")
    change(service_id, "set_session_limit", actor=actor, now=now, session_limit=session_limit)


@transaction.atomic
def set_reply_extra(
    *, service_id: int, reply_extra: Sequence[tuple[str, str]], actor: str, now: datetime
) -> None:
    """Further attributes of this line's Accept, as (name, value).

    The caller has checked them against the dictionary.
    """
    pairs = [list(pair) for pair in reply_extra]
    change(service_id, "set_reply_extra", actor=actor, now=now, reply_extra=pairs)


@transaction.atomic
def set_addresses(*, service_id: int, addresses: Addresses, actor: str, now: datetime) -> None:
    """What the line gets from its next login on: fixed addresses, pools, prefixes, routes.

    Raises Refused for what isn't an address and for what another service holds.
    """
    addresses = normalise_addresses(addresses)
    service = locked(service_id)
    check_not_ended(service)
    if holder := holder_of(addresses, but=service_id):
        raise Refused(f"{holder}; a line's address is its own.")
    put_addresses(service, addresses)
    service.save(update_fields=list(Addresses._fields))
    audit("set_addresses", service, actor=actor, now=now, **addresses_of(service))


def put_addresses(service: Service, addresses: Addresses) -> None:
    for name, value in addresses._asdict().items():
        setattr(service, name, list(value) if isinstance(value, tuple) else value)


def addresses_of(service: Service) -> dict[str, Any]:
    return {name: getattr(service, name) for name in Addresses._fields}
