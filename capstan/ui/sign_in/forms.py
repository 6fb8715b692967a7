"""The forms of the sign-in. allauth finds them through the settings."""

from typing import Any

from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.account.forms import ChangePasswordForm, LoginForm, ReauthenticateForm
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateByCodeForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms

from capstan.identity.actions import sign_ins
from capstan.ui.access import client_address
from capstan.values import clock

_AS_TYPED = {"autocapitalize": "none", "spellcheck": "false"}
_CODE = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, **_AS_TYPED}


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth has no types
    """Username or e-mail address, password, and whether closing the browser signs out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        who = {"autocomplete": "username", "autofocus": True, **_AS_TYPED}
        self.fields["login"] = forms.CharField(
            label="Username or e-mail", max_length=254, widget=forms.TextInput(who)
        )
        password, remember = self.fields["password"], self.fields["remember"]
        password.max_length = 1000
        password.widget.attrs = {"autocomplete": "current-password", "maxlength": 1000}
        password.help_text = ""
        remember.label = "Stay signed in when the browser is closed"
        self.order_fields(["login", "password", "remember"])


class CodeForm(AuthenticateForm):  # type: ignore[misc]
    """The second step: an authenticator's code or a recovery code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _as_code_field(self.fields["code"])

    def clean_code(self) -> str:
        self.authenticator = _right_authenticator(self.user, self.cleaned_data["code"])
        return str(self.cleaned_data["code"])


class CodeAgainForm(ReauthenticateByCodeForm):  # type: ignore[misc]
    """A code once more, before something about the sign-in is changed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _as_code_field(self.fields["code"])

    def clean_code(self) -> str:
        self.authenticator = _right_authenticator(self.user, self.cleaned_data["code"])
        return str(self.cleaned_data["code"])


class PasswordAgainForm(ReauthenticateForm):  # type: ignore[misc]
    """The password once more, before something about the sign-in is changed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].widget.attrs = {"autocomplete": "current-password", "autofocus": True}
        self.fields["password"].help_text = ""


class NewPasswordForm(ChangePasswordForm):  # type: ignore[misc]
    """Somebody's own password changed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {
            "oldpassword": "Present password",
            "password1": "New password",
            "password2": "New password again",
        }
        for name, label in labels.items():
            field = self.fields[name]
            field.label = label
            field.widget.attrs.pop("placeholder", None)
        self.fields["oldpassword"].help_text = ""
        self.fields[
            "password1"
        ].help_text = "At least 10 characters. Not your name, not only digits, nothing that many people use."


class FirstCodeForm(ActivateTOTPForm):  # type: ignore[misc]
    """The first code of a new authenticator proves that it is set up right."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = forms.CharField(
            label="Code that the app shows", max_length=10, widget=forms.TextInput(_CODE)
        )


def _as_code_field(field: forms.Field) -> None:
    field.label = "Code"
    assert isinstance(field, forms.CharField)
    field.max_length = 32
    field.widget.attrs = {**_CODE, "maxlength": 32}


def _right_authenticator(user: Any, typed: str) -> Authenticator:
    """The authenticator that this code belongs to. Raises ValidationError for a wrong one, and when too many were."""
    address, now = client_address(context.request), clock.now()
    if not sign_ins.second_factor_allowed(user.pk, address=address, now=now):
        raise get_account_adapter().validation_error("too_many_login_attempts")
    code = "".join(typed.split())
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    for authenticator in Authenticator.objects.filter(user_id=user.pk, type__in=kinds):
        right = authenticator.wrap().validate_code(code)
        if right and sign_ins.second_factor_was_right(user.pk, address=address, code=code, now=now):
            authenticator.user = user
            return authenticator
    sign_ins.note_failed_sign_in(user, address=address, what="code", now=now)
    raise get_adapter().validation_error("incorrect_code")
