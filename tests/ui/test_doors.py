"""Every address × who asks (I8): a page of the staff shows nothing to anybody else, whatever id stands in its address."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from capstan.identity.models import Login
from capstan.identity.rules import Role
from capstan.values import clock
from tests import staff

PUBLIC = {
    "health", "metrics", "portal:home", "portal:top_up", "portal:forgotten", "portal:done", "portal:choose",
    "portal:authorise", "portal:pay", "portal:bill", "portal:paid", "pay_hook", "account_login", "mfa_authenticate",
    "account_logout", "hooks/sms/<str:gateway>/<str:token>/in", "hooks/sms/<str:gateway>/<str:token>/receipt",
}  # fmt: skip
"""What anybody may ask for: it is guarded by what it is asked with, or shows nothing of anybody."""

SIGNED_IN = {
    "account_reauthenticate", "mfa_reauthenticate", "account_change_password", "mfa_index", "mfa_activate_totp",
    "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_download_recovery_codes", "mfa_generate_recovery_codes",
}  # fmt: skip
"""What is about one's own login."""

SAMPLES = {"int": "1", "str": "EX001", "slug": "x", "uuid": str(uuid.UUID(int=1)), "path": "x"}


def patterns(
    found: URLResolver | None = None, prefix: str = "", names: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    """Name and an example of each address."""
    for one in (found or get_resolver()).url_patterns:
        route = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            inside = (*names, one.namespace) if one.namespace else names
            yield from patterns(one, route, inside)
        elif isinstance(one, URLPattern):
            yield ":".join([*names, one.name]) if one.name else route, "/" + example(route)


def example(route: str) -> str:
    parts = []
    for part in route.split("/"):
        kind = part.strip("<>").partition(":")[0] if part.startswith("<") else ""
        parts.append(SAMPLES[kind] if kind else part)
    return "/".join(parts)


ADDRESSES = sorted(set(patterns()))
GUARDED = [one for one in ADDRESSES if one[0] not in PUBLIC]


def test_there_are_many() -> None:
    assert len(GUARDED) > 25
    unknown = PUBLIC - {name for name, _ in ADDRESSES}
    assert not unknown, "addresses that don't exist any more"


@pytest.mark.parametrize(("name", "url"), GUARDED, ids=[name for name, _ in GUARDED])
@pytest.mark.parametrize("method", ["get", "post"])
def test_who_is_not_signed_in_gets_nothing(
    db: None, client: Client, name: str, url: str, method: str
) -> None:
    answer = getattr(client, method)(url)
    if answer.status_code == 302:
        assert answer.url.startswith("/sign-in/")
    else:
        assert answer.status_code in (403, 404, 405)


STAFF_ONLY = [one for one in GUARDED if one[0] not in SIGNED_IN]


@pytest.mark.parametrize(("name", "url"), STAFF_ONLY, ids=[name for name, _ in STAFF_ONLY])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_customers_login_is_turned_away(db: None, client: Client, name: str, url: str, method: str) -> None:
    now = clock.now()
    client.force_login(
        Login.objects.create(username="sp1001", name="Jan Smit", role=Role.CUSTOMER, created_at=now)
    )
    assert getattr(client, method)(url).status_code in (403, 405)


@pytest.mark.parametrize("who", [staff.agent, staff.manager])
@pytest.mark.parametrize(("name", "url"), STAFF_ONLY, ids=[name for name, _ in STAFF_ONLY])
def test_staff_get_a_page_or_are_told_why_not(
    db: None, who: Callable[[], Client], name: str, url: str
) -> None:
    """An id that doesn't exist is a page in words, never a crash."""
    assert who().get(url).status_code in (200, 302, 400, 403, 404, 405)
