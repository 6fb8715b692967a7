"""Logins of staff: each deed does what it says, is audited, and leaves somebody who can manage staff."""

from threading import Barrier, Thread
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import IntegrityError, connections, transaction

from capstan.audit.models import AuditEntry
from capstan.identity.actions import staff
from capstan.identity.models import Login
from capstan.identity.queries import actor_of, has_authenticator, staff_named, staff_signing_in
from capstan.identity.rules import Permission, Role
from capstan.values import clock
from capstan.values.refused import Refused
from tests.staff import PASSWORD, login

NOW = clock.now()
WHO: dict[str, Any] = {"actor": "staff:naledi", "now": NOW}


def create(**more: Any) -> Login:
    given = {"username": "thandi", "name": "Thandi Nkosi", "role": Role.AGENT, "password": PASSWORD, **WHO}
    return staff.create_login(**(given | more))


def deeds(of: Login) -> list[str]:
    return list(
        AuditEntry.objects.filter(subject=f"login:{of.pk}").order_by("pk").values_list("action", flat=True)
    )


@pytest.mark.django_db
def test_an_actor_carries_the_name_and_the_rights_of_the_role() -> None:
    actor = actor_of(login("thandi"))
    assert (actor.key, actor.name, actor.role, actor.is_staff) == (
        "staff:thandi",
        "Thandi Nkosi",
        Role.AGENT,
        True,
    )
    assert actor.may(Permission.ARRANGE_PRICE)
    assert not actor.may(Permission.MANAGE_STAFF)
    assert actor_of(login("naledi", Role.MANAGER)).may(Permission.MANAGE_STAFF)
    customer = Login(username="jenny", name="Jenny", role=Role.CUSTOMER)
    assert (actor_of(customer).key, actor_of(customer).is_staff) == ("customer:jenny", False)


@pytest.mark.django_db
def test_a_login_is_found_by_username_and_by_e_mail_however_they_are_typed() -> None:
    made = create(username=" Thandi ", email="Thandi@Example.net")
    assert made.username == "thandi"
    for typed in ("thandi", "THANDI", " thandi ", "thandi@example.net", "THANDI@example.NET"):
        assert staff_signing_in(typed) == made
    assert staff_named("Thandi") == made
    for typed in ("", "@", "thand", "thandi@", "naledi@example.net"):
        assert staff_signing_in(typed) is None
    with pytest.raises(Refused, match="no staff login 'thand'; see `capstan staff list`"):
        staff_named("thand")


@pytest.mark.django_db
def test_a_customers_login_is_no_login_of_staff() -> None:
    Login.objects.create(
        username="jenny", email="j@example.net", name="J", role=Role.CUSTOMER, created_at=NOW
    )
    Login.objects.create(
        username="jenny2", email="j@example.net", name="J", role=Role.CUSTOMER, created_at=NOW
    )
    assert staff_signing_in("jenny") is None
    assert staff_signing_in("j@example.net") is None
    with pytest.raises(Refused):
        staff_named("jenny")
    customer = Login.objects.get(username="jenny")
    with pytest.raises(Refused, match="no such staff login"):
        staff.set_password(login_id=customer.pk, password=PASSWORD, **WHO)
    create(email="j@example.net")


