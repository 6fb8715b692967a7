"""CoovaChilli (and ChilliSpot): the captive portal of access points and hotspot gateways.

Numbers: doc/dictionary.coovachilli. Units and behaviour: `config_radius_session` in its source – speeds are kbit/s
(times 1000 there), 0 means unlimited, limits count from the session's start, and a CoA runs through the same
function.

A Chilli session that is refused stays in the portal with its `uamallowed` hosts: the portal is the garden. It stores a
Filter-Id but does not enforce it, so walled and blocked lines are refused, and a live session is disconnected into
the portal.
"""

from capstan.network.radius.avp import Avp
from capstan.network.vendors.profile import UINT32_MAX, LimitAttribute, Limits, Profile, Rates, integer

VENDOR = 14559
_BANDWIDTH_MAX_UP = 4
_BANDWIDTH_MAX_DOWN = 5

# The program multiplies by 1000 in 32 bits.
_FASTEST_KBPS = UINT32_MAX // 1000


def _rate_avps(rates: Rates, explicit: bool) -> list[Avp]:
    avps = []
    for kind, rate in zip((_BANDWIDTH_MAX_UP, _BANDWIDTH_MAX_DOWN), rates, strict=True):
        if rate is not None:
            avps.append(integer(kind, min(rate, _FASTEST_KBPS), VENDOR))
        elif explicit:
            avps.append(integer(kind, 0, VENDOR))
    return avps


COOVA = Profile(
    name="coova",
    title="CoovaChilli",
    source="coova-chilli doc/dictionary.coovachilli and src/chilli.c, config_radius_session",
    working=True,
    vendor=VENDOR,
    rate_avps=_rate_avps,
    limits=Limits(
        total=LimitAttribute(3, 23, by_coa=True),
        up=LimitAttribute(1, 21, by_coa=True),
        down=LimitAttribute(2, 22, by_coa=True),
    ),
    names_framed_ip=True,
)
