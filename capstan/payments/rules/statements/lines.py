"""What a bank statement says once it is read: its lines, or every reason why nothing of it may be imported."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

FAULTS_MAX = 200
"""More are counted, not listed: nobody reads them, and a wrong profile makes one a line."""


class BankLine(NamedTuple):
    """One movement. `amount_minor` is in minor units, positive when money came in.

    `line_no` counts the file's lines from 1. `bank_id` is the bank's own id of the movement or empty, `account`
    the account number as the file names it, where one file can hold several.
    """

    line_no: int
    booked_on: date
    amount_minor: int
    text: str
    reference: str = ""
    bank_id: str = ""
    balance_minor: int | None = None
    account: str = ""


class Fault(NamedTuple):
    """Why a file can't be imported. `line_no` is 0 when the file as a whole is meant; `sentence` is shown as it is."""

    line_no: int
    sentence: str


class StatementRead(NamedTuple):
    """All lines in the file's order – or faults and no line at all, so that half a file is never imported."""

    lines: tuple[BankLine, ...] = ()
    faults: tuple[Fault, ...] = ()
    opening_minor: int | None = None
    closing_minor: int | None = None
    first_day: date | None = None
    last_day: date | None = None


def fault(line_no: int, what: str) -> Fault:
    """`what` is a sentence or, with a line number, one that follows `Line 7: `."""
    return Fault(line_no, f"Line {line_no}: {what}" if line_no else what)


def refused(faults: Iterable[Fault]) -> StatementRead:
    """Every fault in the order of the lines, up to FAULTS_MAX."""
    found = sorted(faults, key=lambda one: one.line_no)
    if len(found) > FAULTS_MAX:
        more = len(found) - FAULTS_MAX
        found = [
            *found[:FAULTS_MAX],
            Fault(0, f"{more} more faults of this kind were found and aren't listed."),
        ]
    return StatementRead(faults=tuple(found))


def statement(
    lines: Sequence[BankLine], *, opening_minor: int | None = None, closing_minor: int | None = None
) -> StatementRead:
    """A statement that is whole, with its first and last day."""
    days = [line.booked_on for line in lines]
    return StatementRead(
        lines=tuple(lines),
        opening_minor=opening_minor,
        closing_minor=closing_minor,
        first_day=min(days, default=None),
        last_day=max(days, default=None),
    )
