"""Charges that were priced elsewhere: a file is taken whole or not at all, each charge once (S9)."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.models import Charge
from capstan.billing.rules.rated import Rated, read_rated
from capstan.billing.rules.words import ChargeKind
from capstan.services.models import Service
from capstan.values.refused import Refused

_SHOWN = 200


class FaultyFileError(Refused):
    """The file has faults; nothing of it was charged."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = list(faults[:_SHOWN])
        if len(faults) > _SHOWN:
            self.faults.append(f"… and {len(faults) - _SHOWN} more.")
        super().__init__("\n".join(self.faults))


class Taken(NamedTuple):
    """How many charges were new and what they come to; how many were there before."""

    new: int
    known: int
    amount_minor: int


@transaction.atomic
def import_rated(*, content: bytes, file_name: str, actor: str, now: datetime) -> Taken:
    """Charge what the file says; the next invoices take it up. A reference that was charged before is left as it is.

    Raises FaultyFileError: for what can't be read, a line that nobody has, a day that is to come.
    """
    read = read_rated(content, settings.OPTIONS.currency)
    if read.faults:
        raise FaultyFileError(read.faults)
    lines = {
        username: (pk, customer_id)
        for pk, username, customer_id in Service.objects.filter(
            username__in={row.username for row in read.rows}
        ).values_list("pk", "username", "customer_id")
    }
    today = settings.FORMATS.local(now).date()
    faults = [
        f"Line {row.line_no}: there is no line {row.username}."
        for row in read.rows
        if row.username not in lines
    ]
    faults += [
        f"Line {row.line_no}: {row.supplied_on} is still to come."
        for row in read.rows
        if row.supplied_on > today
    ]
    if faults:
        raise FaultyFileError(faults)
    known = set(
        Charge.objects.filter(reference__in=[_reference(row) for row in read.rows]).values_list(
            "reference", flat=True
        )
    )
    new = [row for row in read.rows if _reference(row) not in known]
    Charge.objects.bulk_create(
        [_charge(row, *lines[row.username], actor, now) for row in new], batch_size=2_000
    )
    amount = sum(row.amount_minor for row in new)
    record(
        actor=actor, action="billing.rated", subject=f"file:{file_name}", now=now,
        details={"new": len(new), "known": len(known), "amount_minor": amount},
    )  # fmt: skip
    return Taken(len(new), len(known), amount)


def _reference(row: Rated) -> str:
    return f"rated:{row.reference}"


def _charge(row: Rated, service_id: int, customer_id: int, actor: str, now: datetime) -> Charge:
    return Charge(
        customer_id=customer_id, service_id=service_id, kind=ChargeKind.RATED, description=row.text,
        amount_minor=row.amount_minor, occurred_at=datetime.combine(row.supplied_on, time(12), settings.FORMATS.zone),
        reference=_reference(row), actor=actor, made_at=now,
    )  # fmt: skip
