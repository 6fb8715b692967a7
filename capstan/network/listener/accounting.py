"""Accounting: check, decode, append one row to the packet log per burst, and answer only when that has committed.

While PostgreSQL commits one burst the next is gathered. A burst whose commit was lost with the connection is appended again to
the next stream before anything else: its routers may never repeat it, and the fold counts a record once however often it
comes.
"""

from datetime import datetime, timedelta

import structlog

from capstan.metering.actions.arrivals import Discovered
from capstan.metering.actions.packet_log import STREAM_HOURS_MAX, StreamWriter, close_stream, open_stream
from capstan.metering.records import FORMAT
from capstan.network.listener.peers import Directory, Nas, Source, identifier_of
from capstan.network.listener.pipe import Pipe
from capstan.network.listener.quarantine import ACCOUNTING, FORGED, UNKNOWN_PEER, Quarantine, unhandled
from capstan.network.listener.sockets import Address, Answer, Arrival, UdpSocket, send_all
from capstan.network.listener.status import status_refusal
from capstan.network.radius.decode import NAMES, Decoder, Names, packed_parts
from capstan.network.radius.packet import (
    ACCOUNTING_REQUEST,
    STATUS_SERVER,
    DecodeError,
    accounting_response,
    is_authentic_accounting,
    trim,
)

log = structlog.get_logger()

_FULL = 1024  # records; more wait in the socket's buffer
_PARKED_MAX = 1024
_SAMPLE_EVERY = timedelta(milliseconds=100)
_SAMPLES_MAX = 64
_STREAM_LIFE = timedelta(hours=STREAM_HOURS_MAX)


class _Burst:
    """Records that are appended and acknowledged together."""

    __slots__ = ("answers", "parts")

    def __init__(self) -> None:
        self.parts: list[bytes] = [FORMAT]
        self.answers: list[Answer] = []


