"""Gateways are entered whole, changed with a record of it, and refused when they can't work."""

from typing import Any

import pytest

from capstan.audit.models import AuditEntry
from capstan.messaging.actions.gateways import enter_gateway, note_trouble, note_works
from capstan.messaging.models import Gateway
from capstan.messaging.queries.gateways import by_name, route, secrets_of
from capstan.messaging.rules.words import GatewayKind, Medium
from capstan.values.refused import Refused
from tests.messaging.conftest import NOW, TOKEN

pytestmark = pytest.mark.django_db

BASE: dict[str, Any] = {
    "name": "carrier", "kind": GatewayKind.HTTP, "medium": Medium.SMS,
    "settings": {"request": {"url": "https://sms.example.net/send"}}, "hook_token": TOKEN, "password": "pw",
    "sender": "31234", "two_way": True, "cost_minor": 22, "actor": "staff:t", "now": NOW,
}  # fmt: skip


def enter(**more: Any) -> tuple[Gateway, list[str]]:
    return enter_gateway(**(BASE | more))


def test_entered_again_it_is_brought_to_the_new_values() -> None:
    assert enter()[1] == ["new"]
    assert enter()[1] == []
    assert enter(cost_minor=25, password="pw2")[1] == ["cost_minor", "password"]
    assert enter(cost_minor=25, password="", hook_key="k")[1] == ["password", "hook_key"]
    gateway = by_name("carrier")
    assert gateway is not None
    assert secrets_of(gateway) == {"hook_token": TOKEN, "hook_key": "k"}
    told = [entry.details["changed"] for entry in AuditEntry.objects.order_by("pk")]
    assert told == [["new"], ["cost_minor", "password"], ["password", "hook_key"]]
    assert "pw2" not in str(list(AuditEntry.objects.values()))


def test_secrets_are_sealed() -> None:
    from django.db import connection

    enter(password="very-secret")
    with connection.cursor() as cursor:
        cursor.execute("SELECT messaging_gateway::text, secrets FROM messaging_gateway")
        row = cursor.fetchone()
    assert "very-secret" not in row[0]
    assert b"very-secret" not in bytes(row[1])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"hook_token": "short"}, "16 to 100 letters"),
        ({"hook_token": "with/a/slash/in/it"}, "16 to 100 letters"),
        ({"hook_token": ""}, "how else would answers come"),
        ({"settings": BASE["settings"] | {"signature": {"header": "X-Signature"}}}, "needs hook_key"),
        ({"per_second": 0}, "1 to 1000"),
        ({"parallel": 17}, "1 to 16"),
        ({"cost_minor": -1}, "nothing or more"),
        ({"medium": Medium.EMAIL}, "doesn't carry email"),
        ({"settings": {}}, "'request' is missing"),
        ({"name": "A B"}, "can't be a gateway's name"),
        (
            {"kind": GatewayKind.SMTP, "medium": Medium.EMAIL, "settings": {"host": "mail.example.net"}},
            "needs a sender",
        ),
    ],
)
def test_what_cant_work_is_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        enter(**wrong)
    assert not Gateway.objects.exists()


def test_a_gateway_keeps_its_kind() -> None:
    enter()
    with pytest.raises(Refused, match="keeps its kind and medium"):
        enter(kind=GatewayKind.LOOPBACK, settings={})


def test_the_route_of_a_message() -> None:
    first = enter(name="first", priority=1)[0]
    second = enter(name="second", priority=2)[0]
    enter(name="third", priority=0, active=False)

    def way(**more: Any) -> Gateway | None:
        return route(Medium.SMS, two_way=True, now=NOW, **more)

    assert way() == first
    assert way(prefer=second.pk) == second
    assert way(avoid={first.pk}) == second
    assert way(avoid={first.pk, second.pk}) == first, "better one in trouble than none"
    note_trouble(first.pk, "out of order", now=NOW)
    assert way() == second
    note_works(first.pk)
    assert way() == first
    assert route(Medium.EMAIL, two_way=False, now=NOW) is None
