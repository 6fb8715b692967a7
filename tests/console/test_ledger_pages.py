"""The books on their pages: even until any day, each account's entries, each journal, and all of it as CSV."""

import csv
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import StreamingHttpResponse
from django.test import Client

from capstan.billing.rules.words import Method
from capstan.ledger.models import Journal
from capstan.payments.actions.take import reverse
from tests.billing.desk import ACTOR, Desk, at
from tests.console.desk import text_of, words
from tests.console.paying import TODAY, agent, clerk, desk, invoice_of, manager, paid, today

__all__ = ["agent", "clerk", "desk", "manager", "today"]

PAGE = "/staff/billing/ledger/"
CSV = "/staff/billing/ledger.csv"


def account(client: Client, code: str, subject: str = "", **more: str) -> Any:
    return client.get(f"{PAGE}account/?{urlencode({'code': code, 'subject': subject, **more})}")


def test_empty_books(desk: Desk, clerk: Client) -> None:
    said = words(clerk.get(PAGE))
    assert "R 0.00 debits, and as much credits: the books are even" in said
    assert "Nothing is booked yet" in said


def test_the_trial_balance_until_a_day(desk: Desk, clerk: Client, manager: Client) -> None:
    invoice = invoice_of(desk, desk.customer())
    paid(invoice.customer)
    said = words(clerk.get(PAGE))
    assert "R 345.00 debits, and as much credits" in said
    assert "bank asset R 115.00 R 0.00 R 115.00" in said
    assert "receivable of all customers asset R 115.00 R 115.00 R 0.00" in said
    assert "vat output 15 % liability R 0.00 R 15.00 -R 15.00" in said
    early = words(manager.get(PAGE, {"until": "2026-02-28"}))
    assert "Until and with 28 Feb 2026" in early
    assert "bank" not in early.split("Trial balance")[1].split("Export")[0]
    assert "Enter a valid date. Today's is shown." in words(clerk.get(PAGE, {"until": "soon"}))


def test_an_accounts_entries_with_the_balance_after_each(desk: Desk, clerk: Client) -> None:
    customer = desk.customer()
    paid(customer, 11500, day="2026-02-20")
    gone = paid(customer, 500)
    reverse(payment_id=gone.pk, reason="<b>returned</b>", actor=ACTOR, now=at(TODAY))
    page = account(clerk, "bank")
    said = words(page)
    assert "R 115.00 is the balance of bank" in said
    assert "before 1 Mar 2026 it was R 115.00" in said
    assert "R 5.00 R 120.00" in said
    assert "-R 5.00 R 115.00" in said
    assert "&lt;b&gt;returned" in text_of(page)
    longer = words(account(clerk, "bank", first="2026-02-01", last="2026-03-05"))
    assert "before 1 Feb 2026 it was R 0.00" in longer
    wrong = words(account(clerk, "bank", first="2026-03-05", last="2026-02-01"))
    assert "The first day is after the last. This month is shown." in wrong
    assert "No entry in these days" in words(account(clerk, "cash", "staff:thandi"))
    assert account(clerk, "nonsense").status_code == 404
    assert account(clerk, "bank", "\0").status_code == 404


def test_a_long_account_goes_on(desk: Desk, clerk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capstan.console.views.paying.ledger._SHOWN", 2)
    customer = desk.customer()
    for day in ("2026-03-01", "2026-03-02", "2026-03-03"):
        paid(customer, 500, day=day)
    page = account(clerk, "bank")
    assert text_of(page).count('class="cap-row-link"') == 2
    assert "first=2026-03-03" in text_of(page)


def test_a_journal_says_what_for_and_by_whom(desk: Desk, clerk: Client) -> None:
    payment = paid(desk.customer(), 5000, Method.CASH)
    reverse(payment_id=payment.pk, reason="counterfeit", actor=ACTOR, now=at(TODAY))
    made = Journal.objects.get(source=f"payment:{payment.pk}")
    page = clerk.get(f"{PAGE}journals/{made.pk}/")
    said = words(page)
    for expected in ("R 50.00 moved", "reversed", "counterfeit", "cash staff:thandi"):
        assert expected in said, expected
    assert f'href="/staff/billing/payments/{payment.pk}/"' in text_of(page)
    assert clerk.get(f"{PAGE}journals/999999/").status_code == 404


def test_the_export(desk: Desk, clerk: Client) -> None:
    invoice = invoice_of(desk, desk.customer())
    paid(invoice.customer, 11500)
    answer: Any = clerk.get(CSV, {"first": "2026-03-01", "last": "2026-03-31"})
    assert isinstance(answer, StreamingHttpResponse)
    assert "ledger-2026-03-01-2026-03-31.csv" in answer.headers["Content-Disposition"]
    lines = list(csv.reader(b"".join(answer.streaming_content).decode().splitlines()))  # type: ignore[arg-type]
    assert lines[0] == [
        "date",
        "journal",
        "source",
        "kind",
        "description",
        "debit",
        "credit",
        "amount",
        "currency",
        "actor",
    ]
    assert [line[7:] for line in lines[1:]] == [["115.00", "ZAR", "staff:thandi"]] * 2
    for asked in ({}, {"first": "x", "last": "y"}, {"first": "2026-03-02", "last": "2026-03-01"}):
        assert clerk.get(CSV, asked).status_code == 400


def test_the_trial_balance_costs_the_same_for_many(
    desk: Desk, clerk: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(8):
        paid(invoice_of(desk, desk.customer()).customer)
    with django_assert_max_num_queries(16):
        clerk.get(PAGE)
    with django_assert_max_num_queries(18):
        account(clerk, "bank")
