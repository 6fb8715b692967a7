"""MikroTik RouterOS: PPPoE and HotSpot.

Numbers: dictionary.mikrotik of FreeRADIUS. Which of them a CoA may change: the list "Change of Authorization" in the
RouterOS manual, chapter RADIUS. It has Recv-Limit, Xmit-Limit, Rate-Limit, Filter-Id and Session-Timeout; it has
neither Total-Limit nor Address-List. So the garden is a Filter-Id here (an address list given at login could not be
taken away again), and a total limit is only raised by a new login.

Filter-Id names a firewall chain. The router needs `capstan-garden` and `capstan-drop`; `capstan-open` may be empty.
"""

from capstan.network.radius.avp import Avp
from capstan.network.vendors.profile import FILTERS, LimitAttribute, Limits, Profile, Rates, text

VENDOR = 14988
_RATE_LIMIT = 8

# RouterOS 6 keeps queue speeds in 32 bits.
_FASTEST_KBPS = 4_000_000


def _rate_avps(rates: Rates, explicit: bool) -> list[Avp]:
    if not explicit and rates == (None, None):
        return []
    up, down = (_FASTEST_KBPS if rate is None else min(rate, _FASTEST_KBPS) for rate in rates)
    # "rx/tx" from the router's side: what it receives is the customer's upload.
    return [text(_RATE_LIMIT, f"{up}k/{down}k", VENDOR)]


MIKROTIK = Profile(
    name="mikrotik",
    title="MikroTik RouterOS",
    source="FreeRADIUS dictionary.mikrotik; RouterOS manual, RADIUS, Change of Authorization",
    working=True,
    vendor=VENDOR,
    rate_avps=_rate_avps,
    filters=FILTERS,
    limits=Limits(
        total=LimitAttribute(17, 18, by_coa=False),
        up=LimitAttribute(1, 14, by_coa=True),  # Recv-Limit: what the router receives
        down=LimitAttribute(2, 15, by_coa=True),  # Xmit-Limit
    ),
    can_block_by_accept=True,
    can_wall=True,
    names_framed_ip=True,
)
