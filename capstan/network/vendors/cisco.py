"""Cisco ISG (IOS, IOS XE). Not proved on a device: byte vectors from the manual only.

Speeds: Account-Info (250) "QU;committed-rate;normal-burst;excess-burst;D;…" in bit/s and bytes, from "Configuring ISG
Policies for Regulating Network Access", section policing; without bursts the router works them out. Volume quotas
belong to ISG's prepaid services, not to a session, and are not written.
"""

from capstan.network.radius.avp import Avp
from capstan.network.vendors.profile import FILTERS, Profile, Rates, text

VENDOR = 9
_ACCOUNT_INFO = 250

# Also what an unlimited line gets explicitly: policing can't be taken off, only be made wide.
_FASTEST_KBPS = 10_000_000


def _rate_avps(rates: Rates, explicit: bool) -> list[Avp]:
    if not explicit and rates == (None, None):
        return []
    up, down = (_FASTEST_KBPS if rate is None else rate for rate in rates)
    return [
        text(_ACCOUNT_INFO, f"QU;{up * 1000};{_burst_bytes(up)};D;{down * 1000};{_burst_bytes(down)}", VENDOR)
    ]


def _burst_bytes(kbps: int) -> int:
    """1.5 seconds at this speed, the manual's rule for a normal burst."""
    return kbps * 1000 // 8 * 3 // 2


CISCO = Profile(
    name="cisco",
    title="Cisco ISG",
    source="Cisco IOS XE Intelligent Services Gateway configuration guide, policing VSA 26/9/250",
    working=False,
    vendor=VENDOR,
    rate_avps=_rate_avps,
    filters=FILTERS,
    can_block_by_accept=True,
    can_wall=True,
)
