"""Money that is the customer's, and which invoices it pays. The caller holds the lock on his terms."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import Sum

from capstan.billing.actions import dunning
from capstan.billing.models import Allocation, Credit, Invoice
from capstan.billing.rules.allocate import Left, Owed, Part, in_order, oldest_first
from capstan.billing.rules.words import InvoiceKind
from capstan.ledger.actions import post
from capstan.ledger.rules import Code, Draft, JournalDraft, Name, entry
from capstan.values.refused import Refused


def receivable(customer_id: int) -> Name:
    return Name(Code.RECEIVABLE, f"customer:{customer_id}")


def credit_account(customer_id: int) -> Name:
    return Name(Code.CREDIT, f"customer:{customer_id}")


def add_credit(
    *,
    customer_id: int,
    source: str,
    entries: Sequence[Draft] | None = None,
    paid_from: Name | None = None,
    amount_minor: int,
    description: str,
    received_on: date,
    kept_for: str = "",
    actor: str,
    now: datetime,
) -> Credit:
    """Put an amount above zero to the customer's credit, and post it: from `paid_from`, or by `entries` of one's own."""
    if amount_minor <= 0:
        raise ValueError(f"a credit of {amount_minor} for {source}")
    if entries is None:
        assert paid_from is not None
        entries = entry(paid_from, credit_account(customer_id), amount_minor)
    credit = Credit.objects.create(
        customer_id=customer_id, source=source, amount_minor=amount_minor, left_minor=amount_minor,
        kept_for=kept_for, received_on=received_on, made_at=now,
    )  # fmt: skip
    post([JournalDraft(source, "credited", received_on, description, actor, tuple(entries))], now=now)
    return credit


def allocate_free(customer_ids: Iterable[int], *, today: date, actor: str, now: datetime) -> int:
    """Whatever credit these customers have pays their open invoices, oldest first; what is kept for something stays.

    Returns how much it was, in minor units.
    """
    ids = list(customer_ids)
    credits: dict[int, list[Left]] = {}
    rows = Credit.objects.filter(customer_id__in=ids, left_minor__gt=0, kept_for="")
    for credit in rows.only("id", "customer_id", "received_on", "left_minor"):
        credits.setdefault(credit.customer_id, []).append(
            Left(credit.pk, credit.received_on, credit.left_minor)
        )
    owed: dict[int, list[Owed]] = {}
    open_ones = Invoice.objects.filter(
        customer_id__in=list(credits), kind=InvoiceKind.INVOICE, open_minor__gt=0
    )
    for invoice in open_ones.only("id", "customer_id", "due_on", "open_minor"):
        owed.setdefault(invoice.customer_id, []).append(Owed(invoice.pk, invoice.due_on, invoice.open_minor))
    parts = {
        customer_id: oldest_first(lefts, owed.get(customer_id, [])) for customer_id, lefts in credits.items()
    }
    return _allocate(parts, today=today, actor=actor, now=now)


def allocate_to(
    credit: Credit, invoices: Sequence[Invoice], *, today: date, actor: str, now: datetime
) -> int:
    """This credit pays these invoices in their order, as far as it goes; also when it was kept for something."""
    owed = [Owed(one.pk, one.due_on, one.open_minor) for one in invoices if one.open_minor > 0]
    if any(one.customer_id != credit.customer_id or one.kind != InvoiceKind.INVOICE for one in invoices):
        raise Refused("That is not an invoice of this customer.")
    parts = in_order([Left(credit.pk, credit.received_on, credit.left_minor)], owed)
    return _allocate({credit.customer_id: parts}, today=today, actor=actor, now=now)


_SPEND = """
    WITH parts AS (
        SELECT * FROM unnest(%(credits)s::bigint[], %(invoices)s::bigint[], %(amounts)s::bigint[])
            AS p (credit_id, invoice_id, amount)
    ), spent AS (
        UPDATE billing_credit c SET left_minor = left_minor - s.amount
        FROM (SELECT credit_id, sum(amount)::bigint AS amount FROM parts GROUP BY 1) s WHERE c.id = s.credit_id
    )
    UPDATE billing_invoice i SET open_minor = open_minor - s.amount
    FROM (SELECT invoice_id, sum(amount)::bigint AS amount FROM parts GROUP BY 1) s WHERE i.id = s.invoice_id
