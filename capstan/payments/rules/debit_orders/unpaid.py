"""Why a bank sends a debit order back, and whether it makes sense to present it again.

Source: Netcash, “Unpaid transaction codes” (api.netcash.co.za/value-added-services/unpaid-transaction-codes), which
passes on BankservAfrica's codes. Netcash marks 02 alone as not permanent: twice within 45 days, after that the code
is 60, which may cost a penalty. Code 22 is marked permanent there although its text speaks of uncleared money; it is
treated as Netcash marks it. The sentences are ours.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple


class Reason(NamedTuple):
    """`may_present_again` is false where the bank or the payer first has to lift something, mostly by a new mandate.

    `is_rejected` tells a debit order that never reached an account from one that came back from it.
    """

    code: str
    words: str
    may_present_again: bool = False
    is_rejected: bool = False


REASONS = (
    Reason("02", "There wasn't enough money in the account.", may_present_again=True),
    Reason("03", "The account doesn't allow debit orders."),
    Reason("04", "The account holder stopped the payment."),
    Reason("06", "The account is frozen."),
    Reason("08", "The account holder is under sequestration."),
    Reason("10", "The company is in liquidation."),
    Reason("12", "The account is closed."),
    Reason("14", "The account moved within the same bank."),
    Reason("16", "The account moved to another bank."),
    Reason("18", "The account holder has died."),
    Reason("22", "The money in the account wasn't cleared yet."),
    Reason("26", "There is no such account.", is_rejected=True),
    Reason("28", "The debit order was recalled."),
    Reason("30", "The account holder says there is no authority to debit the account."),
    Reason("32", "The account holder says the debit isn't what was agreed."),
    Reason("34", "The account holder cancelled the authority."),
    Reason("36", "The payment was stopped before by the account holder's order."),
    Reason("50", "The account number is invalid.", is_rejected=True),
    Reason("51", "The bank recalled the debit order."),
    Reason("56", "The account holder hasn't been identified by the bank (FICA)."),
    Reason("60", "Debit orders came back several times in a row; the bank wants no more of them."),
    Reason("145", "The account failed the bank's last check.", is_rejected=True),
)
_BY_CODE = {int(reason.code): reason for reason in REASONS}


def reason_of(code: str) -> Reason | None:
    """By the code with or without leading zeros: `2`, `02` and `002` are one. None for a code that isn't in the table."""
    plain = code.strip()
    return _BY_CODE.get(int(plain)) if plain.isascii() and plain.isdigit() and len(plain) <= 6 else None


RETURNS_MAX = 2
"""As often a bank may send a mandate's debit orders back within `RETURNS_WITHIN` before it is suspended."""
RETURNS_WITHIN = timedelta(days=45)


class Aftermath(NamedTuple):
    """What follows from a debit order that came back."""

    may_present_again: bool
    suspends: bool
    """The mandate: nothing more is debited until a person has cleared it, mostly by another mandate."""


def aftermath(code: str, returned_on: Sequence[date], on: date) -> Aftermath:
    """For the one that came back on the day `on`. `returned_on`: the days on which the mandate's came back, this one's included.

    A code that the table lacks is never presented again, but suspends nothing by itself: nobody knows what it means.
    """
    reason = reason_of(code)
    recent = [day for day in returned_on if on - RETURNS_WITHIN < day <= on]
    is_often = len(recent) >= RETURNS_MAX
    if reason is None:
        return Aftermath(False, is_often)
    if not reason.may_present_again:
        return Aftermath(False, True)
    return Aftermath(not is_often, is_often)
