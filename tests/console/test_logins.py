"""Logins of staff on their page: made, given roles and passwords, switched off, for managers alone."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.identity.models import Login
from capstan.identity.rules import Role
from tests.console.desk import sends, text_of, words
from tests.staff import give_authenticator
from tests.topups.shop import Shop

PAGE = "/staff/logins/"
NEW = {"username": "sipho", "name": "Sipho Dlamini", "email": "sipho@example.net", "role": "agent"}


def login_of(username: str) -> Login:
    return Login.objects.get(username=username)


def does(client: Client, username: str, deed: str, **given: str) -> str:
    return words(sends(client, f"{PAGE}{login_of(username).pk}/{deed}/", given))


def shown_password(answer: object) -> str:
    found = re.search(r"<code>([a-z0-9-]{19})</code>", text_of(answer))  # type: ignore[arg-type]
    assert found
    return found[1]


ADDRESSES = [
    ("get", PAGE),
    ("post", f"{PAGE}add/"),
    ("post", f"{PAGE}1/off/"),
    ("post", f"{PAGE}1/password/"),
]


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_agents_have_no_business_here(shop: Shop, agent: Client, method: str, address: str) -> None:
    assert getattr(agent, method)(address).status_code == 403
    assert "Staff logins" not in words(agent.get("/staff/waiting/"))


def test_a_new_login_gets_a_password_that_is_shown_once_and_works(shop: Shop, manager: Client) -> None:
    assert "Staff logins" in words(manager.get("/staff/waiting/"))
    answer = manager.post(f"{PAGE}add/", NEW)
    password = shown_password(answer)
    made = login_of("sipho")
    assert (made.name, made.role, made.check_password(password)) == ("Sipho Dlamini", "agent", True)
    assert password not in text_of(manager.get(PAGE))
    assert "no-store" in answer.headers["Cache-Control"]
    entry = AuditEntry.objects.get(action="create_login", subject=f"login:{made.pk}")
    assert (entry.actor, password in str(entry.details)) == ("staff:naledi", False)


WRONG = [
    ({"username": ""}, "This field is required."),
    ({"username": "Si pho"}, "A username has 1 to 64 small letters"),
    ({"name": ""}, "This field is required."),
    ({"email": "nowhere"}, "Enter a valid email address."),
    ({"email": "naledi@example.net"}, "belongs to another login already"),
    ({"username": "naledi"}, "There is a login 'naledi' already."),
    ({"role": "customer"}, "is not one of the available choices"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_what_is_wrong_with_a_new_login(
    shop: Shop, manager: Client, given: dict[str, str], said: str
) -> None:
    answer = manager.post(f"{PAGE}add/", NEW | given)
    assert said in words(answer)
    assert not Login.objects.filter(username="sipho").exists()


def test_a_role_is_given(shop: Shop, manager: Client, agent: Client) -> None:
    assert "Thandi Nkosi is manager from now on. A manager must set up an authenticator" in does(
        manager, "thandi", "role", role="manager"
    )
    assert login_of("thandi").role == Role.MANAGER
    assert "is manager already" in does(manager, "thandi", "role", role="manager")
    assert "Staff are agents, accounts clerks or managers." in does(
        manager, "thandi", "role", role="customer"
    )


def test_a_login_is_switched_off_and_on(shop: Shop, manager: Client, agent: Client) -> None:
    assert "can't sign in any more" in does(manager, "thandi", "off")
    assert not login_of("thandi").is_active
    assert agent.get("/staff/waiting/").status_code == 302
    assert "was off already" in does(manager, "thandi", "off")
    assert "can sign in again" in does(manager, "thandi", "on")
    assert "was on already" in does(manager, "thandi", "on")


def test_a_lost_telephones_authenticator_is_forgotten(shop: Shop, manager: Client, agent: Client) -> None:
    assert "had no authenticator" in does(manager, "thandi", "forget-authenticator")
    give_authenticator(login_of("thandi"))
    assert "is forgotten" in does(manager, "thandi", "forget-authenticator")
    assert not Authenticator.objects.filter(user=login_of("thandi")).exists()


def test_a_new_password_is_shown_once_and_signs_out(shop: Shop, manager: Client, agent: Client) -> None:
    answer = manager.post(f"{PAGE}{login_of('thandi').pk}/password/")
    assert login_of("thandi").check_password(shown_password(answer))
    assert agent.get("/staff/waiting/").status_code == 302


@pytest.mark.parametrize("deed", ["off", "role", "forget-authenticator"])
def test_nobody_locks_himself_out(shop: Shop, manager: Client, deed: str) -> None:
    assert "That is your own login" in does(manager, "naledi", deed, role="agent")
    own = login_of("naledi")
    assert (own.is_active, own.role) == (True, Role.MANAGER)
    assert "Change your own password" in words(sends(manager, f"{PAGE}{own.pk}/password/", {}))


def test_logins_that_are_not_there(shop: Shop, manager: Client) -> None:
    customer = Login.objects.create(username="jenny", name="J", role=Role.CUSTOMER, created_at=shop.now)
    for pk in (999999, customer.pk):
        assert manager.post(f"{PAGE}{pk}/off/").status_code == 404
        assert manager.post(f"{PAGE}{pk}/password/").status_code == 404
    assert manager.post(f"{PAGE}{login_of('naledi').pk}/explode/").status_code == 404
    assert manager.get(f"{PAGE}add/").status_code == 405
