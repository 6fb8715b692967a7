"""The words of a bank's text that stay the same from month to month, which a rule learnt from a manual match keeps."""

import re
import unicodedata
from typing import NamedTuple

_SAID_BY_THE_BANK = """
ABSA ACB ACC ACCOUNT ACCT ACQUIRING ADVANCE AND APP ATM BANK BANKING BETALING BRANCH CAPITEC CARD CASH CASHFOCUS
CELL CHEQUE CLIENT CREDIT CUST CUSTOMER DEBIT DEP DEPOSIT DIGITAL DIRECT DISCOVERY EFT ELECTRONIC EXTERNAL FAKTUUR
FEE FIBRE FIBER FNB FOR FROM IBANK IMMEDIATE INSTANT INTERNET INV INVESTEC INVOICE INWARD KREDIET MAGTAPE MOBILE
MONTHLY NEDBANK NUMBER ONLINE ORDER PAID PAY PAYMENT PAYSHAP PMT RECEIVED REF REFERENCE REK REKENING REAL RTC SEND
SERVICE STANDARD TIME TRANSFER TRF TYMEBANK VAN VIR WIFI ZAR
JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC SEPT MRT MEI OKT DES
JANUARY FEBRUARY MARCH APRIL JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER
JANUARIE FEBRUARIE MAART JUNIE JULIE AUGUSTUS OKTOBER DESEMBER
"""
"""Words of every customer's payments; a rule of these alone would catch everybody's."""

_NOT_KEPT = frozenset(_SAID_BY_THE_BANK.split())

LETTERS_MIN = 3


class Rule(NamedTuple):
    """All `words` in a text mean that this customer paid."""

    words: tuple[str, ...]
    customer_id: int


class PlaceRule(NamedTuple):
    """All `words` in a text mean that this money was ours already, in `account` of the books: a payout, a deposit."""

    words: tuple[str, ...]
    account: str


def learn(line_text: str) -> tuple[str, ...]:
    """The words to keep, sorted: without dates, amounts, running numbers and what banks say of any payment.

    Empty when nothing stable is left: then there is no rule to keep.
    """
    return tuple(sorted(words_of(line_text) - _NOT_KEPT))


def rule_matches(rule: Rule, text: str) -> bool:
    return bool(rule.words) and set(rule.words) <= set(learn(text))


def words_of(text: str) -> set[str]:
    """Upper case, without accents, at least LETTERS_MIN letters and no digit within."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().upper()
    tokens = re.findall(r"[A-Z0-9]+", plain.replace("'", ""))
    return {token for token in tokens if token.isalpha() and len(token) >= LETTERS_MIN}
