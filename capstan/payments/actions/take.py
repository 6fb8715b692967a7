"""Taking money in, and what becomes of it when it goes back."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction

from capstan.audit.actions import record
from capstan.billing.actions import credits, terms
from capstan.billing.actions.numbering import take as take_number
from capstan.billing.models import Invoice
from capstan.billing.rules.words import InvoiceKind, Method, SeriesKind
from capstan.customers.models import Customer
from capstan.db.locks import hold
from capstan.ledger.rules import Code, Name
from capstan.payments.models import Gateway, Payment
from capstan.values.refused import Refused

BANK = Name(Code.BANK)


def till(actor: str) -> Name:
    """Everybody who takes cash has a till of his own."""
    return Name(Code.CASH, actor)


def clearing(gateway: Gateway) -> Name:
    """What a gateway has taken and not paid out yet."""
    return Name(Code.CLEARING, gateway.name)


def into(paid_into: str) -> Name:
    """The account that a payment was booked into, as `str(Name)` wrote it."""
    code = next(code for code in Code if paid_into == code or paid_into.startswith(f"{code} "))
    return Name(code, paid_into[len(code) + 1 :])


class Received(NamedTuple):
    """Money that came in for a customer. `from_account`: where it was booked first, if it was."""

    customer_id: int
    method: Method
    amount_minor: int
    received_on: date
    paid_into: Name
    reference: str = ""
    from_account: Name | None = None
    invoices: Sequence[int] = ()
    kept_for: str = ""
    gateway_id: int | None = None
    gateway_reference: str = ""


def take(received: Received, *, actor: str, now: datetime) -> Payment:
    """Book a payment within the caller's transaction, with a receipt's number, and let it pay invoices: the ones named, then the
    oldest. What is kept for something waits for that.

    Raises Refused for an amount of nothing, and for invoices of somebody else.
    """
    assert connection.in_atomic_block
    if received.amount_minor <= 0:
        raise Refused("A payment is more than nothing.")
    if received.paid_into.code == Code.CASH:
        hold([str(received.paid_into)])  # whoever counts it waits for this, or we for him
    terms.lock(received.customer_id, now=now)
    customer = Customer.objects.get(pk=received.customer_id)
    (number,) = take_number(customer.brand_id, SeriesKind.RECEIPT, 1)
    source = received.from_account or received.paid_into
    credit = credits.add_credit(
        customer_id=customer.pk, source=f"receipt:{customer.brand_id}:{number}", paid_from=source,
        amount_minor=received.amount_minor, description=f"{received.method} payment, receipt {number}",
        received_on=received.received_on, kept_for=received.kept_for, actor=actor, now=now,
    )  # fmt: skip
    payment = Payment.objects.create(
        customer=customer, method=received.method, amount_minor=received.amount_minor, received_on=received.received_on,
        reference=received.reference, receipt_number=number, gateway_id=received.gateway_id,
        gateway_reference=received.gateway_reference, paid_into=str(received.paid_into), credit=credit, actor=actor,
        made_at=now,
    )  # fmt: skip
    record(
        actor=actor, action="payment.take", subject=f"customer:{customer.pk}", now=now,
        details={"payment": payment.pk, "amount_minor": received.amount_minor, "method": received.method.value},
    )  # fmt: skip
    _spend(payment, received, actor, now)
    return payment


def _spend(payment: Payment, received: Received, actor: str, now: datetime) -> None:
    today = settings.FORMATS.local(now).date()
    if received.invoices:
        # Requests that were paid for stand among them: those are supplied from the customer's credit.
        chosen = Invoice.objects.exclude(kind=InvoiceKind.PROFORMA).in_bulk(list(received.invoices))
        in_order = [chosen[pk] for pk in received.invoices if pk in chosen]
        credits.allocate_to(payment.credit, in_order, today=today, actor=actor, now=now)
    if not received.kept_for:
        credits.allocate_free([payment.customer_id], today=today, actor=actor, now=now)


@transaction.atomic
def receive(received: Received, *, actor: str, now: datetime) -> Payment:
    """Book a payment that a person or a bank line reports, in a transaction of its own. Raises Refused."""
    return take(received, actor=actor, now=now)


@transaction.atomic
def reverse(*, payment_id: int, reason: str, actor: str, now: datetime) -> int:
    """The money is gone again: a returned debit order, a chargeback. What it had paid is open again; what was bought with it
    stays. Returns how much is open again.

    Raises Refused without a reason, for one that was reversed, and when a part of it was refunded.
    """
    if not reason.strip():
        raise Refused("Say why: the bank's or the gateway's words.")
    payment = _locked(payment_id, now)
    if payment.reversed_at is not None:
        raise Refused("This payment was reversed already.")
    if payment.refunded_minor:
        raise Refused(
            "A part of this payment was refunded: reverse what is left by hand, after asking the bank."
        )
    opened = credits.take_back(
        payment.credit, payment.amount_minor, back_to=into(payment.paid_into), source=f"payment:{payment.pk}",
        kind="reversed", description=f"Receipt {payment.receipt_number} reversed: {reason.strip()}",
        today=settings.FORMATS.local(now).date(), actor=actor, now=now,
    )  # fmt: skip
    payment.reversed_at, payment.reversed_because = now, reason.strip()
    payment.save(update_fields=["reversed_at", "reversed_because"])
    record(
        actor=actor, action="payment.reverse", subject=f"customer:{payment.customer_id}", reason=reason.strip(), now=now,
        details={"payment": payment.pk, "amount_minor": payment.amount_minor, "opened_minor": opened},
    )  # fmt: skip
    return opened


@transaction.atomic
def spend_on(*, payment_id: int, invoice_ids: Sequence[int], actor: str, now: datetime) -> int:
    """Let what is left of a payment pay these invoices, in their order; returns how much went. Raises Refused."""
    payment = _locked(payment_id, now)
    found = Invoice.objects.filter(customer_id=payment.customer_id).in_bulk(list(invoice_ids))
    chosen = [found[pk] for pk in invoice_ids if pk in found]
    if payment.credit.kept_for:
        raise Refused(
            "This payment is kept for a top-up that was ordered: it goes there, or is free when that lapses."
        )
    if not payment.credit.left_minor:
        raise Refused("Nothing is left of this payment.")
    today = settings.FORMATS.local(now).date()
    went = credits.allocate_to(payment.credit, chosen, today=today, actor=actor, now=now)
    if not went:
        raise Refused("None of these invoices is open.")
    record(
        actor=actor, action="payment.allocate", subject=f"customer:{payment.customer_id}", now=now,
        details={"payment": payment.pk, "invoices": list(invoice_ids), "amount_minor": went},
    )  # fmt: skip
    return went


def _locked(payment_id: int, now: datetime) -> Payment:
    """The payment, its customer's money locked first."""
    customer_id = Payment.objects.values_list("customer_id", flat=True).get(pk=payment_id)
    terms.lock(customer_id, now=now)
    return Payment.objects.select_for_update(of=("self",)).select_related("credit").get(pk=payment_id)
