"""The chart of accounts, and what a journal may say. Free of storage."""

from datetime import date
from enum import StrEnum
from typing import NamedTuple


class Side(StrEnum):
    """Where an account stands. Assets and expenses grow by a debit, the others by a credit."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"
    EQUITY = "equity"


class Code(StrEnum):
    """The chart of accounts. An account may have a subject: one receivable per customer, one clearing account per gateway."""

    RECEIVABLE = "receivable"  # what a customer owes on issued invoices
    BANK = "bank"
    CASH = "cash"  # in the till, until it is banked
    CLEARING = "clearing"  # what a gateway or a debit-order batch has taken and not yet paid out
    CREDIT = "credit"  # what a customer has paid and no invoice has taken up
    UNMATCHED = "unmatched"  # what came into the bank and nobody knows yet for whom
    VAT_OUTPUT = "vat output"
    REVENUE = "revenue"
    DISCOUNT = "discount"
    FEES = "fees"  # what banks and gateways keep
    WRITE_OFF = "write-off"
    CASH_DIFFERENCE = "cash difference"
    OPENING = "opening"  # what was owed or held when the provider moved in
    OUTSIDE = (
        "outside"  # what came into the bank and is no customer's: interest, transfers between own accounts
    )


SIDES = {
    Code.RECEIVABLE: Side.ASSET, Code.BANK: Side.ASSET, Code.CASH: Side.ASSET, Code.CLEARING: Side.ASSET,
    Code.CREDIT: Side.LIABILITY, Code.UNMATCHED: Side.LIABILITY, Code.VAT_OUTPUT: Side.LIABILITY,
    Code.REVENUE: Side.INCOME, Code.DISCOUNT: Side.INCOME, Code.FEES: Side.EXPENSE, Code.WRITE_OFF: Side.EXPENSE,
    Code.CASH_DIFFERENCE: Side.EXPENSE, Code.OPENING: Side.EQUITY,
    Code.OUTSIDE: Side.EQUITY,
}  # fmt: skip


class Name(NamedTuple):
    """An account by its code and subject: `receivable` of `customer:17`, `revenue` of `top-up`, `bank` of nobody."""

    code: Code
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.subject}" if self.subject else str(self.code)


class Draft(NamedTuple):
    """An entry that is to be made: `amount_minor`, above zero, goes from `credit` to `debit`."""

    debit: Name
    credit: Name
    amount_minor: int


class JournalDraft(NamedTuple):
    """Entries that belong together. `source` is an opaque key such as `invoice:17`; it has one journal for each `kind`."""

    source: str
    kind: str
    occurred_on: date
    description: str
    actor: str
    entries: tuple[Draft, ...]


def entry(debit: Name, credit: Name, amount_minor: int) -> tuple[Draft, ...]:
    """The entry that moves this amount; none for zero; for an amount below zero the entry the other way round."""
    if amount_minor == 0:
        return ()
    if amount_minor < 0:
        return (Draft(credit, debit, -amount_minor),)
    return (Draft(debit, credit, amount_minor),)


def check(draft: JournalDraft) -> None:
    """Raises ValueError for a journal that no bookkeeper would take: it shows a mistake of ours, never of a person."""
    if not (draft.source and draft.kind and draft.actor):
        raise ValueError(f"a journal says what for and by whom: {draft!r}")
    if not draft.entries:
        raise ValueError(f"the journal of {draft.source} moves nothing")
    for one in draft.entries:
        if one.amount_minor <= 0 or one.debit == one.credit:
            raise ValueError(f"no entry: {one!r} in the journal of {draft.source}")


class Balance(NamedTuple):
    """An account's totals. `net` is debits less credits."""

    code: Code
    subject: str
    debits: int
    credits: int

    @property
    def net(self) -> int:
        return self.debits - self.credits
