"""Which money pays which invoice. Free of storage."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple


class Left(NamedTuple):
    """A credit of which something is left."""

    credit_id: int
    received_on: date
    left_minor: int


class Owed(NamedTuple):
    """An invoice of which something is open."""

    invoice_id: int
    due_on: date
    open_minor: int


class Part(NamedTuple):
    """So much of this credit pays so much of this invoice."""

    credit_id: int
    invoice_id: int
    amount_minor: int


def oldest_first(credits: Iterable[Left], owed: Iterable[Owed]) -> list[Part]:
    """The oldest money pays what was due first, as far as it goes."""
    money = sorted(credits, key=lambda one: (one.received_on, one.credit_id))
    return in_order(money, sorted(owed, key=lambda one: (one.due_on, one.invoice_id)))


def in_order(credits: Sequence[Left], owed: Sequence[Owed]) -> list[Part]:
    """The credits pay the invoices in the order in which they are given, as far as they go."""
    parts: list[Part] = []
    open_of = {one.invoice_id: one.open_minor for one in owed}
    for credit in credits:
        left = credit.left_minor
        for invoice in owed:
            amount = min(left, open_of[invoice.invoice_id])
            if amount > 0:
                parts.append(Part(credit.credit_id, invoice.invoice_id, amount))
                open_of[invoice.invoice_id] -= amount
                left -= amount
    return parts
