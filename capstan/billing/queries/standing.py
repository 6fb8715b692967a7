"""How a customer stands: how his top-ups get onto paper, and whether he is so late that he pays first."""

from datetime import date, timedelta
from typing import NamedTuple

from capstan.billing.models import BillingPolicy, BillingTerms, Invoice
from capstan.billing.rules.words import InvoiceKind, Timing, TopUpInvoicing
from capstan.customers.models import Customer


class Standing(NamedTuple):
    """`pays_first_because` is empty for who may have it on the next invoice."""

    top_ups: TopUpInvoicing
    pays_first_because: str


def standing_of(customer_id: int, *, today: date) -> Standing:
    """By the customer's terms, else the brand's policy, and by what he owes."""
    brand_id = Customer.objects.values_list("brand_id", flat=True).get(pk=customer_id)
    policy = BillingPolicy.objects.filter(brand_id=brand_id).first() or BillingPolicy(brand_id=brand_id)
    own = BillingTerms.objects.filter(pk=customer_id).only("top_ups", "timing", "debit_returned_on").first()
    top_ups = TopUpInvoicing((own and own.top_ups) or policy.top_ups)
    if top_ups == TopUpInvoicing.PROFORMA:
        return Standing(top_ups, "the account pays first")
    if ((own and own.timing) or policy.timing) == Timing.PREPAID:
        return Standing(top_ups, "the account is prepaid")
    if own is not None and own.debit_returned_on is not None:
        return Standing(top_ups, "a debit order came back unpaid")
    late = policy.pays_first_after_days
    if late is not None and _is_overdue(customer_id, today - timedelta(days=late)):
        return Standing(top_ups, f"an invoice is overdue for more than {late} days")
    return Standing(top_ups, "")


def _is_overdue(customer_id: int, since: date) -> bool:
    rows = Invoice.objects.filter(customer_id=customer_id, kind=InvoiceKind.INVOICE, open_minor__gt=0)
    return rows.filter(due_on__lt=since).exists()
