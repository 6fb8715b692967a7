"""How a request says which session it means (RFC 5176 §3)."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from capstan.network.radius.avp import Avp
from capstan.network.rules.compare import NasFacts, SessionFacts

USER_NAME = 1
NAS_IP_ADDRESS = 4
FRAMED_IP_ADDRESS = 8
NAS_IDENTIFIER = 32
ACCT_SESSION_ID = 44
NAS_IPV6_ADDRESS = 95


def identify(session: SessionFacts, nas: NasFacts) -> list[Avp]:
    """User-Name, Acct-Session-Id in exactly the router's bytes, the router as it names itself, and where it helps the
    address.

    The router's own name is needed behind a proxy, and a router that gets another one's answers 403.
    """
    avps = [Avp(0, USER_NAME, session.username.encode()), Avp(0, ACCT_SESSION_ID, session.acct_session_id)]
    avps.append(_router(nas.identifier))
    if nas.profile.names_framed_ip and session.framed_ip is not None:
        address = ip_address(session.framed_ip)
        if isinstance(address, IPv4Address):
            avps.append(Avp(0, FRAMED_IP_ADDRESS, address.packed))
    return avps


def _router(identifier: str) -> Avp:
    """`Nas.identifier` is the NAS-Identifier the router sends, else its NAS-IP(v6)-Address as text."""
    try:
        address: IPv4Address | IPv6Address = ip_address(identifier)
    except ValueError:
        return Avp(0, NAS_IDENTIFIER, identifier.encode())
    return Avp(0, NAS_IP_ADDRESS if address.version == 4 else NAS_IPV6_ADDRESS, address.packed)
