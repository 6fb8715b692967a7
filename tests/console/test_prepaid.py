"""Paying ahead at the desk: what the money's page and the line's say, and what clerks and agents may do (S9)."""

from datetime import date

import pytest

from capstan.billing.actions import prepaid
from capstan.billing.models import BillingTerms, Invoice, PrepaidPeriod
from capstan.billing.rules.words import Timing
from capstan.caps.actions.cap import open_cap, roll
from capstan.caps.models import ThresholdCrossing
from capstan.customers.models import Customer
from capstan.services.models import Service
from tests.billing.desk import at
from tests.console.desk import sends, text_of, words
from tests.console.test_invoices import Office, office
from tests.console.test_money import TERMS, home

__all__ = ["office"]


def household(office: Office) -> tuple[Customer, Service]:
    """Prepaid from February; it is 2 February, and nothing is paid."""
    desk = office.desk
    customer = desk.customer("Anna Small")
    service = desk.line(customer, desk.package(50000))
    open_cap(service.pk, now=at("2026-01-01", 1))
    desk.bill("2026-01-01")
    office.on("2026-01-10")
    said = words(
        sends(office.clerk, f"{home(customer)}terms/", TERMS | {"billing_day": "1", "timing": "prepaid"})
    )
    assert "The terms hold from the next billing day on." in said
    assert BillingTerms.objects.get(pk=customer.pk).prepaid_from == date(2026, 2, 1)
    assert "Next request 27 Jan 2026, for the days from 1 Feb 2026 on" in said
    return customer, service


def asked(office: Office) -> tuple[Customer, Service]:
    customer, service = household(office)
    Invoice.objects.filter(customer=customer).update(open_minor=0)
    office.desk.bill("2026-01-27", customer)
    office.on("2026-02-02")
    roll(service.pk, now=at("2026-02-02"))
    return customer, service


def test_the_money_page_says_what_is_asked_for_and_that_it_waits(office: Office) -> None:
    customer, _ = asked(office)
    said = words(office.agent.get(home(customer)))
    assert "Paid ahead 1–28 Feb 2026 Waits for payment" in said
    assert "R 500.00 is missing, due 1 Feb 2026; it has begun, and its data waits." in said
    assert "Ask again at today's price" not in said
    assert office.agent.post(f"{home(customer)}ask-again/").status_code == 403
    assert PrepaidPeriod.objects.count() == 1


def test_a_clerk_asks_again_once(office: Office) -> None:
    customer, _ = asked(office)
    page = text_of(office.clerk.get(home(customer)))
    assert f'action="{home(customer)}ask-again/#ahead"' in page
    assert "It is asked for again, at today's price." in words(
        sends(office.clerk, f"{home(customer)}ask-again/", {})
    )
    assert PrepaidPeriod.objects.filter(withdrawn_at=None).count() == 1
    assert "Withdrawn" in words(office.clerk.get(home(customer)))


def test_nothing_to_ask_again_is_said(office: Office) -> None:
    customer, _ = household(office)
    said = words(sends(office.clerk, f"{home(customer)}ask-again/", {}))
    assert "It is asked for again" not in said
    assert PrepaidPeriod.objects.count() == 0


def test_the_line_says_what_it_waits_for_and_never_that_data_is_used_up(office: Office) -> None:
    _, service = asked(office)
    said = words(office.agent.get(f"/staff/services/{service.pk}/"))
    assert "Prepaid: this cycle's data waits for payment of R 500.00, due 1 Feb 2026." in said
    assert "Waits for payment" in said
    assert "used up" not in said
    assert "When it is paid, the whole 10 GB of this cycle comes at once." in said


PAGES = {
    "search": "/staff/search/?q=anna",
    "technical": "/staff/services/{}/technical/",
    "explain": "/staff/services/{}/explain/",
    "top-up": "/staff/services/{}/top-up/",
    "at their cap": "/staff/capped/",
}


@pytest.mark.parametrize("page", PAGES)
def test_everywhere_it_waits_and_nothing_is_used_up(office: Office, page: str) -> None:
    _, service = asked(office)
    ThresholdCrossing.objects.create(
        service=service, limit="cycle", period_start=at("2026-01-01"), percent=100, arming=1,
        crossed_at=at("2026-02-02"), recorded_at=at("2026-02-02"), drawn_bytes=10**10, remaining_bytes=0,
    )  # fmt: skip
    said = words(office.agent.get(PAGES[page].format(service.pk)))
    assert service.username in said
    assert "Waits for payment" in said
    assert "used up" not in said.lower().replace("until it is used up", "")


def test_who_bills_lends_the_allowance_and_an_agent_does_not(office: Office) -> None:
    customer, service = asked(office)
    page, deed = f"/staff/services/{service.pk}/", f"/staff/services/{service.pk}/do/release/"
    given = {"until": "2026-02-06", "reason": "goodwill until Friday"}
    assert "Release the allowance before it is paid" not in words(office.agent.get(page))
    assert office.agent.post(deed, given).status_code == 403
    assert "Release the allowance before it is paid" in words(office.clerk.get(page))
    said = words(sends(office.clerk, deed, given))
    assert "The allowance is lent up to the end of 6 Feb 2026. What is asked for stays." in said
    assert "10 GB left of 10 GB" in said
    assert PrepaidPeriod.objects.get(customer=customer).paid_at is None
    assert "Release the allowance before it is paid" not in words(office.clerk.get(page))


def test_when_it_is_paid_it_says_so(office: Office) -> None:
    customer, _ = asked(office)
    office.pays(Invoice.objects.get(kind="proforma"), 50000)
    prepaid.fulfil_due(now=at("2026-02-02"), limit=10)
    said = words(office.agent.get(home(customer)))
    assert "1–28 Feb 2026 Paid 2 Feb 2026 12:00" in said


def test_the_policy_page_keeps_the_lead(office: Office) -> None:
    assert Timing.PREPAID in text_of(office.clerk.get(f"/staff/billing/brands/{office.desk.brand.pk}/"))
