"""radclient, which nobody here wrote, asks Capstan: every kind of login, accounting, Status-Server, over IPv4 and IPv6."""

from pathlib import Path

import pytest

from capstan.metering.models import Nas, Quarantine, RadiusSession
from capstan.metering.rules.words import SessionState
from capstan.network.models import LoginFailure
from capstan.services.actions.line import set_addresses
from capstan.services.actions.status import suspend
from capstan.services.rules import Addresses
from capstan.values import clock
from tests.peers.conftest import NAS, Lab
from tests.peers.freeradius import radclient
from tests.product import eventually, wait_folded
from tests.provider import GB, PASSWORD, SECRET


def request(username: str, *lines: str, nas: str = NAS) -> str:
    return "\n".join([f'User-Name = "{username}"', f'NAS-Identifier = "{nas}"', *lines])


PROOF = "Message-Authenticator = 0x00"
PAP = f'User-Password = "{PASSWORD}"'


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([PAP, PROOF], "Access-Accept"),
        (['User-Password = "wrong"', PROOF], "Access-Reject"),
        ([f'CHAP-Password = "{PASSWORD}"', PROOF], "Access-Accept"),
        (['CHAP-Password = "wrong"', PROOF], "Access-Reject"),
        ([f'MS-CHAP-Password = "{PASSWORD}"', PROOF], "Access-Reject"),  # radclient speaks version 1 only
        ([PROOF], "Access-Reject"),
    ],
)
def test_logins(lab: Lab, lines: list[str], code: str) -> None:
    username = lab.username()
    lab.provider.service(username)
    proof_first = radclient(lab.auth, "auth", SECRET, [request(username, *lines)])
    assert proof_first.only()[0] == code, proof_first.text
    assert "Message-Authenticator" in proof_first.only()[1], "in every answer (CVE-2024-3596)"


def test_mschap_version_2(lab: Lab) -> None:
    """The example of RFC 2759 §9.2, whose user name is written with a capital letter."""
    lab.provider.service("user", password="clientPass")
    response = "01" + "00" + "21402324255E262A28295F2B3A337C7E" + "00" * 8
    response += "82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF"
    challenge = "MS-CHAP-Challenge = 0x5B5D7C7D7B3F2F3E3C2C602132262628"
    asked = request("User", challenge, f"MS-CHAP2-Response = 0x{response}", PROOF)
    code, told = radclient(lab.auth, "auth", SECRET, [asked]).only()
    assert code == "Access-Accept"
    success = b"\x01S=407A5589115FD0D6209F510FE9C04566932CDA56"
    assert told["MS-CHAP2-Success"] == [f"0x{success.hex()}"]
    wrong = request("User", challenge, f"MS-CHAP2-Response = 0x{response[:-2]}00", PROOF)
    code, told = radclient(lab.auth, "auth", SECRET, [wrong]).only()
    assert code == "Access-Reject"
    assert "E=691" in told["MS-CHAP-Error"][0]


def test_a_message_authenticator_once_seen_is_demanded(lab: Lab) -> None:
    """`auto`: a router that can sign has to, so that nobody can leave the proof out for it (CVE-2024-3596)."""
    lab.provider.peer("old router", "127.0.0.3")
    username = lab.username()
    lab.provider.service(username)
    plain = request(username, PAP, "Packet-Src-IP-Address = 127.0.0.3", nas="old")
    eventually(
        lambda: radclient(lab.auth, "auth", SECRET, [plain]).codes == ["Access-Accept"], what="the new peer"
    )
    assert radclient(lab.auth, "auth", SECRET, [f"{plain}\n{PROOF}"]).codes == ["Access-Accept"]
    assert radclient(lab.auth, "auth", SECRET, [plain], "-t", "1", "-r", "1").codes == []


def test_an_accept_carries_the_lines_own_attributes(lab: Lab) -> None:
    username = lab.username()
    service = lab.provider.service(username, rate_up_kbps=2_000, rate_down_kbps=8_000)
    wanted = Addresses(
        ipv4_address="192.0.2.77",
        ipv4_routes=("198.51.100.0/28 192.0.2.77 1",),
        ipv6_prefix="2001:db8:77::/64",
        ipv6_delegated_prefix="2001:db8:7700::/56",
    )
    set_addresses(service_id=service.pk, addresses=wanted, actor="test", now=clock.now())
    _, told = radclient(lab.auth, "auth", SECRET, [request(username, PAP, PROOF)]).only()
    assert told["Framed-IP-Address"] == ["192.0.2.77"]
    assert told["Framed-Route"] == ["198.51.100.0/28 192.0.2.77 1"]
    assert told["Framed-IPv6-Prefix"] == ["2001:db8:77::/64"]
    assert told["Delegated-IPv6-Prefix"] == ["2001:db8:7700::/56"]
    assert told["WISPr-Bandwidth-Max-Up"] == ["2000000"]
    assert told["WISPr-Bandwidth-Max-Down"] == ["8000000"]
    assert int(told["Acct-Interim-Interval"][0]) == lab.nas.interim_seconds
    assert "Class" in told


