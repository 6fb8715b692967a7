"""What the long simulation found: money that lay idle beside a debt, and VAT that could not be put right."""

from datetime import date
from typing import Any

import pytest

from capstan.billing.actions import correct, discounts
from capstan.billing.models import Invoice
from capstan.billing.rules.words import InvoiceKind, Method
from capstan.catalog.actions import set_tax_rate
from capstan.payments.actions.take import BANK, Received, receive, reverse
from tests.billing.desk import ACTOR, Desk, at


def test_other_money_pays_what_a_payment_that_comes_back_leaves_open(desk: Desk) -> None:
    customer = desk.customer()
    desk.line(customer, desk.package(10_000))
    desk.bill("2026-01-01")

    def pay(amount: int, day: str) -> int:
        received = Received(customer.pk, Method.EFT, amount, date.fromisoformat(day), BANK)
        return receive(received, actor=ACTOR, now=at(day)).pk

    first = pay(10_000, "2026-01-02")
    pay(4_000, "2026-01-03")
    assert reverse(payment_id=first, reason="unpaid", actor=ACTOR, now=at("2026-01-05")) == 10_000
    assert (desk.receivable(customer), desk.credit(customer)) == (6_000, 0)
    desk.check()


@pytest.mark.parametrize("since", ["2026-01-15", "2025-12-15"])
def test_vat_is_put_right_though_a_discount_of_another_day_is_on_the_invoice(desk: Desk, since: str) -> None:
    """Of another month's discount, the lines that are wrong come to more than the invoice."""
    customer = desk.customer()
    line = desk.line(customer, desk.package(10_000))
    who: dict[str, Any] = {"actor": ACTOR, "now": at("2026-01-03")}
    desk.bill("2026-01-01")
    discounts.add(
        service_id=line.pk, text="Sorry", percent_bp=1_000, amount_minor=None, first=date(2026, 1, 1), end=date(2026, 1, 20),
        **who,
    )  # fmt: skip
    desk.bill("2026-02-01")
    set_tax_rate(group_id=desk.vat.pk, rate_bp=1_600, valid_from=date.fromisoformat(since), **who)
    begins = date.fromisoformat(since)
    for pk in sorted({one.line.invoice_id for one in correct.wrong_vat(begins)}):
        correct.correct_vat(invoice_id=pk, since=begins, reason="the rate", actor=ACTOR, now=at("2026-02-03"))
    assert correct.wrong_vat(begins) == []
    assert desk.receivable(customer) == 19_000
    newest = Invoice.objects.filter(kind=InvoiceKind.INVOICE).latest("pk")
    assert {row.rate_bp for row in newest.lines.filter(supplied_from__gte=begins)} == {1_600}
    desk.check()
