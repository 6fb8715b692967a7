"""Account codes and invoice numbers in what somebody typed as the reference of a payment.

Tolerant of how people write – `ACC 10451`, `acc10451`, `10451 J SMITH`, `00010451`, `INV-000123` – and never guessing:
digits within a telephone, card or longer number, an amount or a date are no code.
"""

import re
from typing import NamedTuple

_BEFORE_A_CODE = (
    "AC ACC ACCNO ACCT ACCTNO ACCOUNT ACCOUNTNO CLIENT CLIENTNO CODE CUST CUSTOMER CUSTNO KLIENT NO NR NUMBER"
    " REF REFERENCE REK REKENING"
)
_BEFORE_AN_INVOICE = "FAKT FAKTUUR INV INVNO INVOICE INVOICENO INVOICENR TAXINVOICE"
_PREFIXES = frozenset(_BEFORE_A_CODE.split())
_INVOICE_PREFIXES = frozenset(_BEFORE_AN_INVOICE.split())
_DIGITS_MIN_ALONE = 4
"""A code of fewer characters counts only after a word such as ACC: `12` stands in too many texts."""

_LIKE_A_DATE = re.compile(r"20[0-9]{2}(?:(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])?)?")
"""2026, 202603 and 20260315: written after a month far more often than as a code, so these need an ACC or INV too."""

_CHAINS = re.compile(r"\+?[0-9]+(?:[ -][0-9]+)*")
_TELEPHONE = re.compile(r"0[1-9][0-9]{8}|(?:00)?27[0-9]{9}")
_GROUPS_MAX = 6
_ABROAD_DIGITS_MIN = 9
_CARD_DIGITS_MIN = 13
_TOKENS = re.compile(r"[A-Z0-9]+")


class Token(NamedTuple):
    word: str
    before: str
    after: str


def code_key(code: str) -> str:
    """One form for all ways to write a code: capital letters and digits, no leading zeros in a number."""
    plain = "".join(_TOKENS.findall(code.upper()))
    return (plain.lstrip("0") or "0") if plain.isdigit() else plain


def invoice_key(number: str) -> str:
    """The same for invoice numbers, whose zeros after the letters people leave out: `INV-000123` is `INV123`."""
    plain = "".join(_TOKENS.findall(number.upper()))
    found = re.fullmatch(r"([A-Z]*)0*([0-9]+)", plain)
    return f"{found[1]}{found[2]}" if found else plain


def codes_in(text: str, known_pattern: str) -> list[str]:
    """The keys (`code_key`) in a text that could be account codes of this pattern, in their order, each once.

    `known_pattern` is a regular expression for a whole code as it is written, such as `[0-9]{5}`.
    """
    pattern = re.compile(known_pattern, re.IGNORECASE)
    found: dict[str, None] = {}
    previous = ""
    for token in _tokens(text):
        for written in _as_codes(token, previous):
            key = code_key(written)
            if pattern.fullmatch(written) or pattern.fullmatch(key):
                found[key] = None
        previous = token.word if token.after in ("", " ", "-", ":", "#", ".", "=") else ""
    return list(found)


def number_key(number: str) -> str:
    """An invoice number without its letters, as people write it after the word invoice: `INV-000123` is `#123`."""
    found = re.search(r"0*([0-9]+)$", invoice_key(number))
    return f"#{found[1]}" if found else ""


def invoices_in(text: str) -> list[str]:
    """The keys in a text that could be invoice numbers, in their order, each once.

    Keys are `invoice_key`s and, after a word such as invoice, `number_key`s.
    """
    found: dict[str, None] = {}
    previous = ""
    for token in _tokens(text):
        for key in _as_invoices(token, previous):
            found[key] = None
        previous = token.word if token.after in (" ", "-", ":", "#", ".", "/") else ""
    return list(found)


def _as_codes(token: Token, previous: str) -> list[str]:
    """How one word of a text may be read as a code: itself, without ACC before it, joined to the letters before it."""
    word = token.word
    if not any(sign.isdigit() for sign in word) or previous in _INVOICE_PREFIXES:
        return []
    found = re.fullmatch(r"([A-Z]+)([0-9]+)([A-Z]*)", word)
    if found and found[1] in _PREFIXES:
        return [found[2]] if len(found[3]) != 1 else []
    if found and found[1] in _INVOICE_PREFIXES:
        return []
    readings = [word] if previous in _PREFIXES or _stands_alone(word) else []
    if word.isdigit() and previous.isalpha() and previous not in _PREFIXES:
        readings.append(previous + word)
    glued = re.fullmatch(r"([0-9]{4,})[A-Z]{3,}", word)
    return [*readings, glued[1]] if glued else readings


def _as_invoices(token: Token, previous: str) -> list[str]:
    word = token.word
    if not any(sign.isdigit() for sign in word):
        return []
    if word.isdigit():
        keys = [invoice_key(previous + word)] if previous.isalpha() else []
        if previous in _INVOICE_PREFIXES:
            return [*keys, invoice_key(word), number_key(word)]
        return [*keys, invoice_key(word)] if _stands_alone(word) and previous not in _PREFIXES else keys
    found = re.fullmatch(r"([A-Z]+)([0-9]+)", word)
    is_named = found is not None and found[1] in _INVOICE_PREFIXES
    return (
        [invoice_key(word), number_key(word)]
        if is_named or previous in _INVOICE_PREFIXES
        else [invoice_key(word)]
    )


def _stands_alone(word: str) -> bool:
    return len(word) >= _DIGITS_MIN_ALONE and _LIKE_A_DATE.fullmatch(word) is None


def _tokens(text: str) -> list[Token]:
    """The words of a text with the sign on either side, without numbers that are surely something else."""
    plain = _without_long_numbers(text.upper())
    made = []
    for found in _TOKENS.finditer(plain):
        start, end = found.span()
        before, after = plain[max(start - 2, 0) : start], plain[end : end + 2]
        if found[0][0].isdigit() and re.search(r"[0-9][.,/:]$|[*+]$", before):
            continue
        if found[0][-1].isdigit() and re.match(r"[.,/:][0-9]|\*", after):
            continue
        made.append(Token(found[0], before[-1:], after[:1]))
    return made


def _without_long_numbers(text: str) -> str:
    return _CHAINS.sub(lambda found: _hidden(found[0]), text)


def _hidden(chain: str) -> str:
    """Groups of digits without those that make up `082 555 0134`, `+27 82 …` or `4000 0000 0000 0002`.

    A single group is left as it is: it is a word like any other, and too long for a code if it isn't one.
    """
    groups = re.split(r"[ -]", chain)
    if chain.startswith("+") and sum(map(len, groups)) > _ABROAD_DIGITS_MIN:
        return "¤"
    hidden: set[int] = set()
    for at in range(len(groups)):
        for count in range(2, min(_GROUPS_MAX, len(groups) - at) + 1):
            if _is_telephone_or_card(groups[at : at + count]):
                hidden.update(range(at, at + count))
    return " ".join("¤" if at in hidden else group for at, group in enumerate(groups)) if hidden else chain


def _is_telephone_or_card(groups: list[str]) -> bool:
    digits = "".join(groups)
    is_card = len(digits) >= _CARD_DIGITS_MIN and all(len(group) == 4 for group in groups[:-1])
    return is_card or _TELEPHONE.fullmatch(digits) is not None
