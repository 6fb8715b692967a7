"""How one bank writes its CSV statements, and reading a file that way."""

import csv
import io
from collections.abc import Callable
from datetime import date
from typing import NamedTuple, TypeVar

from capstan.payments.rules.statements.balances import balanced
from capstan.payments.rules.statements.cells import ANY_DATE, CellError, DateReader, read_amount
from capstan.payments.rules.statements.content import decoded, not_text
from capstan.payments.rules.statements.lines import BankLine, Fault, StatementRead, fault, refused

Value = TypeVar("Value")

Column = str | int
"""A header's name in any case, alternatives split by `|`; or a position, the first being 0."""

HEADER_WITHIN = 40
"""Rows. Banks write the account's name and balances above the header, one year more of them than the other."""


class CsvProfile(NamedTuple):
    """One bank's layout. Either `amount`, or `debit` and `credit`; `text` columns are joined by a space.

    `skip_rows` counts rows that aren't blank. `optional` names the fields whose column may be missing. `sign` is -1
    where money in is written negative. `fee` is an extra column for the bank's charge on the same row. A row that
    begins with a word of `not_movements`, in its first cell or its text, is skipped; `notes_lack_amounts` skips rows
    without an amount. Neither can hide money where the file has balances, since these must follow from the amounts.
    """

    name: str
    date: Column
    text: tuple[Column, ...]
    amount: Column | None = None
    debit: Column | None = None
    credit: Column | None = None
    fee: Column | None = None
    reference: Column | None = None
    balance: Column | None = None
    bank_id: Column | None = None
    optional: frozenset[str] = frozenset()
    encodings: tuple[str, ...] = ("utf-8", "cp1252")
    delimiter: str = ","
    has_header: bool = True
    skip_rows: int = 0
    date_format: str = "%Y-%m-%d"
    decimal: str = "."
    thousands: str = ""
    sign: int = 1
    not_movements: tuple[str, ...] = ()
    notes_lack_amounts: bool = False
    check_balance: bool = True


class Row(NamedTuple):
    line_no: int
    cells: list[str]


Columns = dict[str, tuple[int, ...]]
"""The positions of each field that the file has."""


def profile_faults(profile: CsvProfile) -> list[str]:
    """What makes a profile unusable, for the page where somebody writes one. `read_csv` takes only faultless ones."""
    found = []
    if len(profile.delimiter) != 1 or profile.delimiter in '\r\n"':
        found.append("The delimiter must be one character.")
    if (profile.amount is None) == (profile.debit is None and profile.credit is None):
        found.append("Name either the amount's column or those of debit and credit.")
    if (profile.debit is None) != (profile.credit is None):
        found.append("Debit and credit need a column each.")
    if not profile.text:
        found.append("Name at least one column with the text.")
    if (
        profile.decimal not in (".", ",")
        or profile.decimal == profile.thousands
        or len(profile.thousands) > 1
    ):
        found.append(
            "The decimal sign is a point or a comma; the thousands sign is another character or none."
        )
    if profile.sign not in (1, -1):
        found.append("The sign is 1, or -1 where money in is written negative.")
    if not profile.has_header and any(isinstance(one, str) for one in _named_columns(profile).values()):
        found.append("Without a header, columns are named by their position.")
    if profile.date_format != ANY_DATE and not _keeps_days(profile.date_format):
        found.append("The date format must write year, month and day.")
    return found


def read_csv(content: bytes, profile: CsvProfile, currency: str) -> StatementRead:
    """A statement in CSV. Never raises for any bytes: what can't be read is a fault, and then no line is returned."""
    if wrong := not_text(content):
        return refused([wrong])
    text = decoded(content, profile.encodings)
    if isinstance(text, Fault):
        return refused([text])
    rows = _rows(text, profile)
    if isinstance(rows, Fault):
        return refused([rows])
    columns, rows = _columns(rows, profile)
    if isinstance(columns, Fault):
        return refused([columns])
    rows = [row for row in rows if not _is_skipped(row, columns, profile)]
    if not rows:
        return refused(
            [
                fault(
                    0,
                    "The file has a header, but no movements."
                    if profile.has_header
                    else "The file is empty.",
                )
            ]
        )
    lines, faults = _lines(rows, columns, profile, currency)
    if faults:
        return refused(faults)
    return balanced(lines, currency, check=profile.check_balance)


