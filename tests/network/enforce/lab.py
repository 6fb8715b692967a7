"""A small provider whose routers have a real CoA port, spoken by pyrad: an independent reader of what we send."""

import io
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from pyrad import packet as wire
from pyrad.dictionary import Dictionary

from capstan.caps.actions.cap import open_cap
from capstan.caps.models import Cap
from capstan.catalog.models import Brand, Package, PackageVersion
from capstan.customers.models import Customer
from capstan.metering.models import Nas, Peer, RadiusSession
from capstan.metering.rules.token import Token, encode_token
from capstan.metering.rules.words import SessionState
from capstan.network.actions.enforce import Enforcer
from capstan.network.coa.client import CoaClient
from capstan.network.models import Command, SessionAccess
from capstan.network.rules.access import Access, access_hash
from capstan.network.rules.words import AccessKind
from capstan.services.actions.access_due import raise_access_due
from capstan.services.models import AccessDue, ConnectionType, PackageChange, Service

GB = 10**9
START = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
SECRET = b"lab-secret"
COA, DISCONNECT = 43, 40

_DICTIONARY = """
ATTRIBUTE User-Name 1 string
ATTRIBUTE NAS-IP-Address 4 ipaddr
ATTRIBUTE Framed-IP-Address 8 ipaddr
ATTRIBUTE Filter-Id 11 string
ATTRIBUTE Session-Timeout 27 integer
ATTRIBUTE NAS-Identifier 32 string
ATTRIBUTE Acct-Session-Id 44 octets
ATTRIBUTE Event-Timestamp 55 integer
ATTRIBUTE Message-Authenticator 80 octets
ATTRIBUTE Error-Cause 101 integer
VENDOR Mikrotik 14988
BEGIN-VENDOR Mikrotik
ATTRIBUTE Mikrotik-Rate-Limit 8 string
ATTRIBUTE Mikrotik-Recv-Limit 1 integer
ATTRIBUTE Mikrotik-Recv-Limit-Gigawords 14 integer
ATTRIBUTE Mikrotik-Xmit-Limit 2 integer
ATTRIBUTE Mikrotik-Xmit-Limit-Gigawords 15 integer
END-VENDOR Mikrotik
VENDOR ChilliSpot 14559
BEGIN-VENDOR ChilliSpot
ATTRIBUTE ChilliSpot-Max-Input-Octets 1 integer
ATTRIBUTE ChilliSpot-Max-Output-Octets 2 integer
ATTRIBUTE ChilliSpot-Max-Total-Octets 3 integer
ATTRIBUTE ChilliSpot-Bandwidth-Max-Up 4 integer
ATTRIBUTE ChilliSpot-Bandwidth-Max-Down 5 integer
ATTRIBUTE ChilliSpot-Max-Input-Gigawords 21 integer
ATTRIBUTE ChilliSpot-Max-Output-Gigawords 22 integer
ATTRIBUTE ChilliSpot-Max-Total-Gigawords 23 integer
END-VENDOR ChilliSpot
"""

ACK = "ack"
SILENT = "silent"
Answer = str | int  # ACK, SILENT, or the Error-Cause of a NAK


@dataclass
class CoaPort:
    """A router's CoA port. `serve` answers what has arrived, by `answers` in turn and then for ever by the last."""

    answers: Sequence[Answer] = (ACK,)
    heard: list[Any] = field(default_factory=list)
    senders: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._dictionary = Dictionary(io.StringIO(_DICTIONARY))
        self._served = 0

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        self._socket.close()

    def receive(self) -> list[Any]:
        """What has arrived since the last time, checked as RFC 5176 demands, unanswered."""
        arrived: list[Any] = []
        while True:
            try:
                data, sender = self._socket.recvfrom(4096)
            except BlockingIOError:
                return arrived
            request = wire.CoAPacket(packet=data, secret=SECRET, dict=self._dictionary)
            assert request.VerifyCoARequest()
            assert request.verify_message_authenticator()
            request.source = sender
            arrived.append(request)
            self.heard.append(request)
            self.senders.append(sender)

    def serve(self) -> list[Any]:
        arrived = self.receive()
        for request in arrived:
            answer = self.answers[min(self._served, len(self.answers) - 1)]
            self._served += 1
            if answer != SILENT:
                self.reply(request, answer)
        return arrived

    def reply(self, request: Any, answer: Answer, secret: bytes = SECRET) -> None:
        reply = request.CreateReply()
        reply.secret = secret
        if isinstance(answer, int):
            reply.code = request.code + 2
            reply["Error-Cause"] = answer
        self._socket.sendto(reply.ReplyPacket(), request.source)


def names(request: Any) -> dict[str, Any]:
    """A request's attributes by name, without those every request has."""
    shown = {name: request[name][0] for name in request.keys() if isinstance(name, str)}  # noqa: SIM118
    return {
        name: value
        for name, value in shown.items()
        if name not in ("Message-Authenticator", "Event-Timestamp")
    }


