"""The page that a request to pay ahead leads to: to be paid by card, paid, there, withdrawn."""

from datetime import datetime

import pytest

from capstan.billing.actions.pay_links import account_link, bill_of, invoice_link
from capstan.billing.actions.prepaid import ask_again
from capstan.billing.actions.prepaid_tell import tell_due
from capstan.billing.models import Invoice
from capstan.messaging.models import Message
from capstan.payments.models import Checkout
from capstan.values import clock
from tests.billing.desk import ACTOR, at
from tests.payments.ahead import ASKED, PRICE, Household, ask, look, request_of
from tests.portal.test_bills import Payer, payer, words

__all__ = ["payer"]


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """What day the pages take it for."""
    days = [at(ASKED)]
    monkeypatch.setattr(clock, "now", lambda: days[-1])
    return days


@pytest.fixture
def home(payer: Payer, today: list[datetime]) -> Household:
    payer.till.now = today[-1]
    made = Household(payer.till.desk)
    ask(payer.till.desk)
    return made


def link_of(home: Household) -> str:
    return invoice_link(request_of(home), now=clock.now())


def test_it_is_paid_from_its_link_and_the_page_says_that_the_data_is_there(
    payer: Payer, home: Household, today: list[datetime]
) -> None:
    shown = words(payer.opens(link_of(home)))
    assert "Pay R 500.00 Your data for 1–28 Feb 2026 waits for payment." in shown
    assert "Invoice" not in shown
    assert f"Reference: {home.customer.account_code}" in shown
    back = payer.pays(link_of(home), invoice=request_of(home))
    assert "We are checking your payment" in words(payer.opens(back))
    payer.till.hear()
    page = payer.opens(back)
    assert "Your data for 1–28 Feb 2026 is paid It is there in a moment." in words(page)
    assert b'http-equiv="refresh" content="2"' in page.content
    look(ASKED)
    page = payer.opens(back)
    assert "is paid It is there when 1 Feb 2026 begins." in words(page)
    assert b"http-equiv" not in page.content
    today.append(at("2026-02-01"))
    assert "Your data for 1–28 Feb 2026 is there" in words(payer.opens(back))
    again = words(payer.opens(link_of(home)))
    assert "Your data for 1–28 Feb 2026 is there" in again
    assert "Pay by card" not in again
    assert home.has_data("2026-02-01")
    payer.till.desk.check()


def test_a_part_of_it_is_not_enough_and_what_is_missing_is_said(payer: Payer, home: Household) -> None:
    back = payer.pays(link_of(home), amount="200")
    payer.till.hear()
    look(ASKED)
    assert "Pay R 300.00" in words(payer.opens(link_of(home)))
    assert "Paid: R 200.00" in words(payer.opens(back))
    payer.pays(link_of(home), invoice=request_of(home))
    assert Checkout.objects.latest("pk").amount_minor == PRICE - 20000


def test_before_the_worker_has_looked_nobody_pays_twice(payer: Payer, home: Household) -> None:
    home.pays(PRICE, ASKED)
    shown = words(payer.opens(link_of(home)))
    assert "is paid It is there in a moment." in shown
    assert "Pay by card" not in shown
    assert payer.opens(link_of(home), invoice=request_of(home)).status_code == 409


def test_a_withdrawn_one_says_so_and_leads_to_what_is_asked_for_now(payer: Payer, home: Household) -> None:
    old = link_of(home)
    ask_again(customer_id=home.customer.pk, actor=ACTOR, now=at(ASKED))
    page = payer.opens(old)
    assert "Your data for 1–28 Feb 2026 is no longer asked for" in words(page)
    assert "Pay by card" not in words(page)
    assert link_of(home).encode() in page.content
    assert payer.opens(old, invoice=request_of(home)).status_code == 409, "each link pays its own"


def test_a_period_that_is_over_is_not_asked_for(payer: Payer, home: Household, today: list[datetime]) -> None:
    link = link_of(home)
    today.append(at("2026-03-01"))
    shown = words(payer.opens(link))
    assert "is no longer asked for" in shown
    assert "Pay by card" not in shown


def test_the_account_link_has_it_beside_invoices(payer: Payer, home: Household) -> None:
    page = words(payer.opens(account_link(home.customer.pk, now=clock.now())))
    assert "Your data for 1–28 Feb 2026 due on 1 Feb 2026 R 500.00" in page


def test_a_request_for_a_top_up_has_no_such_link(payer: Payer, home: Household) -> None:
    home.asked().delete()
    request = Invoice.objects.get(kind="proforma")
    token = invoice_link(request.pk, now=clock.now()).rstrip("/").rpartition("/")[2]
    assert bill_of(token, now=clock.now()) is None


def test_the_notices_carry_the_link(payer: Payer, home: Household) -> None:
    for day in (ASKED, "2026-01-31", "2026-02-01"):
        tell_due(now=at(day), limit=10)
    rows = Message.objects.filter(template__startswith="prepaid.").order_by("pk")
    told = {(one.template, one.medium): one for one in rows}
    assert set(told) == {
        ("prepaid.asked", "email"), ("prepaid.reminder", "email"), ("prepaid.waits", "email"), ("prepaid.waits", "sms"),
    }  # fmt: skip
    path = link_of(home).rpartition("/i")[0]
    assert all(f"{path}/i" in one.text for one in told.values())
    assert "Pay " in told["prepaid.waits", "sms"].text
