"""A customer's desk: who he is, his lines, what is agreed, and everything that happened."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.customers.actions import add_contact
from capstan.customers.models import Customer
from capstan.customers.rules import CustomerKind
from capstan.services.models import Service
from capstan.topups.actions.agreements import add_authoriser, set_account_rule
from capstan.topups.models import AccountRule, Authoriser
from tests.console.desk import sends, text_of, use_up, words
from tests.topups.shop import GB, Shop

QUERIES_MAX = 95
DESK = "/staff/customers/EX001/"


def deed(customer: Customer, name: str) -> str:
    return f"/staff/accounts/{customer.pk}/{name}/"


def test_identity_and_what_to_ask_stand_on_top(shop: Shop, agent: Client) -> None:
    add_contact(
        customer_id=shop.customer.pk, name="Thandi Nkosi", phone="060 000 4321", email="thandi@example.net", role="owner",
        language="af", actor="test", now=shop.now,
    )  # fmt: skip
    shop.order(shop.line())
    said = words(agent.get(DESK))
    assert "EX001" in said
    assert "1 line, all as they should be" in said
    assert "Thandi Nkosi owner reads Afrikaans 060 000 4321 thandi@example.net" in said
    assert "The account code, from an invoice EX001" in said
    assert "The package of the line P" in said
    assert "The last top-up 2 GB on 10 Mar 2026, by the call centre" in said


@pytest.mark.parametrize("code", ["ex001", "EX001"])
def test_a_code_is_found_however_its_case_is_typed(shop: Shop, agent: Client, code: str) -> None:
    assert agent.get(f"/staff/customers/{code}/").status_code == 200


def test_a_code_with_a_slash_has_a_page(shop: Shop, agent: Client) -> None:
    Customer.objects.filter(pk=shop.customer.pk).update(account_code="EX/001")
    assert agent.get("/staff/customers/EX/001/").status_code == 200
    assert agent.get("/staff/customers/EX/001/story/").status_code == 200


def test_an_unknown_code_is_told_in_words(shop: Shop, agent: Client) -> None:
    answer = agent.get("/staff/customers/NOBODY/")
    assert answer.status_code == 404
    assert "There is no customer with the account code NOBODY." in words(answer)
    assert 'name="q"' in text_of(answer), "the search is at hand"


def test_each_line_shows_its_state_and_what_is_left(shop: Shop, agent: Client) -> None:
    use_up(shop.line(), shop)
    shop.line("sipho@example.net", allowance_bytes=10 * GB)
    said = words(agent.get(DESK))
    assert "2 lines, 1 held back" in said
    assert "thandi@example.net Data used up" in said
    assert "sipho@example.net Not connected" in said
    assert "10 GB left" in said


def test_a_top_up_is_offered_only_where_it_helps(shop: Shop, agent: Client) -> None:
    shop.line("all@example.net", allowance_bytes=None)
    said = words(agent.get(DESK))
    assert "No top-up: Its package has no cap: there is nothing to top up." in said
    assert "Add top-up" not in said


def test_a_customer_without_lines_says_so(shop: Shop, agent: Client) -> None:
    said = words(agent.get(DESK))
    assert "no line yet" in said
    assert "No contacts" in said


def test_many_lines_are_paged_and_asked_for_in_a_bounded_number_of_questions(
    shop: Shop, agent: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(9):
        shop.line(f"branch{number}@example.net")
    with django_assert_max_num_queries(QUERIES_MAX):
        said = words(agent.get(DESK))
    assert "Lines 1 to 6 of 9" in said
    with django_assert_max_num_queries(QUERIES_MAX):
        said = words(agent.get(DESK, {"lines": 2}))
    assert "branch8@example.net" in said
    assert "Lines 7 to 9 of 9" in said


def test_lines_that_have_ended_come_last(shop: Shop, agent: Client) -> None:
    ended, running = shop.line(), shop.line("sipho@example.net")
    Service.objects.filter(pk=ended.pk).update(status="ended")
    page = text_of(agent.get(DESK))
    assert page.index(f"/staff/services/{running.pk}/") < page.index(f"/staff/services/{ended.pk}/")


# --- what is agreed ------------------------------------------------------------------------------------------


@pytest.fixture
def company(shop: Shop) -> Customer:
    Customer.objects.filter(pk=shop.customer.pk).update(kind=CustomerKind.COMPANY)
    by: dict[str, Any] = {"actor": "test", "now": shop.now}
    set_account_rule(customer_id=shop.customer.pk, needs_authorisation=True, pays_first=False, **by)
    add_authoriser(
        customer_id=shop.customer.pk,
        name="Ruth Nel",
        role="director",
        phone="060 000 0001",
        limit_minor=10_000,
        **by,
    )
    return shop.customer


def test_the_rule_and_its_authorisers_are_shown_to_everybody(company: Customer, agent: Client) -> None:
    said = words(agent.get(DESK))
    assert "Each top-up must be authorised by one of those below" in said
    assert "Ruth Nel director 060 000 0001 up to R 100.00" in said
    assert "Who authorised a top-up Ruth Nel (director)" in said
    assert "Add an authoriser" not in said


def test_managers_add_and_remove_authorisers(company: Customer, manager: Client) -> None:
    given = {"name": "Imraan Lin", "role": "manager", "phone": "060 000 0002", "limit_minor": "50"}
    said = words(sends(manager, deed(company, "add-authoriser"), given))
    assert "Imraan Lin may authorise top-ups from now on." in said
    added = Authoriser.objects.get(name="Imraan Lin")
    assert (added.phone, added.limit_minor, added.added_by) == ("+27600000002", 5000, "staff:naledi")
    said = words(sends(manager, deed(company, "remove-authoriser"), {"authoriser": added.pk}))
    assert "Imraan Lin can't authorise top-ups any more." in said
    added.refresh_from_db()
    assert added.removed_at is not None


def test_a_number_that_is_none_is_refused_and_what_was_typed_stays(
    company: Customer, manager: Client
) -> None:
    given = {"name": "Imraan Lin", "role": "manager", "phone": "12", "limit_minor": ""}
    answer = manager.post(deed(company, "add-authoriser"), given)
    assert answer.status_code == 200
    assert "too few or too many digits" in words(answer)
    assert 'value="Imraan Lin"' in text_of(answer)
    assert Authoriser.objects.count() == 1


def test_managers_change_the_rule(company: Customer, manager: Client) -> None:
    said = words(sends(manager, deed(company, "rule"), {"pays_first": "on"}))
    assert "It holds from the next order on" in said
    rule = AccountRule.objects.get(pk=company.pk)
    assert (rule.needs_authorisation, rule.pays_first) == (False, True)


@pytest.mark.parametrize("name", ["rule", "add-authoriser", "remove-authoriser"])
def test_agents_may_not(company: Customer, agent: Client, name: str) -> None:
    answer = agent.post(deed(company, name), {"authoriser": Authoriser.objects.get().pk})
    assert answer.status_code == 403
    assert "change ceilings and who may authorise" in words(answer)
    assert Authoriser.objects.get().removed_at is None


def test_another_customers_authoriser_cant_be_removed_here(
    shop: Shop, company: Customer, manager: Client
) -> None:
    other = Customer.objects.create(account_code="EX777", name="B", brand=shop.brand, created_at=shop.now)
    answer = manager.post(deed(other, "remove-authoriser"), {"authoriser": Authoriser.objects.get().pk})
    assert answer.status_code == 200
    assert Authoriser.objects.get().removed_at is None


@pytest.mark.parametrize(
    ("customer_id", "name", "said"), [(0, "note", "no customer"), (None, "nonsense", "Nothing called")]
)
def test_unknown_accounts_and_deeds_are_told(
    shop: Shop, agent: Client, customer_id: int | None, name: str, said: str
) -> None:
    number = shop.customer.pk if customer_id is None else customer_id + 999
    answer = agent.post(f"/staff/accounts/{number}/{name}/")
    assert answer.status_code == 404
    assert said in words(answer)


# --- notes -----------------------------------------------------------------------------------------------------


def test_a_note_is_kept_with_its_author_and_stands_in_the_story(shop: Shop, agent: Client) -> None:
    said = words(sends(agent, deed(shop.customer, "note"), {"text": "Moves house in May."}))
    assert "The note is kept" in said
    assert "Note Moves house in May. " in said
    assert "Thandi Nkosi" in said
    entry = AuditEntry.objects.get(action="customer.note")
    assert (entry.actor, entry.subject) == ("staff:thandi", f"customer:{shop.customer.pk}")


def test_an_empty_note_is_not(shop: Shop, agent: Client) -> None:
    answer = agent.post(deed(shop.customer, "note"), {"text": "  "})
    assert answer.status_code == 200
    assert "This field is required." in words(answer)
    assert not AuditEntry.objects.filter(action="customer.note").exists()


def test_deeds_take_no_get(shop: Shop, agent: Client) -> None:
    assert agent.get(deed(shop.customer, "note")).status_code == 405


def test_a_form_without_its_token_is_refused(shop: Shop, agent: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = agent.cookies
    assert strict.post(deed(shop.customer, "note"), {"text": "x"}).status_code == 403


def test_the_story_alone_is_the_same_as_on_the_page(shop: Shop, agent: Client) -> None:
    shop.order(shop.line())
    shop.now += timedelta(hours=1)
    part, page = (
        text_of(agent.get(f"{DESK}story/", {"kind": "top-ups"})),
        text_of(agent.get(DESK, {"kind": "top-ups"})),
    )
    assert part.strip() in page
    assert "<html" not in part
