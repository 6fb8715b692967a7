"""All orders with their filters and times, and those that wait."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from capstan.services.models import Service
from capstan.topups.actions.agreements import add_authoriser, set_account_rule
from capstan.topups.models import Order
from capstan.topups.rules.words import Channel, OrderState, Restore
from tests.console.desk import text_of, words
from tests.topups.shop import NUMBER, Shop, refreshed


def rows(page: Any) -> int:
    return text_of(page).count('class="cap-row-link"')


@pytest.fixture
def line(shop: Shop) -> Service:
    return shop.line()


def authorised_by(line: Service, shop: Shop) -> None:
    when: dict[str, Any] = {"actor": "test", "now": shop.now}
    set_account_rule(customer_id=line.customer_id, needs_authorisation=True, pays_first=False, **when)
    add_authoriser(
        customer_id=line.customer_id,
        name="Ms Dlamini",
        role="director",
        phone="+27600000101",
        limit_minor=None,
        **when,
    )


def test_an_empty_list_says_why(shop: Shop, agent: Client) -> None:
    said = words(agent.get("/staff/orders/"))
    assert "No orders yet" in said
    assert "No line had to be brought back" in said


FILTERS = [
    ({}, 3),
    ({"state": "added"}, 2),
    ({"state": "reversed"}, 1),
    ({"channel": "sms"}, 1),
    ({"day": "2026-03-10"}, 2),
    ({"day": "2026-03-11"}, 1),
    ({"day": "2026-03-12"}, 0),
    ({"state": "nonsense", "day": "yesterday", "before": "x"}, 3),
    ({"state": "added", "channel": "agent", "day": "2026-03-11"}, 1),
]


@pytest.mark.parametrize(("asked", "found"), FILTERS)
def test_filters(shop: Shop, line: Service, agent: Client, asked: dict[str, str], found: int) -> None:
    shop.order(line, "A", channel=Channel.SMS, reply_to=NUMBER)
    back = shop.order(line, "B").order
    Order.objects.filter(pk=back.pk).update(state=OrderState.REVERSED)
    shop.now += timedelta(days=1)
    shop.order(line, "C")
    page = agent.get("/staff/orders/", asked)
    assert rows(page) == found
    assert ("No order like that" in words(page)) == (found == 0)


def test_a_long_list_goes_on_and_costs_the_same(
    shop: Shop, line: Service, agent: Client, django_assert_max_num_queries: Any
) -> None:
    first = shop.order(line, "A").order
    Order.objects.bulk_create(
        Order(
            service=line, channel="agent", idempotency_key=f"many:{number}", size_bytes=1, price_minor=0, list_price_minor=0,
            requested_by="x", actor="x", actor_name="x", created_at=shop.now, state="refused",
        )
        for number in range(60)
    )  # fmt: skip
    with django_assert_max_num_queries(18):
        page = agent.get("/staff/orders/")
    assert rows(page) == 50
    oldest = Order.objects.order_by("-pk")[49]
    assert f"before={oldest.pk}" in text_of(page)
    older = agent.get("/staff/orders/", {"before": oldest.pk})
    assert rows(older) == 11
    assert f"/staff/orders/{first.pk}/" in text_of(older)
    assert "Older orders" not in words(older)


def test_times_are_charted_with_the_figures_beside(shop: Shop, line: Service, agent: Client) -> None:
    for seconds in (1, 3):
        order = shop.order(line, "A").order
        at = shop.now + timedelta(seconds=seconds)
        Order.objects.filter(pk=order.pk).update(
            restore=Restore.DONE, confirmed_at=at, proved_at=at + timedelta(minutes=2)
        )
    page = agent.get("/staff/orders/")
    assert "2.0 s until half of today's lines were back online" in words(page)
    assert "2 of 2 that had to come back are confirmed, 2 proved." in words(page)
    assert text_of(page).count('class="cap-chart-confirmed"') == 2  # the mark and its legend
    assert "10 Mar: half confirmed within 2.0 s, nine of ten within 2.8 s" in text_of(page)
    assert "2.0 s / 2.8 s" in words(page)


# --- waiting ------------------------------------------------------------------------------------------------


def test_nothing_waits(shop: Shop, agent: Client) -> None:
    assert "Nothing waits" in words(agent.get("/staff/waiting/"))


def test_what_waits_says_for_what_until_when_and_who_was_asked(
    shop: Shop, line: Service, agent: Client, manager: Client
) -> None:
    authorised_by(line, shop)
    order = shop.order(line, "C").order
    said = words(agent.get("/staff/waiting/"))
    for expected in (
        "1 waiting",
        "Waits for authorisation",
        "Jan Smit, by the call centre",
        "waits until 12 Mar 2026 10:00, then it comes to nothing",
        "Ms Dlamini (director), 060 000 0101: asked 10 Mar 2026 10:00, no answer yet",
    ):
        assert expected in said, expected
    assert "Answer in the customer's name" not in said
    assert "Answer in the customer's name" in words(manager.get("/staff/waiting/"))
    given = {"approve": "yes", "who": "Ms Dlamini", "why": "called", "next": "/staff/waiting/"}
    answer = manager.post(f"/staff/orders/{order.pk}/answer/", given)
    assert answer.headers["Location"] == "/staff/waiting/"
    assert refreshed(order).state == OrderState.GRANTED
    assert "Nothing waits" in words(agent.get("/staff/waiting/"))


def test_the_list_of_what_waits_costs_the_same_for_many(
    shop: Shop, line: Service, agent: Client, django_assert_max_num_queries: Any
) -> None:
    authorised_by(line, shop)
    for _ in range(8):
        shop.order(line, "A")
    with django_assert_max_num_queries(16):
        assert words(agent.get("/staff/waiting/")).count("no answer yet") == 8
