"""Juniper Junos (MX) subscriber management. Not proved on a device: byte vectors from the dictionary only.

Ingress- and Egress-Policy-Name (10, 11) name filters of the dynamic profile. The router needs one policer filter per
speed sold, named `capstan-<kbit/s>k`, and `capstan-full`. As the attribute carries the speed, it can't carry the
garden too: walled and blocked lines are refused. Volume attributes (67, 179) belong to activated services, not to a
session, and are not written.
"""

from capstan.network.radius.avp import Avp
from capstan.network.vendors.profile import Profile, Rates, text

VENDOR = 4874
_INGRESS_POLICY_NAME = 10
_EGRESS_POLICY_NAME = 11


def _rate_avps(rates: Rates, explicit: bool) -> list[Avp]:
    avps = []
    for kind, rate in zip((_INGRESS_POLICY_NAME, _EGRESS_POLICY_NAME), rates, strict=True):
        if rate is not None or explicit:
            avps.append(text(kind, "capstan-full" if rate is None else f"capstan-{rate}k", VENDOR))
    return avps


JUNIPER = Profile(
    name="juniper",
    title="Juniper Junos",
    source="FreeRADIUS dictionary.erx; Junos subscriber access VSA list",
    working=False,
    vendor=VENDOR,
    rate_avps=_rate_avps,
)
