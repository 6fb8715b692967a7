"""Netcash debit orders: the batch file that goes up, and the three answers that come back.

Sources: Netcash's documentation of NIWS_NIF (api.netcash.co.za: “Standard debit orders”, “Input template”, “Load
report”, “Netcash statement”, “Bulk statement download”), read in stored copies, and batches of public projects that
Netcash accepted. A batch is text with tabs between fields:

    H  service key  1  Sameday|TwoDay  batch name  CCYYMMDD  vendor key
    K  101 account reference  102 name  131 kind (1: bank account)  132 account holder  133 type  134 branch code
       135 filler 0  136 account number  162 amount in cents  301 302 303 our own references
    T  the values, one record a debit order
    F  number of T records  sum of the cents  9999

Not verified, so prove it with one small debit order of your own account before live use:
- the end of a record: a sample of Netcash's has CR LF, other batches with LF were accepted; CR LF is written;
- 133 as 1 current, 2 savings, 3 transmission: 1 and 2 were reported from a live profile, 3 is BankservAfrica's number;
- the lengths of 102, 132 and 301–303, cut here to 30, 30 and 50 characters;
- that 301 comes back as the statement's eighth field, Extra 1: that is why it always holds the account reference;
- whether the daily statement writes cents without a point, as the bulk statement is documented to; both are read;
- where the reason code stands: it is looked for in the description, after the word code or reason, or in brackets;
- which lines of paid debit orders name one account: lines of paid batches as a whole name none and are left out, so
  a debit order counts as paid provisionally, until an unpaid arrives – days later, sometimes weeks.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from capstan.payments.rules.debit_orders.calendar import Instruction
from capstan.payments.rules.debit_orders.mandates import AccountType, BankAccount, check_account
from capstan.payments.rules.debit_orders.unpaid import Reason, reason_of
from capstan.payments.rules.statements.cells import CellError, DateReader, read_amount
from capstan.payments.rules.statements.content import decoded, not_text
from capstan.payments.rules.statements.lines import Fault, fault
from capstan.values.refused import Refused

STANDARD_VENDOR_KEY = "24ade73c-98cf-47b3-99be-cc7b867b3080"
"""For everyone who isn't a registered vendor with Netcash; it is public."""

REFERENCE_MAX = 22
NAME_MAX = 30
EXTRA_MAX = 50
EXTRAS_MAX = 2
FIRST_DEBIT_LINE = 3
"""The line of a batch file in which its first debit order stands: load reports name lines."""

_KEYS = ("101", "102", "131", "132", "133", "134", "135", "136", "162", "301", "302", "303")
_TYPES = {AccountType.CURRENT: "1", AccountType.SAVINGS: "2", AccountType.TRANSMISSION: "3"}
_UPLOAD_ERRORS = {
    "100": "Netcash doesn't accept the service key: check it in the settings.",
    "101": "Netcash can't read a date in the batch.",
    "102": "Netcash can't read the batch: one of its fields is wrong.",
    "104": "The Netcash account is not active, or the vendor key is wrong.",
    "105": "The Netcash service for debit orders is not active.",
    "106": "The service key is wrong or not active.",
    "200": "Netcash has a fault of its own: ask its support before you send the batch again.",
    "201": "The Netcash account is locked: ask Netcash's support.",
    "311": "The service key belongs to another service than debit orders.",
    "316": "Netcash hasn't finished its compliance checks of your account.",
}


class DebitLine(NamedTuple):
    """One debit order. `account_reference` is the customer's, 2 to 22 characters; `extras` at most two references."""

    account_reference: str
    name: str
    account: BankAccount
    amount_minor: int
    extras: tuple[str, ...] = ()


class UploadAnswer(NamedTuple):
    """Either a `token` to ask for the load report with, or an error code (empty if it is no code) and a sentence.

    A token only means that the file arrived.
    """

    token: str
    error_code: str = ""
    sentence: str = ""


class LoadResult(StrEnum):
    SUCCESSFUL = "successful"
    WITH_ERRORS = "successful with errors"
    """The lines named were left out, the others will run."""
    UNSUCCESSFUL = "unsuccessful"
    NOT_READY = "not ready"
    UNREADABLE = "unreadable"


class LoadFault(NamedTuple):
    """What Netcash found wrong. `line_no` counts the batch file's lines, 0 if it is about the whole file."""

    account_reference: str
    line_no: int
    message: str


class LoadReport(NamedTuple):
    batch_name: str
    result: LoadResult
    faults: tuple[LoadFault, ...] = ()


