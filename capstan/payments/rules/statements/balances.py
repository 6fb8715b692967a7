"""Whether a statement's running balances follow from its amounts: what proves that no line is missing or misread."""

from collections.abc import Sequence

from capstan.payments.rules.statements.lines import BankLine, Fault, StatementRead, fault, refused, statement
from capstan.values.money import format_money


def balanced(lines: Sequence[BankLine], currency: str, *, check: bool = True) -> StatementRead:
    """The statement with its opening and closing balance, or a fault for each line whose balance doesn't follow.

    Banks write the oldest line first or the newest; the order is the one in which more balances follow.
    """
    oldest_first, newest_first = list(lines), list(reversed(_fees_first(lines)))
    faults = _breaks(oldest_first, currency)
    inverted = _breaks(newest_first, currency) if faults else []
    in_order = oldest_first
    if faults and len(inverted) < len(faults):
        in_order, faults = newest_first, inverted
    if faults and check:
        return refused(faults)
    opening, closing = (None, None) if faults else _ends(in_order)
    return statement(lines, opening_minor=opening, closing_minor=closing)


def _fees_first(lines: Sequence[BankLine]) -> list[BankLine]:
    """Two lines of one row keep their order when the file is turned round."""
    ordered: list[BankLine] = []
    for line in lines:
        place = len(ordered) - 1 if ordered and ordered[-1].line_no == line.line_no else len(ordered)
        ordered.insert(place, line)
    return ordered


def _breaks(lines: Sequence[BankLine], currency: str) -> list[Fault]:
    found: list[Fault] = []
    known: int | None = None
    for line in lines:
        due = None if known is None else known + line.amount_minor
        if line.balance_minor is not None and due is not None and line.balance_minor != due:
            has, should = (format_money(one, currency) for one in (line.balance_minor, due))
            found.append(
                fault(line.line_no, f"the balance is {has}, but after this amount it should be {should}.")
            )
        known = due if line.balance_minor is None else line.balance_minor
    return found


def _ends(lines: Sequence[BankLine]) -> tuple[int | None, int | None]:
    """Opening and closing balance of lines in the order of time."""
    moved = 0
    opening: int | None = None
    closing: int | None = None
    for line in lines:
        moved += line.amount_minor
        if line.balance_minor is not None:
            opening = line.balance_minor - moved if opening is None else opening
        if opening is not None:
            closing = opening + moved
    return opening, closing
