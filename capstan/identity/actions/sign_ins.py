"""Signing in and out on the record – throttled, so that nobody can flood it – and guesses at second factors."""

from datetime import datetime, timedelta

from django.db import transaction

from capstan.audit.actions import record
from capstan.identity.actions.attempts import attempt, count
from capstan.identity.actions.guesses import is_known, note_failure, note_success
from capstan.identity.models import Login
from capstan.identity.queries import actor_of
from capstan.identity.rules import place_of

_HOUR = timedelta(hours=1)
_RECORDED_PER_HOUR = 20  # of one kind for one login, or one place
_FAILURES_PER_HOUR = 1_000  # of all logins and places together
_STRANGERS_PER_HOUR = 30
_CODE_GOOD_FOR = timedelta(minutes=2)  # longer than an authenticator's code is taken, with its tolerance

UNKNOWN = "login:unknown"
"""The subject of failures under names that no login has. The name is not kept: it may be a password in the wrong field."""


def note_sign_in(login: Login, *, address: str, second_factor: bool, now: datetime) -> None:
    _note("sign_in", login, address, now, second_factor=second_factor)


def note_sign_out(login: Login, *, address: str, now: datetime) -> None:
    _note("sign_out", login, address, now)


def note_own_deed(deed: str, login: Login, *, address: str, now: datetime) -> None:
    """What somebody changed about his own sign-in, such as `activate_authenticator`."""
    _note(deed, login, address, now)


@transaction.atomic
def note_failed_sign_in(login: Login | None, *, address: str, what: str, now: datetime) -> None:
    """A wrong password or code (`what`) for this login; None for a name that no login has. At most 20 an hour from a place,
    and 1,000 an hour of all: the last one says so."""
    at_place = count(
        f"failures {_subject(login)} {place_of(address)}", limit=_RECORDED_PER_HOUR, window=_HOUR, now=now
    )
    if at_place.times > _RECORDED_PER_HOUR:
        return
    at_all = count("failures", limit=_FAILURES_PER_HOUR, window=_HOUR, now=now)
    if at_all.times > _FAILURES_PER_HOUR:
        return
    details: dict[str, object] = {"address": address, "what": what}
    for stands, limit in ((at_place, _RECORDED_PER_HOUR), (at_all, _FAILURES_PER_HOUR)):
        if stands.times == limit:
            details["not_recorded_until"] = stands.ends_at
    record(actor="sign-in", action="failed_sign_in", subject=_subject(login), details=details, now=now)


def second_factor_allowed(login_id: int, *, address: str, now: datetime) -> bool:
    """Whether another code may be tried for this login; the try counts as a wrong one until `second_factor_was_right`.

    Five tries per place, as with passwords. Who tries already knows the password, and a code has only six digits: so
    all places that the login never signed in from share 30 tries an hour. Where it did, nobody can lock it out.
    """
    name = _factor(login_id)
    if not is_known(name, address, now):
        strangers = attempt(f"strangers {name}", limit=_STRANGERS_PER_HOUR, window=_HOUR, now=now)
        if strangers:
            return False
    return note_failure(name, address, now) is None


def second_factor_was_right(login_id: int, *, address: str, code: str, now: datetime) -> bool:
    """Take the try back. False if this very code was used before: whoever read it over a shoulder comes too late."""
    if attempt(f"code used {_factor(login_id)} {code}", limit=1, window=_CODE_GOOD_FOR, now=now):
        return False
    note_success(_factor(login_id), address, now)
    return True


@transaction.atomic
def _note(deed: str, login: Login, address: str, now: datetime, **details: object) -> None:
    if attempt(f"recorded {deed} {login.pk}", limit=_RECORDED_PER_HOUR, window=_HOUR, now=now):
        return
    told = {"address": address, **details}
    record(actor=actor_of(login).key, action=deed, subject=f"login:{login.pk}", details=told, now=now)


def _subject(login: Login | None) -> str:
    return UNKNOWN if login is None else f"login:{login.pk}"


def _factor(login_id: int) -> str:
    return f"second factor of {login_id}"