REFUSED = [
    ({"username": "thandi@example.net"}, "small letters, digits"),
    ({"username": "THANDI"}, "There is a login 'thandi' already"),
    ({"username": "sipho", "email": "THANDI@example.net"}, "belongs to another login already"),
    ({"username": "sipho", "email": "sipho"}, "is no e-mail address"),
    ({"username": "sipho", "name": " "}, "needs the person's name"),
    ({"username": "sipho", "role": Role.CUSTOMER}, "agents or managers"),
    ({"username": "sipho", "password": "short-1"}, "too short"),
    ({"username": "sipho", "password": "1234567890"}, "entirely numeric"),
    ({"username": "sipho", "password": "password123"}, "too common"),
    ({"username": "sipho-dlamini", "password": "sipho-dlamini1"}, "too similar to the username"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("more", "why"), REFUSED)
def test_a_login_refused(more: dict[str, Any], why: str) -> None:
    create(email="thandi@example.net")
    with pytest.raises(Refused, match=why):
        create(**more)
    assert Login.objects.count() == 1
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db
def test_the_database_holds_it_too() -> None:
    create(email="thandi@example.net")
    for wrong in ({"username": "Sipho", "email": ""}, {"username": "sipho", "email": "THANDI@example.net"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Login.objects.create(name="S", role=Role.AGENT, created_at=NOW, **wrong)


@pytest.mark.django_db
def test_each_deed_is_audited_once_with_who_did_it_and_without_the_password() -> None:
    create(username="boss", role=Role.MANAGER)
    made = create()
    given: dict[str, Any] = {"login_id": made.pk, **WHO}
    staff.set_password(password="another-plum-43", **given)
    assert staff.set_role(role=Role.MANAGER, **given)
    assert not staff.set_role(role=Role.MANAGER, **given)
    assert staff.deactivate(**given)
    assert not staff.deactivate(**given)
    assert staff.activate(**given)
    assert not staff.activate(**given)
    assert not staff.reset_mfa(**given)
    Authenticator.objects.create(user=made, type=Authenticator.Type.TOTP, data={})
    assert has_authenticator(made.pk)
    assert staff.reset_mfa(**given)
    assert not has_authenticator(made.pk)
    assert deeds(made) == [
        "create_login",
        "set_password",
        "set_role",
        "deactivate_login",
        "activate_login",
        "reset_mfa",
    ]
    entries = AuditEntry.objects.filter(subject=f"login:{made.pk}")
    assert {(entry.actor, entry.details["username"]) for entry in entries} == {("staff:naledi", "thandi")}
    assert "plum" not in str(list(entries.values()))
    assert entries.get(action="set_role").details == {
        "username": "thandi",
        "before": "agent",
        "role": "manager",
    }
    made.refresh_from_db()
    assert made.check_password("another-plum-43")


@pytest.mark.django_db
def test_a_weak_password_changes_nothing() -> None:
    made = create()
    with pytest.raises(Refused, match="too short"):
        staff.set_password(login_id=made.pk, password="weak", **WHO)
    made.refresh_from_db()
    assert made.check_password(PASSWORD)
    assert deeds(made) == ["create_login"]


@pytest.mark.django_db
def test_the_last_manager_stays_one() -> None:
    boss, other = create(username="boss", role=Role.MANAGER), create(username="other", role=Role.MANAGER)
    staff.deactivate(login_id=other.pk, **WHO)
    with pytest.raises(Refused, match="boss is the only manager"):
        staff.deactivate(login_id=boss.pk, **WHO)
    with pytest.raises(Refused, match="boss is the only manager"):
        staff.set_role(login_id=boss.pk, role=Role.AGENT, **WHO)
    assert staff.set_role(login_id=other.pk, role=Role.AGENT, **WHO)
    with pytest.raises(Refused, match="agents or managers"):
        staff.set_role(login_id=other.pk, role=Role.CUSTOMER, **WHO)


@pytest.mark.django_db(transaction=True)
def test_two_managers_who_switch_each_other_off_at_the_same_moment_leave_one() -> None:
    for turn in range(5):
        pair = [create(username=f"m{turn}{side}", role=Role.MANAGER) for side in "ab"]
        start = Barrier(2)
        said: list[object] = []

        def off(who: Login, start: Barrier = start, said: list[object] = said) -> None:
            try:
                start.wait()
                said.append(staff.deactivate(login_id=who.pk, **WHO))
            except Refused:
                said.append("refused")
            finally:
                connections.close_all()

        threads = [Thread(target=off, args=[who]) for who in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(map(str, said)) == ["True", "refused"]
        Login.objects.filter(username__startswith=f"m{turn}").update(is_active=False)
