"""What `capstan status` says, as plain facts, and what of it needs a person."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from capstan.metering.rules.words import FaultKind
from capstan.operator.words import count, lasting

EXPECTED = ("radius", "meter", "worker", "web")
METER_LATE = timedelta(seconds=30)
DUE_LATE = timedelta(seconds=60)

GONE = "gone"
"""Disconnects answered "no such session", counted beside the states of commands."""

# A wrong clock is flagged only: its bytes are counted.
HARMLESS_FAULTS = frozenset({FaultKind.CLOCK})


@dataclass(frozen=True)
class ProcessFacts:
    """One process that has ever beaten and not said good-bye. `is_up` is False when its last beat is too old."""

    kind: str
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime
    is_up: bool
    note: str


@dataclass(frozen=True)
class MeterFacts:
    """How far the meter is behind what has been acknowledged."""

    waiting_records: int
    lag_seconds: float


@dataclass(frozen=True)
class DueFacts:
    """Work that waits: how much of it is due now, how much will be, and since when the oldest is due."""

    due: int
    later: int = 0
    oldest_due_at: datetime | None = None


@dataclass(frozen=True)
class RefusalFacts:
    """Packets or logins that were refused, by reason, most frequent first."""

    reason: str
    where: str
    count: int
    last_at: datetime


@dataclass(frozen=True)
class Status:
    """One screen's facts.

    Counts by word are `{word: number}`; commands (by state, and `GONE`) and login failures are of the last hour.
    """

    as_of: datetime
    processes: list[ProcessFacts]
    meter: MeterFacts
    access_due: DueFacts
    rolls_due: DueFacts
    seals_due: DueFacts
    failing_lines: int
    silent_routers: int
    commands: dict[str, int]
    faults: dict[str, int]
    quarantine: list[RefusalFacts]
    failures: list[RefusalFacts]
    services: dict[str, int]
    caps: dict[str, int]
    sessions: dict[str, int]
    routers: int
    observed_routers: int
    discovered: list[str] = field(default_factory=list)
    payment_gateways: list[tuple[str, str]] = field(default_factory=list)  # in trouble: name and why


def troubles(status: Status) -> list[str]:
    """What needs a person, one sentence each, the worst first; an empty list if all is well."""
    found = [
        f"No {kind} process is running: start it with `capstan {kind}` (`capstan up` runs all)."
        for kind in EXPECTED
        if not any(process.kind == kind and process.is_up for process in status.processes)
    ]
    if status.meter.lag_seconds > METER_LATE.total_seconds():
        late = lasting(timedelta(seconds=status.meter.lag_seconds))
        found.append(f"The meter is {late} behind: caps are enforced that much late.")
    for noun, purpose, waiting in (
        ("line", "to be brought to its access", status.access_due),
        ("cap", "to be rolled over a boundary", status.rolls_due),
    ):
        oldest = waiting.oldest_due_at
        if oldest is not None and status.as_of - oldest > DUE_LATE:
            late = lasting(status.as_of - oldest)
            found.append(
                f"{count(waiting.due, noun)} due {purpose}, the oldest for {late}: is a worker running?"
            )
    if status.silent_routers:
        silent = count(status.silent_routers, "router doesn't", "routers don't")
        found.append(f"{silent} answer CoA, so it is tried less often: check CoA port, secret, reachability.")
    if status.failing_lines:
        lines = count(status.failing_lines, "line")
        found.append(f"{lines} could not be brought to the right access yet; that is tried again and again.")
    held = sum(number for kind, number in status.faults.items() if kind not in HARMLESS_FAULTS)
    if held:
        found.append(f"{count(held, 'metering fault')} to be decided on: capstan fault list.")
    found += [
        f"The payment gateway {name} is in trouble, card payments may be missing. {why}."
        for name, why in status.payment_gateways
    ]
    if status.discovered:
        names = ", ".join(status.discovered[:5])
        found.append(
            f"Routers not entered yet, metered but never acted upon: {names}. Enter them: capstan load."
        )
    return found
