"""The fold: accounting records in, sessions and usage out. A pure function of its state and the records.

Times are integer microseconds since 1970 (`…_mark`: seconds in the router's own clock). Bytes are absolute session
counters until `Usage`, which is what a record added. Order within a session is Acct-Session-Time, then the counters; wall
time only places bytes. So duplicates, old packets and any arrival order give the same totals.
"""

from collections.abc import Iterable, Mapping

from capstan.metering.records import FLAG_EVENT_TIME, FLAG_GIGAWORDS, Record, Texts, texts_of
from capstan.metering.rules.generations import pick
from capstan.metering.rules.spread import HOUR, MICRO, split_hours
from capstan.metering.rules.state import (
    CAUSE_NAS_REBOOT,
    CAUSE_SILENT,
    CLOSED,
    LIVE,
    STALE,
    DoubtfulUsage,
    Incoming,
    NasFacts,
    Session,
    Usage,
)
from capstan.metering.rules.words import FaultKind, Status

WRAP = 1 << 32
RATE_SLACK_SECONDS = 10
CLOCK_FAULT_SECONDS = 300
_FRESH_SECONDS = 2  # a record this close to its router's usual delay was not held back on the way

_STOP, _ON, _OFF = Status.STOP.value, Status.ON.value, Status.OFF.value
# The others a router may send (Failed; tunnels, RFC 2867) are acknowledged and kept in the log, and count nothing.
_METERED = frozenset({Status.START.value, Status.INTERIM.value, _STOP, _ON, _OFF})


