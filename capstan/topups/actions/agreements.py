"""What is agreed with a customer about top-ups: who authorises, what is paid first, how much a line may spend."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.customers.models import Customer
from capstan.services.models import Service
from capstan.topups.models import AccountRule, Authoriser, LineRule
from capstan.values.phone import normalise_phone
from capstan.values.refused import Refused


@transaction.atomic
def set_account_rule(
    *, customer_id: int, needs_authorisation: bool, pays_first: bool, actor: str, now: datetime
) -> None:
    """How this customer's orders are let through from now on; what waits already keeps waiting."""
    Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    values = {"needs_authorisation": needs_authorisation, "pays_first": pays_first}
    AccountRule.objects.update_or_create(customer_id=customer_id, defaults=values)
    _audit("topups.account_rule", f"customer:{customer_id}", actor, now, values)


@transaction.atomic
def add_authoriser(
    *, customer_id: int, name: str, role: str, phone: str, limit_minor: int | None, actor: str, now: datetime
) -> Authoriser:
    """List somebody who may authorise this customer's top-ups, each up to a limit. Raises Refused."""
    if not name.strip() or not role.strip():
        raise Refused("An authoriser needs a name and a role, such as manager, owner or director.")
    if limit_minor is not None and limit_minor <= 0:
        raise Refused("A limit is more than nothing; leave it empty for any amount.")
    number = normalise_phone(phone, settings.OPTIONS.country)
    Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    if Authoriser.objects.filter(customer_id=customer_id, phone=number, removed_at=None).exists():
        raise Refused(f"{number} is listed already.")
    made = Authoriser.objects.create(
        customer_id=customer_id, name=name.strip(), role=role.strip(), phone=number, limit_minor=limit_minor,
        added_at=now, added_by=actor,
    )  # fmt: skip
    details = {"authoriser": made.pk, "phone": number, "limit_minor": limit_minor}
    _audit("topups.add_authoriser", f"customer:{customer_id}", actor, now, details)
    return made


@transaction.atomic
def remove_authoriser(*, authoriser_id: int, actor: str, now: datetime) -> None:
    """Take somebody off; what waits for his answer can't be answered by him any more."""
    found = Authoriser.objects.select_for_update().get(pk=authoriser_id)
    if found.removed_at is None:
        found.removed_at = now
        found.save(update_fields=["removed_at"])
        details = {"authoriser": found.pk, "phone": found.phone}
        _audit("topups.remove_authoriser", f"customer:{found.customer_id}", actor, now, details)


@transaction.atomic
def set_ceiling(
    *, service_id: int, ceiling_minor: int | None, ceiling_bytes: int | None, actor: str, now: datetime
) -> None:
    """How much this line may spend on top-ups in a cycle (G5); None: what the provider's settings say. Raises Refused."""
    if any(value is not None and value < 0 for value in (ceiling_minor, ceiling_bytes)):
        raise Refused("A ceiling can't be less than nothing; leave it empty for the provider's.")
    Service.objects.select_for_update(no_key=True).get(pk=service_id)
    values = {"ceiling_minor": ceiling_minor, "ceiling_bytes": ceiling_bytes}
    LineRule.objects.update_or_create(service_id=service_id, defaults=values)
    _audit("topups.ceiling", f"service:{service_id}", actor, now, values)


def _audit(action: str, subject: str, actor: str, now: datetime, details: Mapping[str, object]) -> None:
    record(actor=actor, action=action, subject=subject, now=now, details=details)