class Accounting:
    """The accounting half of the listener. The loop calls `take` with what arrived, then `flush`, and `fetch` when the
    database has answered."""

    def __init__(self, quarantine: Quarantine) -> None:
        self.directory = Directory(())
        self.acknowledged = 0
        self.bursts = 0
        self.discovered: set[Discovered] = set()
        self.sources: dict[int, str] = {}  # NAS -> its new address, to be written
        self.samples: list[tuple[int, datetime, bytes]] = []
        self._quarantine = quarantine
        self._decoder = Decoder()
        self._gathering, self._flying = _Burst(), _Burst()
        self._parked: list[tuple[UdpSocket, Arrival, datetime]] = []
        self._pipe: Pipe | None = None
        self._stream: StreamWriter | None = None
        self._lost_stream: int | None = None
        self._writer = ""
        self._sampled_at: datetime | None = None

    @property
    def pipe(self) -> Pipe | None:
        return self._pipe

    @property
    def is_open(self) -> bool:
        """Whether more packets may be taken: the database is there and not too much waits for it."""
        return self._pipe is not None and len(self._gathering.answers) < _FULL

    @property
    def is_flying(self) -> bool:
        return bool(self._flying.answers)

    def attach(self, pipe: Pipe, *, writer: str, now: datetime) -> None:
        """Go on with this connection: a new stream, and first what the last connection may not have written."""
        self._writer = writer
        self._pipe, self._stream = pipe, open_stream(pipe.conn, writer=writer, now=now)
        if self._lost_stream is not None:
            close_stream(pipe.conn, self._lost_stream, now=now)
            self._lost_stream = None
        if self._flying.answers:
            self._send(self._flying, now)

    def detach(self) -> None:
        """The database is away."""
        if self._stream is not None:
            self._lost_stream = self._stream.stream_id
        if self._pipe is not None:
            self._pipe.close()
        self._pipe = self._stream = None

    def take(self, sock: UdpSocket, arrivals: list[Arrival], now: datetime) -> None:
        """Check and decode packets into the gathering burst; whatever is wrong with one is counted and not answered."""
        gathering = self._gathering
        parts, answers = gathering.parts, gathering.answers
        source_of, shape_of = self.directory.source, self._decoder.shape
        for arrival in arrivals:
            packet, address = arrival
            source = source_of(address[0])
            if source is None:
                self._refuse(address, UNKNOWN_PEER, packet, now)
                continue
            secret = source.peer.secret
            try:
                packet = trim(packet)
                if packet[0] != ACCOUNTING_REQUEST:
                    self._other(sock, packet, address, source, now)
                    continue
                if not is_authentic_accounting(packet, secret):
                    self._refuse(address, FORGED, packet, now)
                    continue
                shape = shape_of(packet)
            except DecodeError as error:
                self._refuse(address, str(error), packet, now)
                continue
            values = shape.read(packet)
            names = values[NAMES]
            nas = source.peer.known.get(names) or self._find(source, names)
            if nas is None:
                self._park(sock, arrival, now)
                continue
            if nas.source != source.address:
                nas.source = self.sources[nas.id] = source.address
            if not answers:
                self._sample(nas, packet, now)
            parts += packed_parts(shape, values, nas.id)
            states = shape.proxy_states(packet) if shape.proxy else b""
            answers.append((sock, accounting_response(packet, secret, states), address))

    def flush(self, now: datetime) -> None:
        """Hand the gathered burst to the database, if none is on its way.

        Raises psycopg.Error when the database is away.
        """
        if self._pipe is not None and self._gathering.answers and not self._flying.answers:
            self._renew(now)
            self._flying, self._gathering = self._gathering, _Burst()
            self._send(self._flying, now)

    def fetch(self, _now: datetime) -> bool:
        """Acknowledge the burst that has committed; True if one had.

        Raises psycopg.Error when the database is away or refused it.
        """
        if self._pipe is None or self._pipe.fetch() is None:
            return False
        done, self._flying = self._flying, _Burst()
        send_all(done.answers)
        self.acknowledged += len(done.answers)
        self.bursts += 1
        return True

    def unpark(self) -> None:
        """Take the packets again that waited for their router to be entered."""
        parked, self._parked = self._parked, []
        for sock, arrival, arrived_at in parked:
            try:
                self.take(sock, [arrival], arrived_at)
            except Exception as error:
                log.exception("a packet that waited for its router could not be handled")
                packet, address = arrival
                self._refuse(address, unhandled(error), packet, arrived_at)

    def close(self, *, now: datetime) -> None:
        """Write and answer what was taken, then end the stream. Raises psycopg.Error when the database is away."""
        if self._pipe is None or self._stream is None:
            return
        while self._flying.answers or self._gathering.answers:
            self.flush(now)
            if not self.fetch(now):
                self._pipe.wait()
        self._stream.close(now=now)

    def _renew(self, now: datetime) -> None:
        """Change to a new stream when this one has grown old: one that is older is known to have ended."""
        assert self._stream is not None
        if now - self._stream.opened_at >= _STREAM_LIFE:
            self._stream.close(now=now)
            self._stream = open_stream(self._stream.conn, writer=self._writer, now=now)

    def _send(self, burst: _Burst, now: datetime) -> None:
        assert self._stream is not None
        assert self._pipe is not None
        self._stream.send(b"".join(burst.parts), len(burst.answers), now)
        self._pipe.sent()

    def _find(self, source: Source, names: Names) -> Nas | None:
        """The router that is meant. None for one nobody has entered: it is noted to be discovered."""
        nas = source.peer.nas(names, source.address)
        if nas is None:
            identifier = identifier_of(names, source.address)
            self.discovered.add(Discovered(source.peer.id, identifier, source.address))
        return nas

    def _other(self, sock: UdpSocket, packet: bytes, address: Address, source: Source, now: datetime) -> None:
        if packet[0] != STATUS_SERVER:
            self._refuse(address, f"code {packet[0]} does not belong on the accounting port", packet, now)
        elif reason := status_refusal(packet, source):
            self._refuse(address, reason, packet, now)
        else:
            send_all([(sock, accounting_response(packet, source.peer.secret), address)])

    def _park(self, sock: UdpSocket, arrival: Arrival, now: datetime) -> None:
        """Keep a packet until its router has been entered; beyond the bound its router will repeat it."""
        if len(self._parked) < _PARKED_MAX:
            self._parked.append((sock, arrival, now))

    def _sample(self, nas: Nas, packet: bytes, now: datetime) -> None:
        """Now and then keep the very bytes of a burst's first packet."""
        due = self._sampled_at is None or not timedelta(0) <= now - self._sampled_at < _SAMPLE_EVERY
        if due and len(self.samples) < _SAMPLES_MAX:
            self._sampled_at = now
            self.samples.append((nas.id, now, packet))

    def _refuse(self, address: Address, reason: str, packet: bytes, now: datetime) -> None:
        self._quarantine.add(source=address[0], port=ACCOUNTING, reason=reason, packet=packet, now=now)
