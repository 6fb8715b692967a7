"""Logins of staff, for managers: who may sign in, as what, and what to do when a telephone is lost."""

from collections.abc import Callable
from typing import NamedTuple

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from capstan.console.forms.logins import LoginForm, RoleForm
from capstan.identity.actions import staff as actions
from capstan.identity.models import Login
from capstan.identity.queries import staff, with_authenticator
from capstan.identity.rules import MfaPolicy, Permission, Role, must_have_authenticator, new_password
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import badge
from capstan.ui.states import Tone
from capstan.values import clock
from capstan.values.refused import Refused

_OWN = "That is your own login: another manager can do this."


class Shown(NamedTuple):
    """A login in words, with the form for its role."""

    login: Login
    badge: SafeString
    second_step: str
    is_secured: bool
    is_mine: bool
    role: RoleForm


class Secret(NamedTuple):
    """A password that is shown this once."""

    username: str
    password: str


@require_GET
@staff_required(Permission.MANAGE_STAFF)
def show(request: StaffRequest) -> HttpResponse:
    return _page(request)


@require_POST
@staff_required(Permission.MANAGE_STAFF)
@sensitive_variables("password", "secret")
def add(request: StaffRequest) -> HttpResponse:
    """A new login; its first password is shown once, on the answer itself, and nowhere kept."""
    form = LoginForm(request.POST)
    if form.is_valid():
        password, given = new_password(), form.cleaned_data
        try:
            made = actions.create_login(
                username=given["username"], name=given["name"], email=given["email"], role=Role(given["role"]),
                password=password, actor=request.actor.key, now=clock.now(),
            )  # fmt: skip
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return _page(request, secret=Secret(made.username, password))
    return _page(request, form)


@require_POST
@staff_required(Permission.MANAGE_STAFF)
@sensitive_variables("password", "secret")
def new_secret(request: StaffRequest, login_id: int) -> HttpResponse:
    """Another password, shown once; whoever is signed in with the login is signed out."""
    login, password = _login_or_404(login_id), new_password()
    if login.pk == request.user.pk:
        messages.error(request, "Change your own password under your name, top right.")
        return redirect(reverse("console:logins"))
    actions.set_password(login_id=login.pk, password=password, actor=request.actor.key, now=clock.now())
    return _page(request, secret=Secret(login.username, password))


@require_POST
@staff_required(Permission.MANAGE_STAFF)
def act(request: StaffRequest, login_id: int, deed: str) -> HttpResponse:
    """Another role, on, off, or without its authenticator."""
    login, todo = _login_or_404(login_id), _DEEDS.get(deed)
    if todo is None:
        raise Http404(f"Nothing called {deed} can be done to a login.")
    try:
        if login.pk == request.user.pk:
            raise Refused(_OWN)
        messages.success(request, todo(request, login))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(reverse("console:logins"))


def _set_role(request: StaffRequest, login: Login) -> str:
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise Refused("Staff are agents, accounts clerks or managers.")
    role = Role(form.cleaned_data["role"])
    if not actions.set_role(login_id=login.pk, role=role, actor=request.actor.key, now=clock.now()):
        return f"{login.name} is {role} already."
    demanded = must_have_authenticator(role, MfaPolicy.OPTIONAL)
    must = f" A {role} must set up an authenticator at the next page." if demanded else ""
    return f"{login.name} is {role} from now on.{must}"


def _switch_off(request: StaffRequest, login: Login) -> str:
    did = actions.deactivate(login_id=login.pk, actor=request.actor.key, now=clock.now())
    return (
        f"{login.name} can't sign in any more, and is signed out."
        if did
        else f"{login.name} was off already."
    )


def _switch_on(request: StaffRequest, login: Login) -> str:
    did = actions.activate(login_id=login.pk, actor=request.actor.key, now=clock.now())
    return f"{login.name} can sign in again." if did else f"{login.name} was on already."


def _reset_mfa(request: StaffRequest, login: Login) -> str:
    did = actions.reset_mfa(login_id=login.pk, actor=request.actor.key, now=clock.now())
    return (
        f"The authenticator of {login.name} is forgotten." if did else f"{login.name} had no authenticator."
    )


_DEEDS: dict[str, Callable[[StaffRequest, Login], str]] = {
    "role": _set_role,
    "off": _switch_off,
    "on": _switch_on,
    "forget-authenticator": _reset_mfa,
}


def _login_or_404(login_id: int) -> Login:
    login = staff().filter(pk=login_id).first()
    if login is None:
        raise Http404(f"There is no login {login_id}.")
    return login


def _page(request: StaffRequest, form: LoginForm | None = None, secret: Secret | None = None) -> HttpResponse:
    secured = with_authenticator()
    items = [_shown(one, one.pk in secured, one.pk == request.user.pk) for one in staff()]
    active = sum(item.login.is_active for item in items)
    return render(
        request,
        "console/logins/page.html",
        {
            "items": items,
            "active": str(active),
            "form": form or LoginForm(),
            "is_adding": form is not None,
            "secret": secret,
        },
    )


def _shown(login: Login, is_secured: bool, is_mine: bool) -> Shown:
    look = badge("On", Tone.GOOD, "circle-check") if login.is_active else badge("Off", Tone.QUIET, "circle-x")
    second = "Two-step sign-in is set up" if is_secured else "No authenticator yet"
    return Shown(
        login,
        look,
        second,
        is_secured,
        is_mine,
        RoleForm(initial={"role": login.role}, auto_id=f"role-{login.pk}-%s"),
    )
