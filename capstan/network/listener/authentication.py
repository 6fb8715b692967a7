"""Authentication: one query for all logins of a burst, then each is decided and answered.

A line whose cap row is behind the clock is brought up to date first, by a chore; meanwhile its login waits and the
others go on.
"""

from collections.abc import Iterable
from datetime import datetime

import structlog

from capstan.metering.actions.arrivals import Discovered
from capstan.network.listener.access_request import AccessRequest
from capstan.network.listener.answers import PENDING, AnswerCache
from capstan.network.listener.failures import Failures
from capstan.network.listener.logins import LoginQuery
from capstan.network.listener.peers import Directory, Source, identifier_of
from capstan.network.listener.pipe import Pipe
from capstan.network.listener.quarantine import AUTHENTICATION, UNKNOWN_PEER, Quarantine, unhandled
from capstan.network.listener.reply import AcceptWriter, reject_attributes
from capstan.network.listener.sockets import Address, Answer, Arrival, UdpSocket, send_all
from capstan.network.listener.status import status_refusal
from capstan.network.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    STATUS_SERVER,
    DecodeError,
    access_reply,
    trim,
)
from capstan.network.rules.login import (
    NO_PACKAGE,
    NO_SUCH_LINE,
    ROOM,
    WRONG_LOGIN_MAC,
    LineRow,
    Refusal,
    is_login_mac,
    is_wrong_device,
    live_sessions,
    refusal_for,
    room_for,
    waits_for_payment,
)
from capstan.services.rules import LoginBy, MacLock, mac_of

_BURST = 256  # logins per query
_FULL = 1024  # more wait in the socket's buffer
_WAITING_MAX = 10_000
_STRICT_MAX = 65_536

log = structlog.get_logger()


