"""Paying by card from the link that came with an invoice or a request to pay ahead: one, several, or any amount."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.conf import settings

from capstan.billing.actions.pay_links import Bill
from capstan.billing.queries.payable import Payable, payable_of
from capstan.payments.actions import checkouts
from capstan.payments.actions.checkouts import Consent, Purpose, Urls
from capstan.payments.actions.gateways.port import Form, Intent
from capstan.payments.models import Checkout
from capstan.values.refused import Refused

MOST_MINOR = 100_000_000
"""More in one go is a slip of somebody's finger."""


class Going(NamedTuple):
    """Somebody goes to pay."""

    checkout: Checkout
    way: Form | Intent


def return_urls() -> Urls:
    """Where gateways send the browser back to."""
    page = f"{settings.PUBLIC_URL}/pay/back/{{token}}/"
    return Urls(page, f"{page}?cancelled=1")


def to_pay(bill: Bill, *, today: date) -> list[Payable]:
    """What is open of that which the link is for."""
    found = payable_of(bill.customer.pk, today=today)
    return found if bill.invoice is None else [one for one in found if one.document == bill.invoice]


def start(
    bill: Bill,
    *,
    invoice_ids: Sequence[int],
    amount_minor: int | None = None,
    consent: Consent | None = None,
    now: datetime,
) -> Going:
    """A checkout for the chosen invoices and requests, or for an amount: it pays those first and then the oldest. Raises Refused
    when nothing of the chosen is open, and for an amount that can't be meant."""
    today = settings.FORMATS.local(now).date()
    chosen = [one for one in to_pay(bill, today=today) if one.document.pk in set(invoice_ids)]
    if amount_minor is None and not chosen:
        raise Refused("Nothing is chosen that is still open. Please look again at what there is to pay.")
    amount = sum(one.left_minor for one in chosen) if amount_minor is None else amount_minor
    if not 0 < amount <= MOST_MINOR:
        raise Refused(f"Pay more than nothing, and at most {settings.FORMATS.money(MOST_MINOR)} at a time.")
    documents = [one.document.pk for one in chosen]
    purpose = Purpose(_key(bill), bill.customer.pk, amount, _item(chosen), documents)
    checkout, way = checkouts.start(
        purpose, return_urls(), consent=consent, actor=f"link:{_key(bill)}", now=now
    )
    return Going(checkout, way)


def _key(bill: Bill) -> str:
    return f"invoice:{bill.invoice.pk}" if bill.invoice else "account"


def _item(chosen: Sequence[Payable]) -> str:
    if not chosen:
        return "Payment on account"
    if len(chosen) == 1:
        return chosen[0].words
    return f"{len(chosen)} invoices" if not any(one.ahead for one in chosen) else f"{len(chosen)} items"
