"""Bank statements: stored whole or not at all, then booked line by line, matched to customers or kept for a person."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import OperationalError, transaction

from capstan.audit.actions import record
from capstan.db.locks import hold
from capstan.db.wakeup import wake
from capstan.payments.actions import bank_lines
from capstan.payments.actions.bank_index import index_for
from capstan.payments.models import BankImport, BankLine
from capstan.payments.rules.statements import lines as read_lines
from capstan.payments.rules.statements.banks import BUILT_IN
from capstan.payments.rules.statements.detect import read_statement
from capstan.payments.rules.statements.fingerprint import fingerprints
from capstan.payments.rules.statements.lines import Fault
from capstan.payments.rules.statements.match import Index
from capstan.payments.rules.words import BankLineState
from capstan.values.refused import Refused

log = structlog.get_logger()

_WHILE_SOMEBODY_WAITS = 500  # lines: some seconds; the worker books the rest


class FaultyStatementError(Refused):
    """The file has faults; nothing of it was taken. `faults` names each line and cause."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        super().__init__(" ".join(one.sentence for one in self.faults[:20]))


class Imported(NamedTuple):
    """What has become of a statement's new lines by now. `waiting` ones are booked by the worker, within minutes."""

    source: BankImport
    matched: int
    unmatched: int
    ignored: int
    placed: int = 0
    waiting: int = 0


def import_statement(
    *, content: bytes, file_name: str, account: str, profile: str, actor: str, now: datetime
) -> Imported:
    """Read a bank's file and book what came in. What is known from an earlier statement isn't booked again.

    The lines are stored together, or none; then each is booked by itself, so that a long statement holds nobody's money up.
    `profile` is one of `BUILT_IN`, for CSV. Raises FaultyStatementError, and Refused for an unknown profile or no account.
    """
    source = _store(content, file_name, account, profile, actor, now)
    book_waiting(source=source, limit=_WHILE_SOMEBODY_WAITS, now=now)
    states = list(source.lines.values_list("state", flat=True))
    return Imported(
        source, states.count(BankLineState.MATCHED), states.count(BankLineState.UNMATCHED),
        states.count(BankLineState.IGNORED), states.count(BankLineState.PLACED), states.count(BankLineState.WAITING),
    )  # fmt: skip


@transaction.atomic
def _store(
    content: bytes, file_name: str, account: str, profile: str, actor: str, now: datetime
) -> BankImport:
    if profile and profile not in BUILT_IN:
        raise Refused(f"There is no layout {profile!r}.")
    if not account.strip():
        raise Refused("Say which of your bank accounts the statement is of.")
    read = read_statement(content, BUILT_IN.get(profile), settings.OPTIONS.currency)
    if read.faults:
        raise FaultyStatementError(read.faults)
    hold(["bank import"])  # the same file twice at once: the second finds the first's lines
    marks = fingerprints(read.lines, account.strip())
    known = set(BankLine.objects.filter(fingerprint__in=marks).values_list("fingerprint", flat=True))
    new = [(line, mark) for line, mark in zip(read.lines, marks, strict=True) if mark not in known]
    source = BankImport.objects.create(
        file_name=file_name, account=account.strip(), sha256=hashlib.sha256(content).hexdigest(), lines_new=len(new),
        lines_known=len(known), actor=actor, made_at=now,
    )  # fmt: skip
    BankLine.objects.bulk_create(
        BankLine(
            source=source, fingerprint=mark, booked_on=line.booked_on, amount_minor=line.amount_minor, text=line.text,
            reference=line.reference, state=BankLineState.WAITING,
        )
        for line, mark in new
    )  # fmt: skip
    record(
        actor=actor, action="bank.import", subject=f"bankimport:{source.pk}", now=now,
        details={"file": file_name, "new": len(new), "known": len(known)},
    )  # fmt: skip
    wake("pay")
    return source


def book_waiting(*, now: datetime, limit: int, source: BankImport | None = None) -> int:
    """Book lines that were stored and not booked yet, of one statement or of all; returns how many it tried.

    A process that is killed leaves whole lines behind, booked or waiting: the next call goes on there.
    """
    waiting = BankLine.objects.filter(state=BankLineState.WAITING).order_by("pk")
    if source is not None:
        waiting = waiting.filter(source=source)
    lines = list(waiting[:limit])
    if lines:
        index = index_for([_as_read(line) for line in lines])
        for line in lines:
            _book_safely(line.pk, index, now)
    return len(lines)


def _book_safely(line_id: int, index: Index, now: datetime) -> None:
    """One that can't be booked stops no other: it waits, for the next try or for a person."""
    try:
        _book(line_id, index, now)
        return
    except OperationalError:  # the database was away or two waited for each other: the next round does it
        log.warning("a bank line couldn't be booked; it is tried again", line=line_id, exc_info=True)
        return
    except Exception as problem:  # whatever it is, it mustn't hold up the others
        log.exception("a bank line couldn't be booked; a person has to", line=line_id)
        why = f"It couldn't be booked by itself: {problem}"
    with transaction.atomic():
        line = _waiting(line_id)
        if line is not None:
            bank_lines.keep_for_person(line, why, None, now=now)


@transaction.atomic
def _book(line_id: int, index: Index, now: datetime) -> None:
    line = _waiting(line_id)
    if line is not None:
        bank_lines.book(line, _as_read(line), index, now=now)


def _waiting(line_id: int) -> BankLine | None:
    """The line, locked, unless somebody else has it or has booked it."""
    rows = BankLine.objects.select_for_update(of=("self",), skip_locked=True).select_related("source")
    return rows.filter(pk=line_id, state=BankLineState.WAITING).first()


def _as_read(line: BankLine) -> read_lines.BankLine:
    return read_lines.BankLine(0, line.booked_on, line.amount_minor, line.text, line.reference)
