"""What a kind of router can do, and how an access is written for it.

A profile is data; the few functions in it only put numbers into a vendor's own notation. Two rules hold for all of
them:

- A CoA names every value that it could ever have changed, also the ones that go back to normal. A router keeps what
  it was told until it is told otherwise, so a restore that leaves the throttle unmentioned leaves the throttle on.
- A byte limit is never written as 0: routers read 0 as "no limit" (MikroTik, Coova).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from capstan.catalog.rules import Counting
from capstan.network.radius.avp import Avp
from capstan.network.rules.access import Access
from capstan.network.rules.quota import Quota
from capstan.network.rules.words import AccessKind

FILTER_ID = 11  # RFC 2865 §5.11
SESSION_TIMEOUT = 27  # RFC 2865 §5.27
ACCT_INTERIM_INTERVAL = 85  # RFC 2869 §5.16
_INTERIM_SECONDS_MIN = 60  # RFC 2869 §5.16: MUST NOT be smaller

UINT32_MAX = 0xFFFF_FFFF

# What a router is told when a byte limit is lifted: more than any session moves, and no 32-bit half of it is 0.
NO_LIMIT_BYTES = (1 << 50) - 1

# Lifts the short Session-Timeout of a blocked login, whether a router counts it from the login or from the CoA.
LIFTED_SESSION_SECONDS = 365 * 86_400

# A blocked line is slowed to this as well, so that a router whose drop filter was never set up gives nothing away.
BLOCKED_KBPS = 8

# How long a blocked login lives: then the router asks again, so the line comes back even when every CoA to it is lost.
BLOCKED_SECONDS = 600


class Rates(NamedTuple):
    """kbit/s from the customer's side; None is "no limit of ours"."""

    up_kbps: int | None
    down_kbps: int | None


class Filters(NamedTuple):
    """Names, as the router's own configuration knows them, of what lets everything, the garden, or nothing through."""

    open: str
    walled: str
    blocked: str


FILTERS = Filters("capstan-open", "capstan-garden", "capstan-drop")


class LimitAttribute(NamedTuple):
    """A byte limit on the wire: the low 32 bits in one vendor attribute, the high ones in another."""

    low: int
    gigawords: int
    by_coa: bool  # a CoA can change it


