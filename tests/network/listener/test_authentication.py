"""Logins over real UDP: who is let in, with what, and why not."""

import hashlib
import os
import struct
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from capstan.caps.models import AllowanceRelease, Cap
from capstan.caps.rules.words import CapState
from capstan.metering.models import Nas, Quarantine
from capstan.metering.rules.token import decode_token
from capstan.network.actions.reply_extra import set_reply_extra
from capstan.network.models import LoginFailure
from capstan.network.radius.passwords import challenge_hash, challenge_response, nt_hash
from capstan.network.rules.access import Access, access_hash
from capstan.network.rules.words import AccessKind
from capstan.services.models import Service
from capstan.services.rules import LoginBy, MacLock, ServiceStatus, Standing
from capstan.values import clock
from capstan.values.refused import Refused
from tests.network.listener.client import Client, Reply, u32, vsa
from tests.network.listener.conftest import LONG_AGO, PASSWORD, Provider, soon, wait_for

USER = "thandi@example.net"
NAS = (32, b"n1")
MAC = (31, b"02:00:5e:00:00:01")
ACCEPT, REJECT = 2, 3
MIKROTIK = 14988
Dial = Callable[[], Client]


def failure(reason: str, **more: Any) -> LoginFailure:
    """The failure that was written with these words."""
    found = wait_for(lambda: LoginFailure.objects.filter(reason__contains=reason, **more).first())
    assert isinstance(found, LoginFailure)
    return found


def capped(service: Service, state: CapState) -> None:
    Cap.objects.filter(service=service).update(state=state, remaining_bytes=0, changes_at=soon(days=2))


def test_pap(provider: Provider, dial: Dial) -> None:
    service = provider.service(ipv4_address="192.0.2.77")
    reply = dial().login(USER, PASSWORD, NAS, MAC)
    assert reply.code == ACCEPT
    assert reply.one(8) == bytes((192, 0, 2, 77))
    assert reply.one(85) == u32(300)
    assert reply.vendor(MIKROTIK, 8) == b"2000k/10000k"
    token = decode_token(reply.one(25))
    assert token is not None
    assert token.service_id == service.pk
    assert token.access_hash == access_hash(Access(AccessKind.OPEN, 2000, 10_000, ()))
    assert reply.all(27) == [], "an open line needs no Session-Timeout"


def test_username_in_any_case(provider: Provider, dial: Dial) -> None:
    provider.service()
    assert dial().login("Thandi@EXAMPLE.net ", PASSWORD, NAS).code == ACCEPT


def test_every_login_has_its_own_token(provider: Provider, dial: Dial) -> None:
    provider.service(session_limit=0)
    client = dial()
    assert len({client.login(USER, PASSWORD, NAS).one(25) for _ in range(3)}) == 3


@pytest.mark.parametrize("own_challenge", [True, False])
def test_chap(provider: Provider, dial: Dial, own_challenge: bool) -> None:
    provider.service()
    client = dial()
    authenticator = os.urandom(16)
    challenge = os.urandom(16) if own_challenge else authenticator

    def ask(password: bytes) -> Reply | None:
        digest = hashlib.md5(b"\x05" + password + challenge).digest()
        attributes = [(1, USER.encode()), (3, b"\x05" + digest), NAS]
        if own_challenge:
            attributes.append((60, challenge))
        return client.ask(client.access(attributes, authenticator=authenticator))

    right, wrong = ask(PASSWORD.encode()), ask(b"guess")
    assert right is not None
    assert right.code == ACCEPT
    if own_challenge:
        assert wrong is not None
        assert wrong.code == REJECT


def test_mschap2(provider: Provider, dial: Dial) -> None:
    provider.service()
    client = dial()
    challenge, peer_challenge = os.urandom(16), os.urandom(16)

    def ask(password: str) -> Reply:
        hashed = challenge_hash(peer_challenge, challenge, USER.encode())
        response = b"\x09\0" + peer_challenge + bytes(8) + challenge_response(hashed, nt_hash(password))
        attributes = [(1, USER.encode()), vsa(311, 11, challenge), vsa(311, 25, response), NAS]
        reply = client.ask(client.access(attributes))
        assert reply is not None
        return reply

    right, wrong = ask(PASSWORD), ask("guess")
    assert right.code == ACCEPT
    assert right.vendor(311, 26)[:3] == b"\x09S="
    assert len(right.vendor(311, 26)) == 43
    assert wrong.code == REJECT
    assert wrong.vendor(311, 2).startswith(b"\x09E=691")


