"""What a made-up provider's life consists of."""

from dataclasses import dataclass, field
from datetime import datetime

from tests.simulation.naive.caps import Change, Terms
from tests.simulation.naive.metering import Nas, Packet


@dataclass(frozen=True)
class Router:
    """How a NAS behaves."""

    nas: Nas
    identifier: str
    tells_time: bool = True  # sends Event-Timestamp
    echoes_class: bool = True
    reuses_ids: bool = False  # its session ids start again after a reboot
    clock_error: int = 0  # seconds
    reboots: tuple[datetime, ...] = ()
    outages: tuple[tuple[datetime, datetime], ...] = ()  # between us and it
    queues: bool = False  # keeps what it could not send and sends it later


@dataclass(frozen=True)
class ServiceLife:
    username: str
    router: Router
    activated_at: datetime
    opens_at: datetime  # when its line comes up and its cap begins
    changes: tuple[Change, ...]
    prepaid: bool
    consents: bool
    logins: int  # sessions at once
    bytes_per_second: int


@dataclass(frozen=True)
class Grant:
    at: datetime
    username: str
    kind: str
    size: int
    starts_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True)
class Sent:
    """A packet as the router made it: before the network had its way with it."""

    session: int  # which real connection it tells of
    status: str
    at: datetime
    seconds: int
    up: int
    down: int
    session_id: str
    login: str


@dataclass
class Provider:
    seed: int
    zone: str
    begins: datetime
    ends: datetime
    packages: dict[str, tuple[Terms, ...]]
    routers: list[Router]
    services: list[ServiceLife]
    packets: list[Packet] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
