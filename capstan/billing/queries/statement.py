"""A customer's statement: opening balance, what happened, closing balance."""

from datetime import date, timedelta
from typing import NamedTuple

from capstan.ledger.queries import Movement, balances, movements
from capstan.ledger.rules import Code, Name


class StatementLine(NamedTuple):
    """A movement and the balance after it; an amount above zero is owed, one below was paid or credited."""

    movement: Movement
    balance_minor: int


class Statement(NamedTuple):
    """Of the days from `first` up to, but not including, `end`. Balances are what the customer owes less his credit."""

    customer_id: int
    first: date
    end: date
    opening_minor: int
    lines: list[StatementLine]
    closing_minor: int


def accounts_of(customer_id: int) -> list[Name]:
    """The two accounts whose sum is the customer's balance."""
    subject = f"customer:{customer_id}"
    return [Name(Code.RECEIVABLE, subject), Name(Code.CREDIT, subject)]


def balance_of(customer_id: int, *, until: date | None = None) -> int:
    """What the customer owes less his credit, at the end of that day or now."""
    found = balances(accounts_of(customer_id), **({"until": until} if until else {}))
    return sum(found.values())


def statement(customer_id: int, first: date, end: date) -> Statement:
    """What happened on the customer's account in these days. Raises ValueError unless `first` is before `end`."""
    if first >= end:
        raise ValueError(f"a statement from {first} to {end}")
    opening = balance = balance_of(customer_id, until=first - timedelta(days=1))
    lines = []
    for movement in movements(accounts_of(customer_id), first, end):
        balance += movement.net_minor
        lines.append(StatementLine(movement, balance))
    return Statement(customer_id, first, end, opening, lines, balance)