"""


def _allocate(parts: dict[int, list[Part]], *, today: date, actor: str, now: datetime) -> int:
    flat = [(customer_id, part) for customer_id, of_one in parts.items() for part in of_one]
    if not flat:
        return 0
    _spend([part for _, part in flat])
    rows = Allocation.objects.bulk_create(
        Allocation(
            credit_id=part.credit_id, invoice_id=part.invoice_id, amount_minor=part.amount_minor, occurred_on=today,
            actor=actor, made_at=now,
        )
        for _, part in flat
    )  # fmt: skip
    post(
        [
            JournalDraft(
                f"allocation:{row.pk}", "allocated", today, "Paid from the account's credit", actor,
                entry(credit_account(customer_id), receivable(customer_id), part.amount_minor),
            )
            for row, (customer_id, part) in zip(rows, flat, strict=True)
        ],
        now=now,
    )  # fmt: skip
    dunning.paid_up({customer_id for customer_id, _ in flat}, now=now)
    return sum(part.amount_minor for _, part in flat)


def _spend(parts: Sequence[Part]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _SPEND,
            {
                "credits": [part.credit_id for part in parts], "invoices": [part.invoice_id for part in parts],
                "amounts": [part.amount_minor for part in parts],
            },
        )  # fmt: skip


def take_back(
    credit: Credit,
    amount_minor: int,
    *,
    back_to: Name,
    source: str,
    kind: str,
    description: str,
    today: date,
    actor: str,
    now: datetime,
) -> int:
    """Money that was credited is gone again: what is left of it first, then what it has paid, the last invoice first, which is
    open again. Returns how much of that was.

    Raises Refused when more is asked for than was credited and not taken back before.
    """
    freed = max(0, amount_minor - credit.left_minor)
    undo = _undone(credit, freed)
    if sum(part.amount_minor for part in undo) < freed:
        raise Refused("More can't be taken back than is there: a part of it was refunded before.")
    if undo:
        _give_up(credit, undo, today=today, actor=actor, now=now)
    credit.refresh_from_db(fields=["left_minor"])
    credit.left_minor -= amount_minor
    credit.save(update_fields=["left_minor"])
    entries = entry(credit_account(credit.customer_id), back_to, amount_minor)
    post([JournalDraft(source, kind, today, description, actor, entries)], now=now)
    if undo:  # other money that is left pays what is open again
        allocate_free([credit.customer_id], today=today, actor=actor, now=now)
    return freed


class Paid(NamedTuple):
    """So much of a credit that no invoice has."""

    credit: Credit
    amount_minor: int


def free_of(customer_id: int, *, first: Credit | None = None) -> list[Paid]:
    """What is left of this customer's credits and kept for nothing: `first` in front, then the oldest."""
    rows = Credit.objects.filter(customer_id=customer_id, left_minor__gt=0, kept_for="")
    in_order = sorted(rows, key=lambda one: (first is None or one.pk != first.pk, one.received_on, one.pk))
    return [Paid(one, one.left_minor) for one in in_order]


def pay_out(
    parts: Sequence[Paid],
    *,
    to: Name,
    source: str,
    kind: str,
    description: str,
    today: date,
    actor: str,
    now: datetime,
) -> None:
    """These parts of one customer's credits leave the house, to this account. The caller knows that as much is left of each."""
    _change_left(parts, -1)
    entries = entry(credit_account(parts[0].credit.customer_id), to, sum(one.amount_minor for one in parts))
    post([JournalDraft(source, kind, today, description, actor, entries)], now=now)


def put_back(
    parts: Sequence[Paid],
    *,
    taken_from: Name,
    source: str,
    kind: str,
    description: str,
    today: date,
    actor: str,
    now: datetime,
) -> None:
    """What was paid out is the customer's again: the other side didn't want it, or it came back."""
    _change_left(parts, 1)
    total = sum(one.amount_minor for one in parts)
    entries = entry(taken_from, credit_account(parts[0].credit.customer_id), total)
    post([JournalDraft(source, kind, today, description, actor, entries)], now=now)
    allocate_free([parts[0].credit.customer_id], today=today, actor=actor, now=now)


def _change_left(parts: Sequence[Paid], sign: int) -> None:
    for credit, amount_minor in parts:
        credit.refresh_from_db(fields=["left_minor"])
        credit.left_minor += sign * amount_minor
        credit.save(update_fields=["left_minor"])


def _undone(credit: Credit, amount_minor: int) -> list[Part]:
    """What to take from which invoice, so that this much is free."""
    if not amount_minor:
        return []
    paid = credit.allocations.values("invoice_id").annotate(total=Sum("amount_minor")).order_by("-invoice_id")
    parts, missing = [], amount_minor
    for row in paid:
        part = min(missing, row["total"])
        if part > 0:
            parts.append(Part(credit.pk, row["invoice_id"], part))
            missing -= part
    return parts


def _give_up(credit: Credit, parts: Sequence[Part], *, today: date, actor: str, now: datetime) -> None:
    _spend([part._replace(amount_minor=-part.amount_minor) for part in parts])
    rows = Allocation.objects.bulk_create(
        Allocation(
            credit=credit, invoice_id=part.invoice_id, amount_minor=-part.amount_minor, occurred_on=today, actor=actor,
            made_at=now,
        )
        for part in parts
    )  # fmt: skip
    customer_id = credit.customer_id
    post(
        [
            JournalDraft(
                f"allocation:{row.pk}", "taken back", today, "Not paid after all", actor,
                entry(receivable(customer_id), credit_account(customer_id), -row.amount_minor),
            )
            for row in rows
        ],
        now=now,
    )  # fmt: skip
    dunning.look_at([(customer_id, now)], now=now)


def free(credit: Credit) -> None:
    """What it was kept for came to nothing: any invoice may have it."""
    credit.kept_for = ""
    credit.save(update_fields=["kept_for"])
