"""Charging for what was sold, and giving back."""

from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from capstan.billing.models import Charge
from capstan.billing.rules.words import ChargeKind
from capstan.services.models import Service
from capstan.values.refused import Refused


def charge(
    *,
    service_id: int,
    kind: ChargeKind,
    description: str,
    amount_minor: int,
    reference: str,
    actor: str,
    now: datetime,
    paid_with: str = "",
    occurred_at: datetime | None = None,
    tax_group_id: int | None = None,
) -> Charge:
    """Charge a service's customer, within the caller's transaction; the next invoice takes it up.

    `occurred_at` is the moment of supply, now by default; `paid_with` says how it was paid before it was made.

    A reference that was charged for already returns that charge and changes nothing. Raises ValueError for a negative
    amount.
    """
    assert transaction.get_connection().in_atomic_block
    if amount_minor < 0:
        raise ValueError(f"a charge of {amount_minor}: what is given back is a return")
    customer_id = Service.objects.values_list("customer_id", flat=True).get(pk=service_id)
    made, _ = Charge.objects.get_or_create(
        reference=reference,
        defaults={
            "customer_id": customer_id, "service_id": service_id, "kind": kind, "description": description,
            "amount_minor": amount_minor, "occurred_at": occurred_at or now, "actor": actor, "made_at": now,
            "paid_with": paid_with, "tax_group_id": tax_group_id,
        },
    )  # fmt: skip
    return made


def charge_fee(
    *, customer_id: int, description: str, amount_minor: int, reference: str, actor: str, now: datetime
) -> Charge:
    """Charge the account a fee, for none of its lines, within the caller's transaction; the next invoice takes it up.

    A reference that was charged for already returns that charge. Raises ValueError for an amount that isn't above zero.
    """
    assert transaction.get_connection().in_atomic_block
    if amount_minor <= 0:
        raise ValueError(f"a fee of {amount_minor}")
    made, _ = Charge.objects.get_or_create(
        reference=reference,
        defaults={
            "customer_id": customer_id, "kind": ChargeKind.FEE, "description": description,
            "amount_minor": amount_minor, "occurred_at": now, "actor": actor, "made_at": now,
        },
    )  # fmt: skip
    return made


def give_back(
    *, charge_id: int, amount_minor: int, description: str, reference: str, actor: str, now: datetime
) -> Charge:
    """Return a part of a charge or all of it, within the caller's transaction, at the VAT rate of its day of supply.

    The next bill run takes it up: beside the charge, or by a credit note if the charge is on an invoice already.

    A reference that was returned already gives that return again. Raises Refused for more than is left of the charge.
    """
    assert transaction.get_connection().in_atomic_block
    known = Charge.objects.filter(reference=reference).first()
    if known is not None:
        return known
    first = Charge.objects.select_for_update().get(pk=charge_id)
    returned = first.given_back.aggregate(total=Sum("amount_minor"))["total"] or 0
    if not 0 <= amount_minor <= first.amount_minor + returned:
        raise Refused("More can't be given back than was charged.")
    return Charge.objects.create(
        customer_id=first.customer_id, service_id=first.service_id, kind=first.kind, description=description,
        amount_minor=-amount_minor, occurred_at=first.occurred_at, tax_group_id=first.tax_group_id,
        reference=reference, returns=first, actor=actor, made_at=now,
    )  # fmt: skip
