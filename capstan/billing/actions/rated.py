"""Charges that were priced elsewhere: a file is taken whole or not at all, each charge once (S9)."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.models import Charge, RatedImport
from capstan.billing.rules.rated import Rated, read_rated
from capstan.billing.rules.words import ChargeKind, ImportState
from capstan.db.locks import hold
from capstan.services.models import Service
from capstan.values.refused import Refused

_SHOWN = 200
_LOCK = "rated charges"


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


class Looked(NamedTuple):
    """What a file comes to: the charges that are new, by customer too, and how many were charged before."""

    new: list[Rated]
    known: int
    lines: Mapping[str, tuple[int, int]]  # service and customer by username

    @property
    def amount_minor(self) -> int:
        return sum(row.amount_minor for row in self.new)

    def by_customer(self) -> list[tuple[int, int, int]]:
        """Customer, charges and minor units, the highest first."""
        found: dict[int, list[int]] = {}
        for row in self.new:
            sums = found.setdefault(self.lines[row.username][1], [0, 0])
            sums[0] += 1
            sums[1] += row.amount_minor
        return sorted(((pk, *sums) for pk, sums in found.items()), key=lambda one: (-one[2], one[0]))  # type: ignore[misc]


def look_at(content: bytes, *, now: datetime) -> Looked:
    """What the file would charge; nothing is written. Raises FaultyFileError: for what can't be read, a line that nobody has,
    a day that is to come."""
    read = read_rated(content, settings.OPTIONS.currency)
    if read.faults:
        raise FaultyFileError(read.faults)
    usernames = {row.username for row in read.rows}
    rows = Service.objects.filter(username__in=usernames).values_list("username", "pk", "customer_id")
    lines = {username: (pk, customer_id) for username, pk, customer_id in rows}
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
    references = [_reference(row) for row in read.rows]
    known = set(Charge.objects.filter(reference__in=references).values_list("reference", flat=True))
    return Looked([row for row in read.rows if _reference(row) not in known], len(known), lines)


@transaction.atomic
def keep(*, content: bytes, file_name: str, actor: str, now: datetime) -> RatedImport:
    """Keep a file to be looked at before it is taken over. One that waits or was taken over already is that one again.

    Raises FaultyFileError; then nothing is kept.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    hold([_LOCK])
    same = RatedImport.objects.filter(sha256=sha256).exclude(state=ImportState.PUT_AWAY).first()
    if same is not None:
        return same
    found = look_at(content, now=now)
    return RatedImport.objects.create(
        file_name=file_name, sha256=sha256, content=content, rows_new=len(found.new), rows_known=found.known,
        amount_minor=found.amount_minor, customers=found.by_customer(), made_by=actor, made_at=now,
    )  # fmt: skip


@transaction.atomic
def take_over(*, import_id: int, actor: str, now: datetime) -> Taken:
    """Charge what a kept file says, whole; the next invoices take it up. A reference that was charged before is left as it is.

    Raises Refused for one that was taken over or put away, and FaultyFileError if a line has gone meanwhile.
    """
    hold([_LOCK])
    kept = _waiting(import_id)
    assert kept.content is not None
    found = look_at(bytes(kept.content), now=now)
    Charge.objects.bulk_create(
        [_charge(row, *found.lines[row.username], actor, now) for row in found.new], batch_size=2_000
    )
    kept.rows_new, kept.rows_known = len(found.new), found.known
    kept.amount_minor, kept.customers = found.amount_minor, found.by_customer()
    _decide(kept, ImportState.TAKEN, actor, now)
    taken = Taken(len(found.new), found.known, found.amount_minor)
    record(
        actor=actor, action="billing.rated", subject=f"file:{kept.file_name}", now=now,
        details={**taken._asdict(), "import": kept.pk},
    )  # fmt: skip
    return taken


@transaction.atomic
def put_away(*, import_id: int, actor: str, now: datetime) -> None:
    """A kept file isn't taken over; nothing of it was charged. Raises Refused for one that was."""
    _decide(_waiting(import_id), ImportState.PUT_AWAY, actor, now)


def import_rated(*, content: bytes, file_name: str, actor: str, now: datetime) -> Taken:
    """Keep a file and take it over at once. Raises FaultyFileError. The same file again charges nothing."""
    kept = keep(content=content, file_name=file_name, actor=actor, now=now)
    if kept.state == ImportState.TAKEN:
        return Taken(0, kept.rows_new + kept.rows_known, 0)
    return take_over(import_id=kept.pk, actor=actor, now=now)


def _waiting(import_id: int) -> RatedImport:
    kept = RatedImport.objects.select_for_update().get(pk=import_id)
    if kept.state != ImportState.WAITING:
        raise Refused(f"This file was {kept.state} already: nothing is charged twice.")
    return kept


def _decide(kept: RatedImport, state: ImportState, actor: str, now: datetime) -> None:
    """Charges are the facts from here on: the file itself is kept no longer."""
    kept.state, kept.decided_by, kept.decided_at, kept.content = state, actor, now, None
    kept.save()


def _reference(row: Rated) -> str:
    return f"rated:{row.reference}"


def _charge(row: Rated, service_id: int, customer_id: int, actor: str, now: datetime) -> Charge:
    return Charge(
        customer_id=customer_id, service_id=service_id, kind=ChargeKind.RATED, description=row.text,
        amount_minor=row.amount_minor, occurred_at=datetime.combine(row.supplied_on, time(12), settings.FORMATS.zone),
        reference=_reference(row), actor=actor, made_at=now,
    )  # fmt: skip