class Folder:
    """One step of the fold. Give it the touched sessions, feed it records, take what changed."""

    def __init__(
        self,
        *,
        sessions: dict[bytes, list[Session]],
        nases: Mapping[int, NasFacts],
        owners: Mapping[str, int],
        clocks: dict[int, tuple[int, int]],
    ) -> None:
        self.sessions = sessions  # by key, oldest generation first
        self.nases = nases
        self.owners = owners  # lower-case username -> service id
        self.clocks = (
            clocks  # NAS -> (seconds that it lags behind us, when that was learnt); carried between steps
        )
        self.touched: list[Session] = []
        self.opened: list[Session] = []
        self.reopened: list[Session] = []  # live again, or with an owner at last: caps must watch them again
        self.usage: list[Usage] = []
        self.hours: dict[
            tuple[int, int], list[int]
        ] = {}  # (service, hour) -> [up, down], hours that are over
        self.faults: list[DoubtfulUsage] = []

    def learn_clocks(self, incoming: Iterable[Incoming]) -> None:
        """How far each router's clock lags ours: the smallest lag seen lately, since delay only ever adds to it."""
        smallest: dict[int, tuple[int, int]] = {}
        for record, received, _, _ in incoming:
            if record.flags & FLAG_EVENT_TIME:
                lag = received // MICRO - record.delay - record.event
                known = smallest.get(record.nas_id)
                if known is None or lag < known[0]:
                    smallest[record.nas_id] = (lag, received)
        for nas_id, (lag, received) in smallest.items():
            before = self.clocks.get(nas_id)
            if before is not None and abs(before[0]) <= abs(lag):
                drifted = before[0] + max(0, received - before[1]) // (60 * MICRO)
                if lag > drifted:
                    continue
            self.clocks[nas_id] = (lag, received)
            if abs(lag) > CLOCK_FAULT_SECONDS:
                self._flag_clock(nas_id, lag, received)

    def take(self, item: Incoming) -> None:
        """Fold one record."""
        record = item.record
        status = record.status
        if status not in _METERED:
            return
        wall, mark = self._when(item)
        if status in (_ON, _OFF):
            self._reset(record.nas_id, wall)
            return
        generations = self.sessions.get(record.key)
        if generations is None:
            self.sessions[record.key] = [self._open(item, wall, mark, None)]
            return
        session = pick(
            generations, mark, record.seconds, wall // MICRO, item.received // MICRO - record.delay,
            record.status == Status.START, bool(record.flags & FLAG_EVENT_TIME), record.bytes_up, record.bytes_down,
        )  # fmt: skip
        if session is None:
            generations.append(self._open(item, wall, mark, generations[-1].service_id))
            generations.sort(key=lambda one: one.start_mark)
        else:
            self._advance(session, item, wall, mark)

    def _when(self, item: Incoming) -> tuple[int, int]:
        """(wall microseconds at which the record was made, the same in the router's own seconds)."""
        record = item.record
        sent = item.received - record.delay * MICRO
        if not record.flags & FLAG_EVENT_TIME:
            return sent, sent // MICRO
        clock = self.clocks.get(record.nas_id)
        lag = clock[0] if clock else 0
        if sent // MICRO - record.event - lag <= _FRESH_SECONDS:
            return sent, record.event
        return (record.event + lag) * MICRO, record.event

    def _open(self, item: Incoming, wall: int, mark: int, same_user: int | None) -> Session:
        record = item.record
        texts = texts_of(record)
        nas = self.nases[record.nas_id]
        username = texts.username.decode("utf-8", "replace").lower().replace("\0", "")
        began = wall - record.seconds * MICRO
        before_us = began < nas.registered
        limit = nas.max_rate_mbps * 125_000 * (record.seconds + RATE_SLACK_SECONDS)
        doubtful = not before_us and (record.bytes_up > limit or record.bytes_down > limit)
        known = (record.bytes_up, record.bytes_down) if before_us else (0, 0)
        counted = (0, 0) if doubtful else (record.bytes_up, record.bytes_down)
        session = Session(
            id=0, key=record.key, nas_id=record.nas_id, service_id=self._owner(texts, username) or same_user, username=username,
            texts=texts, state=LIVE, started=began, start_mark=mark - record.seconds, last_mark=mark,
            first_seen=item.received, last_seen=item.received, stopped=0, cause=0, counted_until=wall,
            seconds=0 if doubtful else record.seconds, bytes_up=counted[0], bytes_down=counted[1],
            base_up=known[0], base_down=known[1], hour=wall // HOUR, hour_up=0, hour_down=0, has_ip=bool(texts.framed_ip),
            first_stream=item.stream, first_seq=item.seq, last_stream=item.stream, last_seq=item.seq,
        )  # fmt: skip
        self.opened.append(session)
        self._touch(session)
        if doubtful:
            session.counted_until = began
            self._doubt(
                FaultKind.RATE, session, item, f"{_per_second(record, record.seconds)} since its start"
            )
        else:
            self._add(session, began, wall, session.bytes_up - known[0], session.bytes_down - known[1])
        if session.service_id is None:
            self._unknown_user(
                session, item.received, record.bytes_up - known[0], record.bytes_down - known[1]
            )
        if record.status == _STOP:
            self._close(session, wall, record.cause)
        return session

    def _advance(self, session: Session, item: Incoming, wall: int, mark: int) -> None:
        record = item.record
        seconds, up, down = record.seconds, record.bytes_up, record.bytes_down
        nas = self.nases[record.nas_id]
        if nas.lacks_gigawords and not record.flags & FLAG_GIGAWORDS:
            up, down = _unwrap(up, session.bytes_up), _unwrap(down, session.bytes_down)
        more_up, more_down = up - session.bytes_up, down - session.bytes_down
        passed = seconds - session.seconds
        if passed < 0 or (passed == 0 and more_up <= 0 and more_down <= 0):
            pass  # old or repeated: its bytes are in the later counters already
        elif more_up < 0 or more_down < 0:
            self._doubt(
                FaultKind.COUNTERS_BACK, session, item, "the counters went back while the session went on"
            )
            self._see(session, item)
        elif max(more_up, more_down) > nas.max_rate_mbps * 125_000 * (passed + RATE_SLACK_SECONDS):
            self._doubt(FaultKind.RATE, session, item, _per_second(record, passed))
            self._see(session, item)
        else:
            since = session.counted_until
            session.counted_until = until = wall if wall > since else since
            session.seconds, session.bytes_up, session.bytes_down = seconds, up, down
            if mark > session.last_mark:
                session.last_mark = mark
            self._see(session, item)
            if more_up or more_down:
                self._add(session, since, until, more_up, more_down)
                if session.service_id is None:
                    self._unknown_user(session, item.received, more_up, more_down)
        if record.n_ip and not session.has_ip:
            session.has_ip = session.reshaped = True
            session.texts = texts_of(record)
            self._touch(session)
        if record.status == _STOP and (session.state != CLOSED or session.cause >= CAUSE_SILENT):
            self._close(session, wall, record.cause)

    def _see(self, session: Session, item: Incoming) -> None:
        """The session is alive: a newer packet of it has come."""
        if item.received > session.last_seen:
            session.last_seen = item.received
        session.last_stream, session.last_seq = item.stream, item.seq
        if session.state != LIVE and (session.state == STALE or session.cause >= CAUSE_SILENT):
            session.state, session.stopped, session.cause = LIVE, 0, 0
            session.reshaped = True
            self.reopened.append(session)
        if not session.dirty:
            session.dirty = True
            self.touched.append(session)

    def _touch(self, session: Session) -> None:
        if not session.dirty:
            session.dirty = True
            self.touched.append(session)

    def _add(self, session: Session, since: int, until: int, up: int, down: int) -> None:
        """Place new bytes: into the hours, and on to the caps. An unknown user's stay with the session."""
        service_id = session.service_id
        if service_id is None or not (up or down):
            return
        self.usage.append(
            Usage(service_id, session, since, until, up, down, session.reshaped or session.state == CLOSED)
        )
        first, last = since // HOUR, max(since, until - 1) // HOUR
        if first == last == session.hour:
            session.hour_up += up
            session.hour_down += down
        else:
            for hour, part_up, part_down in split_hours(since, until, up, down):
                self._add_hour(session, service_id, hour, part_up, part_down)
        if session.state == CLOSED:
            self._flush_hour(session)

    def _add_hour(self, session: Session, service_id: int, hour: int, up: int, down: int) -> None:
        if hour > session.hour:
            self._flush_hour(session)
            session.hour = hour
        if hour == session.hour:
            session.hour_up += up
            session.hour_down += down
        else:
            total = self.hours.setdefault((service_id, hour), [0, 0])
            total[0] += up
            total[1] += down

    def _flush_hour(self, session: Session) -> None:
        if session.service_id is not None and (session.hour_up or session.hour_down):
            total = self.hours.setdefault((session.service_id, session.hour), [0, 0])
            total[0] += session.hour_up
            total[1] += session.hour_down
            session.hour_up = session.hour_down = 0

    def _close(self, session: Session, at: int, cause: int) -> None:
        session.state, session.cause, session.reshaped = CLOSED, cause, True
        session.stopped = max(at, session.counted_until)
        self._flush_hour(session)
        self._touch(session)

    def _reset(self, nas_id: int, wall: int) -> None:
        """Accounting-On or -Off: what this router had open before is gone (RFC 2866 §5.1)."""
        for generations in self.sessions.values():
            for session in generations:
                if session.nas_id == nas_id and session.state != CLOSED and session.started < wall:
                    self._close(session, session.counted_until, CAUSE_NAS_REBOOT)

    def close(self, session: Session, cause: int) -> None:
        """Close by decision: of staff, of a router that doesn't know it any more, or because it has been silent for long."""
        if session.state != CLOSED:
            self._close(session, session.counted_until, cause)

    def assign(self, session: Session, service_id: int) -> None:
        """Give an unknown user's session, with all it has used, to a service."""
        if session.service_id is None:
            session.service_id, session.reshaped = service_id, True
            self.reopened.append(session)
            session.hour = session.started // HOUR
            self._touch(session)
            up, down = session.bytes_up - session.base_up, session.bytes_down - session.base_down
            self._add(session, session.started, session.counted_until, up, down)

    def settle_fault(
        self,
        session: Session,
        *,
        count: bool,
        back: bool,
        seconds: int,
        counters: tuple[int, int],
        held: tuple[int, int],
    ) -> None:
        """Staff decided about doubtful counters: `count` them or not; either way the session goes on from them.

        `back`: the counters had gone back, so that the held bytes are in no later counter.
        """
        since = session.counted_until
        owed = held if count else (0, 0)
        if seconds > session.seconds:
            counted_up = session.bytes_up - session.base_up
            counted_down = session.bytes_down - session.base_down
            session.seconds = seconds
            session.bytes_up, session.bytes_down = counters
            session.base_up = counters[0] - counted_up - owed[0]
            session.base_down = counters[1] - counted_down - owed[1]
        elif back:
            session.base_up -= owed[0]
            session.base_down -= owed[1]
        else:
            owed = (0, 0)  # a doubtful rate whose bytes later records have brought in: they count already
        session.reshaped = True
        self._touch(session)
        self._add(session, since, since, *owed)

    def _owner(self, texts: Texts, username: str) -> int | None:
        """Whose session it is: what our own Class token says, else the user's name."""
        owner = self.owners.get(texts.class_value.hex()) if texts.class_value else None
        return owner if owner is not None else self.owners.get(username)

    def _doubt(self, kind: FaultKind, session: Session, item: Incoming, what: str) -> None:
        record = item.record
        back = kind == FaultKind.COUNTERS_BACK
        self.faults.append(
            DoubtfulUsage(
                kind, session.nas_id, session, session.username, item.received,
                record.bytes_up if back else max(0, record.bytes_up - session.bytes_up),
                record.bytes_down if back else max(0, record.bytes_down - session.bytes_down),
                record.seconds, record.bytes_up, record.bytes_down,
                f"{what}: up {session.bytes_up} → {record.bytes_up}, down {session.bytes_down} → {record.bytes_down}",
            )
        )  # fmt: skip

    def _unknown_user(self, session: Session, at: int, up: int, down: int) -> None:
        what = "nobody has this username; its usage is kept with the session and can be assigned"
        self.faults.append(
            DoubtfulUsage(
                FaultKind.UNKNOWN_USER, session.nas_id, None, session.username, at, up, down,
                session.seconds, session.bytes_up, session.bytes_down, what,
            )
        )  # fmt: skip

    def _flag_clock(self, nas_id: int, lag: int, at: int) -> None:
        ahead = "behind" if lag > 0 else "ahead of"
        what = f"the router's clock is {abs(lag)} s {ahead} ours; its usage is counted when it arrives"
        self.faults.append(DoubtfulUsage(FaultKind.CLOCK, nas_id, None, "", at, 0, 0, 0, 0, 0, what))


def _unwrap(counter: int, last: int) -> int:
    """A 32-bit counter joined to the wraps that `last` has seen already."""
    joined = counter % WRAP + (last - last % WRAP)
    return joined if joined >= last else joined + WRAP


def _per_second(record: Record, seconds: int) -> str:
    top = max(record.bytes_up, record.bytes_down)
    return f"more bytes than the router can carry ({top} in its counters, {seconds} s passed)"
