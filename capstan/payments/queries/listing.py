"""Payments in lists."""

from capstan.payments.models import Payment


def last_payments(customer_id: int, *, limit: int) -> list[Payment]:
    """A customer's latest payments, newest first."""
    rows = Payment.objects.filter(customer_id=customer_id).order_by("-received_on", "-id")
    return list(rows[:limit])


def payments_behind(credit_ids: list[int]) -> dict[int, Payment]:
    """The payment that each of these credits is, where one is."""
    return {one.credit_id: one for one in Payment.objects.filter(credit_id__in=credit_ids)}
