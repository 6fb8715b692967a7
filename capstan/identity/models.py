"""Logins, and what guards them. What one may do follows from its role: see identity.rules."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from capstan.identity.rules import Role


class LoginManager(BaseUserManager["Login"]):
    """Finds a login by its username, however its case is typed."""

    def get_by_natural_key(self, username: str | None) -> "Login":
        return self.get(username=(username or "").lower())


class Login(AbstractBaseUser):
    """Somebody who signs in: staff by username or e-mail. Usernames are kept in small letters."""

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

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(username=Lower("username")), name="login_username_small"
            ),
            # One e-mail may belong to several customers, but staff sign in with theirs.
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(role=Role.CUSTOMER) & ~models.Q(email=""),
                name="login_staff_email",
            ),
        ]


class AttemptCount(models.Model):
    """How often something was tried that may be tried only so often. The key is hashed: what people type can be a secret."""

    key = models.CharField(max_length=64, primary_key=True)
    count = models.IntegerField()
    ends_at = models.DateTimeField(help_text="from then on it counts from one again")

    class Meta:
        indexes = [models.Index(fields=["ends_at"], name="attemptcount_ends")]


class Link(models.Model):
    """A link that may be used once. Only the hash of its token is known here."""

    token_hash = models.CharField(max_length=64, unique=True)
    purpose = models.TextField()
    subject = models.TextField(help_text="opaque to identity, such as order:17")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="link_expires")]


class Code(models.Model):
    """The code that was last sent for a purpose to a subject; a newer one takes its place."""

    purpose = models.TextField()
    subject = models.TextField(help_text="opaque to identity, such as contact:17")
    code_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries_left = models.SmallIntegerField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["purpose", "subject"], name="code_subject")]
        indexes = [models.Index(fields=["expires_at"], name="code_expires")]
