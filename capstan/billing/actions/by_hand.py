"""Charges that somebody enters: an installation, a router, a call-out, a fee."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.actions import terms
from capstan.billing.models import Charge
from capstan.billing.rules.words import ChargeKind
from capstan.catalog.models import TaxGroup
from capstan.customers.models import Customer
from capstan.services.models import Service
from capstan.values.refused import Refused

KINDS = (ChargeKind.ONE_OFF, ChargeKind.FEE)
_MOST_MINOR = 10**11


@transaction.atomic
def charge_by_hand(
    *,
    customer_id: int,
    service_id: int | None,
    kind: ChargeKind,
    text: str,
    amount_minor: int,
    tax_group_id: int | None,
    reason: str,
    key: str,
    actor: str,
    now: datetime,
) -> Charge:
    """Charge a customer once, for a line of his or for none; the next invoice takes it up. The amount holds its VAT.

    `key` belongs to the form that was filled in: the same one again gives the same charge. Raises Refused.
    """
    _check(kind, text, amount_minor, reason)
    if not Customer.objects.filter(pk=customer_id).exists():
        raise Refused(f"There is no customer {customer_id}.")
    if service_id is not None and not Service.objects.filter(pk=service_id, customer_id=customer_id).exists():
        raise Refused("That is no line of this customer.")
    if tax_group_id is not None and not TaxGroup.objects.filter(pk=tax_group_id).exists():
        raise Refused("There is no such tax group.")
    terms.lock(customer_id, now=now)
    made, is_new = Charge.objects.get_or_create(
        reference=f"by-hand:{key}",
        defaults={
            "customer_id": customer_id, "service_id": service_id, "kind": kind, "description": text.strip(),
            "amount_minor": amount_minor, "occurred_at": now, "tax_group_id": tax_group_id, "actor": actor,
            "made_at": now,
        },
    )  # fmt: skip
    if made.customer_id != customer_id:
        raise Refused("This form was sent for another customer before: load the page again.")
    if is_new:
        record(
            actor=actor, action="billing.charge_by_hand", subject=f"customer:{customer_id}", reason=reason.strip(),
            now=now, details={"charge": made.pk, "kind": kind.value, "text": made.description, "amount_minor": amount_minor},
        )  # fmt: skip
    return made


def _check(kind: ChargeKind, text: str, amount_minor: int, reason: str) -> None:
    if kind not in KINDS:
        raise Refused("By hand, one charges for something sold once, or a fee.")
    if not text.strip():
        raise Refused("Say what it is: the invoice says so too.")
    if amount_minor <= 0:
        raise Refused("A charge is above nothing; what is given back is a credit note.")
    if amount_minor > _MOST_MINOR:
        raise Refused(f"{settings.FORMATS.money(amount_minor)} is more than one charge may be.")
    if not reason.strip():
        raise Refused("Say why: the reason stays with it.")
