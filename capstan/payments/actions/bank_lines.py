"""One line of the bank: whose it is, where it was before, which payment it took back. By its words, or by a person's."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.actions import terms
from capstan.billing.rules.words import Method
from capstan.ledger.actions import post
from capstan.ledger.queries import balance
from capstan.ledger.rules import Code, Draft, JournalDraft, Name, entry
from capstan.payments.actions.take import BANK, Received, into, reverse, take
from capstan.payments.models import BankLine, MatchRule, Payment, Refund
from capstan.payments.rules.statements import lines as read_lines
from capstan.payments.rules.statements.codes import code_key, codes_in
from capstan.payments.rules.statements.learn import learn
from capstan.payments.rules.statements.match import (
    RETURNED_WITHIN,
    Certainty,
    Index,
    MoneyOut,
    match,
    money_out_kind,
    place_of,
)
from capstan.payments.rules.words import BankLineState, Payout
from capstan.values.refused import Refused

UNMATCHED = Name(Code.UNMATCHED, "bank")
OUTSIDE = Name(Code.OUTSIDE)
FEES = Name(Code.FEES)
_BY_HAND_WITHIN = timedelta(days=7)
_PAID_OUT_WITHIN = timedelta(days=14)
_LOOKED_AT, _CHOICES = 500, 20


def book(line: BankLine, read: read_lines.BankLine, index: Index, *, now: datetime) -> None:
    """Within the caller's transaction, the line locked: book it where its words say, or keep it for a person."""
    if line.amount_minor <= 0:
        _book_out(line, money_out_kind(read), match(read, index).why, now)
        return
    if (place := place_of(read, index)) is not None:
        keep_for_person(line, "", None, now=now)
        why = f"“{' '.join(place.words)}” was said to be this before"
        _place(line, into(place.account), 0, why, line.source.actor, now)
        return
    found = match(read, index)
    if found.certainty != Certainty.SURE or found.customer_id is None:
        suggested = found.customer_id if found.certainty == Certainty.SUGGESTED else None
        keep_for_person(line, found.why, suggested, now=now)
        return
    terms.lock(found.customer_id, now=now)
    line.state, line.why = BankLineState.MATCHED, found.why
    line.payment = _booked_by_hand(line, found.customer_id)
    if line.payment is None:
        line.payment = _take(line, found.customer_id, None, line.source.actor, now)
    else:
        line.why = f"booked by hand before, receipt {line.payment.receipt_number}; {found.why}"
    line.save(update_fields=["state", "why", "payment"])


def _book_out(line: BankLine, kind: MoneyOut, why: str, now: datetime) -> None:
    """Money out: a payment that was returned waits for a person, a refund is known already, anything else isn't customers'."""
    refunds = could_pay_out(line) if kind == MoneyOut.OTHER else []
    if kind == MoneyOut.RETURN:
        line.state, line.why = BankLineState.UNMATCHED, why
        line.save(update_fields=["state", "why"])
    elif len(refunds) == 1:
        _link_refund(line, refunds[0])
    else:
        _aside(line, FEES if kind == MoneyOut.FEE else OUTSIDE, why, line.source.actor, now)


def keep_for_person(line: BankLine, why: str, suggested_id: int | None, *, now: datetime) -> None:
    """Nobody knows yet whose it is: what came in is in the books all the same."""
    line.state, line.why, line.suggested_id = BankLineState.UNMATCHED, why, suggested_id
    line.save(update_fields=["state", "why", "suggested"])
    text = f"Bank line of {line.booked_on}: {line.text}"[:200]
    entries = entry(BANK, UNMATCHED, line.amount_minor)
    draft = JournalDraft(f"bankline:{line.pk}", "unmatched", line.booked_on, text, line.source.actor, entries)
    post([draft], now=now)


def _booked_by_hand(line: BankLine, customer_id: int) -> Payment | None:
    """The same money, if somebody saw it at the bank and booked it some days ago: the line is its proof, not more money."""
    near = Payment.objects.filter(
        customer_id=customer_id, method=Method.EFT, amount_minor=line.amount_minor, reversed_at=None, bank_line=None,
        received_on__gte=line.booked_on - _BY_HAND_WITHIN, received_on__lte=line.booked_on + _BY_HAND_WITHIN,
    )  # fmt: skip
    return near.order_by("pk").first()


