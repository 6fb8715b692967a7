"""Who may open a page: the actor of a request, and the doors that look at it."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django_htmx.http import HttpResponseClientRedirect

from capstan.identity.models import Login
from capstan.identity.queries import actor_of, has_authenticator
from capstan.identity.rules import Actor, MfaPolicy, Permission, must_have_authenticator
from capstan.ui.proxies import caller_of

_P = ParamSpec("_P")


class StaffRequest(HttpRequest):
    """A request as a page behind `staff_required` gets it."""

    actor: Actor
    user: Login


StaffView = Callable[Concatenate[StaffRequest, _P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, _P], HttpResponseBase]


def staff_required(permission: Permission | None = None) -> Callable[[StaffView[_P]], View[_P]]:
    """`@staff_required()` or `@staff_required(Permission.EDIT_LIMITS)` on a view: it gets `request.actor`.

    Who isn't signed in is led to the sign-in and back; who must set up an authenticator first, to where he does that; who
    lacks the right gets a 403 page that says so. A part of a page that htmx asks for leads the whole page there.
    """

    def door(view: StaffView[_P]) -> View[_P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponseBase:
            if answer := turned_away(request, permission):
                return answer
            return view(request, *args, **kwargs)  # type: ignore[arg-type]

        return guarded

    return door


class StaffRequiredMixin:
    """The same for a view that is a class; `permission` is what it needs beyond being staff."""

    permission: Permission | None = None

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        answer: HttpResponseBase | None = turned_away(request, self.permission)
        return answer or super().dispatch(request, *args, **kwargs)  # type: ignore[misc]


def turned_away(request: HttpRequest, permission: Permission | None = None) -> HttpResponse | None:
    """The answer for somebody who may not enter; None when he may, and `request.actor` is set."""
    actor = signed_in_actor(request)
    if actor is None:
        return _elsewhere(request, f"{reverse('account_login')}{_query(request)}")
    if not actor.is_staff:
        return forbidden(request, "This page is for the provider's staff.")
    if needs_authenticator(actor) and not has_authenticator(request.user.pk):  # type: ignore[arg-type]
        return _elsewhere(request, reverse("mfa_activate_totp"))
    if permission is not None and not actor.may(permission):
        return forbidden(
            request, f"Your sign-in doesn't let you {permission.value}. A manager can do it for you."
        )
    request.actor = actor  # type: ignore[attr-defined]
    return None


def signed_in_actor(request: HttpRequest) -> Actor | None:
    """Who is signed in; None when nobody is."""
    return actor_of(request.user) if request.user.is_authenticated else None


def needs_authenticator(actor: Actor) -> bool:
    """Whether the console opens for this actor only with an authenticator set up.

    Not in a demo: its data are made up, and its visitors have two minutes.
    """
    options = settings.OPTIONS
    return not options.demo and must_have_authenticator(actor.role, MfaPolicy(options.staff_mfa))


def forbidden(request: HttpRequest, sentence: str) -> HttpResponse:
    """403, saying why and what to do. htmx gets the sentence alone."""
    if _is_htmx(request):
        return HttpResponse(sentence, "text/plain; charset=utf-8", status=HTTPStatus.FORBIDDEN)
    return render(request, "403.html", {"sentence": sentence}, status=HTTPStatus.FORBIDDEN)


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without its right CSRF token, in words: the page was open for too long, or cookies are off."""
    return forbidden(
        request,
        "This form was open for too long, or your browser keeps no cookies. Nothing was changed:"
        " go back, load the page again and repeat what you did.",
    )


class ActorMiddleware:
    """`request.actor`: who is signed in, else something that is false. Nothing is read before somebody asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.actor = SimpleLazyObject(lambda: signed_in_actor(request))  # type: ignore[attr-defined]
        return self._get_response(request)


def client_address(request: HttpRequest) -> str:
    """The address of whoever asks, behind the proxies that the setting `trusted_proxies` names."""
    return caller_of(request).address


def _elsewhere(request: HttpRequest, url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url) if _is_htmx(request) else HttpResponseRedirect(url)


def _query(request: HttpRequest) -> str:
    """`?next=…`: the page to come back to. After a form it is the page that had the form, as its address only takes it."""
    if _is_htmx(request):
        back = getattr(request.htmx, "current_url_abs_path", None)  # type: ignore[attr-defined]
    elif request.method in ("GET", "HEAD"):
        back = request.get_full_path()
    else:
        back = _own_path(request, request.headers.get("Referer", ""))
    return f"?{urlencode({REDIRECT_FIELD_NAME: back})}" if back else ""


def _own_path(request: HttpRequest, url: str) -> str:
    if not url or not url_has_allowed_host_and_scheme(url, {request.get_host()}, request.is_secure()):
        return ""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))
