"""Logins. What one may do follows from its role: see identity.rules."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from capstan.identity.rules import Role


class LoginManager(BaseUserManager["Login"]):
    """Finds a login by its username, however its case is typed."""

    def get_by_natural_key(self, username: str | None) -> "Login":
        return self.get(username__iexact=username)


class Login(AbstractBaseUser):
    """Somebody who signs in: staff by username or e-mail."""

    username = models.TextField(unique=True)
    email = models.TextField(blank=True)
    name = models.TextField(help_text="as it is recorded with what he does")
    role = models.TextField(choices=[(role.value, role.value) for role in Role])
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    objects = LoginManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
