"""Every address of the console is behind the door: for staff alone, whatever is asked (I8)."""

import pytest
from django.test import Client
from django.urls import URLPattern
from django.urls.resolvers import RoutePattern

from capstan.console.urls import urlpatterns
from capstan.identity.models import Login
from capstan.identity.rules import Role
from tests.topups.shop import Shop

_EXAMPLES = {"path": "EX001", "slug": "off", "str": "cap.threshold"}


def example(pattern: URLPattern) -> str:
    """An address that this pattern takes, whether or not there is such a thing."""
    assert isinstance(pattern.pattern, RoutePattern)
    route = str(pattern.pattern)
    for name, converter in pattern.pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")
        route = route.replace(f"<{kind}:{name}>", "999999" if kind == "int" else _EXAMPLES[kind])
    assert "<" not in route, route
    return f"/staff/{route}"


ADDRESSES = [example(one) for one in urlpatterns]


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_is_not_signed_in_is_led_to_the_sign_in(shop: Shop, method: str) -> None:
    for address in ADDRESSES:
        answer = getattr(Client(), method)(address)
        assert answer.status_code in (302, 405), address
        assert answer.status_code == 405 or answer.headers["Location"].startswith("/sign-in/"), address


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_customers_login_is_turned_away(shop: Shop, method: str) -> None:
    client = Client()
    client.force_login(
        Login.objects.create(username="jenny", name="J", role=Role.CUSTOMER, created_at=shop.now)
    )
    for address in ADDRESSES:
        assert getattr(client, method)(address).status_code in (403, 405), address


def test_a_form_without_its_token_does_nothing(shop: Shop, agent: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = agent.cookies
    for address in ADDRESSES:
        assert strict.post(address).status_code in (403, 405), address
