"""One subscriber's session on a router: its counters, and the limits it obeys."""

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from capstan.demo.routers.codec import Cause
from capstan.demo.routers.traffic import GARDEN, NOTHING, Demand


class Area(Enum):
    """Where a session's packets may go."""

    INTERNET = "internet"
    GARDEN = "garden"
    NOWHERE = "nowhere"


class Orders(NamedTuple):
    """What an Accept or a CoA asks for, free of any vendor's spelling. None: it says nothing, so what was stays.

    Rates are bit/s and quotas are bytes since the session's start; 0 lifts the limit.
    """

    rate_up: int | None = None
    rate_down: int | None = None
    quota_total: int | None = None
    quota_up: int | None = None
    quota_down: int | None = None
    area: Area | None = None
    interim_seconds: int | None = None
    session_seconds: int | None = None
    idle_seconds: int | None = None
    token: bytes | None = None  # Class, to be echoed


class Addresses(NamedTuple):
    """What the session was given: texts as RADIUS writes them, empty where it has none."""

    ipv4: str = ""
    ipv6_prefix: str = ""
    ipv6_delegated: str = ""
    routes: tuple[str, ...] = ()
    borrowed: tuple[tuple[str, str], ...] = ()  # (pool, address): what goes back to a pool of this router


@dataclass(slots=True)
class Session:
    """A live session. `began` and the limits' times are the event loop's seconds; bytes are from the customer's side.

    `up` and `down` are the router's counters, garden traffic included.
    """

    session_id: str
    began: float
    addresses: Addresses = field(default_factory=Addresses)
    orders: Orders = field(default_factory=Orders)
    up: int = 0
    down: int = 0
    moved_until: float = 0.0
    last_traffic: float = 0.0
    next_interim: float = math.inf
    leaves_at: float = math.inf  # when the subscriber has had enough

    def __post_init__(self) -> None:
        self.moved_until = self.last_traffic = self.began

    def obey(self, orders: Orders) -> None:
        """Take over what these orders say; what they leave out stays as it was."""
        said = {name: value for name, value in orders._asdict().items() if value is not None}
        self.orders = self.orders._replace(**said)

    @property
    def area(self) -> Area:
        return self.orders.area or Area.INTERNET

    def move(self, now: float, demand: Demand) -> tuple[int, int]:
        """Move the traffic of the time since the last call: never more than rate, quota and area let through.

        Returns the bytes up and down.
        """
        seconds, self.moved_until = now - self.moved_until, now
        if self.area is not Area.INTERNET:
            demand = GARDEN if self.area is Area.GARDEN else NOTHING
        up, down = self._within_quota(
            _at_most(demand.up_bps, self.orders.rate_up, seconds),
            _at_most(demand.down_bps, self.orders.rate_down, seconds),
        )
        self.up += up
        self.down += down
        if up + down:
            self.last_traffic = now
        return up, down

    def _within_quota(self, up: int, down: int) -> tuple[int, int]:
        """Cut to what the quotas leave, to the byte; the sum's cut is shared in proportion."""
        if self.orders.quota_up:
            up = min(up, max(0, self.orders.quota_up - self.up))
        if self.orders.quota_down:
            down = min(down, max(0, self.orders.quota_down - self.down))
        if self.orders.quota_total:
            left = max(0, self.orders.quota_total - self.up - self.down)
            if up + down > left:
                up = up * left // (up + down)
                down = left - up
        return up, down

    @property
    def is_used_up(self) -> bool:
        """Whether a quota is reached: then the router ends the session."""
        orders = self.orders
        return bool(
            (orders.quota_total and self.up + self.down >= orders.quota_total)
            or (orders.quota_up and self.up >= orders.quota_up)
            or (orders.quota_down and self.down >= orders.quota_down)
        )

    def ends_now(self, now: float) -> Cause | None:
        """Why time alone ends the session at this moment, or None."""
        if self.orders.session_seconds and now - self.began >= self.orders.session_seconds:
            return Cause.SESSION_TIMEOUT
        if self.orders.idle_seconds and now - self.last_traffic >= self.orders.idle_seconds:
            return Cause.IDLE_TIMEOUT
        return Cause.USER_REQUEST if now >= self.leaves_at else None


def _at_most(bps: int, limit: int | None, seconds: float) -> int:
    return int((min(bps, limit) if limit else bps) * seconds / 8)
