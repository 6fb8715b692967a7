"""What people read when a page can't be shown: what happened, what was kept, and what to do next."""

from http import HTTPStatus
from typing import NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string

from capstan.ui.navigation import address


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
    """A view that looked for something says in its Http404 what there isn't."""
    told = exception.args[0] if isinstance(exception, Http404) and exception.args else ""
    return _show(HTTPStatus.NOT_FOUND, request, told if isinstance(told, str) else "")


def broken(request: HttpRequest) -> HttpResponse:
    """Asks the database for nothing: it may be what is broken."""
    return _show(HTTPStatus.INTERNAL_SERVER_ERROR, None)


def _show(status: HTTPStatus, request: HttpRequest | None, title: str = "") -> HttpResponse:
    saying = _SAYINGS[status]
    context: dict[str, object] = {
        "saying": saying._replace(title=title) if title else saying,
        "status": status.value,
        "frame": _frame(request),
    }
    if request is None:
        context["time_zone"] = settings.PROVIDER_TIME_ZONE
    return HttpResponse(render_to_string("ui/error.html", context, request), status=status)


def _frame(request: HttpRequest | None) -> str:
    """Staff in the console stay there: the search is above, the navigation beside."""
    home = address("console:home")
    if request is not None and home and request.path.startswith(home):
        actor = getattr(request, "actor", None)
        if actor and actor.is_staff:
            return "ui/console.html"
    return "ui/page.html"
