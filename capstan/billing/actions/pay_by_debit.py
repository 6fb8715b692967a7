"""What billing has to know of a customer's debit orders: that he pays so, and that one came back.

Who pays first is decided in `topups`, which looks at `queries.standing`; debit orders themselves are `payments`' own.
"""

from datetime import date, datetime

from capstan.audit.actions import record
from capstan.billing.actions import terms
from capstan.billing.models import BillingTerms
from capstan.billing.rules.words import Method
from capstan.values.refused import Refused


def set_method(customer_id: int, method: Method, *, actor: str, now: datetime) -> bool:
    """How he pays from now on, within the caller's transaction; False if it was so already."""
    own = terms.lock(customer_id, now=now)
    if own.method == method:
        return False
    own.method = method
    own.save(update_fields=["method"])
    details = {"method": method.value}
    record(actor=actor, action="billing.terms", subject=f"customer:{customer_id}", now=now, details=details)
    return True


def note_returned(customer_id: int, on: date, *, actor: str, now: datetime) -> None:
    """A debit order came back: from now on top-ups are paid first. Within the caller's transaction."""
    own = terms.lock(customer_id, now=now)
    if own.debit_returned_on is None or own.debit_returned_on < on:
        own.debit_returned_on = on
        own.save(update_fields=["debit_returned_on"])
        subject, details = f"customer:{customer_id}", {"pays_first": True}
        record(actor=actor, action="billing.debit_returned", subject=subject, now=now, details=details)


def clear_returned(customer_id: int, *, actor: str, now: datetime) -> None:
    """A later debit order is paid: top-ups go on the invoice again. Within the caller's transaction."""
    own = terms.lock(customer_id, now=now)
    if own.debit_returned_on is not None:
        _clear(own, "a later debit order is paid", actor, now)


def forgive_returned(customer_id: int, *, reason: str, actor: str, now: datetime) -> None:
    """Top-ups go on the invoice again, within the caller's transaction.

    Raises Refused without a reason, and where no debit order came back.
    """
    if not reason.strip():
        raise Refused("Say why.")
    own = terms.lock(customer_id, now=now)
    if own.debit_returned_on is None:
        raise Refused("No debit order keeps this customer's top-ups from going on the invoice.")
    _clear(own, reason.strip(), actor, now)


def _clear(own: BillingTerms, reason: str, actor: str, now: datetime) -> None:
    own.debit_returned_on = None
    own.save(update_fields=["debit_returned_on"])
    record(actor=actor, action="billing.debit_forgiven", subject=f"customer:{own.pk}", reason=reason, now=now)
