"""FreeRADIUS as the proxy in front: two routers behind one peer, told apart by what they call themselves."""

from collections.abc import Iterator
from socket import SOCK_DGRAM

import pytest

from capstan.metering.models import Nas, RadiusSession
from capstan.metering.rules.words import SessionState
from tests.config.running import free_port
from tests.peers.conftest import Lab
from tests.peers.freeradius import Said, freeradius, radclient
from tests.product import eventually, wait_folded
from tests.provider import PASSWORD, SECRET

SOURCE = "127.0.0.5"
ROUTERS_SECRET = "behind-the-proxy"


class Proxy:
    def __init__(self, auth_port: int, acct_port: int) -> None:
        self.auth_port, self.acct_port = auth_port, acct_port

    def login(self, username: str, nas: str, password: str = PASSWORD, *, proof: bool = True) -> Said:
        lines = [f'User-Name = "{username}"', f'NAS-Identifier = "{nas}"', f'User-Password = "{password}"']
        lines += ["Message-Authenticator = 0x00"] if proof else []
        return radclient(f"127.0.0.1:{self.auth_port}", "auth", ROUTERS_SECRET, ["\n".join(lines)])

    def account(self, status: str, nas: str, *lines: str) -> Said:
        text = "\n".join([f"Acct-Status-Type = {status}", f'NAS-Identifier = "{nas}"', *lines])
        return radclient(f"127.0.0.1:{self.acct_port}", "acct", ROUTERS_SECRET, [text])


@pytest.fixture(scope="module")
def proxy(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    peer = lab.provider.peer("proxy", SOURCE, is_proxy=True)
    for name in ("tower-a", "tower-b"):
        lab.provider.nas(peer, name)
    made = Proxy(free_port(SOCK_DGRAM), free_port(SOCK_DGRAM))
    with freeradius(
        tmp_path_factory.mktemp("proxy"), "proxy", secret=SECRET, router_secret=ROUTERS_SECRET, source=SOURCE,
        auth_port=lab.product.auth_port, acct_port=lab.product.acct_port, own_auth_port=made.auth_port,
        own_acct_port=made.acct_port,
    ):  # fmt: skip
        eventually(
            lambda: made.account("Accounting-On", "tower-a").codes, 20, "the product's word of the new peer"
        )
        yield made


@pytest.mark.parametrize("proof", [True, False])
def test_a_login_through_the_proxy(lab: Lab, proxy: Proxy, proof: bool) -> None:
    """FreeRADIUS passes an answer on only if its authenticator is right."""
    username = lab.username()
    lab.provider.service(username, rate_down_kbps=7_000)
    code, told = proxy.login(username, "tower-a", proof=proof).only()
    assert (code, told["WISPr-Bandwidth-Max-Down"]) == ("Access-Accept", ["7000000"])
    assert "Class" in told
    code, told = proxy.login(username, "tower-b", password="wrong", proof=proof).only()
    assert (code, told["Reply-Message"]) == ("Access-Reject", ["Wrong username or password."])


def test_proxy_states_come_back_as_they_were_sent(lab: Lab, proxy: Proxy) -> None:
    """In order and unchanged, in answers of every kind (RFC 2865 §5.33)."""
    username = lab.username()
    lab.provider.service(username)
    states = ["Proxy-State = 0x0a", "Proxy-State = 0xff00", "Proxy-State = 0x0a"]
    common = [
        f'User-Name = "{username}"',
        'NAS-Identifier = "tower-a"',
        f"Packet-Src-IP-Address = {SOURCE}",
        *states,
    ]
    proof = "Message-Authenticator = 0x00"
    for password in (PASSWORD, "wrong"):
        text = "\n".join([*common, f'User-Password = "{password}"', proof])
        assert radclient(lab.auth, "auth", SECRET, [text]).only()[1]["Proxy-State"] == [
            "0x0a",
            "0xff00",
            "0x0a",
        ]
    text = "\n".join([*common, "Acct-Status-Type = Start", 'Acct-Session-Id = "proxied"'])
    assert radclient(lab.acct, "acct", SECRET, [text]).only()[1]["Proxy-State"] == ["0x0a", "0xff00", "0x0a"]


def test_two_routers_behind_one_peer_use_the_same_session_id(lab: Lab, proxy: Proxy) -> None:
    """And one of them restarts: only its own session ends."""
    users = {"tower-a": lab.username(), "tower-b": lab.username()}
    lab.provider.services(list(users.values()))
    for number, (nas, username) in enumerate(users.items(), 1):
        who = (f'User-Name = "{username}"', 'Acct-Session-Id = "00000001"')
        assert proxy.account("Start", nas, *who).codes == ["Accounting-Response"]
        counters = (f"Acct-Input-Octets = {number}", "Acct-Output-Octets = 4000000", "Acct-Session-Time = 30")
        assert proxy.account("Interim-Update", nas, *who, *counters).codes == ["Accounting-Response"]
    wait_folded()
    found = {one.username: one for one in RadiusSession.objects.filter(username__in=users.values())}
    assert {name: (found[user].nas_id, found[user].bytes_up) for name, user in users.items()} == {
        "tower-a": (Nas.objects.get(identifier="tower-a").pk, 1),
        "tower-b": (Nas.objects.get(identifier="tower-b").pk, 2),
    }

    assert proxy.account("Accounting-On", "tower-b").codes == ["Accounting-Response"]
    wait_folded()
    states = {name: RadiusSession.objects.get(username=user).state for name, user in users.items()}
    assert states == {"tower-a": SessionState.LIVE, "tower-b": SessionState.CLOSED}


def test_a_router_nobody_has_entered_is_discovered_behind_its_proxy(lab: Lab, proxy: Proxy) -> None:
    username = lab.username()
    lab.provider.service(username)
    told = (f'User-Name = "{username}"', 'Acct-Session-Id = "x"', "Acct-Session-Time = 0")
    assert proxy.account("Start", "tower-new", *told).codes == ["Accounting-Response"]
    found = Nas.objects.get(identifier="tower-new")
    assert (found.peer.name, found.discovered, found.last_source) == ("proxy", True, SOURCE)
