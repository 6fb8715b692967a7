"""What the profiles write, read by the simulated routers, which know the makers' documents and nothing of our code.

The point is the restore: whatever a session was given before, one CoA takes all of it away again.
"""

from itertools import product

import pytest
from pyrad.packet import Packet

from capstan.demo.routers import vendors
from capstan.demo.routers.codec import dictionary, read_order
from capstan.demo.routers.session import Area, Orders, Session
from capstan.demo.routers.vendors import Vendor
from capstan.demo.sites import AREAS
from capstan.network.coa.packet import COA_REQUEST, encode_request
from capstan.network.radius.avp import encode_avps
from capstan.network.radius.packet import Secret
from capstan.network.rules.access import Access
from capstan.network.rules.quota import Quota
from capstan.network.rules.words import AccessKind, Reason
from capstan.network.vendors.profile import NO_LIMIT_BYTES
from capstan.network.vendors.registry import profile

SECRET = b"lab-secret"
GB = 10**9
ROUTERS = {
    "mikrotik": vendors.MIKROTIK,
    "coova": vendors.COOVA,
    "wispr": vendors.WISPR,
    "generic": vendors.WISPR,
}
OPEN = Access(AccessKind.OPEN, 2_000, 10_000, ())
UNLIMITED = Access(AccessKind.OPEN, None, None, ())
EARLIER = [
    UNLIMITED,
    Access(AccessKind.THROTTLED, 256, 512, (Reason.CAPPED,)),
    Access(AccessKind.WALLED, 2_000, 10_000, (Reason.SUSPENDED,)),
    Access(AccessKind.BLOCKED, 2_000, 10_000, (Reason.CAPPED,)),
]
RAISABLE = {"mikrotik": Quota(None, 3 * GB, 6 * GB), "coova": Quota(9 * GB, None, None)}


def told_by_coa(name: str, vendor: Vendor, access: Access, quota: Quota | None) -> Orders:
    avps = profile(name).coa_avps(access, quota=quota)
    raw = encode_request(COA_REQUEST, 1, avps, secret=Secret(SECRET), timestamp=1_773_129_600)
    order = read_order(SECRET, raw)
    assert order is not None, "the router takes it for forged"
    unknown = {attribute for attribute in order.keys() if isinstance(attribute, str)} - vendor.changeable  # noqa: SIM118
    assert unknown <= {"Event-Timestamp", "Message-Authenticator"}, "the router refuses these with 401"
    return vendor.read(order, AREAS)


def told_by_accept(name: str, vendor: Vendor, access: Access, quota: Quota | None) -> Orders:
    attributes = encode_avps(profile(name).accept_avps(access, quota=quota, interim_seconds=300))
    head = b"\x02\x01" + (20 + len(attributes)).to_bytes(2, "big") + bytes(16)
    return vendor.read(Packet(packet=head + attributes, secret=SECRET, dict=dictionary()), AREAS)


def is_limited(quota: int | None) -> bool:
    return quota is not None and 0 < quota < NO_LIMIT_BYTES


REACHABLE = [
    (name, access) for name, access in product(ROUTERS, EARLIER) if not profile(name).rejects(access)
]


@pytest.mark.parametrize(("name", "earlier"), REACHABLE)
@pytest.mark.parametrize("by_coa", [True, False])
def test_one_coa_takes_everything_away_again(name: str, earlier: Access, by_coa: bool) -> None:
    vendor = ROUTERS[name]
    quota = RAISABLE.get(name)
    session = Session("81a0", 0.0)
    if by_coa:
        session.obey(told_by_accept(name, vendor, OPEN, None))
        session.obey(told_by_coa(name, vendor, earlier, quota))
    else:
        session.obey(told_by_accept(name, vendor, earlier, quota))
    session.obey(told_by_coa(name, vendor, OPEN, None))
    now = session.orders
    assert (now.rate_up, now.rate_down, session.area) == (2_000_000, 10_000_000, Area.INTERNET)
    assert not any(map(is_limited, (now.quota_total, now.quota_up, now.quota_down)))
    assert now.session_seconds is None or now.session_seconds > 300 * 86_400


@pytest.mark.parametrize(
    ("kind", "area"),
    [(AccessKind.WALLED, Area.GARDEN), (AccessKind.BLOCKED, Area.NOWHERE), (AccessKind.OPEN, None)],
)
@pytest.mark.parametrize("name", ["mikrotik", "wispr"])
def test_a_login_lands_where_it_should(name: str, kind: AccessKind, area: Area | None) -> None:
    orders = told_by_accept(name, ROUTERS[name], Access(kind, 2_000, 10_000, ()), None)
    assert orders.area == area
    assert orders.interim_seconds == 300
    assert (orders.session_seconds == 600) == (kind == AccessKind.BLOCKED)


@pytest.mark.parametrize(("name", "quota"), RAISABLE.items())
def test_limits_above_4_gib_arrive_whole(name: str, quota: Quota) -> None:
    for orders in (
        told_by_accept(name, ROUTERS[name], OPEN, quota),
        told_by_coa(name, ROUTERS[name], OPEN, quota),
    ):
        read = (orders.quota_total, orders.quota_up, orders.quota_down)
        for wanted, got in zip(quota, read, strict=True):
            assert got == wanted or (wanted is None and not is_limited(got))


@pytest.mark.parametrize("name", ROUTERS)
def test_no_limit_of_ours_is_no_limit_worth_the_name(name: str) -> None:
    orders = told_by_coa(name, ROUTERS[name], UNLIMITED, None)
    for rate in (orders.rate_up, orders.rate_down):
        assert rate == 0 or (rate is not None and rate >= 4_000_000_000)
