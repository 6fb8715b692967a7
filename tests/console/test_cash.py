"""Tills: what should be in mine, counting it, and everybody's for those who see the books."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from capstan.billing.rules.words import Method
from capstan.ledger.queries import balance
from capstan.payments.models import CashUp
from capstan.payments.rules.accounts import DEPOSITS
from tests.billing.desk import Desk
from tests.console.desk import sends, text_of, words
from tests.console.paying import Today, agent, clerk, desk, manager, paid, today

__all__ = ["agent", "clerk", "desk", "manager", "today"]

PAGE = "/staff/billing/cash/"


def counts(client: Client, counted: str, banked: str = "", remark: str = "") -> str:
    return words(sends(client, PAGE, {"counted": counted, "banked": banked, "remark": remark}))


def test_an_empty_till(desk: Desk, agent: Client) -> None:
    said = words(agent.get(PAGE))
    for expected in ("R 0.00 should be in your till", "No cash yet today", "No count yet"):
        assert expected in said, expected
    assert "All tills" not in said


def test_a_till_is_counted_and_the_rest_stays_as_change(desk: Desk, agent: Client) -> None:
    paid(desk.customer("Jenny Smith"), 11500, Method.CASH)
    said = words(agent.get(PAGE))
    assert "R 115.00 should be in your till" in said
    assert "Jenny Smith" in said
    assert "Counted: R 115.00. R 15.00 stays in the till as change." in counts(agent, "115", "100")
    assert balance(DEPOSITS) == 10000
    after = words(agent.get(PAGE))
    assert "Counted today at 12:00" in after
    assert "Exact" in after
    assert "counted today already" in counts(agent, "15")
    desk.check()


WRONG = [
    (("110",), "The till should hold R 115.00"),
    (("115", "116"), "take no more than that to the bank"),
    (("",), "This field is required."),
    (("lots",), "is not an amount of money"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_what_is_wrong_with_a_count(desk: Desk, agent: Client, given: tuple[str, ...], said: str) -> None:
    paid(desk.customer(), 11500, Method.CASH)
    answer = sends(agent, PAGE, {"counted": given[0], "banked": (*given, "")[1], "remark": ""})
    assert said in words(answer)
    if given[0]:
        assert f'value="{given[0]}"' in text_of(answer)
    assert not CashUp.objects.exists()


def test_a_difference_with_a_remark_is_booked(desk: Desk, agent: Client) -> None:
    paid(desk.customer(), 11500, Method.CASH)
    assert "R 5.00 short" in counts(agent, "110", remark="five missing")
    assert CashUp.objects.get().remark == "five missing"
    desk.check()


def test_yesterdays_cash_is_still_in_the_till(desk: Desk, today: Today, agent: Client) -> None:
    paid(desk.customer(), 11500, Method.CASH)
    today.now += timedelta(days=1)
    said = words(agent.get(PAGE))
    assert "R 115.00 should be in your till" in said
    assert "No cash yet today" in said


def test_others_tills_are_for_those_who_see_the_books(desk: Desk, agent: Client, clerk: Client) -> None:
    paid(desk.customer(), 11500, Method.CASH, actor="staff:naledi")
    paid(desk.customer(), 500, Method.CASH)
    said = words(clerk.get(PAGE))
    assert "All tills" in said
    assert "staff:naledi R 115.00" in said
    counts(clerk, "0")
    other = CashUp.objects.get(actor="staff:clara")
    assert agent.get(f"{PAGE}{other.pk}/pdf/").status_code == 403
    assert "staff:naledi" not in words(agent.get(PAGE))
    assert clerk.get(f"{PAGE}{other.pk}/pdf/").status_code == 200


def test_a_count_as_a_pdf(desk: Desk, agent: Client) -> None:
    paid(desk.customer("Jenny Smith"), 11500, Method.CASH)
    counts(agent, "110", "100", "five missing")
    made = CashUp.objects.get()
    answer = agent.get(f"{PAGE}{made.pk}/pdf/")
    assert answer.content.startswith(b"%PDF")
    assert "cash-up-2026-03-05-staff-thandi.pdf" in answer.headers["Content-Disposition"]
    assert agent.get(f"{PAGE}{made.pk}/pdf/").content == answer.content
    assert agent.get(f"{PAGE}999999/pdf/").status_code == 404


def test_many_counts_cost_the_same(
    desk: Desk, clerk: Client, today: Today, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        paid(desk.customer(), 500, Method.CASH, actor=f"staff:s{number}")
        CashUp.objects.create(
            actor=f"staff:s{number}",
            day=today.now.date(),
            expected_minor=500,
            counted_minor=500,
            made_at=today.now,
        )
    with django_assert_max_num_queries(22):
        clerk.get(PAGE)