def test_refusals_say_why_and_are_kept(lab: Lab) -> None:
    unknown, ended = lab.username(), lab.username()
    suspend(service_id=lab.provider.service(ended).pk, reason="unpaid", actor="test", now=clock.now())
    code, told = radclient(lab.auth, "auth", SECRET, [request(unknown, PAP, PROOF)]).only()
    assert (code, told["Reply-Message"]) == ("Access-Reject", ["Wrong username or password."])
    eventually(lambda: LoginFailure.objects.filter(username=unknown).exists(), what="the failure")
    assert LoginFailure.objects.get(username=unknown).reason == "no line has this username"
    code, told = radclient(lab.auth, "auth", SECRET, [request(ended, PAP, PROOF)]).only()
    assert (code, told["Filter-Id"]) == ("Access-Accept", ["capstan-garden"]), "where it can pay"


@pytest.mark.parametrize("port", ["auth", "acct"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_status_server(lab: Lab, host: str, port: str) -> None:
    number = lab.product.auth_port if port == "auth" else lab.product.acct_port
    answer = radclient(f"{host}:{number}", "status", SECRET, [PROOF])
    assert answer.codes == ["Access-Accept" if port == "auth" else "Accounting-Response"], answer.text


def test_a_wrong_secret_is_not_answered_but_counted(lab: Lab) -> None:
    username = lab.username()
    lab.provider.service(username)
    record = request(username, "Acct-Status-Type = Start", 'Acct-Session-Id = "forged"')
    short = ("-t", "1", "-r", "1")
    assert radclient(lab.acct, "acct", "another-secret", [record], *short).answers == []
    assert (
        radclient(lab.auth, "auth", "another-secret", [request(username, PAP, PROOF)], *short).answers == []
    )
    assert radclient(lab.acct, "acct", SECRET, [record]).codes == ["Accounting-Response"], "it goes on"
    eventually(lambda: Quarantine.objects.filter(port="accounting").exists(), what="the quarantine")
    eventually(lambda: Quarantine.objects.filter(port="authentication").exists(), what="the quarantine")


@pytest.mark.parametrize(("host", "nas"), [("127.0.0.1", NAS), ("[::1]", f"{NAS}-6")])
def test_a_session_from_start_to_stop_with_gigawords(lab: Lab, host: str, nas: str) -> None:
    username = lab.username()
    lab.provider.service(username, allowance_bytes=100 * GB)
    session = f'Acct-Session-Id = "giga-{nas}"'
    server = f"{host}:{lab.product.acct_port}"

    def send(status: str, seconds: int, *lines: str) -> None:
        lines = (f"Acct-Status-Type = {status}", session, f"Acct-Session-Time = {seconds}", *lines)
        assert radclient(server, "acct", SECRET, [request(username, *lines, nas=nas)]).codes == [
            "Accounting-Response"
        ]

    def stored() -> RadiusSession:
        wait_folded()
        return RadiusSession.objects.get(username=username)

    send("Start", 0, "Framed-IP-Address = 192.0.2.10", 'Calling-Station-Id = "02-00-5E-00-00-01"')
    assert stored().state == SessionState.LIVE
    send("Interim-Update", 10, "Acct-Input-Octets = 1000", "Acct-Output-Octets = 4294967295")
    assert (stored().bytes_up, stored().bytes_down) == (1000, 2**32 - 1)
    more = ("Acct-Input-Gigawords = 0", "Acct-Output-Gigawords = 1", "Acct-Output-Octets = 982778979")
    send("Interim-Update", 20, "Acct-Input-Octets = 2000", *more)
    send("Interim-Update", 20, "Acct-Input-Octets = 2000", *more)
    assert stored().bytes_down == 2**32 + 982_778_979
    send("Stop", 21, "Acct-Input-Octets = 2001", *more, "Acct-Terminate-Cause = User-Request")
    ended = stored()
    assert (ended.state, ended.bytes_up, ended.terminate_cause) == (SessionState.CLOSED, 2001, 1)
    assert str(ended.framed_ip) == "192.0.2.10"
    assert Nas.objects.get(identifier=nas).pk == ended.nas_id


def test_thousands_in_parallel(lab: Lab, tmp_path: Path) -> None:
    """64 in flight, logins and accounting; each is answered once, and each counts."""
    names = [f"many{number:04}@example.net" for number in range(1000)]
    lab.provider.services(names, allowance_bytes=100 * GB)
    logins = radclient(lab.auth, "auth", SECRET, [request(name, PAP, PROOF) for name in names], "-p", "64")
    assert logins.codes == ["Access-Accept"] * len(names)

    def record(number: int, name: str) -> str:
        return request(
            name, "Acct-Status-Type = Interim-Update", f'Acct-Session-Id = "many-{number}"', "Acct-Session-Time = 60",
            f"Acct-Input-Octets = {number}", "Acct-Output-Octets = 1000000",
        )  # fmt: skip

    records = [record(number, name) for number, name in enumerate(names)]
    answered = radclient(lab.acct, "acct", SECRET, records * 3, "-p", "64")
    assert answered.codes == ["Accounting-Response"] * len(records) * 3
    wait_folded()
    stored = RadiusSession.objects.filter(username__startswith="many").values_list("bytes_up", "bytes_down")
    assert sorted(stored) == [(number, 1_000_000) for number in range(len(names))]
