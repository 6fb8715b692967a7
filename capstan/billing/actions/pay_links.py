"""Links by which an invoice, or whatever is open on an account, can be paid without signing in: signed, and good for some months.

Whoever has a link sees what is to be paid and may pay it; it names nobody. It is short, as it goes into SMS: `i`nvoice or
`a`ccount, its number and the link's last day in base 62, and twelve bytes of a signature.
"""

import base64
import hmac
import re
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.core.signing import b62_decode, b62_encode
from django.db.models import Q
from django.utils.crypto import salted_hmac

from capstan.billing.models import Invoice, PrepaidPeriod
from capstan.billing.rules.words import InvoiceKind
from capstan.customers.models import Customer

LASTS = timedelta(days=120)
_SALT = "capstan.billing.pay_links"
_SIGNATURE_BYTES = 12
_TOKEN = re.compile(
    r"(?P<what>(?P<kind>[ia])(?P<number>[0-9A-Za-z]{1,10})\.(?P<last>[0-9A-Za-z]{1,5}))\.(?P<signature>[\w-]{16})"
)


class Bill(NamedTuple):
    """What a link is for: this invoice or request to pay ahead, or without one all that is open on the account."""

    customer: Customer
    invoice: Invoice | None = None


def invoice_link(invoice_id: int, *, now: datetime) -> str:
    """Where this invoice, or request to pay ahead, can be paid."""
    return _link("i", invoice_id, now)


def account_link(customer_id: int, *, now: datetime) -> str:
    """Where anything that is open on this account can be paid."""
    return _link("a", customer_id, now)


def bill_of(token: str, *, now: datetime) -> Bill | None:
    """What a link is for; None for one that is made up or too old."""
    read = _TOKEN.fullmatch(token) if token.isascii() else None
    if read is None or not hmac.compare_digest(read["signature"], _signature(read["what"])):
        return None
    if _today(now).toordinal() > b62_decode(read["last"]):
        return None
    number = b62_decode(read["number"])
    if read["kind"] == "i":
        asked = PrepaidPeriod.objects.filter(request_id=number).values("request_id")
        found = Invoice.objects.filter(Q(kind=InvoiceKind.INVOICE) | Q(pk__in=asked), pk=number)
        invoice = found.select_related("customer__brand").first()
        return Bill(invoice.customer, invoice) if invoice else None
    customer = Customer.objects.select_related("brand").filter(pk=number).first()
    return Bill(customer) if customer else None


def _link(kind: str, number: int, now: datetime) -> str:
    last = _today(now) + LASTS
    what = f"{kind}{b62_encode(number)}.{b62_encode(last.toordinal())}"
    return f"{settings.PUBLIC_URL}/pay/bill/{what}.{_signature(what)}/"


def _signature(what: str) -> str:
    signed = salted_hmac(_SALT, what, algorithm="sha256").digest()[:_SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(signed).decode()


def _today(now: datetime) -> date:
    local: datetime = settings.FORMATS.local(now)
    return local.date()