def _keeps_days(date_format: str) -> bool:
    probe = date(2026, 3, 31)
    try:
        return DateReader(date_format).read(probe.strftime(date_format)) == probe
    except CellError:
        return False


def _named_columns(profile: CsvProfile) -> dict[str, Column]:
    """Field to column; several columns of text are numbered."""
    fields = ("date", "amount", "debit", "credit", "fee", "reference", "balance", "bank_id")
    named: dict[str, Column] = {
        name: column for name in fields if (column := getattr(profile, name)) is not None
    }
    return named | {f"text {at}": column for at, column in enumerate(profile.text)}


def _rows(text: str, profile: CsvProfile) -> list[Row] | Fault:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=profile.delimiter, skipinitialspace=True, strict=True
    )
    rows: list[Row] = []
    before = 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(Row(before + 1, [cell.strip() for cell in cells]))
            before = reader.line_num
    except csv.Error as error:
        return fault(before + 1, f"the quotation marks don't pair up, or a cell is endless ({error}).")
    return rows[profile.skip_rows :]


def _columns(rows: list[Row], profile: CsvProfile) -> tuple[Columns | Fault, list[Row]]:
    """Where each field stands, and the rows below the header."""
    named = _named_columns(profile)
    if not profile.has_header:
        return _grouped({name: int(column) for name, column in named.items()}), rows
    best: tuple[int, int, list[str]] | None = None
    for at, row in enumerate(rows[:HEADER_WITHIN]):
        places = {name: place for name, column in named.items() if (place := _place(column, row)) is not None}
        missing = [
            _shown(column)
            for name, column in named.items()
            if name not in places and not _may_lack(name, profile)
        ]
        if not missing:
            return _grouped(places), rows[at + 1 :]
        if places and (best is None or len(places) > best[0]):
            best = len(places), at, missing
    return _no_header(rows, best), []


def _may_lack(field: str, profile: CsvProfile) -> bool:
    return field.split(" ", maxsplit=1)[0] in profile.optional


def _no_header(rows: list[Row], best: tuple[int, int, list[str]] | None) -> Fault:
    if best is None:
        return fault(0, "No row with the names of the columns was found: is it this bank's CSV file?")
    _, at, missing = best
    names = ", ".join(f"“{cell}”" for cell in rows[at].cells if cell)[:400]
    lacks = " and ".join(f"“{name}”" for name in missing)
    plural = "columns" if len(missing) > 1 else "column"
    return fault(rows[at].line_no, f"the {plural} {lacks} can't be found. The header has {names}.")


def _shown(column: Column) -> str:
    return column.split("|")[0] if isinstance(column, str) else f"number {column + 1}"


def _place(column: Column, header: Row) -> int | None:
    if isinstance(column, int):
        return column
    names = [cell.casefold() for cell in header.cells]
    wanted = [one.strip().casefold() for one in column.split("|")]
    return next((names.index(name) for name in wanted if name in names), None)


def _grouped(places: dict[str, int]) -> Columns:
    texts = tuple(place for name, place in places.items() if name.startswith("text "))
    return {name: (place,) for name, place in places.items() if not name.startswith("text ")} | {
        "text": texts
    }


def _is_skipped(row: Row, columns: Columns, profile: CsvProfile) -> bool:
    starts = (row.cells[0].casefold(), _joined(row, columns).casefold())
    if any(start.startswith(word.casefold()) for word in profile.not_movements for start in starts):
        return True
    money = ("amount", "debit", "credit", "fee")
    return profile.notes_lack_amounts and not any(_cell(row, columns, name) for name in money)


def _cell(row: Row, columns: Columns, field: str) -> str:
    """Empty too where the row ends before it."""
    place = columns.get(field, (len(row.cells),))[0]
    return row.cells[place] if place < len(row.cells) else ""


