"""What the fold takes and gives: sessions as it sees them, records with their place in the log, usage and doubts."""

from dataclasses import dataclass
from typing import NamedTuple

from capstan.metering.records import Record, Texts
from capstan.metering.rules.generations import Generation
from capstan.metering.rules.words import FaultKind, SessionState

CAUSE_NAS_REBOOT = 11
# Ours. Nobody told us that these sessions have ended, so a newer packet revives them.
CAUSE_SILENT = 900  # stale for so long that we closed it
CAUSE_DECIDED = 901  # closed by staff, or because the router said that it doesn't know it

LIVE, STALE, CLOSED = SessionState.LIVE.value, SessionState.STALE.value, SessionState.CLOSED.value


class Incoming(NamedTuple):
    """A record and where it stands in the log."""

    record: Record
    received: int  # microseconds
    stream: int
    seq: int


class NasFacts(NamedTuple):
    registered: int  # microseconds; sessions that began earlier are counted from their first packet on
    lacks_gigawords: bool
    max_rate_mbps: int


@dataclass(slots=True, eq=False)
class Session(Generation):
    """A RadiusSession row as the fold sees it; `id` is 0 until it is stored."""

    id: int
    key: bytes
    nas_id: int
    service_id: int | None
    username: str
    texts: Texts | None  # only for a session made in this step
    state: int
    first_seen: int
    stopped: int  # 0: not stopped
    cause: int
    bytes_up: int
    bytes_down: int
    base_up: int
    base_down: int
    hour: int
    hour_up: int
    hour_down: int
    has_ip: bool
    first_stream: int
    first_seq: int
    last_stream: int
    last_seq: int
    dirty: bool = False  # changed in this step
    reshaped: bool = False  # changed in a column that interims leave alone

    def counted(self) -> tuple[int, int]:
        """Bytes (up, down) since the baseline."""
        return self.bytes_up - self.base_up, self.bytes_down - self.base_down


class Usage(NamedTuple):
    """Bytes that a record added to a session, spread evenly over [since, until]."""

    service_id: int
    session: Session
    since: int
    until: int
    up: int
    down: int
    late: bool  # the session was closed, or has changed its shape in this step


class DoubtfulUsage(NamedTuple):
    """Something to be held apart and shown: see models.Fault."""

    kind: FaultKind
    nas_id: int
    session: Session | None
    username: str
    at: int
    held_up: int
    held_down: int
    seconds: int
    counter_up: int
    counter_down: int
    detail: str