class Outcome(StrEnum):
    PAID = "paid"
    UNPAID = "unpaid"
    REJECTED = "rejected"


class DebitResult(NamedTuple):
    """What became of one debit order. `amount_minor` is positive; `reason_code` is empty if none was given."""

    account_reference: str
    amount_minor: int
    outcome: Outcome
    reason_code: str
    reason: str
    may_present_again: bool
    day: date
    line_no: int = 0


class ResultsRead(NamedTuple):
    """As with a bank statement: results, or faults and no result."""

    results: tuple[DebitResult, ...] = ()
    faults: tuple[Fault, ...] = ()


_OUTCOMES = {
    **dict.fromkeys(("TDD", "SDD", "TDC", "SDC", "DCS"), Outcome.PAID),
    **dict.fromkeys(("DRU", "DCU", "DCX", "DCD"), Outcome.UNPAID),
}
"""The statement's transaction codes for debit orders: two-day, same-day, cards, DebiCheck; other codes are left out."""


def batch_file(
    service_key: str,
    vendor_key: str,
    instruction: Instruction,
    batch_name: str,
    action_date: date,
    lines: Sequence[DebitLine],
) -> bytes:
    """The batch in ASCII, with its control totals. Accents are dropped, tabs and line ends become blanks.

    Raises Refused, naming every debit order that can't be sent and why; a batch is sent whole or not at all.
    """
    if wrong := _batch_faults(service_key, batch_name, lines):
        raise Refused(" ".join(wrong))
    header = ("H", service_key, "1", instruction.value, batch_name, f"{action_date:%Y%m%d}", vendor_key)
    total = sum(line.amount_minor for line in lines)
    footer = ("F", str(len(lines)), str(total), "9999")
    records = [header, ("K", *_KEYS), *map(_transaction, lines), footer]
    return "".join("\t".join(map(_field, record)) + "\r\n" for record in records).encode("ascii")


def read_upload_answer(text: str) -> UploadAnswer:
    """What BatchFileUpload returned: a token of digits with points, or an error code of three digits."""
    answer = text.strip().strip('"')
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)+", answer):
        return UploadAnswer(answer)
    if re.fullmatch(r"[0-9]{3}", answer):
        return UploadAnswer(
            "", answer, _UPLOAD_ERRORS.get(answer, f"Netcash refused the batch with its code {answer}.")
        )
    shown = answer[:80] or "nothing"
    return UploadAnswer("", "", f"Netcash answered “{shown}”, which is neither a token nor one of its codes.")


def read_load_report(text: str) -> LoadReport:
    """What RequestFileUploadReport returned. A report that breaks off is UNREADABLE: ask for it again."""
    rows = [[cell.strip() for cell in row.split("\t")] for row in text.splitlines() if row.strip()]
    if text.strip().strip('"').upper() == "FILE NOT READY":
        return LoadReport("", LoadResult.NOT_READY)
    is_whole = len(rows) > 1 and rows[0][0].upper() == "###BEGIN" and rows[-1][0].upper() == "###END"
    name = rows[0][1] if is_whole and len(rows[0]) > 2 else ""
    said = rows[0][2].upper() if is_whole and len(rows[0]) > 2 else ""
    result = {one.value.upper(): one for one in LoadResult}.get(said, LoadResult.UNREADABLE)
    if result is LoadResult.UNREADABLE:
        return LoadReport(
            name, result, (LoadFault("", 0, f"This is no load report of Netcash: “{text.strip()[:80]}”"),)
        )
    return LoadReport(name, result, tuple(map(_load_fault, rows[1:-1])))


def read_results(content: str | bytes) -> ResultsRead:
    """The debit orders in Netcash's statement: unpaid ones, and paid ones where the line names an account.

    Never raises; with a fault there are no results, and nothing may be booked.
    """
    raw = content.encode("utf-8", "replace") if isinstance(content, str) else content
    text: str | Fault = not_text(raw) or decoded(raw, ("utf-8", "cp1252"))
    if isinstance(text, Fault):
        return ResultsRead(faults=(text,))
    results: list[DebitResult] = []
    faults: list[Fault] = []
    written: set[bool] = set()
    for line_no, row in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in row.split("\t")]
        if len(cells) < 2 or cells[1].upper() not in _OUTCOMES:
            if row.strip() and len(cells) < 2:
                faults.append(
                    fault(line_no, f"“{row.strip()[:60]}” isn't a line of Netcash's statement, with tabs.")
                )
            continue
        try:
            results += [one._replace(line_no=line_no) for one in _results(cells, written)]
        except CellError as error:
            faults.append(fault(line_no, str(error)))
    return ResultsRead(faults=tuple(faults)) if faults else ResultsRead(tuple(results))


