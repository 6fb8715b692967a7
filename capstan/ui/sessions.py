"""How long a sign-in lasts when nothing is done with it."""

from collections.abc import Callable
from datetime import timedelta

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from capstan.values import clock

_SEEN = "seen_at"
_EXACT_TO = timedelta(minutes=1)


class IdleTimeout:
    """Renews the session of whoever does something, at most once a minute; without that it runs out by itself.

    What a page fetches by itself to stay up to date is not something he does: a desk that is left alone is signed out.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if request.session.accessed and _is_deed(request) and request.user.is_authenticated:
            now = clock.now().timestamp()
            if now - request.session.get(_SEEN, 0) >= _EXACT_TO.total_seconds():
                request.session[_SEEN] = now
        return response


def _is_deed(request: HttpRequest) -> bool:
    """htmx fetches parts of a page with GET, when they are due; a page, a form or a followed link is a deed."""
    htmx = getattr(request, "htmx", None)
    return not htmx or request.method not in ("GET", "HEAD") or bool(htmx.boosted)
