"""Huawei NetEngine BRAS. Not proved on a device: byte vectors from the manual only.

Speeds: committed and peak information rate, bit/s (HW-Input-Committed- and -Peak-Information-Rate 2, 3; output 5, 6);
a peak needs its committed rate beside it. Filter-Id names the user group's ACL. Remanent-Volume (15) is not written:
its unit differs between releases.
"""

from capstan.network.radius.avp import Avp
from capstan.network.vendors.profile import FILTERS, UINT32_MAX, Profile, Rates, integer

VENDOR = 2011
_INPUT = (2, 3)
_OUTPUT = (5, 6)


def _rate_avps(rates: Rates, explicit: bool) -> list[Avp]:
    avps = []
    for kinds, rate in zip((_INPUT, _OUTPUT), rates, strict=True):
        if rate is not None or explicit:
            avps += [integer(kind, UINT32_MAX if rate is None else rate * 1000, VENDOR) for kind in kinds]
    return avps


HUAWEI = Profile(
    name="huawei",
    title="Huawei NetEngine",
    source="FreeRADIUS dictionary.huawei; NetEngine 8000 manual, HW RADIUS attributes 2, 3, 5, 6",
    working=False,
    vendor=VENDOR,
    rate_avps=_rate_avps,
    filters=FILTERS,
    can_block_by_accept=True,
    can_wall=True,
)
