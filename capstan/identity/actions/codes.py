"""One-time codes that people type: short, so tries are counted and few. Only a keyed hash is stored."""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F
from django.utils.crypto import salted_hmac

from capstan.identity.actions.attempts import attempt
from capstan.identity.models import Code
from capstan.values.refused import Refused

TRIES = 5
CODES_AT_ONCE = 5
"""Codes for one purpose and subject within an hour; each brings new tries, so there must be an end to it."""
_HOUR = timedelta(hours=1)


class Checked(NamedTuple):
    """What came of a try. Without tries left the code is of no use any more: a new one must be asked for."""

    is_right: bool
    tries_left: int


@transaction.atomic
def make(
    purpose: str, subject: str, *, digits: int = 6, tries: int = TRIES, expires_at: datetime, now: datetime
) -> str:
    """A code of so many digits; the one before it for this purpose and subject is of no use any more.

    Raises Refused when too many were asked for within an hour.
    """
    if too_many := attempt(f"code {purpose} {subject}", limit=CODES_AT_ONCE, window=_HOUR, now=now):
        minutes = -(-(too_many.until - now) // timedelta(minutes=1))
        raise Refused(f"{CODES_AT_ONCE} codes were sent already. Try again in {minutes} minutes.")
    code = f"{secrets.randbelow(10**digits):0{digits}}"
    fresh = {
        "code_hash": _hash(purpose, subject, code),
        "created_at": now,
        "expires_at": expires_at,
        "tries_left": tries,
        "used_at": None,
    }
    Code.objects.update_or_create(purpose=purpose, subject=subject, defaults=fresh)
    return code


@transaction.atomic
def check(purpose: str, subject: str, typed: str, *, now: datetime) -> Checked:
    """Whether this is the code, which then is used up. Blanks and dashes don't matter.

    Each call costs a try, in the caller's transaction: one that is rolled back after a wrong code gives the try back.
    """
    usable = Code.objects.filter(
        purpose=purpose, subject=subject, used_at=None, expires_at__gt=now, tries_left__gt=0
    )
    code = (
        usable.select_for_update().first()
    )  # whoever comes at the same moment waits, and sees what was left
    expected = code.code_hash if code else ""
    is_right = hmac.compare_digest(expected, _hash(purpose, subject, _digits(typed)))
    if code is None:
        return Checked(False, 0)
    usable.update(tries_left=F("tries_left") - 1, used_at=now if is_right else None)
    return Checked(is_right, code.tries_left - 1)


def _digits(typed: str) -> str:
    return "".join(sign for sign in typed if not sign.isspace() and sign != "-")


def _hash(purpose: str, subject: str, code: str) -> str:
    keyed = salted_hmac("capstan.identity.codes", f"{purpose}\0{subject}\0{code}", algorithm="sha256")
    return keyed.hexdigest()
