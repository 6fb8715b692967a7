"""Charges that were priced elsewhere – calls and others – as a CSV file brings them. Free of storage."""

import csv
import io
from datetime import date
from typing import NamedTuple

from capstan.values.money import parse_money
from capstan.values.refused import Refused

COLUMNS = ("line", "date", "text", "amount", "reference")
"""The line's username, the day of supply as 2026-03-01, the invoice's text, the amount with VAT as 12.50, what it is charged by
once: the switch's own id of the call."""

ROWS_MAX = 200_000
_TEXT_MAX = 300


class Rated(NamedTuple):
    """One charge of the file."""

    line_no: int
    username: str
    supplied_on: date
    text: str
    amount_minor: int
    reference: str


class Read(NamedTuple):
    """What a file says. With any fault nothing of it may be charged; each names its line and the cause."""

    rows: list[Rated]
    faults: list[str]


def read_rated(content: bytes, currency: str) -> Read:
    """The file's charges, or all that is wrong with it."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line_no = content[: problem.start].count(b"\n") + 1
        return Read([], [f"Line {line_no}: this is no UTF-8. Save the file as CSV in UTF-8."])
    if "\0" in text:
        return Read([], ["This is no text file: save it as CSV in UTF-8."])
    table = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
    if missing:
        found = ", ".join(filter(None, table.fieldnames or ())) or "nothing"
        return Read([], [f"Line 1: the column {', '.join(missing)} is missing; found {found}."])
    rows: list[Rated] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    try:
        for given in table:
            _take(given, table.line_num, currency, seen, rows, faults)
            if len(rows) > ROWS_MAX:
                return Read([], [f"More than {ROWS_MAX} charges in one file: split it."])
    except csv.Error as problem:
        faults.append(f"Line {table.line_num}: {problem}.")
    if not rows and not faults:
        faults.append("There is no charge in this file.")
    return Read([] if faults else rows, faults)


def _take(
    given: dict[str, str],
    line_no: int,
    currency: str,
    seen: dict[str, int],
    rows: list[Rated],
    faults: list[str],
) -> None:
    try:
        row = _row(given, line_no, currency)
    except Refused as refusal:
        faults.append(f"Line {line_no}: {refusal}")
        return
    if row.reference in seen:
        faults.append(
            f"Line {line_no}: the reference {row.reference!r} is that of line {seen[row.reference]} too."
        )
    seen[row.reference] = line_no
    rows.append(row)


def _row(given: dict[str, str], line_no: int, currency: str) -> Rated:
    cells = {name: (given.get(name) or "").strip() for name in COLUMNS}
    empty = [name for name, cell in cells.items() if not cell]
    if empty:
        raise Refused(f"{', '.join(empty)} is empty.")
    if given.get(None):  # type: ignore[call-overload]
        raise Refused("it has more cells than the first line: a text with a comma is written in quotes.")
    try:
        day = date.fromisoformat(cells["date"])
    except ValueError:
        raise Refused(f"{cells['date']!r} is no date: write it like 2026-03-01.") from None
    if len(cells["text"]) > _TEXT_MAX:
        raise Refused(f"the text has more than {_TEXT_MAX} letters.")
    amount = parse_money(cells["amount"], currency)
    return Rated(line_no, cells["line"].lower(), day, cells["text"], amount, cells["reference"])
