"""Guessing a username's password, PIN or code: slowed per username, locked per username and place.

Whoever asks for a secret does this, for usernames that exist and those that don't alike:

    if (too_many := note_failure(username, address, now)):  # before the secret is looked at, so that none slips through
        … refuse, saying when to try again: too_many.until
    right = …
    if right:
        note_success(username, address, now)
    … answer after delay_before_answer(username, address, now), right or wrong

Nobody can lock a victim out: from another place the username is only answered more slowly, and not even that where it was
right within the last 30 days. A place is an address, or the /64 of an IPv6 one.
"""

from datetime import datetime, timedelta

from django.db import transaction

from capstan.identity.actions.attempts import Counted, TooMany, count, counted, take_back
from capstan.identity.rules import (
    GUESSES_PER_PLACE,
    KNOWN_TIME,
    LOCK_TIME,
    USERNAMES_PER_PLACE,
    answer_delay,
    guessed_name,
    place_of,
)

_SLOWEST_FROM = 32  # failures: more of them make nothing slower
_OFTEN = 1_000_000


def note_failure(username: str, address: str, now: datetime) -> TooMany | None:
    """Count a guess as a wrong one; TooMany when it must not even be looked at. `note_success` takes it back."""
    if locked := locked_until(username, address, now):
        return TooMany(locked)
    pair, name, place = _keys(username, address)
    with transaction.atomic(durable=True):
        at_pair = count(pair, limit=GUESSES_PER_PLACE, window=LOCK_TIME, now=now, prolong=True)
        if at_pair.times > GUESSES_PER_PLACE:
            return TooMany(at_pair.ends_at)
        count(name, limit=_SLOWEST_FROM, window=LOCK_TIME, now=now, prolong=True)
        if at_pair.times == 1:
            at_place = count(place, limit=USERNAMES_PER_PLACE, window=LOCK_TIME, now=now)
            if at_place.times > USERNAMES_PER_PLACE:
                return TooMany(at_place.ends_at)
    return None


def note_success(username: str, address: str, now: datetime) -> None:
    """The secret was right: what was counted from this place for this username is taken back, and the place is known."""
    pair, name, place = _keys(username, address)
    with transaction.atomic(durable=True):
        wrong = take_back(pair)
        if wrong:
            take_back(name, times=wrong)
            take_back(place, times=1)
        count(_known(username, address), limit=_OFTEN, window=KNOWN_TIME, now=now, prolong=True)


def is_locked(username: str, address: str, now: datetime) -> bool:
    """Whether this username may not be guessed from this place at present."""
    return locked_until(username, address, now) is not None


def locked_until(username: str, address: str, now: datetime) -> datetime | None:
    """Until when this username may not be guessed from this place; None when it may."""
    pair, _, place = _keys(username, address)
    return _full(counted(pair, now=now), GUESSES_PER_PLACE) or _full(
        counted(place, now=now), USERNAMES_PER_PLACE
    )


def delay_before_answer(username: str, address: str, now: datetime) -> timedelta:
    """How much later than usual a guess at this username is answered."""
    if is_known(username, address, now):
        return timedelta()
    failures = counted(_keys(username, address)[1], now=now)
    return answer_delay(failures.times if failures else 0)


def is_known(username: str, address: str, now: datetime) -> bool:
    """Whether the secret of this username was right from this place within the last 30 days."""
    return counted(_known(username, address), now=now) is not None


def _full(stands: Counted | None, limit: int) -> datetime | None:
    return stands.ends_at if stands and stands.times >= limit else None


def _keys(username: str, address: str) -> tuple[str, str, str]:
    """Of the pair, the username and the place. They are written in this order, so that two never wait for each other."""
    name, place = guessed_name(username), place_of(address)
    return f"pair {place} {name}", f"name {name}", f"place {place}"


def _known(username: str, address: str) -> str:
    return f"known {place_of(address)} {guessed_name(username)}"
