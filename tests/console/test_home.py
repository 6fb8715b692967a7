"""Where staff begin: what needs attention, and the way to it."""

from datetime import timedelta
from typing import Any

from django.test import Client

from capstan.caps.models import ThresholdCrossing
from capstan.customers.models import Customer
from capstan.topups.actions.agreements import set_account_rule
from tests.console.desk import text_of, words
from tests.topups.shop import GB, Shop

QUERIES_MAX = 40
START = "/staff/"


def crossed(shop: Shop, username: str, ago: timedelta = timedelta(), percent: int = 100) -> None:
    line = shop.line(username)
    at = shop.now - ago
    ThresholdCrossing.objects.create(
        service=line, limit="cycle", period_start=shop.now, percent=percent, arming=0, crossed_at=at, recorded_at=at,
        drawn_bytes=GB, remaining_bytes=0,
    )  # fmt: skip


def test_a_quiet_day(shop: Shop, agent: Client) -> None:
    said = words(agent.get(START))
    assert "Who is calling?" in said
    assert "0 orders wait" in said
    assert "0 need a person" in said
    assert "0 lines at their cap today" in said
    assert "0 s meter behind" in said
    assert "No top-ups yet" in said


def test_what_needs_attention_is_counted_and_leads_to_its_page(shop: Shop, agent: Client) -> None:
    crossed(shop, "sipho@example.net")
    set_account_rule(
        customer_id=shop.customer.pk, needs_authorisation=True, pays_first=False, actor="test", now=shop.now
    )
    shop.order(shop.line())
    answer = agent.get(START)
    said = words(answer)
    assert "1 order waits" in said
    assert "1 line at its cap today" in said
    for url in ("/staff/waiting/", "/staff/capped/", "/staff/network/"):
        assert f'href="{url}"' in text_of(answer)
        assert agent.get(url).status_code == 200


def test_the_newest_top_ups_are_listed_with_their_state(shop: Shop, agent: Client) -> None:
    made = shop.order(shop.line()).order
    answer = agent.get(START)
    assert "2 GB thandi@example.net 10 Mar 2026 10:00 Jan Smit, by the call centre R 35.00 Added" in words(
        answer
    )
    assert f'href="/staff/orders/{made.pk}/"' in text_of(answer)


def test_the_part_that_renews_itself_is_the_same_as_on_the_page(shop: Shop, agent: Client) -> None:
    shop.order(shop.line())
    assert text_of(agent.get("/staff/now/")).strip() in text_of(agent.get(START))


def test_lines_at_their_cap_today_are_listed_and_no_others(shop: Shop, agent: Client) -> None:
    crossed(shop, "sipho@example.net")
    crossed(shop, "early@example.net", ago=timedelta(days=1))
    crossed(shop, "nearly@example.net", percent=90)
    said = words(agent.get("/staff/capped/"))
    assert "1 line reached its cap today" in said
    assert "sipho@example.net 10:00 A 1 GB Not connected" in said
    assert "early@" not in said
    assert "nearly@" not in said


def test_a_line_that_reached_its_cap_twice_is_listed_once(shop: Shop, agent: Client) -> None:
    crossed(shop, "sipho@example.net", ago=timedelta(hours=1))
    first = ThresholdCrossing.objects.get()
    ThresholdCrossing.objects.create(
        service=first.service, limit="cycle", period_start=shop.now, percent=100, arming=1, crossed_at=shop.now,
        recorded_at=shop.now, drawn_bytes=2 * GB, remaining_bytes=0,
    )  # fmt: skip
    said = words(agent.get("/staff/capped/"))
    assert "1 line reached its cap today" in said
    assert said.count("sipho@example.net") == 1
    assert "sipho@example.net 10:00 A 2 GB" in said


def test_no_line_at_its_cap_says_so(shop: Shop, agent: Client) -> None:
    assert "No line has reached its cap today" in words(agent.get("/staff/capped/"))


def test_the_network_page_says_what_status_says(shop: Shop, agent: Client) -> None:
    said = words(agent.get("/staff/network/"))
    assert "the meter is behind" in said
    assert "No worker process is running: start it with `capstan worker`" in said
    assert "Enforcement 0 lines due" in said
    assert text_of(agent.get("/staff/network/now/")).strip()[:200] in text_of(agent.get("/staff/network/"))


def test_customers_are_listed_by_code_in_pages(shop: Shop, agent: Client) -> None:
    shop.line()
    for number in range(2, 60):
        Customer.objects.create(
            account_code=f"EX{number:03}", name=f"Customer {number}", brand=shop.brand, created_at=shop.now
        )
    said = words(agent.get("/staff/customers/"))
    assert "59 customers" in said
    assert "A EX001 individual 1 Customer 2 EX002 individual 0" in said
    assert "Page 1 of 2" in said
    assert "Customer 59" in words(agent.get("/staff/customers/", {"page": 2}))
    assert agent.get("/staff/customers/", {"page": "nonsense"}).status_code == 200


def test_the_start_asks_a_bounded_number_of_questions(
    shop: Shop, agent: Client, django_assert_max_num_queries: Any
) -> None:
    line = shop.line()
    for _ in range(15):
        shop.order(line, "A")
    with django_assert_max_num_queries(QUERIES_MAX):
        agent.get(START)
    for number in range(30):
        crossed(shop, f"line{number}@example.net")
    with django_assert_max_num_queries(QUERIES_MAX):
        agent.get("/staff/capped/")
