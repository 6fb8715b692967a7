"""Who paid? A line of a statement against what is known of the customers.

Sure are an account code, an invoice number and a rule of several words learnt from a manual match. The amount alone
is at most a suggestion. Two different answers are no answer: both are named, and a person decides.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from capstan.payments.rules.statements.codes import (
    code_key,
    codes_in,
    invoice_key,
    invoices_in,
    number_key,
)
from capstan.payments.rules.statements.learn import PlaceRule, Rule, learn, words_of
from capstan.payments.rules.statements.lines import BankLine

RETURNED_WITHIN = timedelta(days=60)
"""A payer may dispute a debit order for 40 days; the bank then takes its time."""

_RETURN = re.compile(
    r"\bUNPAIDS?\b|\bRETURN(?:ED|S)?\b|\bR/D\b|\bREFER TO DRAWER\b|\bREVERS(?:AL|ED)\b|\bDISHONOU?RED\b|\bONBETAALD\b",
    re.IGNORECASE,
)
_FEE = re.compile(
    r"\bFEES?\b|\bCHARGES?\b|\bCOMMISSION\b|\bS/FEE\b|\bKOSTE\b|\bFOOI(?:E)?\b|#(?:SERVICE|MONTHLY|CASH)\b",
    re.IGNORECASE,
)


class How(StrEnum):
    ACCOUNT_CODE = "account code"
    INVOICE_NUMBER = "invoice number"
    LEARNED_RULE = "learned rule"
    AMOUNT = "amount"
    NONE = "none"


class Certainty(StrEnum):
    """SURE may be booked without a look; SUGGESTED waits for a person's yes."""

    SURE = "sure"
    SUGGESTED = "suggested"
    NONE = "none"


class MoneyOut(StrEnum):
    FEE = "bank fee"
    RETURN = "returned payment"
    OTHER = "other"


class Candidate(NamedTuple):
    customer_id: int
    account_code: str
    name: str


class Match(NamedTuple):
    """`why` is a sentence for the person who looks at the line; without a customer it says what stood in the way."""

    customer_id: int | None
    how: How
    certainty: Certainty
    why: str


class Index(NamedTuple):
    """What a line is looked up in; `index_of` makes it from lists.

    `open_amounts` has, for each amount in minor units, the customer of each open invoice that is that high.
    """

    by_account_code: Mapping[str, Candidate]
    by_invoice_number: Mapping[str, Candidate]
    rules: Sequence[Rule]
    open_amounts: Mapping[int, Sequence[Candidate]]
    code_pattern: str
    places: Sequence[PlaceRule] = ()


def index_of(
    candidates: Iterable[Candidate],
    invoices: Mapping[str, Candidate],
    rules: Sequence[Rule],
    open_amounts: Mapping[int, Sequence[Candidate]],
    code_pattern: str = "[A-Z0-9]+",
    places: Sequence[PlaceRule] = (),
) -> Index:
    """`invoices` is by the number as it is printed. Two customers' codes that differ only in what people leave out,
    such as `0123` and `123`, are left out too: they can't tell who paid.
    """
    return Index(
        by_account_code=_unmistakable((code_key(one.account_code), one) for one in candidates),
        by_invoice_number=_unmistakable(
            (key, one)
            for number, one in invoices.items()
            for key in {invoice_key(number), number_key(number)}
        ),
        rules=rules,
        open_amounts=open_amounts,
        code_pattern=code_pattern,
        places=places,
    )


def _unmistakable(pairs: Iterable[tuple[str, Candidate]]) -> dict[str, Candidate]:
    found: dict[str, Candidate] = {}
    doubtful: set[str] = set()
    for key, customer in pairs:
        if found.setdefault(key, customer).customer_id != customer.customer_id:
            doubtful.add(key)
    return {key: customer for key, customer in found.items() if key not in doubtful}


def match(line: BankLine, index: Index) -> Match:
    """The customer who paid this line, or none and why."""
    if line.amount_minor <= 0:
        return _none(_why_not_money_in(line))
    said = f"{line.text} | {line.reference}"  # the stroke keeps digits of the two from joining
    return _by_number(said, index) or _by_rule(said, index) or _by_amount(line, said, index)


def place_of(line: BankLine, index: Index) -> PlaceRule | None:
    """The learnt words that say where this money was before it came to the bank; the most words win.

    One word alone says it only of a line that names nobody: it may be the town in which a customer paid, too.
    """
    said = f"{line.text} | {line.reference}"
    words = set(learn(said))
    fitting = [rule for rule in index.places if rule.words and words.issuperset(rule.words)]
    best = max(fitting, key=lambda rule: len(rule.words), default=None)
    if best is None or line.amount_minor <= 0:
        return None
    if len(best.words) == 1 and match(line, index).customer_id is not None:
        return None
    return best


