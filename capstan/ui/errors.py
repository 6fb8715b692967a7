"""What people read when a page can't be shown: what happened, what was kept, and what to do next."""

from http import HTTPStatus
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


class _Saying(NamedTuple):
    title: str
    words: str
    next_step: str


_SAYINGS = {
    HTTPStatus.BAD_REQUEST: _Saying(
        "That didn't make sense to us",
        "What your browser sent was incomplete or had been changed on the way. Nothing was saved.",
        "Go back, reload the page and try again.",
    ),
    HTTPStatus.NOT_FOUND: _Saying(
        "There is no such page",
        "The address is mistyped, or what it led to is gone.",
        "Check the address, or begin at the start page.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: _Saying(
        "Something broke on our side",
        "It isn't your fault, and it is in our logs. What you had confirmed before is kept; what you just sent may not be.",
        "Wait a minute, then look whether it was saved before you send it again.",
    ),
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _show(HTTPStatus.BAD_REQUEST, request)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What the doors of access.py let nobody in for says more; this is for the rest."""
    return HttpResponse(render_to_string("403.html", {}, request), status=HTTPStatus.FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _show(HTTPStatus.NOT_FOUND, request)


def broken(request: HttpRequest) -> HttpResponse:
    """Asks the database for nothing: it may be what is broken."""
    return _show(HTTPStatus.INTERNAL_SERVER_ERROR, None)


def _show(status: HTTPStatus, request: HttpRequest | None) -> HttpResponse:
    context: dict[str, object] = {"saying": _SAYINGS[status], "status": status.value}
    if request is None:
        context["time_zone"] = settings.PROVIDER_TIME_ZONE
    return HttpResponse(render_to_string("ui/error.html", context, request), status=status)
