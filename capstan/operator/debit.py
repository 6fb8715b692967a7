"""Debit orders for an operator at a terminal."""

import os
from datetime import date, datetime
from pathlib import Path

from django.conf import settings

from capstan.catalog.models import Brand
from capstan.operator.words import count
from capstan.payments.actions.debit_orders import batches
from capstan.payments.actions.debit_orders.results import take_results
from capstan.payments.models import DebitBatch, DebitItem
from capstan.payments.queries.debit_orders import sums_of
from capstan.payments.rules.words import DebitState
from capstan.values.refused import Refused

_SHOWN = 20


def listed() -> str:
    """The latest batches, a line each."""
    rows = DebitBatch.objects.select_related("brand").defer("file").order_by("-pk")[:_SHOWN]
    if not rows:
        return "No batch was proposed yet: capstan debit propose DAY"
    return "\n".join(_line(one) for one in rows)


def propose(day: date, brand: str, *, actor: str, now: datetime) -> str:
    """Propose a batch. Raises Refused."""
    found = Brand.objects.filter(name=brand) if brand else Brand.objects.all()
    if len(found) != 1:
        raise Refused(f"There is no brand {brand!r}." if brand else "Say which brand: --brand NAME.")
    batch = batches.propose(brand_id=found[0].pk, action_date=day, actor=actor, now=now)
    return f"{shown(batch.pk)}\nLooks right? capstan debit make {batch.pk} --to FILE"


def shown(batch_id: int) -> str:
    """A batch with each of its customers."""
    batch = _batch(batch_id)
    items = batch.items.select_related("customer", "mandate").order_by("state", "pk")
    return "\n".join([_line(batch), *map(_item, items)])


def make(batch_id: int, to: Path, *, actor: str, now: datetime) -> str:
    """Approve a proposal and write its file. Raises Refused; a file that can't be written leaves the batch as made."""
    _batch(batch_id)
    batches.make(batch_id=batch_id, actor=actor, now=now)
    written = write(batch_id, to, actor=actor, now=now)
    return f"{written}\nGive it to Netcash, then: capstan debit submitted {batch_id}"


def write(batch_id: int, to: Path, *, actor: str, now: datetime) -> str:
    """The batch's file, readable for its owner alone: it holds account numbers. Raises Refused."""
    batch = _batch(batch_id)
    content = batches.file_of(batch_id=batch_id, actor=actor, now=now)
    try:
        handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as problem:
        raise Refused(
            f"{to} can't be written: {problem.strerror}. Batch {batch_id} is made: capstan debit file {batch_id} --to FILE"
        ) from problem
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return f"{to}: {settings.FORMATS.money(batch.total_minor)}, SHA-256 {batch.sha256}"


def submitted(batch_id: int, *, actor: str, now: datetime) -> str:
    """Netcash has it. Raises Refused."""
    _batch(batch_id)
    batch = batches.mark_submitted(batch_id=batch_id, actor=actor, now=now)
    return f"Batch {batch_id} is booked on {settings.FORMATS.day(batch.action_date)}."


def drop(batch_id: int, reason: str, *, actor: str, now: datetime) -> str:
    """Nothing of it is debited. Raises Refused."""
    _batch(batch_id)
    batches.drop(batch_id=batch_id, reason=reason, actor=actor, now=now)
    return f"Batch {batch_id} is dropped: what it held may be collected otherwise."


def results(file: Path, *, actor: str, now: datetime) -> str:
    """Read in a file of results. Raises Refused with a line for each fault."""
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise Refused(f"{file} can't be read: {problem.strerror}.") from problem
    done = take_results(content=content, file_name=file.name, actor=actor, now=now)
    said = f"{count(done.lines, 'line')}: {done.paid} paid, {done.returned} came back, {done.known} known from before."
    return "\n".join([said, *done.problems])


def _batch(batch_id: int) -> DebitBatch:
    batch = DebitBatch.objects.select_related("brand").filter(pk=batch_id).first()
    if batch is None:
        raise Refused(f"There is no batch {batch_id}: see `capstan debit list`.")
    return batch


def _line(batch: DebitBatch) -> str:
    sums = sums_of(batch.pk)
    money = settings.FORMATS.money(sums.debited_minor)
    back = f", {sums.returned} came back" if sums.returned else ""
    out = f", {sums.left_out} left out" if sums.left_out else ""
    return f"{batch.pk:>6}  {batch.action_date}  {batch.state:<10}  {batch.brand.name}  {sums.debited} for {money}{back}{out}"


def _item(item: DebitItem) -> str:
    who = f"{item.customer.account_code} {item.customer.name}"
    if item.state == DebitState.LEFT_OUT:
        return f"        left out  {who}: {item.why}"
    reference = item.mandate.reference if item.mandate else ""
    why = f": {item.return_code} {item.return_reason}" if item.returned_on else ""
    return f"        {item.state}  {reference}  {settings.FORMATS.money(item.amount_minor)}  {who}{why}"
