"""Staff of tests: logins through the product's own actions, and browsers that are signed in with them."""

import base64
import hashlib
import hmac
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.test import Client

from capstan.identity.actions.staff import create_login
from capstan.identity.models import Login
from capstan.identity.rules import Role
from capstan.ui.sign_in.adapter import FactorAdapter
from capstan.values import clock

PASSWORD = "plum-harbour-42"
SECRET = base64.b32encode(b"twenty secret bytes!").decode()
_STEP_SECONDS = 30


def login(username: str = "thandi", role: Role = Role.AGENT, *, authenticator: bool = False) -> Login:
    """A login of staff; `authenticator` gives it one with `SECRET`."""
    made = create_login(
        username=username,
        name=f"{username.capitalize()} Nkosi",
        email=f"{username}@example.net",
        role=role,
        password=PASSWORD,
        actor="test",
        now=clock.now(),
    )
    if authenticator:
        give_authenticator(made)
    return made


def give_authenticator(to: Login) -> None:
    data = {"secret": FactorAdapter().encrypt(SECRET)}
    Authenticator.objects.create(user=to, type=Authenticator.Type.TOTP, data=data)


def agent(username: str = "thandi") -> Client:
    """A browser in which an agent is signed in."""
    return _browser(login(username))


def manager(username: str = "naledi") -> Client:
    """A browser in which a manager is signed in, who has the authenticator that managers must have."""
    return _browser(login(username, Role.MANAGER, authenticator=True))


def code_at(now: datetime, secret: str = SECRET, *, steps: int = 0) -> str:
    """What an authenticator shows (RFC 6238, SHA-1, 6 digits), so many half minutes later."""
    counter = int(now.timestamp()) // _STEP_SECONDS + steps
    key = base64.b32decode(secret)
    digest = hmac.new(key, counter.to_bytes(8, "big"), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def _browser(who: Login) -> Client:
    client = Client()
    client.force_login(who)
    return client
