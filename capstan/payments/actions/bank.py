"""Bank statements: read in whole or not at all, each line once, matched to customers or kept for a person."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.models import Invoice
from capstan.billing.rules.words import InvoiceKind, Method
from capstan.customers.models import Customer
from capstan.db.locks import hold
from capstan.ledger.actions import post
from capstan.ledger.rules import Code, JournalDraft, Name, entry
from capstan.payments.actions.take import BANK, Received, take
from capstan.payments.models import BankImport, BankLine, MatchRule, Payment
from capstan.payments.rules.statements import lines as read_lines
from capstan.payments.rules.statements.banks import BUILT_IN
from capstan.payments.rules.statements.detect import read_statement
from capstan.payments.rules.statements.fingerprint import fingerprints
from capstan.payments.rules.statements.learn import Rule, learn
from capstan.payments.rules.statements.lines import Fault
from capstan.payments.rules.statements.match import Candidate, Certainty, Index, Match, index_of, match
from capstan.payments.rules.words import BankLineState
from capstan.values.refused import Refused

UNMATCHED = Name(Code.UNMATCHED, "bank")
ACTOR = "bank"
_BY_HAND_WITHIN = timedelta(days=7)


class FaultyStatementError(Refused):
    """The file has faults; nothing of it was taken. `faults` names each line and cause."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        super().__init__(" ".join(one.sentence for one in self.faults[:20]))


class Imported(NamedTuple):
    """What became of a statement."""

    source: BankImport
    matched: int
    unmatched: int
    ignored: int


@transaction.atomic
def import_statement(
    *, content: bytes, file_name: str, account: str, profile: str, actor: str, now: datetime
) -> Imported:
    """Read a bank's file and book what came in. What is known from an earlier statement isn't booked again.

    `profile` is one of `BUILT_IN`, for CSV. Raises FaultyStatementError, and Refused for an unknown profile or no account.
    """
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
    index = _index([line for line, _ in new])
    states = [_book(source, line, mark, index, actor, now).state for line, mark in new]
    record(
        actor=actor, action="bank.import", subject=f"bankimport:{source.pk}", now=now,
        details={"file": file_name, "new": len(new), "known": len(known)},
    )  # fmt: skip
    return Imported(source, *(states.count(state) for state in BankLineState))


def _index(lines: Sequence[read_lines.BankLine]) -> Index:
    """What the lines may be matched by: codes and invoice numbers that occur, rules, and open amounts."""
    customers = {
        row.pk: Candidate(row.pk, row.account_code, row.name)
        for row in Customer.objects.only("id", "account_code", "name")
    }
    amounts = {line.amount_minor for line in lines if line.amount_minor > 0}
    open_ones = Invoice.objects.filter(kind=InvoiceKind.INVOICE, open_minor__gt=0)
    by_amount: dict[int, list[Candidate]] = {}
    by_number: dict[str, Candidate] = {}
    for invoice in open_ones.only("customer_id", "number", "open_minor"):
        by_number[invoice.number] = customers[invoice.customer_id]
        if invoice.open_minor in amounts:
            by_amount.setdefault(invoice.open_minor, []).append(customers[invoice.customer_id])
    rules = [
        Rule(tuple(row.words), row.customer_id)
        for row in MatchRule.objects.filter(ended_at=None).order_by("-id")
    ]
    return index_of(customers.values(), by_number, rules, by_amount)


