"""The one search box: straight to the page, a list, or what to do next (J5)."""

from typing import Any

import pytest
from django.test import Client

from capstan.customers.actions import add_contact, create_customer
from tests.console.desk import words
from tests.topups.shop import NUMBER, Shop

QUERIES_MAX = 36
SEARCH = "/staff/search/"
TYPING = {"HX-Request": "true"}


@pytest.fixture
def known(shop: Shop) -> Shop:
    """Thandi's line with a listed number, and a namesake."""
    shop.listed(shop.line())
    add_contact(
        customer_id=shop.customer.pk, name="Thandi Nkosi", phone="060 000 4321", actor="test", now=shop.now
    )
    for code in ("EX002", "EX003"):
        create_customer(
            account_code=code, name="Sipho Nkosi", brand_id=shop.brand.pk, actor="test", now=shop.now
        )
    return shop


@pytest.mark.parametrize(
    ("text", "leads_to"),
    [
        ("EX001", "/staff/customers/EX001/"),
        ("ex002", "/staff/customers/EX002/"),
        (NUMBER, "/staff/services/"),
        ("060 000 4321", "/staff/customers/EX001/"),
        ("thandi@example.net", "/staff/services/"),
    ],
)
def test_one_exact_hit_leads_straight_to_its_page(
    known: Shop, agent: Client, text: str, leads_to: str
) -> None:
    answer: Any = agent.get(SEARCH, {"q": text})
    assert answer.status_code == 302
    assert answer["Location"].startswith(leads_to)
    assert agent.get(answer["Location"]).status_code == 200


def test_several_hits_are_listed_with_their_lines_and_states(known: Shop, agent: Client) -> None:
    answer = agent.get(SEARCH, {"q": "nkosi"})
    said = words(answer)
    assert "3 customers fit" in said
    assert "Contact Thandi Nkosi" in said
    assert "thandi@example.net Fibre Not connected" in said
    assert said.count("No line yet") == 2
    assert 'href="/staff/customers/EX002/"' in answer.text


def test_nothing_found_says_what_was_looked_for_and_what_to_try(known: Shop, agent: Client) -> None:
    said = words(agent.get(SEARCH, {"q": "060 999 8888"}))
    assert "Nobody and nothing fits “060 999 8888”" in said
    assert "the telephone number +27609998888" in said
    assert "What else to try" in said


def test_an_unknown_username_is_told_with_its_refused_logins_and_similar_lines(
    known: Shop, agent: Client
) -> None:
    said = words(agent.get(SEARCH, {"q": "thandi@exmaple.net"}))
    assert "Lines with a similar username: thandi@example.net" in said


def test_too_short_a_text_asks_for_more(known: Shop, agent: Client) -> None:
    assert "Type at least two letters" in words(agent.get(SEARCH, {"q": "n"}))


def test_an_empty_search_shows_only_the_box(shop: Shop, agent: Client) -> None:
    said = words(agent.get(SEARCH))
    assert "Who is calling?" in said
    assert "Nobody" not in said


def test_while_typing_only_the_results_come_and_nobody_is_led_away(known: Shop, agent: Client) -> None:
    answer: Any = agent.get(SEARCH, {"q": "EX001"}, headers=TYPING)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="found"')
    assert "open it" in answer.text
    assert "<html" not in answer.text


def test_the_results_alone_are_the_same_as_on_the_page(known: Shop, agent: Client) -> None:
    part = agent.get(SEARCH, {"q": "nkosi"}, headers=TYPING).text
    page = agent.get(SEARCH, {"q": "nkosi"}).text
    assert part.strip() in page


def test_what_is_typed_is_shown_as_text(shop: Shop, agent: Client) -> None:
    answer: Any = agent.get(SEARCH, {"q": "<script>alert(1)</script>"})
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


@pytest.mark.parametrize(
    "text", ["nkosi", "060 000 4321", "nobody.at.all@example.net", "192.0.2.7", "02-00-5E-00-00-01"]
)
def test_a_search_asks_a_bounded_number_of_questions(
    known: Shop, agent: Client, text: str, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        made = create_customer(
            account_code=f"EX1{number:02}",
            name=f"Nkosi {number}",
            brand_id=known.brand.pk,
            actor="test",
            now=known.now,
        )
        add_contact(customer_id=made.pk, name="A", phone="060 000 4321", actor="test", now=known.now)
    with django_assert_max_num_queries(QUERIES_MAX):
        agent.get(SEARCH, {"q": text}, headers=TYPING)
