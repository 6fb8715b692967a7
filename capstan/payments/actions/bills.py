"""Paying invoices by card from the link that came with them: one, several, or any amount."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from capstan.billing.actions.pay_links import Bill
from capstan.billing.models import Invoice
from capstan.billing.queries.owed import open_invoices
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


def to_pay(bill: Bill) -> list[Invoice]:
    """What is open of that which the link is for."""
    if bill.invoice is None:
        return open_invoices(bill.customer.pk)
    return [bill.invoice] if bill.invoice.open_minor else []


def start(
    bill: Bill,
    *,
    invoice_ids: Sequence[int],
    amount_minor: int | None = None,
    consent: Consent | None = None,
    now: datetime,
) -> Going:
    """A checkout for the chosen invoices, or for an amount: it pays those first and then the oldest. Raises Refused when nothing
    of the chosen is open, and for an amount that can't be meant."""
    chosen = [one for one in to_pay(bill) if one.pk in set(invoice_ids)]
    if amount_minor is None and not chosen:
        raise Refused("Nothing is chosen that is still open. Please look again at what there is to pay.")
    amount = sum(one.open_minor for one in chosen) if amount_minor is None else amount_minor
    if not 0 < amount <= MOST_MINOR:
        raise Refused(f"Pay more than nothing, and at most {settings.FORMATS.money(MOST_MINOR)} at a time.")
    purpose = Purpose(_key(bill), bill.customer.pk, amount, _item(chosen), [one.pk for one in chosen])
    checkout, way = checkouts.start(
        purpose, return_urls(), consent=consent, actor=f"link:{_key(bill)}", now=now
    )
    return Going(checkout, way)


def _key(bill: Bill) -> str:
    return f"invoice:{bill.invoice.pk}" if bill.invoice else "account"


def _item(chosen: Sequence[Invoice]) -> str:
    if not chosen:
        return "Payment on account"
    return f"Invoice {chosen[0].number}" if len(chosen) == 1 else f"{len(chosen)} invoices"