def _book(
    source: BankImport, line: read_lines.BankLine, mark: str, index: Index, actor: str, now: datetime
) -> BankLine:
    row = BankLine(
        source=source, fingerprint=mark, booked_on=line.booked_on, amount_minor=line.amount_minor, text=line.text,
        reference=line.reference, state=BankLineState.IGNORED, why="money out",
    )  # fmt: skip
    if line.amount_minor <= 0:
        row.save()
        return row
    found = match(line, index)
    row.why = found.why
    if found.certainty == Certainty.SURE and found.customer_id is not None:
        row.state = BankLineState.MATCHED
        row.payment = _booked_by_hand(row, found.customer_id)
        if row.payment is not None:
            row.why = f"booked by hand before, receipt {row.payment.receipt_number}; {found.why}"
            row.save()
            return row
        row.payment = _take(row, found.customer_id, None, actor, now)
        row.save()
        return row
    row.state, row.suggested_id = BankLineState.UNMATCHED, _suggested(found)
    row.save()
    text = f"Bank line of {line.booked_on}: {line.text}"[:200]
    entries = entry(BANK, UNMATCHED, line.amount_minor)
    post([JournalDraft(f"bankline:{row.pk}", "unmatched", line.booked_on, text, actor, entries)], now=now)
    return row


def _booked_by_hand(line: BankLine, customer_id: int) -> Payment | None:
    """The same money, if somebody saw it at the bank and booked it some days ago: the line is its proof, not more money."""
    near = Payment.objects.filter(
        customer_id=customer_id, method=Method.EFT, amount_minor=line.amount_minor, reversed_at=None, bank_line=None,
        received_on__gte=line.booked_on - _BY_HAND_WITHIN, received_on__lte=line.booked_on + _BY_HAND_WITHIN,
    )  # fmt: skip
    return near.order_by("pk").first()


def _suggested(found: Match) -> int | None:
    return found.customer_id if found.certainty == Certainty.SUGGESTED else None


def _take(line: BankLine, customer_id: int, source: Name | None, actor: str, now: datetime) -> Payment:
    reference = " ".join(part for part in (line.text, line.reference) if part)[:300]
    return take(
        Received(
            customer_id, Method.EFT, line.amount_minor, line.booked_on, BANK, reference, from_account=source
        ),
        actor=actor, now=now,
    )  # fmt: skip


@transaction.atomic
def assign(*, line_id: int, customer_id: int, remember: bool, actor: str, now: datetime) -> Payment:
    """Somebody knows whose an unmatched line is. With `remember`, the next one of these words goes there by itself.

    Raises Refused for a line that has found its customer.
    """
    line = BankLine.objects.select_for_update().get(pk=line_id)
    if line.state != BankLineState.UNMATCHED:
        raise Refused(f"This line is {line.state}.")
    line.payment = _take(line, customer_id, UNMATCHED, actor, now)
    line.state, line.why = BankLineState.MATCHED, "matched by hand"
    words = learn(f"{line.text} {line.reference}") if remember else ()
    if words:
        MatchRule.objects.get_or_create(
            words=list(words),
            customer_id=customer_id,
            ended_at=None,
            defaults={"actor": actor, "made_at": now},
        )
        line.why = f"matched by hand; from now on “{' '.join(words)}” is this customer"
    line.save(update_fields=["payment", "state", "why"])
    record(
        actor=actor, action="bank.assign", subject=f"customer:{customer_id}", now=now,
        details={"line": line.pk, "amount_minor": line.amount_minor, "remembered": list(words)},
    )  # fmt: skip
    return line.payment


@transaction.atomic
def set_aside(*, line_id: int, reason: str, actor: str, now: datetime) -> None:
    """No customer's money: interest, a transfer between own accounts. It leaves the queue and stays in the books as unmatched
    until the bookkeeper moves it. Raises Refused without a reason."""
    if not reason.strip():
        raise Refused("Say what it is.")
    line = BankLine.objects.select_for_update().get(pk=line_id)
    if line.state != BankLineState.UNMATCHED:
        raise Refused(f"This line is {line.state}.")
    line.state, line.why = BankLineState.IGNORED, reason.strip()
    line.save(update_fields=["state", "why"])
    record(
        actor=actor,
        action="bank.set_aside",
        subject=f"bankline:{line.pk}",
        reason=reason.strip(),
        now=now,
        details={},
    )


def whose(text: str) -> Match:
    """Whose a pasted bank line is, as far as its words tell: account code, invoice number, learnt words."""
    line = read_lines.BankLine(0, date(2000, 1, 1), 1, text)
    return match(line, _index([line]))