def _joined(row: Row, columns: Columns) -> str:
    parts = [row.cells[place] for place in columns["text"] if place < len(row.cells)]
    return " ".join(" ".join(part for part in dict.fromkeys(parts) if part).split())


def _lines(
    rows: list[Row], columns: Columns, profile: CsvProfile, currency: str
) -> tuple[list[BankLine], list[Fault]]:
    dates = DateReader(profile.date_format, (_cell(row, columns, "date") for row in rows))
    reading = _Reading(columns, profile, currency, dates)
    lines: list[BankLine] = []
    for row in rows:
        lines += reading.lines_of(row)
    return lines, reading.faults


class _Reading:
    """Reads row after row, collecting every fault and remembering how the file signs its debits."""

    def __init__(self, columns: Columns, profile: CsvProfile, currency: str, dates: DateReader) -> None:
        self._columns, self._profile, self._currency, self._dates = columns, profile, currency, dates
        self._last = max(place for places in columns.values() for place in places)
        self._minus: dict[str, bool] = {}
        self.faults: list[Fault] = []

    def lines_of(self, row: Row) -> list[BankLine]:
        """One line, or two where the row also has a fee; none if anything is wrong with it."""
        if len(row.cells) <= self._last:
            has, needs = len(row.cells), self._last + 1
            self._fault(row, f"there are {has} columns; this profile needs {needs}.")
            return []
        count = len(self.faults)
        day = self._try(row, lambda: self._dates.read(_cell(row, self._columns, "date")))
        amount = self._try(row, lambda: self._amount(row))
        fee = self._try(row, lambda: self._outgoing(row, "fee"))
        balance = self._try(row, lambda: self._money(row, "balance"))
        if len(self.faults) > count or day is None:
            return []
        return self._as_lines(row, day, (amount, fee, balance))

    def _as_lines(
        self, row: Row, day: date, money: tuple[int | None, int | None, int | None]
    ) -> list[BankLine]:
        amount, fee, balance = money
        text, sign = _joined(row, self._columns), self._profile.sign
        reference, bank_id = (_cell(row, self._columns, name) for name in ("reference", "bank_id"))
        made = BankLine(row.line_no, day, sign * (amount or 0), text, reference, bank_id)
        if not fee:
            return [made._replace(balance_minor=balance)]
        charged = made._replace(amount_minor=fee, text=f"Fee: {text}", balance_minor=balance)
        return [charged] if amount is None else [made, charged]

    def _amount(self, row: Row) -> int | None:
        if self._profile.amount is not None:
            amount = self._money(row, "amount")
        else:
            debit, credit = self._outgoing(row, "debit"), self._money(row, "credit")
            if debit and credit:
                raise CellError("both the debit and the credit are filled in.")
            if credit is not None and credit < 0:
                raise CellError(f"the credit “{_cell(row, self._columns, 'credit')}” is negative.")
            amount = credit if not debit and credit is not None else debit
        if amount is None and not _cell(row, self._columns, "fee"):
            raise CellError("there is no amount.")
        return amount

    def _outgoing(self, row: Row, field: str) -> int | None:
        """Money out, negative. Some banks write debits with a minus, some without; one file does it one way."""
        amount = self._money(row, field)
        if not amount:
            return amount
        if self._minus.setdefault(field, amount < 0) != (amount < 0):
            raise CellError(
                f"the {field} “{_cell(row, self._columns, field)}” has another sign than those above it."
            )
        return -abs(amount)

    def _money(self, row: Row, field: str) -> int | None:
        text = _cell(row, self._columns, field)
        return (
            read_amount(text, self._currency, self._profile.decimal, self._profile.thousands)
            if text
            else None
        )

    def _try(self, row: Row, read: Callable[[], Value]) -> Value | None:
        try:
            return read()
        except CellError as error:
            self._fault(row, str(error))
            return None

    def _fault(self, row: Row, what: str) -> None:
        self.faults.append(fault(row.line_no, what))
