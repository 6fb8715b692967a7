"""`capstan staff`: who may sign in, from the command line."""

import getpass
import io
import re
import sys

import pytest
from allauth.mfa.models import Authenticator

from capstan.audit.models import AuditEntry
from capstan.identity.models import Login
from capstan.operator.circumstances import actor
from capstan.values import clock
from capstan.values.refused import Refused
from tests.operator.test_commands import run

pytestmark = pytest.mark.django_db

THANDI = ("add", "thandi", "--name", "Thandi Nkosi", "--role", "agent", "--email", "thandi@example.net")
BOSS = ("add", "boss", "--name", "The Boss", "--role", "manager", "--generate")


class Pipe(io.StringIO):
    def isatty(self) -> bool:
        return False


def type_in(monkeypatch: pytest.MonkeyPatch, *passwords: str) -> None:
    """Somebody at a terminal types these when he is asked."""
    typed = iter(passwords)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: next(typed))


def test_adding_with_a_password_that_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe())
    type_in(monkeypatch, "plum-harbour-42", "plum-harbour-42")
    said = run(capsys, "staff", *THANDI)
    assert said == "Thandi Nkosi can sign in as thandi (agent).\n"
    assert Login.objects.get().check_password("plum-harbour-42")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == (actor(), "create_login")


def test_two_passwords_that_differ_add_nobody(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe())
    type_in(monkeypatch, "plum-harbour-42", "plum-harbour-43")
    with pytest.raises(Refused, match="differ"):
        run(capsys, "staff", *THANDI)
    assert not Login.objects.exists()


def test_a_password_from_a_pipe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe("plum-harbour-42\nmore\n"))
    run(capsys, "staff", *THANDI)
    assert Login.objects.get().check_password("plum-harbour-42")


def test_an_empty_pipe_adds_nobody(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe())
    with pytest.raises(Refused, match="too short"):
        run(capsys, "staff", *THANDI)
    assert not Login.objects.exists()


def test_a_generated_password_is_shown_once_and_works(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "staff", *THANDI, "--generate")
    found = re.search(r"^Password: (\S{19})\nIt is shown only now\.$", said, re.MULTILINE)
    assert found
    assert Login.objects.get().check_password(found[1])
    again = run(capsys, "staff", "password", "thandi", "--generate")
    assert again.startswith("thandi has another password and is signed out everywhere.\nPassword: ")
    assert not Login.objects.get().check_password(found[1])


def test_the_list_says_who_can_sign_in_and_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "staff", "list") == "Nobody can sign in yet: see `capstan staff add --help`.\n"
    run(capsys, "staff", *THANDI, "--generate")
    run(capsys, "staff", *BOSS)
    run(capsys, "staff", "off", "thandi")
    boss = Login.objects.get(username="boss")
    Authenticator.objects.create(user=boss, type=Authenticator.Type.TOTP, data={})
    Login.objects.filter(pk=boss.pk).update(last_login=clock.now())
    head, *rows = (re.split(r"\s{2,}", line.strip()) for line in run(capsys, "staff", "list").splitlines())
    assert head == ["username", "name", "e-mail", "role", "signs in with", "last"]
    assert [row[:5] for row in rows] == [
        ["boss", "The Boss", "-", "manager", "authenticator"],
        ["thandi", "Thandi Nkosi", "thandi@example.net", "agent, off", "password"],
    ]
    assert [row[5] == "never" for row in rows] == [False, True]


def test_the_deeds_say_what_they_did_or_found(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "staff", *BOSS)
    run(capsys, "staff", *THANDI, "--generate")
    deeds = [
        (("role", "thandi", "manager"), "thandi is now a manager.\n"),
        (("role", "thandi", "manager"), "thandi is already a manager.\n"),
        (("role", "thandi", "agent"), "thandi is now an agent.\n"),
        (("off", "thandi"), "thandi is switched off and signed out everywhere.\n"),
        (("off", "thandi"), "thandi is off already.\n"),
        (("on", "thandi"), "thandi can sign in.\n"),
        (("on", "thandi"), "thandi is on already.\n"),
        (("reset-mfa", "thandi"), "thandi has no authenticator.\n"),
    ]
    for words, expected in deeds:
        assert run(capsys, "staff", *words) == expected
    thandi = Login.objects.get(username="thandi")
    Authenticator.objects.create(user=thandi, type=Authenticator.Type.TOTP, data={})
    said = run(capsys, "staff", "reset-mfa", "thandi")
    assert said == "thandi signs in with the password alone, until an authenticator is set up again.\n"
    assert not Authenticator.objects.exists()
    with pytest.raises(Refused, match="no staff login 'sipho'"):
        run(capsys, "staff", "off", "sipho")
