"""ocserv, the OpenConnect VPN server, used as an access router.

At login it takes the Class attribute as the user's group and hands it to its connect script, which sets the filter
and the speed: "capstan-open,up=2000,down=8000". It does not echo Class in accounting, so our login token can't travel
in it. It has no RFC 5176 listener of its own: one beside it (see tests/peers) understands Filter-Id and WISPr speeds.
"""

from capstan.network.radius.avp import Avp
from capstan.network.rules.access import Access
from capstan.network.rules.words import AccessKind
from capstan.network.vendors import wispr
from capstan.network.vendors.profile import FILTERS, Profile, Rates, text

_CLASS = 25


def _login_avps(access: Access, rates: Rates) -> list[Avp]:
    names = {AccessKind.WALLED: FILTERS.walled, AccessKind.BLOCKED: FILTERS.blocked}
    group = names.get(access.kind, FILTERS.open)
    for word, rate in (("up", rates.up_kbps), ("down", rates.down_kbps)):
        if rate is not None:
            group += f",{word}={rate}"
    return [text(_CLASS, group)]


OCSERV = Profile(
    name="ocserv",
    title="ocserv (OpenConnect)",
    source="ocserv 1.1.6: radius groupconfig, connect-script",
    working=True,
    vendor=wispr.VENDOR,
    rate_avps=wispr.rate_avps,
    login_avps=_login_avps,
    filters=FILTERS,
    can_block_by_accept=True,
    can_wall=True,
    echoes_class=False,
)