class Limits(NamedTuple):
    """The byte limits a router knows, all counted from the start of the session."""

    total: LimitAttribute
    up: LimitAttribute
    down: LimitAttribute


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One kind of router. `source` says where its numbers come from.

    `working` profiles are driven end to end in the tests against routers that obey them; the others are byte vectors
    from a manual, not proved on a device.
    """

    name: str
    title: str
    source: str
    working: bool
    vendor: int
    rate_avps: Callable[[Rates, bool], list[Avp]]  # (rates, explicit): explicit writes "no limit" too
    login_avps: Callable[[Access, Rates], list[Avp]] | None = None  # where an Accept is written unlike a CoA
    filters: Filters | None = None
    limits: Limits | None = None
    can_coa: bool = True
    can_block_by_accept: bool = False
    can_wall: bool = False
    echoes_class: bool = True  # else the Class attribute means something else here and is not ours to use
    names_framed_ip: bool = False  # wants Framed-IP-Address to find a session

    @property
    def quota_coa(self) -> bool:
        """Whether a CoA can raise every byte limit this profile writes."""
        return self.limits is not None and all(limit.by_coa for limit in self.limits)

    @property
    def can_limit(self) -> bool:
        """Whether the router can be told a byte limit at all."""
        return self.limits is not None

    def can_raise(self, counting: Counting) -> bool:
        """Whether a CoA can raise the byte limit of this counting rule; else only a new login can."""
        return self.can_coa and self.limits is not None and self._limit(counting).by_coa

    def rejects(self, access: Access) -> bool:
        """Whether a login that should get this access must be refused, because the router has no softer way."""
        if access.kind == AccessKind.WALLED:
            return not self.can_wall
        return access.kind == AccessKind.BLOCKED and not self.can_block_by_accept

    def changes_by_coa(self, access: Access) -> bool:
        """Whether a live session can be brought to this access without dropping it."""
        return self.can_coa and not self.rejects(access)

    def accept_avps(self, access: Access, *, quota: Quota | None, interim_seconds: int) -> list[Avp]:
        """What an Access-Accept carries for this access: interim interval, speed, filter, byte limits.

        Raises ValueError for an access that `rejects` says must be refused.
        """
        if self.rejects(access):
            raise ValueError(f"{self.name} routers have no Accept that means {access.kind}")
        avps = [integer(ACCT_INTERIM_INTERVAL, max(interim_seconds, _INTERIM_SECONDS_MIN))]
        if self.login_avps is not None:
            avps += self.login_avps(access, self._rates(access))
        else:
            avps += self.rate_avps(self._rates(access), False)
            if access.kind in (AccessKind.WALLED, AccessKind.BLOCKED):
                avps += self._filter_avps(access)
        if access.kind == AccessKind.BLOCKED:
            avps.append(integer(SESSION_TIMEOUT, BLOCKED_SECONDS))
        return avps + self._limit_avps(quota, explicit=False)

    def coa_avps(self, access: Access, *, quota: Quota | None) -> list[Avp]:
        """What a CoA-Request carries to bring a live session to this access, restoring values included.

        Raises ValueError for an access that this router can't be brought to by CoA (see `changes_by_coa`).
        """
        if not self.changes_by_coa(access):
            raise ValueError(f"{self.name} routers have no CoA that means {access.kind}")
        avps = self.rate_avps(self._rates(access), True) + self._filter_avps(access)
        if self.can_block_by_accept and access.kind != AccessKind.BLOCKED:
            avps.append(integer(SESSION_TIMEOUT, LIFTED_SESSION_SECONDS))
        return avps + self._limit_avps(quota, explicit=True)

    def _rates(self, access: Access) -> Rates:
        if access.kind == AccessKind.BLOCKED:
            return Rates(BLOCKED_KBPS, BLOCKED_KBPS)
        return Rates(access.rate_up_kbps, access.rate_down_kbps)

    def _filter_avps(self, access: Access) -> list[Avp]:
        if self.filters is None:
            return []
        name = {AccessKind.WALLED: self.filters.walled, AccessKind.BLOCKED: self.filters.blocked}
        return [text(FILTER_ID, name.get(access.kind, self.filters.open))]

    def _limit(self, counting: Counting) -> LimitAttribute:
        assert self.limits is not None
        return {
            Counting.BOTH: self.limits.total,
            Counting.UP: self.limits.up,
            Counting.DOWN: self.limits.down,
        }[counting]

    def _limit_avps(self, quota: Quota | None, *, explicit: bool) -> list[Avp]:
        if self.limits is None:
            return []
        avps: list[Avp] = []
        values = quota or Quota(None, None, None)
        for limit, value in zip(self.limits, values, strict=True):
            if explicit and limit.by_coa:
                avps += self._limit_pair(limit, NO_LIMIT_BYTES if value is None else value)
            elif not explicit and value is not None:
                avps += self._limit_pair(limit, value)
        return avps

    def _limit_pair(self, limit: LimitAttribute, value: int) -> list[Avp]:
        if value <= 0:
            raise ValueError(f"a byte limit of {value} would mean no limit at all")
        # A low half of 0 could be read as "no limit" by a router that looks at it alone; one byte less can't.
        low, high = (
            (value & UINT32_MAX, value >> 32) if value & UINT32_MAX else (UINT32_MAX, (value >> 32) - 1)
        )
        return [integer(limit.low, low, self.vendor), integer(limit.gigawords, high, self.vendor)]


def integer(kind: int, value: int, vendor: int = 0) -> Avp:
    """A 32-bit number in network order (RFC 2865 §5); what is too large becomes the largest there is."""
    return Avp(vendor, kind, min(value, UINT32_MAX).to_bytes(4, "big"))


def text(kind: int, value: str, vendor: int = 0) -> Avp:
    return Avp(vendor, kind, value.encode())
