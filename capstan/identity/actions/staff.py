"""Logins of staff: made, changed, switched off. Each deed is audited, with the login as its subject."""

from datetime import datetime

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction

from capstan.audit.actions import record
from capstan.db.locks import lock_key
from capstan.identity.models import Login
from capstan.identity.rules import Role, normalise_staff_username
from capstan.values.refused import Refused


@transaction.atomic
def create_login(
    *, username: str, name: str, email: str = "", role: Role, password: str, actor: str, now: datetime
) -> Login:
    """A login of staff. Raises Refused for a name or e-mail that is taken or wrong, and for a weak password."""
    username, name, email = normalise_staff_username(username), name.strip(), _checked_email(email)
    if not name:
        raise Refused("A login needs the person's name: it is recorded with what he does.")
    if role == Role.CUSTOMER:
        raise Refused("Staff are agents or managers.")
    _lock_out_others()
    if Login.objects.filter(username=username).exists():
        raise Refused(f"There is a login {username!r} already.")
    if email and Login.objects.exclude(role=Role.CUSTOMER).filter(email__iexact=email).exists():
        raise Refused(f"{email} belongs to another login already.")
    login = Login(username=username, name=name, email=email, role=role, created_at=now)
    _put_password(login, password)
    login.save()
    _audit("create_login", login, actor=actor, now=now, name=name, email=email, role=role)
    return login


@transaction.atomic
def set_password(*, login_id: int, password: str, actor: str, now: datetime) -> None:
    """Another password; whoever is signed in with this login is signed out. Raises Refused for a weak one."""
    login = _locked(login_id)
    _put_password(login, password)
    login.save(update_fields=["password"])
    _audit("set_password", login, actor=actor, now=now)


@transaction.atomic
def set_role(*, login_id: int, role: Role, actor: str, now: datetime) -> bool:
    """Another role, from the next request on. False if it has it already. Refused if no manager would be left."""
    if role == Role.CUSTOMER:
        raise Refused("Staff are agents or managers.")
    login = _locked(login_id)
    if login.role == role:
        return False
    _check_manager_left(login)
    before, login.role = login.role, role
    login.save(update_fields=["role"])
    _audit("set_role", login, actor=actor, now=now, before=before, role=role)
    return True


@transaction.atomic
def deactivate(*, login_id: int, actor: str, now: datetime) -> bool:
    """Nobody signs in with this login any more, and whoever is signed in with it is signed out.

    False if it is off already. Refused if no manager would be left.
    """
    login = _locked(login_id)
    if not login.is_active:
        return False
    _check_manager_left(login)
    return _switch(login, on=False, actor=actor, now=now)


@transaction.atomic
def activate(*, login_id: int, actor: str, now: datetime) -> bool:
    """The login can be used again. False if it wasn't off."""
    login = _locked(login_id)
    return not login.is_active and _switch(login, on=True, actor=actor, now=now)


@transaction.atomic
def reset_mfa(*, login_id: int, actor: str, now: datetime) -> bool:
    """Forget the login's authenticator and recovery codes, as when a phone is lost. False if it had none."""
    login = _locked(login_id)
    forgotten, _ = Authenticator.objects.filter(user_id=login.pk).delete()
    if forgotten:
        _audit("reset_mfa", login, actor=actor, now=now)
    return bool(forgotten)


def _switch(login: Login, *, on: bool, actor: str, now: datetime) -> bool:
    login.is_active = on
    login.save(update_fields=["is_active"])
    _audit("activate_login" if on else "deactivate_login", login, actor=actor, now=now)
    return True


def _put_password(login: Login, password: str) -> None:
    try:
        validate_password(password, login)
    except ValidationError as weak:
        raise Refused(" ".join(weak.messages)) from None
    login.set_password(password)


def _checked_email(text: str) -> str:
    email = text.strip()
    if email:
        try:
            validate_email(email)
        except ValidationError:
            raise Refused(f"{text!r} is no e-mail address.") from None
    return email


def _locked(login_id: int) -> Login:
    """This login of staff, while no other one changes. Raises Refused if there is none."""
    _lock_out_others()
    login = Login.objects.exclude(role=Role.CUSTOMER).filter(pk=login_id).first()
    if login is None:
        raise Refused("There is no such staff login.")
    return login


def _lock_out_others() -> None:
    """Changes of staff are rare and look at each other – is there a manager left? – so they happen one after another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("identity staff")])


def _check_manager_left(leaving: Login) -> None:
    others = Login.objects.filter(role=Role.MANAGER, is_active=True).exclude(pk=leaving.pk)
    if leaving.role == Role.MANAGER and leaving.is_active and not others.exists():
        raise Refused(
            f"{leaving.username} is the only manager: make somebody else one first, or nobody could manage staff."
        )


def _audit(deed: str, login: Login, *, actor: str, now: datetime, **details: object) -> None:
    told = {"username": login.username, **details}
    record(actor=actor, action=deed, subject=f"login:{login.pk}", details=told, now=now)