def _batch_faults(service_key: str, batch_name: str, lines: Sequence[DebitLine]) -> list[str]:
    found = []
    if not _field(service_key) or not _field(batch_name):
        found.append("A batch needs a service key and a name.")
    if not lines:
        found.append("There is no debit order to send.")
    for reference, count in Counter(_field(line.account_reference) for line in lines).items():
        if count > 1:
            found.append(f"{reference} is in the batch {count} times: one debit order a customer and batch.")
    for line in lines:
        found += [f"{line.account_reference}: {why}" for why in line_faults(line)]
    return found


def line_faults(line: DebitLine) -> list[str]:
    """Why this debit order can't be written into a batch, a sentence each."""
    found = check_account(line.account)
    if not 2 <= len(_field(line.account_reference)) <= REFERENCE_MAX:
        found.append(f"The account reference must have 2 to {REFERENCE_MAX} characters.")
    if _field(line.account_reference) != line.account_reference:
        found.append("The account reference may have plain letters and digits only: results come back by it.")
    if not _field(line.name) or not _field(line.account.account_name):
        found.append("There is no name that can be written in plain letters.")
    if line.amount_minor <= 0:
        found.append("The amount must be more than nothing.")
    if len(line.extras) > EXTRAS_MAX:
        found.append(f"At most {EXTRAS_MAX} references of our own fit.")
    return found


def _transaction(line: DebitLine) -> tuple[str, ...]:
    account = line.account
    own = [_field(extra)[:EXTRA_MAX] for extra in (*line.extras, "", "")][:EXTRAS_MAX]
    return (
        "T",
        line.account_reference,
        _field(line.name)[:NAME_MAX],
        "1",
        _field(account.account_name)[:NAME_MAX],
        _TYPES[account.account_type],
        re.sub(r"[\s-]", "", account.branch_code),
        "0",
        re.sub(r"[\s-]", "", account.account_number),
        str(line.amount_minor),
        line.account_reference,
        *own,
    )


def _field(text: str) -> str:
    """Printable ASCII in one line, so that no name can break the record or add one."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(re.sub(r"[^ -~]", " ", plain).split())


def _load_fault(row: list[str]) -> LoadFault:
    if row[0].upper() == "###ERROR":
        return LoadFault("", 0, " ".join(row[1:]))
    line = re.search(r"Line\s*:?\s*([0-9]{1,9})", " ".join(row[1:2]), re.IGNORECASE)
    if len(row) < 3 or line is None:
        return LoadFault("", 0, " ".join(row))
    return LoadFault(row[0], int(line[1]), " ".join(row[2:]))


def _results(cells: list[str], written: set[bool]) -> list[DebitResult]:
    """The line's result, or none for a paid batch as a whole. `written` is whether amounts so far have a point."""
    if len(cells) < 8:
        raise CellError(f"there are {len(cells)} fields; a statement's line has at least 8.")
    outcome = _OUTCOMES[cells[1].upper()]
    reference = cells[7]
    if not reference and outcome is Outcome.PAID:
        return []
    if not reference:
        raise CellError("there is no account reference in the eighth field (Extra 1).")
    amount, day = abs(_amount(cells[4], written)), DateReader("%Y%m%d").read(cells[0])
    if outcome is Outcome.PAID:
        return [DebitResult(reference, amount, outcome, "", "", False, day)]
    code, reason = _reason(cells[3])
    outcome = Outcome.REJECTED if reason and reason.is_rejected else outcome
    words, again = (reason.words, reason.may_present_again) if reason else (cells[3], False)
    return [DebitResult(reference, amount, outcome, code, words, again, day)]


def _amount(text: str, written: set[bool]) -> int:
    has_point = "." in text
    written.add(has_point)
    if len(written) > 1:
        raise CellError(
            f"“{text[:40]}” is written otherwise than the amounts above it, with a point or without."
        )
    cents = read_amount(text, "ZAR")
    return cents if has_point else cents // 100  # without a point the number itself is in cents


def _reason(description: str) -> tuple[str, Reason | None]:
    """The code as in the table of reasons, and what it means; the code alone where the table lacks it."""
    found = re.search(
        r"(?:\bcode|\breason)\s*(?:code)?\s*[:#=-]?\s*([0-9]{1,3})\b", description, re.IGNORECASE
    )
    found = found or re.search(r"[(\[]\s*([0-9]{1,3})\s*[)\]]", description)
    if found is None:
        return "", None
    reason = reason_of(found[1])
    return (reason.code if reason else found[1]), reason