def test_wrong_password_and_unknown_user_get_the_same_words(provider: Provider, dial: Dial) -> None:
    service = provider.service()
    client = dial()
    wrong, unknown = client.login(USER, "guess", NAS, MAC), client.login("nobody@example.net", "guess", NAS)
    assert (wrong.code, unknown.code) == (REJECT, REJECT)
    assert wrong.message == unknown.message == "Wrong username or password."
    row = failure("wrong password", service=service)
    assert (row.nas, row.calling_station, row.count) == (provider.nas, "02:00:5e:00:00:01", 1)
    assert failure("no line has this username").username == "nobody@example.net"
    assert not LoginFailure.objects.filter(reason__contains="guess").exists()
    client.login(USER, "guess", NAS, MAC)
    wait_for(lambda: LoginFailure.objects.get(pk=row.pk).count == 2)


def test_a_wrong_secret_is_hinted_at(provider: Provider, dial: Dial) -> None:
    provider.service()
    client = dial()
    authenticator = os.urandom(16)
    forged = Client("127.0.0.1", client.auth[1], client.acct[1], b"other secret").pap(
        b"x" * 16, authenticator
    )
    packet = client.access([(1, USER.encode()), forged, NAS], authenticator=authenticator)
    reply = client.ask(packet)
    assert reply is not None
    assert reply.code == REJECT
    assert failure("secret may be wrong")


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ([(79, b"\x02\x01\x00\x05\x01")], "put FreeRADIUS in front"),
        ([], "sent no password"),
        ([vsa(311, 1, bytes(50))], "MS-CHAP version 1"),
    ],
)
def test_ways_that_are_not_spoken(
    provider: Provider, dial: Dial, attributes: list[tuple[int, bytes]], reason: str
) -> None:
    provider.service()
    client = dial()
    reply = client.ask(client.access([(1, USER.encode()), NAS, *attributes]))
    assert reply is not None
    assert reply.code == REJECT
    assert reply.message
    assert failure(reason)


def test_eap_of_an_unknown_user_says_eap(provider: Provider, dial: Dial) -> None:
    client = dial()
    reply = client.ask(client.access([(1, b"anonymous"), (79, b"\x02\x01\x00\x05\x01"), NAS]))
    assert reply is not None
    assert reply.code == REJECT
    assert failure("EAP", username="anonymous")


@pytest.mark.parametrize(
    ("profile", "status", "state", "code", "words"),
    [
        ("mikrotik", "active", CapState.OPEN, ACCEPT, ""),
        ("mikrotik", "active", CapState.THROTTLED, ACCEPT, ""),
        ("mikrotik", "active", CapState.WALLED, ACCEPT, "capstan-garden"),
        ("mikrotik", "active", CapState.BLOCKED, ACCEPT, "capstan-drop"),
        ("coova", "active", CapState.BLOCKED, REJECT, "data is used up"),
        ("coova", "active", CapState.WALLED, REJECT, "data is used up"),
        ("mikrotik", "suspended", CapState.OPEN, ACCEPT, "capstan-garden"),
        ("coova", "suspended", CapState.OPEN, REJECT, "suspended"),
        ("mikrotik", "ended", CapState.BLOCKED, ACCEPT, "capstan-drop"),
        ("coova", "ended", CapState.OPEN, REJECT, "ended"),
    ],
)
def test_access_by_router_status_and_cap(
    provider: Provider, dial: Dial, profile: str, status: str, state: CapState, code: int, words: str
) -> None:
    Nas.objects.update(vendor_profile=profile)
    service = provider.service(status=ServiceStatus(status))
    capped(service, state)
    reply = dial().login(USER, PASSWORD, NAS)
    assert reply.code == code
    if code == REJECT:
        assert words in reply.message
        assert failure(words.split()[-1], service=service)
    elif words:
        assert reply.one(11).decode() == words
    if words == "capstan-drop":
        assert 0 < struct.unpack(">I", reply.one(27))[0] <= 3600
    if state == CapState.THROTTLED:
        assert reply.vendor(MIKROTIK, 8) == b"256k/512k"


