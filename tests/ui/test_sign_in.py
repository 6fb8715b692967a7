"""Signing in and out as somebody at a browser does it, and what that leaves behind."""

import re
import subprocess
import sys
import time
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import NoReverseMatch, get_resolver, reverse

from capstan.audit.models import AuditEntry
from capstan.config.headers import POLICY
from capstan.identity.actions import staff
from capstan.identity.models import Login
from capstan.identity.rules import Role
from capstan.ui.sign_in import urls
from capstan.values import clock
from tests.hashing import FastHasher
from tests.staff import PASSWORD, SECRET, agent, code_at, give_authenticator, login

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ui.doors")]
SIGN_IN, CODE, OUT = "/sign-in/", "/sign-in/code/", "/sign-in/out/"
TWO_STEP, SET_UP = "/sign-in/two-step/", "/sign-in/two-step/set-up/"
CODES = "/sign-in/two-step/recovery-codes/"
WRONG = "This username and password don&#x27;t belong together."
TOO_MANY = "There were too many wrong tries from your address."


def sign_in(client: Client, name: str = "thandi", password: str = PASSWORD, **more: Any) -> HttpResponse:
    headers = more.pop("headers", {})
    extra = {"REMOTE_ADDR": more.pop("address")} if "address" in more else {}
    form = {"login": name, "password": password, **more}
    return client.post(SIGN_IN, form, headers=headers, **extra)  # type: ignore[return-value]


def desk(client: Client) -> int:
    return client.get("/doors/desk").status_code


def recorded(action: str) -> list[dict[str, Any]]:
    return list(AuditEntry.objects.filter(action=action).order_by("pk").values_list("details", flat=True))


@pytest.mark.parametrize("name", ["thandi", "Thandi", " thandi ", "thandi@example.net", "THANDI@Example.net"])
def test_signing_in_with_username_or_e_mail(name: str) -> None:
    login()
    client = Client()
    answer = sign_in(client, name, next="/doors/desk?q=1")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/doors/desk?q=1")
    assert desk(client) == 200
    assert recorded("sign_in") == [{"address": "127.0.0.1", "second_factor": False}]


