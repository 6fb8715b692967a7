"""Routers' packets to sessions and placed usage, the slow way.

Every packet that was accepted is kept; a session's bytes are worked out from the list. Nothing here knows how
the product does it: it is written from the text of the design ("Data plane", "Fold").
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

WRAP = 1 << 32  # what a 32-bit counter starts again at
RATE_GRACE_SECONDS = 10
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
STALE_INTERVALS = 2.5

# Readings of what the text leaves open.
CLOCK_WRONG_SECONDS = (
    86_400  # a mark further than this from (receipt − delay) is a wrong clock; bytes then count at receipt
)
START_SLACK_SECONDS = 5  # how far a computed start may lie behind the last mark and still be the same session


@dataclass(frozen=True)
class Nas:
    id: int
    registered_at: datetime
    interim_seconds: int
    lacks_gigawords: bool = False
    max_rate_mbps: int = 10_000


@dataclass(frozen=True)
class Packet:
    """One accounting request as the router sent it, and when it reached us. `event` is its Event-Timestamp."""

    status: str  # start, interim, stop, on, off
    nas: int
    received_at: datetime
    session_id: str = ""
    user: str = ""
    login: str = ""  # tells logins apart where the router echoes Class
    event: int | None = None
    delay: int = 0
    seconds: int = 0
    up: int = 0
    down: int = 0

    @property
    def receipt(self) -> int:
        """When the router sent it, by our clock: seconds since 1970."""
        return int(self.received_at.timestamp()) - self.delay

    @property
    def mark(self) -> int:
        return self.receipt if self.event is None else self.event

    @property
    def has_wrong_clock(self) -> bool:
        return abs(self.mark - self.receipt) > CLOCK_WRONG_SECONDS

    @property
    def wall(self) -> datetime:
        """The instant at which its counters stood so."""
        if self.has_wrong_clock:
            return self.received_at
        return datetime.fromtimestamp(self.mark, tz=UTC)

    @property
    def key(self) -> tuple[int, str, str, str]:
        return (self.nas, self.session_id, self.user, self.login)

    @property
    def start_mark(self) -> int:
        return self.mark - self.seconds

    @property
    def begun_at(self) -> datetime:
        return self.wall - timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Reading:
    """An accepted packet's counters: as the router sent them, and with wraps joined."""

    wall: datetime
    mark: int
    seconds: int
    sent_up: int
    sent_down: int
    up: int
    down: int


@dataclass(frozen=True)
class Delta:
    """New bytes of a session between two instants, spread evenly."""

    session: "Session"
    begin: datetime
    end: datetime
    up: int
    down: int

    def spread(self, cuts: list[datetime]) -> list[tuple[datetime, datetime, int, int]]:
        """The delta cut at these instants: (begin, end, up, down), by cumulative floor."""
        whole = (self.end - self.begin) // timedelta(microseconds=1)
        if whole <= 0:
            return [(self.end, self.end, self.up, self.down)]
        pieces = []
        begin, up, down = self.begin, 0, 0
        for cut in [*sorted({c for c in cuts if self.begin < c < self.end}), self.end]:
            part = (cut - self.begin) // timedelta(microseconds=1)
            up_now, down_now = self.up * part // whole, self.down * part // whole
            pieces.append((begin, cut, up_now - up, down_now - down))
            begin, up, down = cut, up_now, down_now
        return pieces


@dataclass(eq=False)
class Session:
    key: tuple[int, str, str, str]
    user: str
    begun_at: datetime
    start_mark: int
    base_up: int = 0
    base_down: int = 0
    readings: list[Reading] = field(default_factory=list)
    closed: bool = False
    last_seen_at: datetime = LONG_AGO
    faults: int = 0

    @property
    def up(self) -> int:
        return self.readings[-1].up - self.base_up if self.readings else 0

    @property
    def down(self) -> int:
        return self.readings[-1].down - self.base_down if self.readings else 0

    @property
    def last_mark(self) -> int:
        return max((reading.mark for reading in self.readings), default=self.start_mark)


