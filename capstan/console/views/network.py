"""How the network and our own processes are: what `capstan status` says."""

from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from capstan.operator.circumstances import saying
from capstan.operator.status.collect import status
from capstan.operator.status.facts import DueFacts, RefusalFacts, Status, troubles
from capstan.operator.words import Saying, count, lasting
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import badge
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    return render(request, "console/network/page.html", _context())


@require_GET
@staff_required()
def part(request: StaffRequest) -> HttpResponse:
    """The page's live part."""
    return render(request, "console/network/now.html", _context())


def _context() -> dict[str, object]:
    now = clock.now()
    found, say = status(now=now), saying(now)
    lag = lasting(timedelta(seconds=found.meter.lag_seconds)) if found.meter.waiting_records else "0 s"
    return {
        "lag": lag,
        "troubles": troubles(found),
        "processes": _processes(found, say),
        "waits": _waits(found, say),
        "lines": _lines(found),
        "refused": _refusals("Packets not accepted in the last day", found.quarantine, say),
        "logins": _refusals("Logins refused in the last hour", found.failures, say),
    }


def _processes(found: Status, say: Saying) -> Table:
    columns = (
        Column("Process", Place.LEAD), Column("Since", Place.NOTE), Column("Host and pid"), Column("Last sign of life"),
        Column("State", Place.STATE),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                one.kind, say.moment(one.started_at), f"{one.host}/{one.pid}", say.ago(one.beat_at),
                badge(one.note.capitalize() or "Up", Tone.GOOD, "check") if one.is_up
                else badge("Dead", Tone.BAD, "x"),
            )
        )
        for one in found.processes
    )  # fmt: skip
    return Table(
        "Processes",
        columns,
        rows,
        Empty("No processes", "None has run within the last hour: `capstan up` starts all."),
    )


def _waits(found: Status, say: Saying) -> list[tuple[str, object]]:
    meter = found.meter
    return [
        (
            "Meter",
            f"{count(meter.waiting_records, 'record')} in the packet log, the oldest {meter.lag_seconds:.1f} s old",
        ),
        ("Enforcement", _due(found.access_due, "line", say)),
        ("Caps to roll", _due(found.rolls_due, "service", say)),
        ("Cycles to seal", _due(found.seals_due, "cycle", say)),
        (
            "Commands in the last hour",
            ", ".join(f"{number} {word}" for word, number in found.commands.items()) or "none",
        ),
        (
            "Metering faults",
            ", ".join(f"{number} {kind}" for kind, number in found.faults.items()) or "none open",
        ),
    ]


def _due(facts: DueFacts, noun: str, say: Saying) -> str:
    oldest = f", the oldest for {lasting(say.now - facts.oldest_due_at)}" if facts.oldest_due_at else ""
    later = f"; {facts.later} later" if facts.later else ""
    return f"{count(facts.due, noun)} due{oldest}{later}"


def _lines(found: Status) -> list[tuple[str, object]]:
    return [
        ("Lines", ", ".join(f"{number} {word}" for word, number in found.services.items()) or "none yet"),
        ("Caps", ", ".join(f"{number} {state}" for state, number in found.caps.items()) or "none opened yet"),
        ("Sessions", f"{found.sessions['live']} live, {found.sessions['stale']} stale"),
        (
            "Routers",
            f"{found.routers}, {found.observed_routers} only observed, {len(found.discovered)} not entered yet",
        ),
    ]


def _refusals(caption: str, refusals: list[RefusalFacts], say: Saying) -> Table:
    columns = (
        Column("Why", Place.LEAD), Column("Where", Place.NOTE), Column("Times", Place.AMOUNT, is_number=True),
        Column("Last", Place.STATE),
    )  # fmt: skip
    rows = tuple(Row((one.reason, one.where, str(one.count), say.moment(one.last_at))) for one in refusals)
    return Table(caption, columns, rows, Empty("None", "Nothing was turned away."))