@pytest.mark.parametrize(
    ("until_days", "says"),
    [(None, "waits for payment"), (0, "used up"), (2, "used up"), (-1, "waits for payment")],
)
def test_a_prepaid_line_at_its_cap_waits_for_payment_until_it_is_released(
    provider: Provider, dial: Dial, until_days: int | None, says: str
) -> None:
    """None: nothing is released; 0: to the cycle's end; else lent for so many days from now."""
    Nas.objects.update(vendor_profile="coova")
    service = provider.service()
    Service.objects.filter(pk=service.pk).update(standing=Standing.PREPAID)
    capped(service, CapState.BLOCKED)
    if until_days is not None:
        AllowanceRelease.objects.create(
            service=service, starts_at=LONG_AGO, ends_at=soon(days=40), until=soon(days=until_days) if until_days else None,
            reference="r", actor="test", made_at=clock.now(),
        )  # fmt: skip
    reply = dial().login(USER, PASSWORD, NAS)
    assert reply.code == REJECT
    assert says in reply.message
    assert failure(says, service=service)


@pytest.mark.parametrize(
    "values", [{"observe_only": True}, {"discovered": True}, {"vendor_profile": "unheard-of"}]
)
def test_observed_router_gets_plain_open_access(
    provider: Provider, dial: Dial, values: dict[str, Any]
) -> None:
    Nas.objects.update(**values)
    service = provider.service(ipv4_address="192.0.2.77", status=ServiceStatus.SUSPENDED)
    capped(service, CapState.BLOCKED)
    client = dial()
    reply = client.login(USER, PASSWORD, NAS)
    assert reply.code == ACCEPT
    assert reply.one(8) == bytes((192, 0, 2, 77))
    assert reply.all(26) == reply.all(11) == reply.all(27) == []
    assert client.login(USER, "guess", NAS).code == REJECT


def test_login_through_a_router_nobody_entered(provider: Provider, dial: Dial) -> None:
    provider.service()
    reply = dial().login(USER, PASSWORD, (32, b"new-one"))
    assert reply.code == ACCEPT
    assert reply.all(26) == []
    assert Nas.objects.get(identifier="new-one").discovered


def test_what_a_line_moves_in_with(provider: Provider, dial: Dial) -> None:
    provider.service(
        ipv4_pool="pool-a", ipv4_routes=["198.51.100.0/24 192.0.2.1 1", "203.0.113.0/24"],
        ipv6_prefix="2001:db8:1::/64", ipv6_delegated_pool="pd-pool",
    )  # fmt: skip
    other = provider.service("two@example.net", ipv6_pool="six", ipv6_delegated_prefix="2001:db8:2::/48")
    extra = [("Framed-MTU", "1480"), ("mikrotik-address-list", "vip"), ("Service-Type", "Framed-User")]
    set_reply_extra(service_id=other.pk, pairs=extra, actor="test", now=LONG_AGO)
    client = dial()
    reply, second = client.login(USER, PASSWORD, NAS), client.login("two@example.net", PASSWORD, NAS)
    assert reply.one(88) == b"pool-a"
    assert reply.all(22) == [b"198.51.100.0/24 192.0.2.1 1", b"203.0.113.0/24"]
    assert reply.one(97) == b"\0\x40" + ip_address("2001:db8:1::").packed[:8]
    assert reply.one(171) == b"pd-pool"
    assert reply.vendor(MIKROTIK, 22) == b"pd-pool"
    assert second.one(100) == b"six"
    assert second.one(123) == b"\0\x30" + ip_address("2001:db8:2::").packed[:6]
    assert second.one(12) == u32(1480)
    assert second.one(6) == u32(2)
    assert second.vendor(MIKROTIK, 19) == b"vip"


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        (("Framed-Mtoo", "1480"), "Framed-Mtoo"),
        (("Framed-MTU", "big"), "Framed-MTU can't be 'big'"),
        (("Framed-MTU", "4294967296"), "Framed-MTU"),
        (("Framed-IP-Address", "192.0.2"), "Framed-IP-Address"),
        (("Class", "0x00"), "Class can't be added"),
        (("User-Password", "0x00"), "User-Password"),
        (("Reply-Message", ""), "Reply-Message"),
        (("Reply-Message", "x" * 254), "Reply-Message"),
    ],
)
def test_reply_extra_is_checked_by_the_dictionary(
    provider: Provider, pair: tuple[str, str], problem: str
) -> None:
    service = provider.service()
    with pytest.raises(Refused, match=problem):
        set_reply_extra(
            service_id=service.pk, pairs=[("Framed-MTU", "1480"), pair], actor="test", now=LONG_AGO
        )
    service.refresh_from_db()
    assert service.reply_extra == []


