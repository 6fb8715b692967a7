"""South African bank accounts that debit orders run against.

`check_account` says what is surely wrong. `doubts` says what is unusual, by the banks' usual lengths and check digits;
a person may keep such a number, since the bank's own check (CDV) comes when Netcash loads the batch.

The check digits are those of Standard Bank, Nedbank and Capitec as a public program for BankservAfrica's CDV parameters
has them (github.com/ShaunKiesewetter/checkDigitVerification, CDV.vb); the parameters themselves (V5.7, April 2021)
could not be read, so this is one source. Absa's and FNB's checks have many exceptions, and for the other banks none
could be verified: of these only the lengths are looked at. The lengths and universal branch codes are common knowledge
of payment forms, not from the banks' own documents.
"""

import re
from enum import StrEnum
from typing import NamedTuple

DIGITS_MIN, DIGITS_MAX = 7, 11
"""An account number in the EFT system has at most 11 digits."""


class AccountType(StrEnum):
    CURRENT = "current"
    SAVINGS = "savings"
    TRANSMISSION = "transmission"


class BankAccount(NamedTuple):
    bank_name: str
    branch_code: str
    account_name: str
    account_type: AccountType
    account_number: str


class Bank(NamedTuple):
    name: str
    branch_code: str
    """The universal code, which stands for all branches."""
    digits: tuple[int, int]
    """Usual length of an account number, from and to."""


BANKS = (
    Bank("Absa", "632005", (8, 11)),
    Bank("African Bank", "430000", (11, 11)),
    Bank("Bank Zero", "888000", (11, 11)),
    Bank("Capitec", "470010", (10, 10)),
    Bank("Capitec Business", "450105", (10, 10)),
    Bank("Discovery Bank", "679000", (11, 11)),
    Bank("FNB", "250655", (10, 11)),
    Bank("Investec", "580105", (10, 11)),
    Bank("Nedbank", "198765", (10, 11)),
    Bank("Standard Bank", "051001", (8, 11)),
    Bank("TymeBank", "678910", (11, 11)),
)
_BY_BRANCH = {bank.branch_code: bank for bank in BANKS}

_WEIGHTS_OLD = (1, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1)
_WEIGHTS_STANDARD_11 = (13, 12, 9, 8, 7, 6, 5, 4, 3, 2, 1)
_WEIGHTS_CAPITEC = (2, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1)


def bank_of(branch_code: str) -> Bank | None:
    """The bank whose universal branch code this is; other branch codes are valid, but not known here."""
    return _BY_BRANCH.get(branch_code.strip())


def check_account(account: BankAccount) -> list[str]:
    """What is wrong with the account, a sentence each; empty if a debit order may be tried."""
    found = []
    number = plain(account.account_number)
    if not account.account_name.strip():
        found.append("Whose account is it? The account holder's name is missing.")
    if not re.fullmatch(r"[0-9]{6}", plain(account.branch_code)):
        found.append("A branch code has six digits, such as 632005.")
    if not re.fullmatch(r"[0-9]+", number):
        found.append("An account number has digits only.")
    elif len(number) in (15, 16) and _is_card(number):
        found.append("This is the number of a card: a debit order needs the account's own number.")
    elif not DIGITS_MIN <= len(number) <= DIGITS_MAX:
        found.append(
            f"An account number has {DIGITS_MIN} to {DIGITS_MAX} digits; this one has {len(number)}."
        )
    elif not number.strip("0"):
        found.append("An account number of zeros belongs to nobody.")
    return found


def doubts(account: BankAccount) -> list[str]:
    """What makes a slip of the keyboard likely, a sentence each. Only for an account that `check_account` lets pass."""
    bank = bank_of(plain(account.branch_code))
    number = plain(account.account_number)
    if bank is None or not re.fullmatch(r"[0-9]{1,11}", number):
        return []
    found = []
    fewest, most = bank.digits
    if not fewest <= len(number) <= most:
        usual = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        found.append(f"{bank.name} account numbers usually have {usual} digits; this one has {len(number)}.")
    if _fits_check_digit(bank, account.account_type, number) is False:
        found.append(
            f"The check digit isn't one that {bank.name} gives: compare the number with the customer's."
        )
    return found


def masked(account_number: str) -> str:
    """How a page shows an account number: its last four digits."""
    digits = re.sub(r"[^0-9]", "", account_number)
    return f"•••• {digits[-4:]}" if len(digits) > 4 else "••••"


def plain(text: str) -> str:
    """A number without the blanks and hyphens by which people and forms group its digits."""
    return re.sub(r"[\s-]", "", text)


def _fits_check_digit(bank: Bank, account_type: AccountType, number: str) -> bool | None:
    """None where no check is known."""
    digits = [int(sign) for sign in number.zfill(11)]
    if bank.name == "Capitec":
        return _weighed(digits, _WEIGHTS_CAPITEC) % 11 == 0
    if bank.name == "Standard Bank":
        is_new = len(number) == 11 and number.startswith("1")
        fits = _weighed(digits, _WEIGHTS_OLD) % 11 == 0
        return fits or (is_new and _weighed(digits, _WEIGHTS_STANDARD_11) % 11 == 0)
    if bank.name == "Nedbank" and account_type is AccountType.CURRENT:
        return digits[1] == 1 and (_weighed(digits, _WEIGHTS_OLD) + 9) % 11 == 0
    if bank.name == "Nedbank" and account_type is AccountType.SAVINGS:
        return digits[1] == 2 and (_weighed(digits, _WEIGHTS_OLD) + 18) % 11 == 0
    return None


def _weighed(digits: list[int], weights: tuple[int, ...]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True))


def _is_card(number: str) -> bool:
    """The Luhn check, which every card number passes."""
    doubled = [int(sign) * (2 if at % 2 else 1) for at, sign in enumerate(reversed(number))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
