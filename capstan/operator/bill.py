"""Bill runs for an operator at a terminal."""

import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from django.conf import settings

from capstan.billing.actions import run as runs
from capstan.billing.actions.rated import import_rated
from capstan.billing.models import BillRun
from capstan.billing.queries.runs import Progress, progress
from capstan.billing.rules.words import ItemState, RunState
from capstan.catalog.models import Brand
from capstan.ledger.queries import export_csv
from capstan.values.refused import Refused

_SHOWN = 20
_LOOK_SECONDS = 1.0
_UNDER_WAY = (RunState.PREVIEWING, RunState.ISSUING)


def listed() -> str:
    """The latest runs, a line each."""
    rows = BillRun.objects.select_related("brand").order_by("-billing_day", "-pk")[:_SHOWN]
    if not rows:
        return "No billing day was previewed yet: capstan bill preview DAY"
    return "\n".join(
        f"{one.pk:>6}  {one.billing_day}  {one.state:<10}  {one.brand.name}  {_counts(progress(one.pk))}"
        for one in rows
    )


def preview(day: date, brand: str, *, actor: str, now: datetime) -> str:
    """Begin a preview; the worker goes on with it. Raises Refused."""
    found = Brand.objects.filter(name=brand) if brand else Brand.objects.all()
    if len(found) != 1:
        raise Refused(f"There is no brand {brand!r}." if brand else "Say which brand: --brand NAME.")
    run = runs.start(brand_id=found[0].pk, billing_day=day, actor=actor, now=now)
    return f"Run {run.pk} is being previewed by the worker: capstan bill show {run.pk} --watch"


def issue(run_id: int, *, actor: str, now: datetime) -> str:
    """Let the worker issue a run. Raises Refused."""
    _run(run_id)
    run = runs.release(run_id=run_id, actor=actor, now=now)
    return f"Run {run_id}, dated {settings.FORMATS.day(run.billing_day)}, is being issued by the worker."


def shown(run_id: int, *, watch: bool) -> Iterator[str]:
    """How far a run is; with `watch` again and again until it is through."""
    last = ""
    while True:
        run = _run(run_id)
        text = _text(run, progress(run_id))
        if text != last:
            yield text
        last = text
        if not watch or run.state not in _UNDER_WAY:
            return
        time.sleep(_LOOK_SECONDS)


def imported(file: Path, *, actor: str, now: datetime) -> str:
    """Charge what a file of rated charges says. Raises Refused with a line for each fault."""
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise Refused(f"{file} can't be read: {problem.strerror}.") from problem
    taken = import_rated(content=content, file_name=file.name, actor=actor, now=now)
    known = f"; {taken.known} were charged before" if taken.known else ""
    return f"{taken.new} charges, {settings.FORMATS.money(taken.amount_minor)} incl. VAT{known}. The next invoices take them up."


def exported(first: date, last: date) -> Iterator[str]:
    """The ledger's entries of these days as CSV."""
    return export_csv(first, last, settings.OPTIONS.currency)


def _run(run_id: int) -> BillRun:
    run = BillRun.objects.filter(pk=run_id).first()
    if run is None:
        raise Refused(f"There is no run {run_id}: see `capstan bill list`.")
    return run


def _text(run: BillRun, how_far: Progress) -> str:
    money = settings.FORMATS.money
    total = (
        how_far.issued_minor if run.state in (RunState.ISSUING, RunState.ISSUED) else how_far.preview_minor
    )
    lines = [
        f"Run {run.pk}, {settings.FORMATS.day(run.billing_day)}: {run.state}, {_counts(how_far)}",
        f"  total {money(total)}, the run before {money(how_far.last_minor)}; to look at: {how_far.remarked}",
    ]
    failed = run.items.filter(state=ItemState.FAILED).select_related("customer")[:_SHOWN]
    lines += [f"  failed: {one.customer.account_code} {one.customer.name}: {one.problem}" for one in failed]
    return "\n".join(lines)


def _counts(how_far: Progress) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(how_far.states.items())) or "nobody"
