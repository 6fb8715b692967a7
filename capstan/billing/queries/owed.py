"""What a customer owes, and how old it is."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from django.db import connection
from django.db.models import Sum

from capstan.billing.models import Credit, Invoice
from capstan.billing.rules.age import Ages, Open, ages, months_outstanding
from capstan.billing.rules.words import InvoiceKind


class Owed(NamedTuple):
    """`invoices_minor` is open on issued invoices; `credit_minor` was paid and no invoice has taken it up."""

    ages: Ages
    credit_minor: int
    overdue_minor: int
    oldest_due_on: date | None
    months: int

    @property
    def balance_minor(self) -> int:
        """Above zero: he owes; below: he has credit."""
        return self.ages.total - self.credit_minor


def open_invoices(customer_id: int) -> list[Invoice]:
    """Those of which something is left to pay, first due first."""
    rows = Invoice.objects.filter(customer_id=customer_id, kind=InvoiceKind.INVOICE, open_minor__gt=0)
    return list(rows.order_by("due_on", "id"))


def owed(customer_id: int, *, today: date) -> Owed:
    """The customer's balance, and his debt by age."""
    rows = [Open(one.issued_on, one.due_on, one.open_minor) for one in open_invoices(customer_id)]
    left = Credit.objects.filter(customer_id=customer_id, left_minor__gt=0).aggregate(
        total=Sum("left_minor")
    )["total"]
    overdue = [one for one in rows if one.due_on < today]
    return Owed(
        ages(rows, today), left or 0, sum(one.open_minor for one in overdue),
        min((one.due_on for one in overdue), default=None), months_outstanding(rows, today),
    )  # fmt: skip


_BY_AGE = """
    SELECT width_bucket(%(today)s::date - issued_on, ARRAY[30, 60, 90, 120]), sum(open_minor)::bigint
    FROM billing_invoice WHERE open_minor > 0 AND kind = 'invoice' {of_brand} GROUP BY 1
"""


def debt_by_age(today: date, *, brand_id: int | None = None) -> Ages:
    """The open remainders of all customers' invoices by age."""
    of_brand = "AND brand_id = %(brand)s" if brand_id is not None else ""
    with connection.cursor() as cursor:
        cursor.execute(_BY_AGE.format(of_brand=of_brand), {"today": today, "brand": brand_id})
        found = dict(cursor.fetchall())
    return Ages(*(found.get(band, 0) for band in range(5)))


class Debtor(NamedTuple):
    """A customer who is late: what is open in all, what of it is overdue, since when."""

    customer_id: int
    name: str
    account_code: str
    open_minor: int
    overdue_minor: int
    oldest_due_on: date


_DEBTORS = """
    SELECT c.id, c.name, c.account_code, sum(i.open_minor)::bigint,
        sum(i.open_minor) FILTER (WHERE i.due_on < %(today)s)::bigint, min(i.due_on)
    FROM billing_invoice i JOIN customers_customer c ON c.id = i.customer_id
    WHERE i.open_minor > 0 AND i.kind = 'invoice' GROUP BY c.id
    HAVING min(i.due_on) < %(today)s ORDER BY 5 DESC, c.id LIMIT %(limit)s
"""


def debtors(today: date, *, limit: int) -> Sequence[Debtor]:
    """Who is late with the most, first."""
    with connection.cursor() as cursor:
        cursor.execute(_DEBTORS, {"today": today, "limit": limit})
        return [Debtor(*row) for row in cursor.fetchall()]
