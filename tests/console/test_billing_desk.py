"""The Billing desk: what came in, what is open, who owes, what is next and what needs a person (S9)."""

from datetime import date
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from capstan.billing.models import BillRun, BillRunItem
from capstan.billing.rules.words import ItemState, Method, RunState
from capstan.payments.actions.take import reverse
from capstan.payments.models import Checkout, Refund
from capstan.topups.models import Order
from capstan.topups.queries.revenue import by_channel
from tests.billing.desk import ACTOR, Desk, at
from tests.console.desk import text_of, words
from tests.console.paying import (
    TODAY,
    Today,
    agent,
    clerk,
    desk,
    gateway,
    invoice_of,
    manager,
    paid,
    read_in,
    today,
    told,
)
from tests.topups.shop import Shop

__all__ = ["agent", "clerk", "desk", "manager", "today"]

PAGE = "/staff/billing/"


def test_an_empty_desk_says_what_is_next(desk: Desk, agent: Client) -> None:
    said = words(agent.get(PAGE))
    for expected in (
        "R 0.00 received this month",
        "Nothing needs a person",
        "Nobody is late",
        "Nothing came in this month",
        "No top-ups in these months",
        "No run waits",
    ):
        assert expected in said, expected


def test_the_months_the_debt_and_who_owes(desk: Desk, agent: Client) -> None:
    customer = desk.customer("Jenny Smith")
    invoice_of(desk, customer, 11500, "2026-02-01")
    invoice_of(desk, desk.customer("Old Debtor"), 20000, "2026-01-01")
    paid(customer, 10000, Method.CASH)
    gone = paid(customer, 700)
    reverse(payment_id=gone.pk, reason="returned", actor=ACTOR, now=at(TODAY))
    said = words(agent.get(PAGE))
    for expected in (
        "R 100.00 received this month",
        "R 215.00 is open on invoices",
        "Issued R 0.00 R 115.00",
        "Cash 1 R 100.00",
        "Old Debtor EX",
        "since 8 Jan 2026 R 200.00",
        "60 days R 200.00",
        "30 days R 15.00",
    ):
        assert expected in said, expected
    assert said.index("Old Debtor") < said.index("Jenny Smith")
    assert "<rect" in text_of(agent.get(PAGE))


def test_the_next_run_and_its_state(desk: Desk, agent: Client) -> None:
    BillRun.objects.create(
        brand=desk.brand,
        billing_day=date(2026, 4, 1),
        state=RunState.PREVIEWED,
        made_at=at(TODAY),
        made_by="worker",
    )
    assert "Example Net bills on 1 Apr 2026: the preview is ready to be looked at" in words(agent.get(PAGE))


def test_everything_that_needs_a_person_is_counted_with_its_link(desk: Desk, agent: Client) -> None:
    customer, at_gateway = desk.customer(), gateway()
    read_in("2026-03-01,SOMEBODY UNKNOWN,35.00,1035.00")
    told(at_gateway, "unknown payment", amount_minor=3500, event_key="17:COMPLETE")
    told(at_gateway, "refused", why="the signature is wrong")
    payment = paid(customer, 2000)
    Checkout.objects.create(
        token="t", gateway=at_gateway, customer=customer, purpose="order:1", amount_minor=3500, item="Top-up",
        state="paid too little", started_at=at(TODAY), expires_at=at(TODAY), payment=payment, actor="customer",
    )  # fmt: skip
    Refund.objects.create(
        payment=payment,
        amount_minor=1,
        how="EFT",
        reason="x",
        state="uncertain",
        actor=ACTOR,
        made_at=at(TODAY),
    )
    run = BillRun.objects.create(
        brand=desk.brand,
        billing_day=date(2026, 3, 1),
        state=RunState.ISSUED,
        made_at=at(TODAY),
        made_by="worker",
    )
    BillRunItem.objects.create(run=run, customer=customer, state=ItemState.FAILED, problem="no price")
    page = agent.get(PAGE)
    said = words(page)
    for expected in (
        "1 line of the bank",
        "2 notifications of gateways",
        "1 checkout that was paid too little",
        "1 refund of which nobody knows",
        "1 customer whose invoice failed",
    ):
        assert expected in said, expected
    for url in ("/staff/billing/bank/", "?show=person", "?only=short", "?only=uncertain"):
        assert url in text_of(page), url
    assert "Receipt" not in said
    assert "REC0000001" in words(agent.get("/staff/billing/payments/", {"only": "short"}))
    assert "REC0000001" in words(agent.get("/staff/billing/payments/", {"only": "uncertain"}))


def test_what_waits_is_counted_in_the_navigation(desk: Desk, agent: Client) -> None:
    assert "Billing 1 waiting" not in words(agent.get("/staff/orders/"))
    read_in("2026-03-01,SOMEBODY UNKNOWN,35.00,1035.00")
    assert "Billing 1 waiting" in words(agent.get("/staff/orders/"))


def test_top_ups_bring_in_by_channel_what_was_not_given_back(shop: Shop) -> None:
    line, zone = shop.line(), settings.FORMATS.zone
    first, second = (shop.order(line, letter).order for letter in ("A", "C"))
    Order.objects.filter(pk=second.pk).update(channel="auto", reversed_minor=500)
    found = {one.channel.value: one for one in by_channel(date(2026, 3, 1), date(2026, 4, 1), zone)}
    assert (found["auto"].number, found["auto"].net_minor) == (1, second.price_minor - 500)
    assert found[first.channel].sold_minor == first.price_minor
    assert by_channel(date(2026, 4, 1), date(2026, 5, 1), zone) == []


def test_the_desk_costs_the_same_for_many(
    desk: Desk, today: Today, agent: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        customer = desk.customer(f"Customer {number}")
        invoice_of(desk, customer, 11500)
        paid(customer, 500)
        read_in(f"2026-03-01,UNKNOWN {'ABCDEFGHIJKL'[number]},35.00,1035.00")
    with django_assert_max_num_queries(36):
        agent.get(PAGE)


def test_nobody_gets_in_without_signing_in(desk: Desk) -> None:
    answer = Client().get(PAGE)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("path", ["ledger/", "ledger.csv", "ledger/account/?code=bank", "ledger/journals/1/"])
def test_the_books_are_not_for_agents(desk: Desk, agent: Client, path: str) -> None:
    assert agent.get(f"{PAGE}{path}").status_code == 403