@pytest.mark.parametrize("next_page", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(next_page: str) -> None:
    login()
    answer = sign_in(Client(), next=next_page)
    assert answer.status_code == 302
    assert "evil" not in answer.headers["Location"]
    assert answer.headers["Location"].startswith("/")


def test_the_session_is_another_one_after_signing_in_and_its_cookie_is_out_of_scripts_reach() -> None:
    client = agent()
    old = client.cookies["sessionid"].value
    client.logout()
    client.cookies["sessionid"] = old  # somebody planted it
    answer = sign_in(client)
    cookie = answer.cookies["sessionid"]
    assert cookie.value != old
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", "")
    assert desk(client) == 200


def test_staying_signed_in_outlives_the_browser_not_the_idle_time() -> None:
    login()
    cookie = sign_in(Client(), remember="on").cookies["sessionid"]
    assert cookie["max-age"] == settings.OPTIONS.staff_session_minutes * 60


def test_cookies_are_for_https_alone_where_the_public_address_is_https() -> None:
    code = (
        "from capstan.config import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_AGE, s.CSRF_TRUSTED_ORIGINS)"
    )
    environment = {
        "CAPSTAN_PUBLIC_URL": "https://topup.example.net/isp",
        "CAPSTAN_STAFF_SESSION_MINUTES": "15",
    }
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.split(maxsplit=3) == ["True", "True", "900", "['https://topup.example.net']\n"]
    assert (settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE) == (False, False)


def hashes_during(monkeypatch: pytest.MonkeyPatch, *credentials: str) -> tuple[int, str]:
    """How often a password was hashed for this try, and what the page said."""
    counted: list[object] = []
    encode = FastHasher.encode

    def counting(*given: Any, **more: Any) -> str:
        counted.append(given)
        return str(encode(*given, **more))

    monkeypatch.setattr(FastHasher, "encode", counting)
    answer = sign_in(Client(), *credentials)
    monkeypatch.undo()
    (error,) = re.findall(r"<p class=\"m-0\">(.*?)</p>", answer.text)
    return len(counted), error


def test_no_answer_tells_which_names_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    login()
    off = login("sipho")
    staff.deactivate(login_id=off.pk, actor="test", now=clock.now())
    customer = Login.objects.create(username="jenny", name="J", role=Role.CUSTOMER, created_at=clock.now())
    customer.set_password(PASSWORD)
    customer.save()
    tries = [
        ("thandi", "wrong"),
        ("thandi@example.net", "wrong"),
        ("sipho", PASSWORD),
        ("sipho", "wrong"),
        ("jenny", PASSWORD),
        ("nobody", "wrong"),
        ("nobody@example.net", "wrong"),
    ]
    assert {hashes_during(monkeypatch, *one) for one in tries} == {(1, WRONG)}


def test_failures_are_on_the_record_without_what_was_typed() -> None:
    thandi = login()
    sign_in(Client(), "thandi@example.net", "wrong-password", address="198.51.100.66")
    sign_in(Client(), "my-password-in-the-wrong-field", "x")
    failed = AuditEntry.objects.filter(action="failed_sign_in").order_by("pk")
    assert list(failed.values_list("actor", "subject", "details")) == [
        ("sign-in", f"login:{thandi.pk}", {"address": "198.51.100.66", "what": "password"}),
        ("sign-in", "login:unknown", {"address": "127.0.0.1", "what": "password"}),
    ]
    assert "wrong" not in str(list(AuditEntry.objects.values()))


def test_five_wrong_passwords_from_one_place_stop_that_place_and_nobody_else() -> None:
    login()
    login("sipho")
    thief, home = "198.51.100.66", "192.0.2.7"
    for _ in range(5):
        assert WRONG in sign_in(Client(), password="wrong", address=thief).text
    assert TOO_MANY in sign_in(Client(), address=thief).text
    assert TOO_MANY in sign_in(Client(), "THANDI", address=thief).text
    assert sign_in(Client(), address=home).status_code == 302
    assert sign_in(Client(), "sipho", address=thief).status_code == 302


def test_one_place_has_ten_wrong_passwords_a_minute_for_all_names() -> None:
    said = [sign_in(Client(), f"name{number}", "wrong").text for number in range(12)]
    assert [TOO_MANY in text for text in said] == [False] * 10 + [True] * 2
    login()
    assert TOO_MANY in sign_in(Client()).text
    assert sign_in(Client(), address="192.0.2.7").status_code == 302


def test_thirty_tries_a_minute_from_one_place_and_then_a_page_that_says_wait() -> None:
    for number in range(30):
        sign_in(Client(), f"name{number}", "")
    answer = sign_in(Client())
    assert answer.status_code == 429
    assert "Wait a few minutes" in answer.text
    assert sign_in(Client(), address="192.0.2.7").status_code == 200


def test_places_are_told_apart_behind_a_trusted_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    trusting = settings.OPTIONS.model_copy(update={"trusted_proxies": ("127.0.0.1",)})
    monkeypatch.setattr(settings, "OPTIONS", trusting)
    login()
    for _ in range(6):
        sign_in(Client(), password="wrong", headers={"X-Forwarded-For": "198.51.100.66"})
    assert TOO_MANY in sign_in(Client(), headers={"X-Forwarded-For": "198.51.100.66"}).text
    assert sign_in(Client(), headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 302


def test_signing_out_takes_a_post_and_is_on_the_record() -> None:
    client = agent()
    answer = client.get(OUT)
    assert "You are signed in as Thandi Nkosi (thandi)." in answer.text
    assert desk(client) == 200
    answer = client.post(OUT)
    assert (answer.status_code, answer.headers["Location"]) == (302, SIGN_IN)
    assert desk(client) == 302
    assert recorded("sign_out") == [{"address": "127.0.0.1"}]
    assert "You have signed out." in client.get(SIGN_IN).text


def test_a_form_without_its_token_changes_nothing_and_says_so() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(login())
    answer = client.post(OUT)
    assert answer.status_code == 403
    assert "This form was open for too long" in answer.text
    assert desk(client) == 200


# --- the second step -------------------------------------------------------------------------------------


def second_step(client: Client, code: str, **extra: str) -> HttpResponse:
    return client.post(CODE, {"code": code}, **extra)  # type: ignore[arg-type, return-value]


@pytest.fixture
def protected() -> Login:
    return login(authenticator=True)


@pytest.mark.usefixtures("protected")
@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_password_and_code_sign_in(steps: int) -> None:
    client = Client()
    answer = sign_in(client, next="/doors/desk")
    assert answer.headers["Location"] == CODE
    assert desk(client) == 302
    while int(clock.now().timestamp()) % 30 > 26:  # the half minute must not end between us and the page
        time.sleep(0.5)
    code = code_at(clock.now(), steps=steps)
    answer = second_step(client, f"{code[:3]} {code[3:]}")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/doors/desk")
    assert desk(client) == 200
    assert recorded("sign_in") == [{"address": "127.0.0.1", "second_factor": True}]


@pytest.mark.usefixtures("protected")
def test_a_code_of_another_time_and_a_used_one_are_wrong() -> None:
    client, code = Client(), code_at(clock.now())
    sign_in(client)
    for wrong in (code_at(clock.now(), steps=5), code_at(clock.now(), steps=-5), "abcdef", "١٢٣٤٥٦"):
        assert "This code is wrong or has been used." in second_step(client, wrong).text
    assert second_step(client, code).status_code == 302
    other = Client()
    sign_in(other)
    cache.clear()  # allauth itself remembers a used code for half a minute only
    assert "This code is wrong or has been used." in second_step(other, code).text
    assert recorded("failed_sign_in")[-1] == {"address": "127.0.0.1", "what": "code"}


@pytest.mark.usefixtures("protected")
def test_five_wrong_codes_from_one_place_stop_that_place_alone() -> None:
    thief, home, at_home = Client(REMOTE_ADDR="198.51.100.66"), Client(), code_at(clock.now())
    sign_in(thief)
    for _ in range(5):
        assert "This code is wrong" in second_step(thief, code_at(clock.now(), steps=9)).text
    assert TOO_MANY in second_step(thief, at_home).text
    sign_in(home)
    assert second_step(home, at_home).status_code == 302


def test_the_second_step_is_no_way_around_the_first() -> None:
    login(authenticator=True)
    answer = Client().get(CODE)
    assert (answer.status_code, answer.headers["Location"]) == (302, SIGN_IN)


@pytest.mark.usefixtures("protected")
def test_whoever_stands_before_the_second_step_can_begin_anew() -> None:
    client = Client()
    sign_in(client)
    assert client.get(SIGN_IN).headers["Location"] == CODE
    client.post(OUT)
    assert client.get(SIGN_IN).status_code == 200


def key_shown(page: str) -> str:
    (shown,) = re.findall(r"<code id=\"key\">(.*?)</code>", page)
    return str(shown).replace(" ", "")


def set_up(client: Client) -> HttpResponse:
    secret = key_shown(client.get(SET_UP).text)
    return client.post(SET_UP, {"code": code_at(clock.now(), secret)})  # type: ignore[return-value]


def test_a_manager_sets_up_an_authenticator_before_the_console_opens() -> None:
    login("naledi", Role.MANAGER)
    client = Client()
    sign_in(client, "naledi", next="/doors/desk")
    assert client.get("/doors/desk").headers["Location"] == SET_UP
    page = client.get(SET_UP)
    assert page.status_code == 200, "the password isn't asked for again a moment after it was given"
    assert "Your sign-in needs it before the console opens." in page.text
    assert 'src="data:image/svg+xml;base64,' in page.text
    answer = set_up(client)
    assert answer.headers["Location"] == CODES
    codes = re.findall(r"<code class=\"fs-3\">(\d{4} \d{4})</code>", client.get(CODES).text)
    assert len(set(codes)) == 10
    assert desk(client) == 200
    assert recorded("activate_authenticator") == [{"address": "127.0.0.1"}]
    other = Client()
    assert sign_in(other, "naledi").headers["Location"] == CODE
    assert second_step(other, codes[3]).status_code == 302
    assert desk(other) == 200
    third = Client()
    sign_in(third, "naledi")
    assert "This code is wrong or has been used." in second_step(third, codes[3]).text
    assert "You have 9 recovery codes left" in client.get(TWO_STEP).text
    assert client.get(f"{CODES}download/").text.split() == [
        code.replace(" ", "") for code in codes if code != codes[3]
    ]


def test_a_wrong_first_code_sets_nothing_up() -> None:
    client = agent()
    client.post("/sign-in/again/", {"password": PASSWORD})
    client.get(SET_UP)
    answer = client.post(SET_UP, {"code": "000000"})
    assert "This code is wrong" in answer.text
    assert not Authenticator.objects.exists()


def test_an_authenticators_secret_is_sealed_in_the_database() -> None:
    login()
    client = Client()
    sign_in(client)
    secret = key_shown(client.get(SET_UP).text)
    client.post(SET_UP, {"code": code_at(clock.now(), secret)})
    assert Authenticator.objects.count() == 2
    assert secret not in str(list(Authenticator.objects.values()))


CHANGES = [SET_UP, f"{CODES}new/", CODES, f"{CODES}download/", f"{TWO_STEP}remove/"]


@pytest.mark.parametrize("address", CHANGES)
def test_what_changes_the_sign_in_asks_who_it_is_once_more(address: str) -> None:
    client = agent()
    if address != SET_UP:
        give_authenticator(Login.objects.get())
        RecoveryCodes.activate(Login.objects.get())
    answer = client.get(address)
    assert answer.headers["Location"] == f"/sign-in/again/?next={address.replace('/', '%2F')}"
    again = client.post(answer.headers["Location"], {"password": "wrong"})
    assert "This is not your password." in again.text
    again = client.post(answer.headers["Location"], {"password": PASSWORD})
    assert (again.status_code, again.headers["Location"]) == (302, address)
    assert client.get(address).status_code == 200


def test_the_code_does_as_well_as_the_password_and_counts_the_same_tries() -> None:
    client = agent()
    give_authenticator(Login.objects.get())
    page = client.get("/sign-in/again/")
    assert "Use a code of your authenticator instead" in page.text
    for _ in range(5):
        answer = client.post("/sign-in/again/code/", {"code": "12345"})
        assert "This code is wrong" in answer.text
    assert TOO_MANY in client.post("/sign-in/again/code/", {"code": code_at(clock.now())}).text


def test_removing_and_renewing_is_on_the_record() -> None:
    login(authenticator=True)
    client = Client()
    sign_in(client)
    second_step(client, code_at(clock.now(), SECRET))
    assert client.post(f"{CODES}new/").headers["Location"] == CODES
    assert client.post(f"{TWO_STEP}remove/").headers["Location"] == TWO_STEP
    assert not Authenticator.objects.exists()
    assert "Two-step sign-in is off" in client.get(TWO_STEP).text
    assert recorded("renew_recovery_codes") == [{"address": "127.0.0.1"}]
    assert recorded("remove_authenticator") == [{"address": "127.0.0.1"}]


def test_somebody_changes_his_password_and_stays_signed_in_here_alone() -> None:
    login()
    here, elsewhere = Client(), Client()
    sign_in(here)
    sign_in(elsewhere)
    new = "quince-harbour-77"
    form = {"oldpassword": "wrong", "password1": new, "password2": new}
    assert "This is not your present password." in here.post("/sign-in/password/", form).text
    weak = {"oldpassword": PASSWORD, "password1": "1234567890", "password2": "1234567890"}
    assert "too common" in here.post("/sign-in/password/", weak).text
    answer = here.post("/sign-in/password/", form | {"oldpassword": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (302, TWO_STEP)
    assert (desk(here), desk(elsewhere)) == (200, 302)
    assert sign_in(Client(), password=new).status_code == 302
    entry = AuditEntry.objects.get(action="set_password")
    assert (entry.actor, entry.details) == ("staff:thandi", {"username": "thandi"})


# --- every page ------------------------------------------------------------------------------------------


class _Inline(HTMLParser):
    """What the policy would stop: inline scripts, styles and handlers, and anything from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given):
            self.found.append(f"<{tag}>")
        self.found += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        for name in ("src", "href", "action"):
            value = given.get(name) or ""
            local = value.startswith(("/", "#", "data:image/", "tel:", "mailto:", "?")) or not value
            if not local or value.startswith("//"):
                self.found.append(f"{tag} {name}={value}")


def _addresses() -> list[str]:
    return [f"{SIGN_IN}{pattern.pattern}" for pattern in urls.urlpatterns]


def _page(address: str) -> HttpResponse:
    """The page at this address, for somebody who can see it."""
    client = Client()
    if address in (SIGN_IN, CODE):
        login(authenticator=address == CODE)
        if address == CODE:
            sign_in(client)
    else:
        login(authenticator=True)
        sign_in(client)
        second_step(client, code_at(clock.now()))
        client.post(f"{CODES}new/")
        if address == SET_UP:
            client.post(f"{TWO_STEP}remove/")
    return client.get(address)  # type: ignore[return-value]


@pytest.mark.parametrize("address", _addresses())
def test_each_page_is_ours_and_keeps_to_the_policy(address: str) -> None:
    page = _page(address)
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"] == POLICY
    assert {"private", "no-store"} <= set(page.headers["Cache-Control"].split(", "))
    if address.endswith("download/"):
        assert page.headers["Content-Type"].startswith("text/plain")
        return
    used = [template.name for template in page.templates]  # type: ignore[attr-defined]
    assert "ui/page.html" in used
    assert not [name for name in used if name and name.startswith("allauth/")]
    inline = _Inline()
    inline.feed(page.content.decode())
    assert inline.found == []
    assert "sign-up" not in page.text.lower().replace("sign up", "sign-up")


def test_the_page_after_too_many_tries_keeps_to_the_policy_too() -> None:
    for number in range(31):
        page = sign_in(Client(), f"name{number}", "")
    inline = _Inline()
    inline.feed(page.content.decode())
    assert (page.status_code, inline.found) == (429, [])


UNWANTED = [
    "account_signup",
    "account_email",
    "account_reset_password",
    "account_reset_password_from_key",
    "account_confirm_email",
    "account_email_verification_sent",
    "account_request_login_code",
    "account_confirm_login_code",
    "account_inactive",
    "account_set_password",
    "mfa_list_webauthn",
    "mfa_trust",
]


def test_nothing_else_of_allauth_can_be_reached() -> None:
    for name in UNWANTED:
        with pytest.raises(NoReverseMatch):
            reverse(name)
    theirs = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    ours = {pattern.name for pattern in urls.urlpatterns}
    assert {name for name in theirs if name.startswith(("account_", "mfa_", "socialaccount"))} == ours


def test_idle_sign_ins_are_not_kept_longer_than_the_stage_lasts() -> None:
    client = Client()
    login(authenticator=True)
    sign_in(client)
    session = client.session
    session["account_login"]["initiated_at"] -= timedelta(minutes=16).total_seconds()
    session["account_login"] = dict(session["account_login"])
    session.save()
    assert second_step(client, code_at(clock.now())).headers["Location"] == SIGN_IN
