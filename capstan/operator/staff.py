"""Logins of staff from the command line."""

import getpass
import sys
from datetime import datetime
from typing import NamedTuple

from capstan.identity import queries
from capstan.identity.actions import staff
from capstan.identity.queries import staff_named
from capstan.identity.rules import Role, new_password
from capstan.operator.circumstances import saying
from capstan.operator.layout import Page
from capstan.values.refused import Refused


class At(NamedTuple):
    """Who does it, and when."""

    actor: str
    now: datetime


class New(NamedTuple):
    """What a new login is told to be."""

    username: str
    name: str
    email: str
    role: str


def add(at: At, new: New, *, generate: bool) -> str:
    """A new login; the answer shows a generated password, which is known nowhere else."""
    password = _password(generate)
    login = staff.create_login(
        username=new.username,
        name=new.name,
        email=new.email,
        role=Role(new.role),
        password=password,
        **at._asdict(),
    )
    return f"{login.name} can sign in as {login.username} ({login.role}).{_shown(password, generate)}"


def change_password(at: At, username: str, *, generate: bool) -> str:
    login = staff_named(username)
    password = _password(generate)
    staff.set_password(login_id=login.pk, password=password, **at._asdict())
    return f"{login.username} has another password and is signed out everywhere.{_shown(password, generate)}"


def change_role(at: At, username: str, role: str) -> str:
    login = staff_named(username)
    changed = staff.set_role(login_id=login.pk, role=Role(role), **at._asdict())
    return f"{login.username} is {'now' if changed else 'already'} {_article(role)} {role}."


def switch(at: At, username: str, *, on: bool) -> str:
    login = staff_named(username)
    deed = staff.activate if on else staff.deactivate
    changed = deed(login_id=login.pk, **at._asdict())
    state = "can sign in" if on else "is switched off and signed out everywhere"
    return (
        f"{login.username} {state}." if changed else f"{login.username} is {'on' if on else 'off'} already."
    )


def reset_mfa(at: At, username: str) -> str:
    login = staff_named(username)
    if staff.reset_mfa(login_id=login.pk, **at._asdict()):
        return f"{login.username} signs in with the password alone, until an authenticator is set up again."
    return f"{login.username} has no authenticator."


def listed(at: At) -> str:
    """Every login: role, whether it is on, how it signs in, and when it last did."""
    say, protected = saying(at.now), queries.with_authenticator()
    rows = [
        (
            login.username,
            login.name,
            login.email or "-",
            login.role if login.is_active else f"{login.role}, off",
            "authenticator" if login.pk in protected else "password",
            say.moment(login.last_login) if login.last_login else "never",
        )
        for login in queries.staff()
    ]
    if not rows:
        return "Nobody can sign in yet: see `capstan staff add --help`."
    page = Page()
    page.table(("username", "name", "e-mail", "role", "signs in with", "last"), rows)
    return page.text()


def _password(generate: bool) -> str:
    """Asked twice without showing it; from a pipe, its first line. Raises Refused when the two differ."""
    if generate:
        return new_password()
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise Refused("The two passwords differ: nothing was changed.")
    return password


def _shown(password: str, generated: bool) -> str:
    return f"\nPassword: {password}\nIt is shown only now." if generated else ""


def _article(role: str) -> str:
    return "an" if role[0] in "aeiou" else "a"