def _take(line: BankLine, customer_id: int, source: Name | None, actor: str, now: datetime) -> Payment:
    return take(
        Received(
            customer_id, Method.EFT, line.amount_minor, line.booked_on, BANK, _words(line)[:300], from_account=source
        ),
        actor=actor, now=now,
    )  # fmt: skip


@transaction.atomic
def assign(
    *, line_id: int, customer_id: int, remember: bool, is_another: bool = False, actor: str, now: datetime
) -> Payment:
    """Somebody knows whose an unmatched line is. With `remember`, the next one of these words goes there by itself. As much that
    was booked by hand some days ago is this money, unless he says that it `is_another`.

    Raises Refused for a line that doesn't wait any more, and for money out.
    """
    line = _unmatched(line_id)
    _must_be_in(line)
    terms.lock(customer_id, now=now)
    line.state, line.why = BankLineState.MATCHED, "matched by hand"
    by_hand = None if is_another else _booked_by_hand(line, customer_id)
    if by_hand is None:
        line.payment = _take(line, customer_id, UNMATCHED, actor, now)
    else:
        line.payment = by_hand
        line.why = f"matched by hand; booked before, receipt {by_hand.receipt_number}"
        _move(line, "booked by hand before", entry(UNMATCHED, BANK, line.amount_minor), actor, now)
    words = _learn(line, actor, now, customer_id=customer_id) if remember else ()
    if words:
        line.why = f"{line.why}; from now on “{' '.join(words)}” is this customer"
    line.save(update_fields=["payment", "state", "why", "moves"])
    record(
        actor=actor, action="bank.assign", subject=f"customer:{customer_id}", now=now,
        details={"line": line.pk, "amount_minor": line.amount_minor, "remembered": list(words)},
    )  # fmt: skip
    return line.payment


@transaction.atomic
def place(*, line_id: int, account: Name, fee_minor: int, remember: bool, actor: str, now: datetime) -> int:
    """Money that was ours already has reached the bank: a gateway's payout, a till's deposit. `fee_minor` is what was kept of it
    and isn't booked yet. Returns what the books have there afterwards, in minor units; below zero, more came than they knew of.

    Raises Refused for a line that doesn't wait any more, for money out, and for an account that money isn't on its way from.
    """
    line = _unmatched(line_id)
    _must_be_in(line)
    if account.code != Code.CLEARING:
        raise Refused("Choose where the money was: with a gateway, or on its way from a till.")
    if fee_minor < 0:
        raise Refused("A fee is not less than nothing.")
    words = _learn(line, actor, now, account=str(account)) if remember else ()
    why = f"{account.subject}; from now on “{' '.join(words)}” is that" if words else account.subject
    _place(line, account, fee_minor, why, actor, now)
    record(
        actor=actor, action="bank.place", subject=f"bankline:{line.pk}", now=now,
        details={
            "account": str(account), "amount_minor": line.amount_minor, "fee_minor": fee_minor, "remembered": list(words),
        },
    )  # fmt: skip
    return balance(account)


def _place(line: BankLine, account: Name, fee_minor: int, why: str, actor: str, now: datetime) -> None:
    entries = (*entry(UNMATCHED, account, line.amount_minor), *entry(FEES, account, fee_minor))
    _move(line, str(account.subject or account.code), entries, actor, now)
    line.state, line.why, line.placed, line.fee_minor = BankLineState.PLACED, why, str(account), fee_minor
    line.save(update_fields=["state", "why", "placed", "fee_minor", "moves"])


def _move(line: BankLine, what: str, entries: tuple[Draft, ...], actor: str, now: datetime) -> None:
    """Each move of a line is a journal of its own, as it may be taken back and made again."""
    line.moves += 1
    text = f"{what}: bank line of {line.booked_on}, {line.text}"[:200]
    draft = JournalDraft(f"bankline:{line.pk}:{line.moves}", "placed", line.booked_on, text, actor, entries)
    post([draft], now=now)


