"""Reading logins."""

from allauth.mfa.models import Authenticator
from django.db.models import QuerySet

from capstan.identity.models import Login
from capstan.identity.rules import Actor, Role, permissions_of
from capstan.values.refused import Refused

_KINDS = {Role.AGENT: "staff", Role.ACCOUNTS: "staff", Role.MANAGER: "staff", Role.CUSTOMER: "customer"}


def actor_of(login: Login) -> Actor:
    """Who this login is when it acts: `staff:thandi`, with the permissions of its role."""
    role = Role(login.role)
    return Actor(f"{_KINDS[role]}:{login.username}", login.name, role, permissions_of(role))


def staff() -> QuerySet[Login]:
    """All logins of staff by username, those switched off as well."""
    return Login.objects.exclude(role=Role.CUSTOMER).order_by("username")


def staff_named(username: str) -> Login:
    """The login of staff with this username. Raises Refused if there is none."""
    login = staff().filter(username=username.strip().lower()).first()
    if login is None:
        raise Refused(f"There is no staff login {username!r}; see `capstan staff list`.")
    return login


def staff_signing_in(typed: str) -> Login | None:
    """The login of staff that is meant by what was typed, a username or an e-mail address; switched off or not."""
    text = typed.strip()
    if "@" in text:
        return staff().filter(email__iexact=text).first()
    return staff().filter(username=text.lower()).first()


def has_authenticator(login_id: int) -> bool:
    """Whether this login has set up an authenticator app."""
    return bool(Authenticator.objects.filter(user_id=login_id, type=Authenticator.Type.TOTP).exists())


def with_authenticator() -> frozenset[int]:
    """Ids of the logins that have set up an authenticator app."""
    return frozenset(
        Authenticator.objects.filter(type=Authenticator.Type.TOTP).values_list("user_id", flat=True)
    )
