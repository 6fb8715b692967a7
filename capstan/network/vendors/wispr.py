"""Routers that know WISPr speeds and plain RADIUS.

`generic` is for a router of which nothing else is known: a line that may not pass is refused and disconnected.
`wispr` is for one on which the three filters of `FILTERS` have been set up, so that Filter-Id (RFC 2865 §5.11) can
wall and block.
"""

from dataclasses import replace

from capstan.network.radius.avp import Avp
from capstan.network.vendors.profile import FILTERS, UINT32_MAX, Profile, Rates, integer

VENDOR = 14122
BANDWIDTH_MAX_UP = 7
BANDWIDTH_MAX_DOWN = 8


def rate_avps(rates: Rates, explicit: bool) -> list[Avp]:
    """WISPr-Bandwidth-Max-Up and -Down, bit/s."""
    avps = []
    for kind, rate in zip((BANDWIDTH_MAX_UP, BANDWIDTH_MAX_DOWN), rates, strict=True):
        if rate is not None:
            avps.append(integer(kind, rate * 1000, VENDOR))
        elif explicit:
            avps.append(integer(kind, UINT32_MAX, VENDOR))
    return avps


GENERIC = Profile(
    name="generic",
    title="Any router, WISPr speeds",
    source="FreeRADIUS dictionary.wispr; RFC 2865; RFC 5176",
    working=True,
    vendor=VENDOR,
    rate_avps=rate_avps,
)

WISPR = replace(
    GENERIC,
    name="wispr",
    title="Any router, WISPr speeds and Filter-Id",
    filters=FILTERS,
    can_block_by_accept=True,
    can_wall=True,
)
