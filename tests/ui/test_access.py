"""Who gets through a door, and where the others are led; whose address it is; how long a sign-in lasts."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from capstan.identity.actions import staff
from capstan.identity.models import Login
from capstan.identity.rules import Role
from capstan.ui.proxies import Caller, caller
from capstan.values import clock
from tests.staff import agent, give_authenticator, login, manager

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ui.doors")]
HTMX = {"HX-Request": "true"}
SET_UP = "/sign-in/two-step/set-up/"


def options(monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    monkeypatch.setattr(settings, "OPTIONS", settings.OPTIONS.model_copy(update=values))


def next_of(url: str) -> list[str]:
    assert urlsplit(url).path == "/sign-in/"
    return parse_qs(urlsplit(url).query).get("next", [])


def test_staff_get_in_and_the_page_knows_them() -> None:
    assert agent().get("/doors/desk").content == b"staff:thandi Thandi Nkosi"
    assert manager().get("/doors/desk").content == b"staff:naledi Naledi Nkosi"


WHO_MAY = [
    # address, agent, manager
    ("/doors/desk", 200, 200),
    ("/doors/staff/3", 403, 200),
    ("/doors/safe", 403, 200),
]


@pytest.mark.parametrize(("address", "for_agent", "for_manager"), WHO_MAY)
def test_rights_open_doors(address: str, for_agent: int, for_manager: int) -> None:
    assert agent().get(address).status_code == for_agent
    assert manager().get(address).status_code == for_manager
    assert next_of(Client().get(address).headers["Location"]) == [address]


def test_who_lacks_the_right_reads_what_he_may_not_and_who_may() -> None:
    answer = agent().get("/doors/staff/3")
    assert (
        "Your sign-in doesn&#x27;t let you manage staff logins. A manager can do it for you." in answer.text
    )
    part = agent("sipho").get("/doors/staff/3", headers=HTMX)
    assert (part.status_code, part.headers["Content-Type"]) == (403, "text/plain; charset=utf-8")
    assert part.text == "Your sign-in doesn't let you manage staff logins. A manager can do it for you."


def test_a_customers_login_opens_no_door() -> None:
    customer = Login.objects.create(username="jenny", name="J", role=Role.CUSTOMER, created_at=clock.now())
    client = Client()
    client.force_login(customer)
    answer = client.get("/doors/desk")
    assert answer.status_code == 403
    assert "This page is for the provider&#x27;s staff." in answer.text


WAY_BACK = [
    # method, headers, the page to come back to
    ("GET", {}, ["/doors/desk?q=1"]),
    ("POST", {"Referer": "http://testserver/doors/street?a=b"}, ["/doors/street?a=b"]),
    ("POST", {"Referer": "http://evil.example/doors/street"}, []),
    ("POST", {}, []),
    ("GET", HTMX | {"HX-Current-URL": "http://testserver/doors/street?c=d"}, ["/doors/street?c=d"]),
    ("GET", HTMX | {"HX-Current-URL": "http://evil.example/doors"}, []),
    ("GET", HTMX, []),
]


@pytest.mark.parametrize(("method", "headers", "back"), WAY_BACK)
def test_the_way_to_the_sign_in_leads_back_to_a_page(
    method: str, headers: dict[str, str], back: list[str]
) -> None:
    answer = Client().generic(method, "/doors/desk?q=1", headers=headers)
    if "HX-Request" in headers:
        assert answer.status_code == 200
        assert next_of(answer.headers["HX-Redirect"]) == back
    else:
        assert answer.status_code == 302
        assert next_of(answer.headers["Location"]) == back


MFA = [
    # role, policy, demo, gets in without an authenticator
    (Role.AGENT, "optional", False, True),
    (Role.AGENT, "required", False, False),
    (Role.MANAGER, "optional", False, False),
    (Role.MANAGER, "required", False, False),
    (Role.MANAGER, "required", True, True),
]


@pytest.mark.parametrize(("role", "policy", "demo", "gets_in"), MFA)
def test_who_must_set_up_an_authenticator_first(
    monkeypatch: pytest.MonkeyPatch, role: Role, policy: str, demo: bool, gets_in: bool
) -> None:
    options(monkeypatch, staff_mfa=policy, demo=demo)
    somebody, client = login("sipho", role), Client()
    client.force_login(somebody)
    answer = client.get("/doors/desk")
    if not gets_in:
        assert (answer.status_code, answer.headers["Location"]) == (302, SET_UP)
        assert client.get("/doors/desk", headers=HTMX).headers["HX-Redirect"] == SET_UP
        give_authenticator(somebody)
    assert client.get("/doors/desk").status_code == 200


def test_a_change_of_the_login_holds_from_the_next_request_on() -> None:
    naledi, client = login("naledi", Role.MANAGER, authenticator=True), Client()
    login("boss", Role.MANAGER)
    client.force_login(naledi)
    assert client.get("/doors/staff/3").status_code == 200
    staff.set_role(login_id=naledi.pk, role=Role.AGENT, actor="test", now=clock.now())
    assert client.get("/doors/staff/3").status_code == 403
    staff.deactivate(login_id=naledi.pk, actor="test", now=clock.now())
    assert client.get("/doors/desk").status_code == 302


def test_a_new_password_signs_out() -> None:
    client = agent()
    thandi = Login.objects.get()
    staff.set_password(login_id=thandi.pk, password="another-plum-43", actor="test", now=clock.now())
    assert client.get("/doors/desk").status_code == 302


def test_a_public_page_knows_who_is_signed_in_and_reads_nothing_unless_it_asks(
    django_assert_num_queries: object,
) -> None:
    assert Client().get("/doors/street").text.startswith("nobody at 127.0.0.1")
    client = agent()
    assert client.get("/doors/street").text.startswith("Thandi Nkosi at ")
    with django_assert_num_queries(0):  # type: ignore[operator]
        client.get("/doors/corner")


def test_no_cache_keeps_what_somebody_signed_in_sees() -> None:
    assert Client().get("/doors/street").headers["Cache-Control"] == "max-age=60, public"
    kept = agent().get("/doors/street").headers["Cache-Control"]
    assert {"private", "no-store"} <= set(kept.split(", "))
    assert "public" not in kept


CALLERS = [
    # peer, X-Forwarded-For, X-Forwarded-Proto, address, secure
    ("192.0.2.1", "", "", "192.0.2.1", False),
    (
        "192.0.2.1",
        "203.0.113.9",
        "https",
        "192.0.2.1",
        False,
    ),  # whoever is no proxy of ours can say what he likes
    ("10.0.0.1", "203.0.113.9", "https", "203.0.113.9", True),
    ("10.0.0.1", "203.0.113.9", "HTTPS", "203.0.113.9", True),
    ("10.0.0.1", "203.0.113.9", "http", "203.0.113.9", False),
    ("10.0.0.1", "203.0.113.9", "", "203.0.113.9", False),
    ("10.0.0.1", "198.51.100.1, 203.0.113.9", "https", "203.0.113.9", True),  # the first was made up
    ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2", "https", "203.0.113.9", True),
    ("10.0.0.1", "203.0.113.9, 10.0.0.2", "https, http", "203.0.113.9", True),  # TLS ends at the outer one
    ("10.0.0.1", "203.0.113.9, 10.0.0.2", "http, https", "203.0.113.9", False),
    ("10.0.0.1", "203.0.113.9", "https, http", "203.0.113.9", False),  # the first was made up
    ("10.0.0.1", "", "https", "10.0.0.1", True),
    ("10.0.0.1", "203.0.113.9, unknown", "https", "10.0.0.1", True),
    ("10.0.0.1", "10.0.0.2", "https", "10.0.0.2", True),
    ("10.0.0.1", "203.0.113.9:4711", "https", "203.0.113.9", True),
    ("10.0.0.1", "[2001:db8::9]:4711", "https", "2001:db8::9", True),
    ("10.0.0.1", "2001:DB8:0::9", "https", "2001:db8::9", True),
    ("::ffff:10.0.0.1", "::ffff:203.0.113.9", "https", "203.0.113.9", True),
    ("fd00::1", "203.0.113.9", "https", "203.0.113.9", True),
    ("10.0.0.1", ", ,203.0.113.9,", "https,", "203.0.113.9", True),
    ("10.0.0.1", "[203.0.113.9", "https", "203.0.113.9", True),
    ("10.0.0.1", "<script>", "<script>", "10.0.0.1", False),
]


@pytest.mark.parametrize(("peer", "forwarded_for", "forwarded_proto", "address", "secure"), CALLERS)
def test_who_calls_through_proxies(
    peer: str, forwarded_for: str, forwarded_proto: str, address: str, secure: bool
) -> None:
    trusted = ("10.0.0.1", "10.0.0.2", "fd00:0::1")
    found = caller(
        peer, secure=False, forwarded_for=forwarded_for, forwarded_proto=forwarded_proto, trusted=trusted
    )
    assert found == Caller(address, secure)


def test_proxies_are_believed_when_the_operator_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    assert Client().get("/doors/street", headers=headers).text == "nobody at 127.0.0.1 by http"
    options(monkeypatch, trusted_proxies=("127.0.0.1",))
    assert Client().get("/doors/street", headers=headers).text == "nobody at 203.0.113.9 by https"
    assert Client().get("/doors/street").text == "nobody at 127.0.0.1 by http"


def at(monkeypatch: pytest.MonkeyPatch, **later: float) -> None:
    """The idle middleware sees this much later."""
    now = clock.now() + timedelta(**later)
    monkeypatch.setattr("capstan.ui.sessions.clock.now", lambda: now)


def ends_at() -> float:
    return Session.objects.get().expire_date.timestamp()


DEEDS = [
    # what is asked for, how, renews the session
    ("GET", {}, True),
    ("POST", HTMX, True),
    ("GET", HTMX | {"HX-Boosted": "true"}, True),
    ("GET", HTMX, False),
]


@pytest.mark.parametrize(("method", "headers", "renews"), DEEDS)
def test_only_a_deed_prolongs_a_sign_in(
    monkeypatch: pytest.MonkeyPatch, method: str, headers: dict[str, str], renews: bool
) -> None:
    client = agent()
    client.get("/doors/desk")
    Session.objects.update(expire_date=clock.now() + timedelta(minutes=5))
    before = ends_at()
    at(monkeypatch, seconds=30)
    client.generic(method, "/doors/desk", headers=headers)
    assert ends_at() == before, "written at most once a minute"
    at(monkeypatch, seconds=61)
    client.generic(method, "/doors/desk", headers=headers)
    assert (ends_at() - before > 3600) is renews


def test_a_desk_that_was_left_alone_is_signed_out() -> None:
    client = agent()
    assert client.get("/doors/desk").status_code == 200
    left = Session.objects.get().expire_date - clock.now()
    assert timedelta(minutes=599) < left <= timedelta(minutes=600)
    Session.objects.update(expire_date=clock.now())
    assert client.get("/doors/desk").status_code == 302
