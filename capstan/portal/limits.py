"""How often one may go and pay: each time makes a row here, and some a call to the gateway."""

from datetime import datetime, timedelta

from django.http import HttpRequest

from capstan.identity.actions.attempts import attempt
from capstan.identity.rules import place_of
from capstan.ui.proxies import caller_of
from capstan.values.refused import Refused

_WINDOW = timedelta(minutes=10)
_PER_PLACE, _PER_LINK = 60, 10  # many customers may share one address


class TooOftenError(Refused):
    """Said with status 429."""


def count_going_to_pay(request: HttpRequest, subject: str, now: datetime) -> None:
    """Raises TooOftenError, when one place or one thing that is paid for has it too often."""
    place = place_of(caller_of(request).address)
    for key, limit in ((f"pay for {subject}", _PER_LINK), (f"pay from {place}", _PER_PLACE)):
        if attempt(key, limit=limit, window=_WINDOW, now=now):
            raise TooOftenError(
                "That was tried very often. Please wait ten minutes and try again, or call us."
            )