def money_out_kind(line: BankLine) -> MoneyOut:
    """What a negative line is, by the bank's words. A fee for a returned debit order is a fee."""
    said = f"{line.text} | {line.reference}"
    if _FEE.search(said):
        return MoneyOut.FEE
    return MoneyOut.RETURN if _RETURN.search(said) else MoneyOut.OTHER


def is_return_of(line: BankLine, earlier: BankLine) -> bool:
    """Whether `line` takes back what `earlier` brought: same amount, the bank says so, and both name the same thing.

    More than one earlier line may fit; then a person decides.
    """
    if line.amount_minor >= 0 or line.amount_minor != -earlier.amount_minor:
        return False
    if not earlier.booked_on <= line.booked_on <= earlier.booked_on + RETURNED_WITHIN:
        return False
    if money_out_kind(line) is not MoneyOut.RETURN:
        return False
    key = code_key(line.reference)
    if key and key == code_key(earlier.reference):
        return True
    return bool(_names(line) & _names(earlier))


def _why_not_money_in(line: BankLine) -> str:
    if line.amount_minor == 0:
        return "No money moved."
    return {
        MoneyOut.FEE: "Money out: a fee of the bank.",
        MoneyOut.RETURN: "Money out: a payment or debit order was returned.",
        MoneyOut.OTHER: "Money out is never a customer's payment.",
    }[money_out_kind(line)]


def _by_number(said: str, index: Index) -> Match | None:
    codes = [code for code in codes_in(said, index.code_pattern) if code in index.by_account_code]
    numbers = [number for number in invoices_in(said) if number in index.by_invoice_number]
    by_code = {index.by_account_code[code].customer_id: index.by_account_code[code] for code in codes}
    # A bare number that is an account code isn't taken for an invoice's as well.
    by_invoice = {
        index.by_invoice_number[number].customer_id: (number, index.by_invoice_number[number])
        for number in numbers
        if number not in codes
    }
    named = by_code | {customer_id: found[1] for customer_id, found in by_invoice.items()}
    if not named:
        return None
    if len(named) > 1:
        return _none(f"The text names {_listed(named.values())}: it can't be told who paid.")
    (customer,) = named.values()
    if by_code:
        why = f"The text has the account code {customer.account_code} of {customer.name}."
        return Match(customer.customer_id, How.ACCOUNT_CODE, Certainty.SURE, why)
    why = f"The text has the number of an invoice of {_shown(customer)}."
    return Match(customer.customer_id, How.INVOICE_NUMBER, Certainty.SURE, why)


def _by_rule(said: str, index: Index) -> Match | None:
    words = set(learn(said))  # once for all rules
    fitting = [rule for rule in index.rules if rule.words and words.issuperset(rule.words)]
    closest = [rule for rule in fitting if not any(set(rule.words) < set(other.words) for other in fitting)]
    if not closest:
        return None
    if len({rule.customer_id for rule in closest}) > 1:
        listed = " and ".join(f"“{' '.join(rule.words)}”" for rule in closest)
        return _none(f"Earlier matches point to different customers, by {listed}.")
    rule = max(closest, key=lambda one: len(one.words))
    certainty = Certainty.SURE if len(rule.words) > 1 else Certainty.SUGGESTED
    why = f"Payments with “{' '.join(rule.words)}” were matched to this customer before."
    return Match(rule.customer_id, How.LEARNED_RULE, certainty, why)


def _by_amount(line: BankLine, said: str, index: Index) -> Match:
    open_ones = index.open_amounts.get(line.amount_minor, ())
    if len(open_ones) != 1:
        why = f"{len(open_ones)} open invoices have this amount." if open_ones else "Nothing in it is known."
        return _none(why)
    (customer,) = open_ones
    shared = sorted(set(learn(said)) & words_of(customer.name))
    if not shared:
        return _none(f"An open invoice of {_shown(customer)} has this amount, but nothing else fits.")
    why = f"The only open invoice with this amount is of {_shown(customer)}, and the text has “{shared[0]}”."
    return Match(customer.customer_id, How.AMOUNT, Certainty.SUGGESTED, why)


def _names(line: BankLine) -> set[str]:
    """Names and numbers of a line, without what the bank says of any return."""
    said = _RETURN.sub(" ", f"{line.text} | {line.reference}")
    return set(learn(said)) | {code for code in codes_in(said, "[A-Z]*[0-9]+") if len(code) >= 4}


def _listed(customers: Iterable[Candidate]) -> str:
    return " and ".join(_shown(one) for one in customers)


def _shown(customer: Candidate) -> str:
    return f"{customer.account_code} ({customer.name})"


def _none(why: str) -> Match:
    return Match(None, How.NONE, Certainty.NONE, why)
