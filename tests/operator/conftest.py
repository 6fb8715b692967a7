"""A provider with one router that reports through the packet log and has a CoA port."""

import time
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from capstan.db.connection import connect
from capstan.metering.records import FLAG_EVENT_TIME, FLAG_GIGAWORDS, Record, Texts, make_record
from capstan.metering.rules.token import Token, encode_token
from capstan.metering.rules.words import Status
from capstan.network.actions import commands
from capstan.network.actions.enforce import Enforcer
from capstan.network.coa.client import CoaClient
from capstan.network.rules.access import Access, access_hash
from capstan.operator.words import Saying
from capstan.services.models import Service
from capstan.values.data import Units
from tests.caps.conftest import Provider as CapsProvider
from tests.network.enforce.lab import SECRET, Answer, CoaPort


class Provider(CapsProvider):
    """Also runs enforcement against the router's CoA port."""

    port: CoaPort
    enforcer: Enforcer
    class_value: bytes = b""

    def login(self, service: Service, access: Access) -> None:
        """From now on the router echoes the Class of a login that got this access, and sends what a real one sends."""
        self.class_value = encode_token(Token(service.pk, access_hash(access), b"login1"))

    def record(self, status: Status, seconds: int = 0, up: int = 0, down: int = 0, **more: Any) -> Record:
        texts = Texts(
            framed_ip=bytes((198, 51, 100, 7)),
            username=more.pop("user", "thandi@example.net").encode(),
            session_id=more.pop("session", "81a0").encode(),
            class_value=self.class_value,
            calling_station=b"02-00-5E-00-00-01",
            nas_port_id=b"ether3",
            framed_ipv6=b"",
            extra=more.pop("extra", b""),
        )
        return make_record(
            status=status, nas_id=self.nas.pk, event=int(self.now.timestamp()), seconds=seconds, bytes_up=up,
            bytes_down=down, texts=texts, flags=FLAG_EVENT_TIME | FLAG_GIGAWORDS, **more,
        )  # fmt: skip

    def plug_in(self, *answers: Answer) -> None:
        """Give the router a CoA port that answers like this."""
        self.port = CoaPort(answers)
        self.enforcer = Enforcer(CoaClient())
        self.nas.vendor_profile, self.nas.coa_address, self.nas.coa_port = (
            "mikrotik",
            "127.0.0.1",
            self.port.port,
        )
        self.nas.coa_secret = SECRET.decode()
        self.nas.save()

    def enforce(self, *, seconds: float = 0.05, rounds: int = 4) -> None:
        """Passes of the enforce lane, the router answering in between."""
        for _ in range(rounds):
            self.enforcer.step(now=self.now)
            self.port.serve()
            time.sleep(0.01)  # loopback
            self.wait(seconds=seconds)
        self.enforcer.step(now=self.now)
        commands.prove(now=self.now)

    def say(self) -> Saying:
        return Saying(ZoneInfo("Africa/Johannesburg"), Units.DECIMAL, "ZAR", self.now)

    def use_up(self, gigabytes: int) -> None:
        """Interims of 1 GB each, five minutes apart."""
        for step in range(1, gigabytes + 1):
            self.wait(minutes=5)
            self.interim(300 * step, 0, step * 10**9)

    def close(self) -> None:
        if hasattr(self, "port"):
            self.enforcer.client.close()
            self.port.close()


@pytest.fixture
def provider(transactional_db: None) -> Iterator[Provider]:
    with connect() as conn:
        made = Provider(conn)
        made.wait(hours=1)
        yield made
        made.close()