class Provider:
    """Makes lines that are online; runs the enforcer; `now` moves only when told."""

    def __init__(self) -> None:
        self.now = START
        self.enforcer = Enforcer(CoaClient())
        self.ports: dict[int, CoaPort] = {}
        self.brand = Brand.objects.create(name="Example Net")
        self.customer = Customer.objects.create(
            account_code="EX001", name="A", brand=self.brand, created_at=START
        )
        self.kind = ConnectionType.objects.create(code="fibre", name="Fibre")
        self.peer = Peer.objects.create(name="lab", network="127.0.0.1", secret=SECRET.decode())

    def router(self, profile: str = "mikrotik", *answers: Answer, **more: Any) -> Nas:
        port = CoaPort(answers or (ACK,))
        name = more.pop("identifier", f"nas-{len(self.ports) + 1}")
        nas = Nas.objects.create(
            peer=self.peer, name=name, identifier=name, vendor_profile=profile, coa_address="127.0.0.1",
            coa_port=port.port, registered_at=START - timedelta(days=400), interim_seconds=300, **more,
        )  # fmt: skip
        self.ports[nas.pk] = port
        return nas

    def service(self, username: str = "thandi@example.net", **more: Any) -> Service:
        terms = more.pop("terms", {})
        package = Package.objects.create(code=f"p-{username}", name="P", brand=self.brand)
        PackageVersion.objects.create(
            package=package,
            valid_from=START - timedelta(days=400),
            **{
                "allowance_bytes": 1_000 * GB,
                "rate_up_kbps": 2_000,
                "rate_down_kbps": 10_000,
                "at_cap": "wall",
                **terms,
            },
        )
        service = Service.objects.create(
            customer=self.customer, connection_type=self.kind, username=username, line_password="x", nt_hash="",
            activated_at=START, **more,
        )  # fmt: skip
        PackageChange.objects.create(
            service=service,
            package=package,
            starts_at=START - timedelta(days=300),
            made_at=START,
            actor="test",
        )
        open_cap(service.pk, now=self.now)
        AccessDue.objects.filter(service=service).delete()
        return service

    def session(self, service: Service, nas: Nas, **more: Any) -> RadiusSession:
        """A session that is live; `got` is the access its Accept gave it, told by the Class token."""
        got: Access | None = more.pop("got", None)
        limit: int = more.pop("limit", 0)
        token = b"" if got is None else encode_token(Token(service.pk, access_hash(got), b"login1", limit))
        number = RadiusSession.objects.count() + 1
        defaults: dict[str, Any] = {
            "key": uuid4().bytes, "nas": nas, "service": service, "username": service.username,
            "acct_session_id": f"81a{number:05}".encode(), "class_token": token, "framed_ip": "198.51.100.7",
            "calling_station": "02-00-5E-00-00-01", "started_at": self.now, "first_seen_at": self.now,
            "last_seen_at": self.now, "counted_until": self.now, "start_mark": 0, "last_mark": 0,
        }  # fmt: skip
        return RadiusSession.objects.create(**{**defaults, **more})

    def cap(self, service: Service, **values: Any) -> None:
        """Put the cap row where the test wants it, and say that something changed."""
        Cap.objects.filter(service=service).update(**values)
        self.wake(service)

    def wake(self, service: Service, cause: str = "test", **more: Any) -> None:
        raise_access_due([service.pk], cause=cause, now=self.now, **more)

    def step(self, **wait: float) -> int:
        """Let time pass, then one pass of the lane; what arrives at the routers is answered after it."""
        self.now += timedelta(**wait)
        did = self.enforcer.step(now=self.now)
        for port in self.ports.values():
            port.serve()
        return did

    def settle(self) -> None:
        """Passes until nothing is left to do at this moment."""
        for _ in range(20):
            if not self.step():
                return
        raise AssertionError("enforcement does not come to rest")

    def heard(self, nas: Nas) -> list[tuple[int, dict[str, Any]]]:
        return [(request.code, names(request)) for request in self.ports[nas.pk].heard]

    def codes(self, nas: Nas) -> list[int]:
        return [request.code for request in self.ports[nas.pk].heard]

    def close(self) -> None:
        self.enforcer.client.close()
        for port in self.ports.values():
            port.close()


OPEN = Access(AccessKind.OPEN, 2_000, 10_000, ())
WALLED = Access(AccessKind.WALLED, 2_000, 10_000, ())
THROTTLED = Access(AccessKind.THROTTLED, 256, 512, ())


def commands() -> list[tuple[str, str, int | None]]:
    return list(Command.objects.order_by("id").values_list("kind", "state", "error_cause"))


def access_of(session: RadiusSession) -> SessionAccess | None:
    return SessionAccess.objects.filter(session=session).first()


def close(session: RadiusSession, at: datetime) -> None:
    """As the fold does when the Stop arrives."""
    RadiusSession.objects.filter(pk=session.pk).update(
        state=SessionState.CLOSED, stopped_at=at, last_seen_at=at
    )