def test_line_behind_the_clock_is_rolled_first(provider: Provider, dial: Dial) -> None:
    service = provider.service(terms={"allowance_bytes": 5 * 10**9, "at_cap": "throttle"})
    then = clock.now() - timedelta(seconds=5)
    Cap.objects.filter(service=service).update(state=CapState.BLOCKED, changes_at=then)
    reply = dial().login(USER, PASSWORD, NAS)
    assert reply.code == ACCEPT
    assert reply.vendor(MIKROTIK, 8) == b"2000k/10000k"
    assert Cap.objects.get(service=service).changes_at > clock.now()


def test_line_without_a_cap_row_gets_one(provider: Provider, dial: Dial) -> None:
    service = provider.service(open_now=False)
    assert dial().login(USER, PASSWORD, NAS).code == ACCEPT
    assert Cap.objects.filter(service=service).exists()


def test_line_without_a_package_is_refused_in_words(provider: Provider, dial: Dial) -> None:
    service = provider.service(open_now=False)
    service.package_changes.all().delete()
    reply = dial().login(USER, PASSWORD, NAS)
    assert reply.code == REJECT
    assert "not set up" in reply.message
    assert failure("no package", service=service)


@pytest.mark.parametrize(
    ("username", "calling", "password", "code"),
    [
        ("02005E000001", b"", "", ACCEPT),
        ("0200.5e00.0001", b"", "whatever", ACCEPT),
        ("02-00-5e-00-00-01", b"02:00:5e:00:00:01", "02005E000001", ACCEPT),
        ("eth 1/0/3:100", b"02:00:5E:00:00:01", "", ACCEPT),
        ("box@example.net", b"02005e-000001", "x", ACCEPT),
        ("box@example.net", b"02:00:5e:00:00:02", PASSWORD, REJECT),
        ("02-00-5e-00-00-02", b"02:00:5e:00:00:02", "", REJECT),
    ],
)
def test_lines_that_log_in_by_mac(
    provider: Provider, dial: Dial, username: str, calling: bytes, password: str, code: int
) -> None:
    provider.service(
        "box@example.net", login_by=LoginBy.MAC, mac_address="02005E000001", mac_lock=MacLock.LOCKED
    )
    station = [(31, calling)] if calling else []
    assert dial().login(username, password, NAS, *station).code == code


def test_a_password_line_is_not_found_by_its_mac(provider: Provider, dial: Dial) -> None:
    provider.service(mac_address="02005E000001", mac_lock=MacLock.LOCKED)
    assert dial().login("02-00-5e-00-00-01", PASSWORD, NAS, MAC).code == REJECT


def test_first_device_is_learnt_and_then_the_only_one(provider: Provider, dial: Dial) -> None:
    service = provider.service(mac_lock=MacLock.LEARN, session_limit=0)
    Nas.objects.update(vendor_profile="coova")
    client = dial()
    assert client.login(USER, PASSWORD, NAS, MAC).code == ACCEPT
    service.refresh_from_db()
    assert (service.mac_lock, service.mac_address) == (MacLock.LOCKED, "02005E000001")
    other = client.login(USER, PASSWORD, NAS, (31, b"02-00-5E-00-00-02"))
    assert other.code == REJECT
    assert other.message == "This line is locked to another device."
    assert failure("wrong device", service=service).calling_station == "02-00-5E-00-00-02"
    assert client.login(USER, PASSWORD, NAS, (31, b"02005e000001")).code == ACCEPT


def test_wrong_password_teaches_nothing(provider: Provider, dial: Dial) -> None:
    service = provider.service(mac_lock=MacLock.LEARN)
    assert dial().login(USER, "guess", NAS, MAC).code == REJECT
    service.refresh_from_db()
    assert service.mac_lock == MacLock.LEARN


def test_bad_stored_password_stops_nobody_else(provider: Provider, dial: Dial) -> None:
    provider.service()
    broken = provider.service("broken@example.net")
    from capstan.db.connection import connect

    with connect() as conn:
        conn.execute("UPDATE services_service SET line_password = '\\x00' WHERE id = %s", (broken.pk,))
    client = dial()
    authenticator = os.urandom(16)
    attributes = [(1, b"broken@example.net"), client.pap(b"x", authenticator), NAS]
    assert client.ask(client.access(attributes, authenticator=authenticator), timeout=0.3) is None
    assert client.login(USER, PASSWORD, NAS).code == ACCEPT


def test_unknown_peer_on_the_authentication_port(provider: Provider, dial: Dial) -> None:
    Nas.objects.all().delete()
    provider.peer.delete()
    client = dial()
    assert client.ask(client.access([(1, b"x"), (2, bytes(16))]), timeout=0.3) is None
    row = wait_for(lambda: Quarantine.objects.filter(port="authentication").first())
    assert row.reason.startswith("unknown peer")