class Meter:
    """All sessions of all routers."""

    def __init__(self, nases: list[Nas]) -> None:
        self.nases = {nas.id: nas for nas in nases}
        self.sessions: list[Session] = []
        self.by_key: dict[tuple[int, str, str, str], list[Session]] = {}

    def fold(self, packets: list[Packet]) -> list[Delta]:
        """The packets in the order in which they arrived."""
        deltas = []
        for packet in packets:
            if packet.status in ("on", "off"):
                self._close_all(packet)
            else:
                deltas += self._take(packet)
        return deltas

    def is_stale(self, session: Session, now: datetime) -> bool:
        silence = timedelta(seconds=STALE_INTERVALS * self.nases[session.key[0]].interim_seconds)
        return not session.closed and now - session.last_seen_at > silence

    def _close_all(self, packet: Packet) -> None:
        for session in self.sessions:
            if session.key[0] == packet.nas and session.start_mark < packet.mark:
                session.closed = True

    def _take(self, packet: Packet) -> list[Delta]:
        session = self._session_of(packet)
        if not session.readings or _is_later(packet, session.readings[-1]):
            session.last_seen_at = max(session.last_seen_at, packet.received_at)
        delta = self._accept(session, packet)
        if packet.status == "stop":
            session.closed = True
        return [] if delta is None or (delta.up, delta.down) == (0, 0) else [delta]

    def _session_of(self, packet: Packet) -> Session:
        """Of the sessions with its id the one that began when it says, else a new one."""
        known = self.by_key.setdefault(packet.key, [])
        if known and packet.start_mark <= known[-1].last_mark + START_SLACK_SECONDS:
            return min(known, key=lambda s: abs(s.start_mark - packet.start_mark))
        session = Session(
            key=packet.key, user=packet.user, begun_at=packet.begun_at, start_mark=packet.start_mark
        )
        if packet.begun_at < self.nases[packet.nas].registered_at:
            session.base_up, session.base_down = packet.up, packet.down
        known.append(session)
        self.sessions.append(session)
        return session

    def _accept(self, session: Session, packet: Packet) -> Delta | None:
        """The new bytes that the packet brings; None for what is a duplicate, late or impossible."""
        up, down = packet.up, packet.down
        if session.readings:
            last = session.readings[-1]
            begin = last.wall
            if not _is_later(packet, last):
                return None
        else:
            begin = session.begun_at
            base = session.base_up, session.base_down
            last = Reading(begin, session.start_mark, 0, *base, *base)
        if self.nases[packet.nas].lacks_gigawords:
            up, down = _unwrapped(up, last.up), _unwrapped(down, last.down)
        new_up, new_down = up - last.up, down - last.down
        if new_up < 0 or new_down < 0 or self._is_too_fast(packet, last, new_up + new_down):
            session.faults += 1
            return None
        session.readings.append(
            Reading(packet.wall, packet.mark, packet.seconds, packet.up, packet.down, up, down)
        )
        return Delta(session, begin, packet.wall, new_up, new_down)

    def _is_too_fast(self, packet: Packet, last: Reading, new_bytes: int) -> bool:
        seconds = packet.seconds - last.seconds + RATE_GRACE_SECONDS
        return new_bytes * 8 > self.nases[packet.nas].max_rate_mbps * 1_000_000 * seconds


def _is_later(packet: Packet, last: Reading) -> bool:
    """Whether the packet comes after the last accepted one by (session time, counters)."""
    if packet.seconds != last.seconds:
        return packet.seconds > last.seconds
    rises = packet.up >= last.sent_up and packet.down >= last.sent_down
    return rises and (packet.up, packet.down) != (last.sent_up, last.sent_down)


def _unwrapped(counter: int, last: int) -> int:
    """A 32-bit counter joined to what it stood at before: as many wraps as it takes not to go down."""
    while counter < last:
        counter += WRAP
    return counter
