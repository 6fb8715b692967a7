"""Who paid? What people type as a reference, and what must never be guessed from it."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.payments.rules.statements.codes import code_key, codes_in, invoice_key
from capstan.payments.rules.statements.learn import Rule, learn, rule_matches
from capstan.payments.rules.statements.lines import BankLine
from capstan.payments.rules.statements.match import (
    Candidate,
    Certainty,
    How,
    Index,
    MoneyOut,
    index_of,
    is_return_of,
    match,
    money_out_kind,
)

SMITH = Candidate(1, "10451", "J Smith")
BOTHA = Candidate(2, "10452", "Jan Botha")
MOLEFE = Candidate(3, "JEN001", "Jenny Molefe")
SHORT = Candidate(4, "77", "Wag 'n Bietjie Guest House")
INDEX = index_of(
    [SMITH, BOTHA, MOLEFE, SHORT],
    {"INV-000123": BOTHA, "INV-000124": SMITH, "88123": MOLEFE},
    [
        Rule(("BIETJIE", "WAG"), 4),
        Rule(("MOLEFE",), 3),
        Rule(("KAREE", "LODGE"), 1),
        Rule(("KAREE", "LODGE", "NORTH"), 2),
        Rule(("DOORN", "FARM"), 1),
        Rule(("DOORN", "SHOP"), 2),
    ],
    {39_900: [SMITH], 59_900: [SMITH, BOTHA], 79_900: [BOTHA]},
    code_pattern="[0-9]{2,5}|[A-Z]{3}[0-9]{3}",
)

SAID = {  # the bank's text => customer, how and how sure
    # account codes as people write them
    "10451": "1 account code, sure",
    "ACC 10451": "1 account code, sure",
    "acc10451": "1 account code, sure",
    "Acc: 10451": "1 account code, sure",
    "A/C NO 10451": "1 account code, sure",
    "REK10451": "1 account code, sure",
    "10451 J SMITH": "1 account code, sure",
    "10451SMITH": "1 account code, sure",
    "J SMITH-10451": "1 account code, sure",
    "00010451": "1 account code, sure",
    "FNB OB PMT          10451": "1 account code, sure",
    "10451 082 555 0134": "1 account code, sure",
    "10451 MARCH 2026": "1 account code, sure",
    "10451, 10451": "1 account code, sure",
    "jen001": "3 account code, sure",
    "JEN-001": "3 account code, sure",
    "Jen 001": "3 account code, sure",
    "ACC 77": "4 account code, sure",
    # no codes
    "1 0451": "none",
    "110451": "none",
    "104512": "none",
    "0821045199": "none",
    "082 10451 34": "none",
    "082 55 10451": "none",
    "PMT 082 10451 34 2026": "none",
    "082 555 0134 10451": "1 account code, sure",
    "+27 82 10451 99": "none",
    "4000 0010 4510 0002": "none",
    "4000*10451": "none",
    "R10451.00": "none",
    "10,451.00": "none",
    "12.10451": "none",
    "10:45:10451": "none",
    "INV 10451": "none",
    "INV10451": "none",
    "X10451": "none",
    "10451K": "none",
    "POS 77 MARKET STREET": "none",
    "10499": "none",
    "": "none",
    # two answers are none
    "10451 10452": "none",
    "10451 INV-000123": "none",
    "INV 123 INV 124": "none",
    # invoices
    "INV-000123": "2 invoice number, sure",
    "inv123": "2 invoice number, sure",
    "Invoice 000123": "2 invoice number, sure",
    "FAKTUUR 123": "2 invoice number, sure",
    "INV-000124 10451": "1 account code, sure",
    "INV 88123": "3 invoice number, sure",
    "Invoice INV000123": "2 invoice number, sure",
    "000123": "none",
    "88123": "3 invoice number, sure",
    "123": "none",
    # rules
    "PAYSHAP FROM WAG 'N BIETJIE 260331": "4 learned rule, sure",
    "Wag N Bietjie": "4 learned rule, sure",
    "MOLEFE T": "3 learned rule, suggested",
    "KAREE LODGE": "1 learned rule, sure",
    "KAREE LODGE NORTH 4471": "2 learned rule, sure",
    "DOORN FARM SHOP": "none",
    "LODGE": "none",
}


def _line(text: str, amount_minor: int = 100, reference: str = "", day: int = 2) -> BankLine:
    return BankLine(2, date(2026, 3, day), amount_minor, text, reference)


@pytest.mark.parametrize("text", SAID)
def test_who_paid(text: str) -> None:
    found = match(_line(text), INDEX)
    said = f"{found.customer_id} {found.how}, {found.certainty}" if found.customer_id else str(found.how)
    assert said == SAID[text], found.why
    assert found.why.endswith(".")


def test_the_reference_counts_as_the_text_does() -> None:
    assert match(_line("CREDIT TRANSFER", reference="10451"), INDEX).customer_id == 1
    assert match(_line("TRANSFER 104", reference="51"), INDEX).customer_id is None
    assert match(_line("10451", reference="10452"), INDEX).customer_id is None


def test_two_codes_are_both_named() -> None:
    assert match(_line("10451 10452"), INDEX).why == (
        "The text names 10451 (J Smith) and 10452 (Jan Botha): it can't be told who paid."
    )


AMOUNTS = {  # text, amount => customer and the start of why
    ("SMITH THANKS", 39_900): (
        1,
        "The only open invoice with this amount is of 10451 (J Smith), and the text has “SMITH”",
    ),
    ("THANKS", 39_900): (None, "An open invoice of 10451 (J Smith) has this amount, but nothing else fits."),
    ("SMITH THANKS", 59_900): (None, "2 open invoices have this amount."),
    ("SMITH THANKS", 12_345): (None, "Nothing in it is known."),
}


@pytest.mark.parametrize("case", AMOUNTS)
def test_an_amount_is_at_most_a_suggestion(case: tuple[str, int]) -> None:
    found = match(_line(*case), INDEX)
    assert (found.customer_id, found.why[: len(AMOUNTS[case][1])]) == AMOUNTS[case]
    assert found.certainty is (Certainty.SUGGESTED if found.customer_id else Certainty.NONE)
    assert found.how is (How.AMOUNT if found.customer_id else How.NONE)


OUT = {
    "MONTHLY FEE 10451": MoneyOut.FEE,
    "#SERVICE CHARGES": MoneyOut.FEE,
    "UNPAID DEBIT ORDER FEE": MoneyOut.FEE,
    "DEBIT ORDER UNPAID 10451": MoneyOut.RETURN,
    "RETURNED 10451": MoneyOut.RETURN,
    "R/D 10451": MoneyOut.RETURN,
    "DISHONOURED 10451": MoneyOut.RETURN,
    "TRANSFER TO 10451": MoneyOut.OTHER,
}


@pytest.mark.parametrize("text", OUT)
def test_money_out_is_nobodys_payment(text: str) -> None:
    line = _line(text, -39_900)
    assert money_out_kind(line) is OUT[text]
    assert match(line, INDEX).customer_id is None
    assert match(line._replace(amount_minor=0), INDEX).customer_id is None


RETURNS = {  # text, amount, day, reference of the later line => whether it takes back "DEBIT ORDER 10451 SMITH" of the 10th
    ("DEBIT ORDER UNPAID 10451", -39_900, 12, ""): True,
    ("UNPAID", -39_900, 12, "NC-77"): True,
    ("RETURNED SMITH", -39_900, 10, ""): True,
    ("DEBIT ORDER UNPAID 10452", -39_900, 12, ""): False,
    ("DEBIT ORDER UNPAID", -39_900, 12, ""): False,
    ("DEBIT ORDER UNPAID 10451", -39_800, 12, ""): False,
    ("DEBIT ORDER UNPAID 10451", 39_900, 12, ""): False,
    ("DEBIT ORDER UNPAID 10451", -39_900, 9, ""): False,
    ("TRANSFER 10451", -39_900, 12, ""): False,
    ("UNPAID", -39_900, 12, "--"): False,
}


@pytest.mark.parametrize("case", RETURNS)
def test_returns_find_what_they_take_back(case: tuple[str, int, int, str]) -> None:
    text, amount, day, reference = case
    earlier = _line("DEBIT ORDER 10451 SMITH", 39_900, "NC 77", 10)
    assert is_return_of(_line(text, amount, reference, day), earlier) is RETURNS[case]


def test_a_return_comes_within_two_months() -> None:
    earlier = BankLine(2, date(2026, 1, 1), 39_900, "DEBIT ORDER 10451")
    assert not is_return_of(_line("UNPAID 10451", -39_900, day=28), earlier)


LEARNT = {
    "FNB OB PMT 2026-03-31 THABO MOKOENA R399.00": "MOKOENA THABO",
    "PAYSHAP FROM M. DU PREEZ 0044812": "PREEZ",
    "Debit Transfer: Café Karoo MAR26": "CAFE KAROO",
    "ACB CREDIT 000123": "",
    "KAROO KAROO": "KAROO",
    "": "",
}


@pytest.mark.parametrize("text", LEARNT)
def test_learns_what_stays(text: str) -> None:
    assert " ".join(learn(text)) == LEARNT[text]


def test_a_rule_without_words_matches_nothing() -> None:
    assert not rule_matches(Rule((), 1), "ANYTHING")
    assert rule_matches(Rule(learn("THABO MOKOENA 31/03"), 1), "PMT MOKOENA, THABO 30/04")


def test_codes_that_differ_in_zeros_only_tell_nobody() -> None:
    index = index_of(
        [SMITH._replace(account_code="010451"), BOTHA._replace(account_code="10451")], {}, [], {}
    )
    assert match(_line("10451"), index).customer_id is None


@pytest.mark.parametrize(
    ("written", "key"), [("inv-000123", "INV123"), ("INV 0", "INV0"), ("2026/17", "202617")]
)
def test_invoice_keys(written: str, key: str) -> None:
    assert invoice_key(written) == key


@given(text=st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    match(_line(text, 39_900, text), INDEX)
    learn(text)


@given(prefix=st.text("0123456789", min_size=1, max_size=12), suffix=st.text("0123456789", max_size=12))
def test_a_code_within_more_digits_is_no_code(prefix: str, suffix: str) -> None:
    text = f"{prefix}10451{suffix}"
    assert ("10451" in codes_in(text, "[0-9]{5}")) == (code_key(text) == "10451")


@given(st.text("ABC 01-/.,*", max_size=20))
def test_sure_answers_name_a_code_or_rule_of_theirs(text: str) -> None:
    index: Index = index_of([SMITH], {}, [], {})
    assert match(_line(text + "|10452"), index).customer_id is None
