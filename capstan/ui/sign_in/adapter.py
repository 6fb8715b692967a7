"""What allauth is told about our sign-in. It finds these classes through the settings."""

import base64
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse

from capstan.catalog.models import Brand
from capstan.db.fields import decrypt, encrypt
from capstan.identity.actions import sign_ins, staff
from capstan.identity.models import Login
from capstan.identity.queries import actor_of, staff_signing_in
from capstan.identity.rules import guessed_name, place_of
from capstan.ui.access import client_address
from capstan.values import clock

_WRONG = "This username and password don't belong together."


class SignInAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Staff only: nobody signs himself up, and no page tells whether a name exists."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _WRONG,
        "email_password_mismatch": _WRONG,
        "incorrect_password": "This is not your password.",
        "enter_current_password": "This is not your present password.",
        "too_many_login_attempts": "There were too many wrong tries from your address. Try again in a few minutes.",
    }

    def get_login_stages(self) -> list[str]:
        return ["allauth.mfa.stages.AuthenticateStage"]

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Wrong passwords are counted per name *and* place: per name alone, anybody could lock anybody out."""
        return f"{guessed_name(_typed(credentials))} {place_of(client_address(request))}"

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        login = staff_signing_in(_typed(credentials))
        sign_ins.note_failed_sign_in(login, address=client_address(request), what="password", now=clock.now())

    def respond_user_inactive(self, request: HttpRequest, user: Login) -> HttpResponse:
        return HttpResponseRedirect(reverse("account_login"))

    def post_login(self, request: HttpRequest, user: Login, **more: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **more)
        used = {record["method"] for record in get_authentication_records(request, user)}
        sign_ins.note_sign_in(
            user, address=client_address(request), second_factor="mfa" in used, now=clock.now()
        )
        return response

    def logout(self, request: HttpRequest) -> None:
        if isinstance(request.user, Login):
            sign_ins.note_sign_out(request.user, address=client_address(request), now=clock.now())
        super().logout(request)

    def set_password(self, user: Login, password: str) -> None:
        """Somebody's own: other browsers that are signed in with the login are signed out."""
        staff.set_password(login_id=user.pk, password=password, actor=actor_of(user).key, now=clock.now())
        user.refresh_from_db(fields=["password"])

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        try:
            return reverse("console:home")
        except NoReverseMatch:
            return "/"

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("mfa_index")

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Who signed in within the last minutes has just proved who he is."""
        return super().is_reauthentication_required(app=app, **more) and not self._just_signed_in()

    def _just_signed_in(self) -> bool:
        records = get_authentication_records(self.request, self.request.user)
        since = clock.now().timestamp() - app_settings.REAUTHENTICATION_TIMEOUT
        return bool(records) and records[-1]["at"] > since


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Authenticator apps: their secrets are sealed in the database, and they show the provider's name."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code is wrong or has been used. Wait for the next one and type that.",
    }

    def get_totp_issuer(self) -> str:
        brand = Brand.objects.order_by("pk").first()
        return brand.name if brand else "Capstan"

    def get_totp_label(self, user: Login) -> str:
        return user.username

    def encrypt(self, text: str) -> str:
        return base64.b64encode(encrypt(text.encode())).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(base64.b64decode(encrypted_text)).decode()

    def is_mfa_enabled(self, user: Login, types: list[str] | None = None) -> bool:
        """A login that has recovery codes alone has no second factor."""
        return super().is_mfa_enabled(user, types or [Authenticator.Type.TOTP])  # type: ignore[no-any-return]


def _typed(credentials: dict[str, Any]) -> str:
    return str(credentials.get("username") or credentials.get("email") or "")
