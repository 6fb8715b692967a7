"""What `capstan explain` says about a line, as plain facts: for text, for JSON and for tests."""

from dataclasses import dataclass
from datetime import datetime

from capstan.caps.queries import Standing
from capstan.catalog.queries import Offer
from capstan.network.rules.line_state import LineState
from capstan.operator.packets import PacketFacts


@dataclass(frozen=True)
class LineFacts:
    """Who and what the line is."""

    service_id: int
    username: str
    customer: str
    account_code: str
    status: str
    standing: str
    connection_type: str
    package: str
    next_package: str
    next_package_at: datetime | None
    activated_at: datetime
    login_by: str
    mac_lock: str
    mac_address: str
    session_limit: int
    addresses: dict[str, str]


@dataclass(frozen=True)
class AccessFacts:
    """What the line should have. `reasons` say why it isn't everything, the one to mend first.

    `checkout_until` is the end of a checkout window that lets it out.
    """

    kind: str
    rate_up_kbps: int | None
    rate_down_kbps: int | None
    reasons: list[str]
    checkout_until: datetime | None


@dataclass(frozen=True)
class SessionFacts:
    """An open session: what it has, and what is going to happen to it."""

    session_id: int
    router: str
    vendor: str
    state: str  # live, or stale: its router has missed interims
    started_at: datetime
    last_seen_at: datetime
    bytes_up: int
    bytes_down: int
    framed_ip: str
    calling_station: str
    port: str
    has: str  # the access it last got; empty: unknown
    has_right_access: bool | None  # None: we can't know, or don't act on this router
    limit_bytes: int | None  # of the session's total, held by the router
    confirmed_at: datetime | None
    proved_at: datetime | None  # the last packet, if it came after the confirmation
    next_step: str  # none, coa, disconnect; hands-off for a router that is not acted upon


@dataclass(frozen=True)
class CommandFacts:
    """A CoA or disconnect and its outcome."""

    sent_at: datetime
    kind: str
    access: str
    router: str
    session_id: int
    state: str
    error_cause: int | None
    detail: str
    cause: str
    answered_at: datetime | None
    proved_at: datetime | None


@dataclass(frozen=True)
class DueFacts:
    """That enforcement is asked to look at the line, and how that has gone so far."""

    cause: str
    due_at: datetime
    attempts: int
    held_until: datetime | None


@dataclass(frozen=True)
class FailureFacts:
    """A refused login, repeats in the hour counted."""

    last_at: datetime
    count: int
    reason: str
    router: str
    calling_station: str


@dataclass(frozen=True)
class FaultFacts:
    """Usage that is held apart, or was flagged, and waits for a person."""

    fault_id: int
    kind: str
    session_id: int | None
    last_at: datetime
    packets: int
    held_bytes: int
    detail: str


@dataclass(frozen=True)
class QuarantineFacts:
    """Packets from the address of the line's router that were not accepted."""

    source: str
    port: str
    reason: str
    count: int
    last_at: datetime


@dataclass(frozen=True)
class Explanation:
    """All of it. `cap` is None until the line's metering has begun."""

    as_of: datetime
    line: LineFacts
    state: LineState
    cap: Standing | None
    offers: list[Offer]
    should: AccessFacts | None
    sessions: list[SessionFacts]
    last_session_ended_at: datetime | None
    due: DueFacts | None
    commands: list[CommandFacts]
    packets: list[PacketFacts]
    failures: list[FailureFacts]
    faults: list[FaultFacts]
    quarantine: list[QuarantineFacts]


@dataclass(frozen=True)
class UnknownLine:
    """What there is about a username that no service has."""

    as_of: datetime
    username: str
    similar: list[str]
    failures: list[FailureFacts]
    faults: list[FaultFacts]
    sessions: list[SessionFacts]