def could_return(line: BankLine) -> Sequence[Payment]:
    """The payments that a line of money out may have taken back: as much, not long before, and still standing. A customer whom
    the line names by his code is the only one."""
    found = Payment.objects.filter(
        amount_minor=-line.amount_minor, reversed_at=None, refunded_minor=0, received_on__lte=line.booked_on,
        received_on__gte=line.booked_on - RETURNED_WITHIN, method__in=(Method.EFT, Method.DEBIT_ORDER),
    )  # fmt: skip
    rows = list(found.select_related("customer").order_by("-received_on", "-pk")[:_LOOKED_AT])
    said = codes_in(_words(line), "[A-Z0-9]+")
    named = [one for one in rows if code_key(one.customer.account_code) in said]
    return (named or rows)[:_CHOICES]


@transaction.atomic
def take_back(*, line_id: int, payment_id: int, actor: str, now: datetime) -> int:
    """The bank took this payment back: what it had paid is open again. Returns how much that is, in minor units.

    Raises Refused for a line that doesn't wait any more or isn't of this payment, and for a payment that can't be reversed.
    """
    line = _unmatched(line_id)
    payment = next((one for one in could_return(line) if one.pk == payment_id), None)
    if payment is None:
        raise Refused("This line can't be of that payment: the amount, the days or the way differ.")
    opened = reverse(payment_id=payment.pk, reason=_words(line)[:300], actor=actor, now=now)
    came_from = into(payment.paid_into)
    if came_from != BANK:  # it went out of the bank, not out of where it had come to
        text = f"Receipt {payment.receipt_number} returned: bank line of {line.booked_on}"
        entries = entry(came_from, BANK, payment.amount_minor)
        post([JournalDraft(f"bankline:{line.pk}", "returned", line.booked_on, text, actor, entries)], now=now)
    line.state, line.why, line.took_back = BankLineState.RETURNED, "returned by the bank", payment
    line.save(update_fields=["state", "why", "took_back"])
    return opened


def could_pay_out(line: BankLine) -> Sequence[Refund]:
    """The refunds by EFT that a line of money out may be: as much, given back not long before, and seen on no statement yet."""
    first, last = line.booked_on - _PAID_OUT_WITHIN, line.booked_on + timedelta(days=1)
    found = Refund.objects.filter(
        how=Payout.EFT,
        state="done",
        amount_minor=-line.amount_minor,
        bank_line=None,
        made_at__date__range=(first, last),
    )
    return list(found.select_related("payment__customer").order_by("pk")[:20])


def _link_refund(line: BankLine, refund: Refund) -> None:
    """The books have it since it was given back."""
    line.state, line.paid_out = BankLineState.PLACED, refund
    line.why = f"the refund of receipt {refund.payment.receipt_number}"
    line.save(update_fields=["state", "why", "paid_out"])


@transaction.atomic
def is_refund(*, line_id: int, refund_id: int, actor: str, now: datetime) -> None:
    """Somebody knows which refund went out by this line. Raises Refused for one that it can't be."""
    line = _unmatched(line_id)
    refund = next((one for one in could_pay_out(line) if one.pk == refund_id), None)
    if refund is None:
        raise Refused("This line can't be of that refund: the amount or the days differ.")
    _link_refund(line, refund)
    record(
        actor=actor, action="bank.is_refund", subject=f"bankline:{line.pk}", now=now, details={"refund": refund.pk},
    )  # fmt: skip


@transaction.atomic
def set_aside(*, line_id: int, reason: str, actor: str, now: datetime) -> None:
    """None of customers' business: interest, rent, a transfer between own accounts. It leaves the queue, and stands outside of
    customers' money. Raises Refused without a reason, and for a line that doesn't wait any more."""
    if not reason.strip():
        raise Refused("Say what it is.")
    line = _unmatched(line_id)
    _aside(line, OUTSIDE, reason.strip(), actor, now)
    record(
        actor=actor, action="bank.set_aside", subject=f"bankline:{line.pk}", reason=reason.strip(), now=now, details={},
    )  # fmt: skip


