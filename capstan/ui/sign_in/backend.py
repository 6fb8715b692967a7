"""Whether a password is right, and which login a session belongs to."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from capstan.identity.models import Login
from capstan.identity.queries import staff_signing_in


class StaffBackend(BaseBackend):
    """Staff by username or e-mail address and password.

    One hash is computed whether there is such a login, it is switched off, or neither, so that the time of the answer
    tells nobody which names exist.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str = "", password: str = "", **_more: Any
    ) -> Login | None:
        if not (username and password):
            return None
        login = staff_signing_in(username)
        if login is None:
            Login().set_password(password)
            return None
        return login if login.check_password(password) and login.is_active else None

    def get_user(self, user_id: Any) -> Login | None:
        """Asked at every request: a login that is switched off is signed out."""
        return Login.objects.filter(pk=user_id, is_active=True).first()
