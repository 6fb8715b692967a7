"""Charging for what was sold, and giving back; and the charges that a billing day makes."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from capstan.billing.models import Charge
from capstan.billing.rules.plan import NewCharge, OpenCharge, Words
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


def write(new: Mapping[int, Sequence[NewCharge]], actor: str, now: datetime) -> dict[int, list[OpenCharge]]:
    """Write charges of many customers at once, within the caller's transaction; hands them back as an invoice takes them up."""
    pairs = [(customer_id, one) for customer_id, ones in new.items() for one in ones]
    rows = Charge.objects.bulk_create(
        Charge(
            customer_id=customer_id, service_id=one.service_id, kind=one.kind, description=one.text,
            amount_minor=one.amount_minor, occurred_at=datetime.combine(one.supplied_on, time(), settings.FORMATS.zone),
            tax_group_id=one.tax_group_id, reference=one.reference, returns_id=one.returns_id,
            package_id=one.package_id, covers_first=one.covers.first if one.covers else one.supplied_on,
            covers_end=one.covers.end if one.covers else None, actor=actor, made_at=now,
        )
        for customer_id, one in pairs
    )  # fmt: skip
    made: dict[int, list[OpenCharge]] = {}
    for row, (customer_id, one) in zip(rows, pairs, strict=True):
        made.setdefault(customer_id, []).append(one.as_open(row.pk))
    return made


def subscription_words() -> Words:
    """How lines of subscriptions are worded."""
    formats = settings.FORMATS
    return Words(
        lambda package, username, span: f"{package}, {username}, {formats.days(span.first, span.end)}",
        lambda package, username, span: (
            f"Not used: {package}, {username}, {formats.days(span.first, span.end)}"
        ),
    )