class Authentication:
    """The authentication half of the listener; used like `Accounting`."""

    def __init__(self, quarantine: Quarantine) -> None:
        self.directory = Directory(())
        self.accepted = 0
        self.repeated = 0
        self.failures = Failures()
        self.answers = AnswerCache()
        self.discovered: set[Discovered] = set()
        self.unsettled: set[int] = set()  # services whose cap row must be brought up to date
        self.learning: dict[int, str] = {}  # service -> the MAC address to be learnt
        self.replaced: set[int] = set()  # services of which an older session is to be cut
        self._quarantine = quarantine
        self._strict: set[str] = set()  # addresses that have signed a request; learnt anew after a start
        self._gathering: list[AccessRequest] = []  # to be looked up by username
        self._strangers: list[
            AccessRequest
        ] = []  # that have no line by username, to be looked up by MAC address
        self._flying: list[AccessRequest] = []
        self._by_mac = False  # what the flying query looks for
        self._parked: list[AccessRequest] = []
        self._waiting: dict[int, list[AccessRequest]] = {}
        self._waiting_count = 0
        self._pipe: Pipe | None = None
        self._query: LoginQuery | None = None
        self._writer = AcceptWriter()

    @property
    def pipe(self) -> Pipe | None:
        return self._pipe

    @property
    def is_open(self) -> bool:
        """Whether more packets may be taken: the database is there and not too much waits for it."""
        return self._pipe is not None and len(self._gathering) < _FULL

    @property
    def is_flying(self) -> bool:
        return bool(self._flying)

    def attach(self, pipe: Pipe) -> None:
        """Go on with this connection; logins whose query was lost with the last one are asked about again."""
        self._pipe, self._query = pipe, LoginQuery(pipe)
        for one in self._flying:
            self._gather(one)
        self._flying = []

    def detach(self) -> None:
        """The database is away."""
        if self._pipe is not None:
            self._pipe.close()
        self._pipe = self._query = None

    def take(self, sock: UdpSocket, arrivals: list[Arrival], now: datetime) -> None:
        """Check packets and gather the logins; whatever is wrong with one is counted and not answered."""
        for arrived, address in arrivals:
            source = self.directory.source(address[0])
            if source is None:
                self._refuse(address, UNKNOWN_PEER, arrived, now)
                continue
            try:
                packet = trim(arrived)
                if packet[0] == ACCESS_REQUEST:
                    self._login(AccessRequest(packet, sock, address, source), now)
                else:
                    self._other(sock, packet, address, source, now)
            except DecodeError as error:
                self._refuse(address, str(error), arrived, now)

    def flush(self, _now: datetime) -> None:
        """Ask the database about the gathered logins, if no query is on its way.

        Raises psycopg.Error when the database is away.
        """
        if self._query is None or self._flying:
            return
        if self._gathering:
            self._by_mac = False
            self._flying, self._gathering = self._gathering[:_BURST], self._gathering[_BURST:]
            self._query.by_username([one.username for one in self._flying])
        elif self._strangers:
            self._by_mac = True
            self._flying, self._strangers = self._strangers[:_BURST], self._strangers[_BURST:]
            self._query.by_mac(sorted({mac for one in self._flying for mac in _macs(one)}))

    def fetch(self, now: datetime) -> bool:
        """Answer the logins whose lines have been read; True if some were.

        Raises psycopg.Error when the database is away or refused the query.
        """
        if self._pipe is None or self._query is None or (result := self._pipe.fetch()) is None:
            return False
        rows = self._query.rows(result)
        flying, self._flying = self._flying, []
        by_mac = self._by_mac
        lines = {row.mac_address if by_mac else row.username: row for row in rows}
        answers: list[Answer] = []
        for one in flying:
            try:
                row = _first_of(lines, _macs(one)) if by_mac else lines.get(one.username)
                answer = self._decide(one, row, now)
            except Exception:
                # One line's bad data must not stop the others; its router asks again, and staff find this.
                log.exception("login_failed", username=one.username)
                self.answers.drop(one.key)
                continue
            if answer is not None:
                self.answers.put(one.key, answer)
                answers.append((one.sock, answer, one.address))
        send_all(answers)
        return True

    def unpark(self, now: datetime) -> None:
        """Take the logins again that waited for their router to be entered."""
        parked, self._parked = self._parked, []
        for one in parked:
            source = self.directory.source(one.address[0])
            if source is None:
                self.answers.drop(one.key)
                continue
            one.source, one.peer = source, source.peer
            try:
                self._enter(one)
            except Exception as error:
                log.exception("a login that waited for its router could not be handled")
                self.answers.drop(one.key)
                self._refuse(one.address, unhandled(error), one.packet, now)

    def settled(self, service_ids: Iterable[int]) -> None:
        """These services' cap rows are up to date now, as far as could be: decide their logins."""
        for service_id in service_ids:
            for one in self._waiting.pop(service_id, ()):
                one.settled = True
                self._waiting_count -= 1
                self._gather(one)

    def _gather(self, one: AccessRequest) -> None:
        (self._strangers if one.mac_tried else self._gathering).append(one)

    def _other(self, sock: UdpSocket, packet: bytes, address: Address, source: Source, now: datetime) -> None:
        if packet[0] != STATUS_SERVER:
            reason: str | None = f"code {packet[0]} does not belong on the authentication port"
        else:
            reason = status_refusal(packet, source)
        if reason is not None:
            self._refuse(address, reason, packet, now)
        else:
            send_all([(sock, access_reply(ACCESS_ACCEPT, packet, source.peer.secret, b""), address)])

    def _login(self, one: AccessRequest, now: datetime) -> None:
        address = one.source.address
        reason = one.untrusted(is_strict=address in self._strict)
        if reason is not None:
            self._refuse(one.address, reason, one.packet, now)
            return
        if one.message_authenticator_at is not None and address not in self._strict:
            self._learn_strict(address)
        answered = self.answers.find(one.key)
        if answered is None:
            self.answers.put(one.key, PENDING)
            self._enter(one)
            return
        self.repeated += 1
        if answered != PENDING:
            send_all([(one.sock, answered, one.address)])

    def _learn_strict(self, address: str) -> None:
        if len(self._strict) >= _STRICT_MAX:
            self._strict.clear()
        self._strict.add(address)

    def _enter(self, one: AccessRequest) -> None:
        """Find the router; one nobody has entered is noted to be discovered, and its login waits."""
        names, address = one.names(), one.source.address
        nas = one.peer.known.get(names) or one.peer.nas(names, address)
        if nas is not None:
            one.meet(nas)
            self._gather(one)
            return
        self.discovered.add(Discovered(one.peer.id, identifier_of(names, address), address))
        if len(self._parked) < _FULL:
            self._parked.append(one)
        else:
            self.answers.drop(one.key)

    def _decide(self, one: AccessRequest, row: LineRow | None, now: datetime) -> bytes | None:
        """The answer; None when the login has to wait for something."""
        if row is None:
            if not one.mac_tried and _macs(one):
                one.mac_tried = True
                self._gather(one)
                return None
            return self._reject(one, None, one.unspoken() or NO_SUCH_LINE, now)
        refusal, proof = self._prove(one, row)
        if refusal is not None:
            return self._reject(one, row, refusal, now, proof)
        nas = one.nas
        if not nas.acted_upon:
            return self._accept(one, proof + self._writer.plain(row, nas))
        if not one.settled and self._must_wait(one, row, now):
            return None
        if row.cap_state is None:
            return self._reject(one, row, NO_PACKAGE, now, proof)
        wrong_device = row.mac_lock == MacLock.LOCKED and is_wrong_device(row, one.device)
        sessions = live_sessions(row.live) if row.live else []
        room = room_for(row.session_limit, sessions, one.device) if sessions else ROOM
        others = [] if row.session_limit == 1 else sessions
        attributes = self._writer.accept(row, nas, others, wrong_device=wrong_device, now=now)
        if not isinstance(attributes, bytes):
            held_back = refusal_for(attributes.reasons[0], waits=waits_for_payment(row, now))
            return self._reject(one, row, held_back, now, proof)
        if room.refusal is not None:
            return self._reject(one, row, room.refusal, now, proof)
        if room.replaces:
            self.replaced.add(row.service_id)
        return self._accept(one, proof + attributes)

    def _prove(self, one: AccessRequest, row: LineRow) -> tuple[Refusal | None, bytes]:
        if row.login_by == LoginBy.MAC:
            return (None if is_login_mac(row, one.device) else WRONG_LOGIN_MAC), b""
        return one.proof(row)

    def _must_wait(self, one: AccessRequest, row: LineRow, now: datetime) -> bool:
        """Whether the line has to be brought up to date, or learn its device, before its login is decided."""
        learns = mac_of(one.device.calling_station) if row.mac_lock == MacLock.LEARN else None
        if row.cap_state is not None and row.changes_at > now and learns is None:
            return False
        if self._waiting_count >= _WAITING_MAX:
            self.answers.drop(one.key)
            return True
        if row.cap_state is None or row.changes_at <= now:
            self.unsettled.add(row.service_id)
        if learns is not None:
            self.learning.setdefault(row.service_id, learns)
        self._waiting.setdefault(row.service_id, []).append(one)
        self._waiting_count += 1
        return True

    def _accept(self, one: AccessRequest, attributes: bytes) -> bytes:
        self.accepted += 1
        return access_reply(ACCESS_ACCEPT, one.packet, one.peer.secret, attributes + one.proxy_states())

    def _reject(
        self, one: AccessRequest, row: LineRow | None, refusal: Refusal, now: datetime, proof: bytes = b""
    ) -> bytes:
        self.failures.add(one.device, row.service_id if row else None, refusal.reason, now)
        attributes = proof + reject_attributes(refusal.message) + one.proxy_states()
        return access_reply(ACCESS_REJECT, one.packet, one.peer.secret, attributes)

    def _refuse(self, address: Address, reason: str, packet: bytes, now: datetime) -> None:
        self._quarantine.add(source=address[0], port=AUTHENTICATION, reason=reason, packet=packet, now=now)


def _macs(one: AccessRequest) -> list[str]:
    """The MAC addresses a login may mean: its username, else the calling station."""
    found = (mac_of(one.username), mac_of(one.device.calling_station))
    return [mac for mac in found if mac is not None]


def _first_of(lines: dict[str, LineRow], names: list[str]) -> LineRow | None:
    return next((lines[name] for name in names if name in lines), None)