def _aside(line: BankLine, account: Name, why: str, actor: str, now: datetime) -> None:
    if line.amount_minor:
        entries = entry(UNMATCHED if line.amount_minor > 0 else BANK, account, line.amount_minor)
        _move(line, "set aside", entries, actor, now)
        line.placed = str(account)
    line.state, line.why = BankLineState.IGNORED, why
    line.save(update_fields=["state", "why", "placed", "moves"])


@transaction.atomic
def put_back(*, line_id: int, reason: str, actor: str, now: datetime) -> None:
    """It was taken for something that it isn't: it waits in the queue again, and the books say so. What it had paid is open
    again; what it had taken back is paid again. Raises Refused without a reason, for a line that waits, and for a payment that
    can't be reversed."""
    if not reason.strip():
        raise Refused("Say why it goes back to the queue.")
    line = _locked(line_id)
    if line.state in (BankLineState.WAITING, BankLineState.UNMATCHED):
        raise Refused(f"This line is {line.state}.")
    if line.payment is not None:
        _unmatch(line, line.payment, reason, actor, now)
    elif line.took_back is not None:
        _pay_again(line, line.took_back, reason, actor, now)
    elif line.placed:
        was, source = into(line.placed), UNMATCHED if line.amount_minor > 0 else BANK
        entries = (*entry(was, source, line.amount_minor), *entry(was, FEES, line.fee_minor))
        _move(line, "back to the queue", entries, actor, now)
    line.state, line.placed, line.fee_minor = BankLineState.UNMATCHED, "", 0
    line.payment = line.took_back = line.paid_out = None
    line.why = f"was taken for something else: {reason.strip()}"
    line.save()
    record(
        actor=actor, action="bank.put_back", subject=f"bankline:{line.pk}", reason=reason.strip(), now=now, details={},
    )  # fmt: skip


def _unmatch(line: BankLine, payment: Payment, reason: str, actor: str, now: datetime) -> None:
    """The money is here, and nobody's: reversing said that it had gone."""
    if payment.reversed_at is None:
        reverse(payment_id=payment.pk, reason=f"not this customer's: {reason.strip()}", actor=actor, now=now)
    _move(line, "back to the queue", entry(into(payment.paid_into), UNMATCHED, line.amount_minor), actor, now)


def _pay_again(line: BankLine, payment: Payment, reason: str, actor: str, now: datetime) -> None:
    """The bank took another payment back, not this one: what it was is paid again, by a payment of its own."""
    account = into(payment.paid_into)
    if account != BANK:
        _move(line, "back to the queue", entry(account, BANK, line.amount_minor), actor, now)
    take(
        Received(
            payment.customer_id, Method(payment.method), payment.amount_minor, payment.received_on, account,
            f"in place of receipt {payment.receipt_number}: {reason.strip()}"[:300],
        ),
        actor=actor, now=now,
    )  # fmt: skip


def _locked(line_id: int) -> BankLine:
    return BankLine.objects.select_for_update(of=("self",)).select_related("source").get(pk=line_id)


def _unmatched(line_id: int) -> BankLine:
    line = _locked(line_id)
    if line.state != BankLineState.UNMATCHED:
        raise Refused(f"This line is {line.state}.")
    return line


def _must_be_in(line: BankLine) -> None:
    if line.amount_minor <= 0:
        raise Refused("This line is money out: say which payment it took back, or set it aside.")


def _learn(
    line: BankLine, actor: str, now: datetime, *, customer_id: int | None = None, account: str = ""
) -> tuple[str, ...]:
    words = learn(_words(line))
    if words:
        known = MatchRule.objects.filter(words=list(words), account=account, ended_at=None)
        if customer_id not in known.values_list("customer_id", flat=True):
            MatchRule.objects.create(
                words=list(words), customer_id=customer_id, account=account, actor=actor, made_at=now
            )
    return words


def _words(line: BankLine) -> str:
    return " ".join(part for part in (line.text, line.reference) if part)
