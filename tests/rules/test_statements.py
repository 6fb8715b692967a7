"""Bank statements in CSV: the banks' layouts, what is refused and why, and importing overlapping files."""

import codecs
import random
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capstan.payments.rules.statements import content as content_module
from capstan.payments.rules.statements.banks import (
    ABSA,
    BUILT_IN,
    CAPITEC,
    CAPITEC_BUSINESS,
    FNB_BUSINESS,
    FNB_HISTORY,
    FNB_STATEMENT,
    GENERIC,
    NEDBANK,
    STANDARD_BANK,
)
from capstan.payments.rules.statements.cells import CellError, DateReader, read_amount
from capstan.payments.rules.statements.csv_profile import CsvProfile, profile_faults, read_csv
from capstan.payments.rules.statements.detect import read_statement
from capstan.payments.rules.statements.fingerprint import fingerprint, fingerprints
from capstan.payments.rules.statements.lines import FAULTS_MAX, BankLine, StatementRead

SAMPLES: dict[str, tuple[CsvProfile, str]] = {
    "FNB history": (
        FNB_HISTORY,
        "ACCOUNT TRANSACTION HISTORY\n\nName:, Wag 'n, Bietjie\nAccount:, 62000000001, [Sandpiper Net]\n"
        "Balance:, 1350.00, 1350.00\n\nDate, Amount, Balance, Description\n"
        "2026/03/03, -50.00, 1350.00, #SERVICE FEES\n2026/03/02, 400.00, 1400.00, FNB OB PMT     10451 SMITH\n",
    ),
    "FNB statement": (
        FNB_STATEMENT,
        "Recreated Statement,,,,,,\nDate,20260331,,,,,\nOpening Balance,1000.00,,,,,\n\n"
        "Effective Date,Description,Reference,Service Fee,Debit / Credit,Amount,Balance\n"
        '20260302,"PAYMENT 10451","10451          ",,CR,400.00,1400.00\n20260303,FEE,,,,-50.00,1350.00\n',
    ),
    "FNB business": (
        FNB_BUSINESS,
        "ACCOUNT TRANSACTION HISTORY,,,,,,,\nFOR ACCOUNT NUMBER 62000000001,,,,,,,\n"
        "Date,SERVICE FEE,Amount,DESCRIPTION,REFERENCE,Balance,CHEQUE NUMBER,\n"
        "2026/03/02,0,400,FNB APP PAYMENT FROM 10451,10451,1400,0,\n2026/03/03,0,-50,FEE,FEE,1350,0,\n",
    ),
    "Standard Bank": (
        STANDARD_BANK,
        "Statement of Account\n\nAccount Name:,SANDPIPER NET\n\n"
        "Date,Value Date,Statement Number,Description,Amount,Balance,Type,Originator Reference,Customer Reference\n"
        "2026/03/01,2026/03/01,0249,OPEN BALANCE 0103,,+1000.00,,OPEN BALANCE,\n"
        "2026/03/02,2026/03/02,0250,CREDIT TRANSFER 10451,+400.00,+1400.00,TRF,10451,\n"
        "2026/03/03,2026/03/03,0250,FEE,-50.00,+1350.00,TRF,FEE,\n"
        "2026/03/03,2026/03/03,0250,CLOSE BALANCE 0303,,+1350.00,TRF,CLOSE BALANCE,\n",
    ),
    "Absa": (
        ABSA,
        "Date,Description,Amount,Balance\n20260302,DIGITAL PAYMENT CR 10451,400,1400\n20260303,FEE,-50,1350\n",
    ),
    "Nedbank": (
        NEDBANK,
        "Statement Enquiry :,\nAccount Number :,1000000001\nAccount Description :,CURRENT\nStatement Number :,3000\n"
        "02Mar2026,10451 SMITH,400,1400\n02Mar2026,CARRIED FORWARD,,1400\n02Mar2026,BROUGHT FORWARD,,1400\n"
        "03Mar2026,VAT 25/02-26/03 = R6.52,,1400\n03Mar2026,MAINTENANCE FEE,-50,1350\n",
    ),
    "Capitec": (
        CAPITEC,
        "Nr,Account,Posting Date,Transaction Date,Description,Original Description,Parent Category,Category,Money In,"
        "Money Out,Fee,Balance\n1,1000000000,2026-03-02,2026-03-02,Payment Received: Smith,10451,Income,Other,400.00,,,"
        "1400.00\n2,1000000000,2026-03-03,2026-03-03,Monthly Fee,,Fees,Fees,,,-50.00,1350.00\n",
    ),
    "Capitec Business": (
        CAPITEC_BUSINESS,
        "Balance brought forward:,1000.00,,,,,\n\nAccount,Date,Description,Reference,Amount,Fees,Balance\n"
        "1000000001,02/03/2026,Inward EFT Credit,10451,400.00,,1400.00\n"
        "1000000001,03/03/2026,Month S/Fee,,,-50.00,1350.00\nTotal:,,,,400.00,-50.00,1350.00\n",
    ),
    "any bank": (
        GENERIC,
        "Transaction Date,Description,Amount,Reference,Balance\n02/03/2026,PAYMENT,400.00,10451,1400.00\n"
        "13/03/2026,FEE,-50.00,,1350.00\n",
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_reads_the_banks_layouts(name: str) -> None:
    profile, text = SAMPLES[name]
    read = read_csv(text.encode(), profile, "ZAR")
    assert read.faults == ()
    by_amount = {line.amount_minor: line for line in read.lines}
    assert set(by_amount) == {40_000, -5_000}
    assert len(read.lines) == 2
    paid = by_amount[40_000]
    assert paid.booked_on == date(2026, 3, 2)
    assert "10451" in paid.text + paid.reference
    assert (read.opening_minor, read.closing_minor) == (100_000, 135_000)
    assert read.first_day == date(2026, 3, 2)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_any_encoding_reads_the_same(name: str, encoding: str) -> None:
    profile, text = SAMPLES[name]
    assert read_csv(text.encode(encoding), profile, "ZAR") == read_csv(text.encode(), profile, "ZAR")


def test_a_row_with_a_fee_is_two_lines() -> None:
    text = (
        "Posting Date,Description,Money In,Money Out,Fee,Balance\n2026-03-03,Card,,100.00,,885.00\n"
        "2026-03-02,Cash deposit,500.00,,5.00,985.00\n"
    )
    read = read_csv(text.encode(), CAPITEC, "ZAR")
    assert [(line.line_no, line.amount_minor) for line in read.lines] == [
        (2, -10_000),
        (3, 50_000),
        (3, -500),
    ]
    assert (read.opening_minor, read.closing_minor) == (49_000, 88_500)


HEADER = "Date,Description,Amount,Balance\n"
FAULTS = {  # what stands in the file below the header => the whole sentence
    "2026-03-01,A,100.00,": "",
    '2026-03-01,A,"1,250.00",': "Line 2: “1,250.00” has a comma; this profile writes amounts like 1250.00.",
    "2026-03-01,A,1 250.00,": "Line 2: “1 250.00” has a space; this profile writes amounts like 1250.00.",
    "2026-03-01,A,1.250.00,": "Line 2: “1.250.00” has its separators in odd places; this profile writes amounts like 1250.00.",
    "2026-03-01,A,10x,": "Line 2: “10x” is no amount of money; this profile writes amounts like 1250.00.",
    "2026-03-01,A,1.005,": "Line 2: “1.005” has more decimals than ZAR has.",
    "2026-03-01,A,,": "Line 2: there is no amount.",
    "2026-13-40,A,1.00,": "Line 2: “2026-13-40” is no date; write it like 2026-03-31.",
    "yesterday,A,1.00,": "Line 2: “yesterday” is no date; write it like 2026-03-31.",
    "0026-03-01,A,1.00,": "Line 2: “0026-03-01” is in the year 26: that can't be meant.",
    "03/04/2026,A,1.00,": "Line 2: “03/04/2026” can be read with the day or the month first; choose a profile that says which.",
    "2026-03-01,A": "Line 2: there are 2 columns; this profile needs 4.",
    "2026-03-01,A,1.00,10.00\n2026-03-02,B,2.00,13.00": "Line 3: the balance is ZAR\u00a013.00, but after this amount it"
    " should be ZAR\u00a012.00.",
    '2026-03-01,"A,1.00,': "Line 2: the quotation marks don't pair up, or a cell is endless (unexpected end of data).",
}


@pytest.mark.parametrize("rows", FAULTS)
def test_says_what_is_wrong_and_where(rows: str) -> None:
    read = read_csv((HEADER + rows).encode(), GENERIC, "ZAR")
    assert "\n".join(one.sentence for one in read.faults) == FAULTS[rows]
    assert bool(read.lines) != bool(read.faults)


FILES = {  # what a person uploads by mistake => the sentence begins with
    b"": "The file is empty.",
    b" \r\n ": "The file is empty.",
    b"PK\x03\x04\x14": "This is an Excel workbook",
    b"\xd0\xcf\x11\xe0\xa1\xb1": "This is an old Excel workbook",
    b"%PDF-1.7": "This is a PDF",
    b"\x89PNG\r\n": "This is a picture",
    b"\n<html><table>": "This is a web page",
    b"Date,Description,Amount\n2026-03-01,A\0,1.00\n": "Line 2: there are NUL bytes",
    b"Date,Description,Amount\n": "The file has a header, but no movements.",
    b"Date,Description,Value\n2026-03-01,A,1.00\n": "Line 1: the column “Amount” can't be found. The header has “Date”, "
    "“Description”, “Value”.",
    b"Value,When\n1.00,2026-03-01\n": "No row with the names of the columns was found",
    b"Date,Description,Amount\n2026-03-01,\x81,1.00\n": "Line 2: the byte 81 is no letter in the encodings that were tried "
    "(UTF-8 and CP1252).",
    b"\xff\xfeD\x00a": "Line 1: the byte 61 is no letter in the encodings that were tried (UTF-16).",
    b"<?xml version='1.0'?><Document/>": "This is XML, but not OFX",
}


@pytest.mark.parametrize("content", FILES)
def test_recognises_the_wrong_file(content: bytes) -> None:
    read = read_statement(content, GENERIC, "ZAR")
    assert read.lines == ()
    assert read.faults[0].sentence.startswith(FILES[content])


def test_too_large_a_file_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_module, "SIZE_MAX", 3 * 1024 * 1024)
    read = read_statement(b"x" * (3 * 1024 * 1024 + 1), GENERIC, "ZAR")
    assert [one.sentence for one in read.faults] == [
        "The file is larger than 3 MB: that is no bank statement."
    ]


def test_csv_needs_a_profile() -> None:
    assert "choose the bank" in read_statement(b"Date,Amount\n", None, "ZAR").faults[0].sentence


def test_all_faults_are_shown_at_once_up_to_a_limit() -> None:
    rows = "2026-03-01,A,x,\n" * (FAULTS_MAX + 50)
    faults = read_csv((HEADER + rows).encode(), GENERIC, "ZAR").faults
    assert [one.line_no for one in faults[:3]] == [2, 3, 4]
    assert faults[-1].sentence == "50 more faults of this kind were found and aren't listed."


DEBITS = CsvProfile("debits", date="Date", text=("Text",), debit="Out", credit="In")
OUT_IN = {  # cells of Out and In => amounts, or a word of the fault
    "50.00,\n10.00,": "-5000 -1000",
    "-50.00,\n-10.00,": "-5000 -1000",
    "0.00,40.00": "4000",
    "50.00,0.00": "-5000",
    "50.00,40.00": "both the debit and the credit are filled in",
    ",-40.00": "is negative",
    "50.00,\n-10.00,": "has another sign than those above it",
    ",": "there is no amount",
}


@pytest.mark.parametrize("cells", OUT_IN)
def test_debit_and_credit_columns(cells: str) -> None:
    rows = "".join(f"2026-03-01,A,{row}\n" for row in cells.split("\n"))
    read = read_csv(("Date,Text,Out,In\n" + rows).encode(), DEBITS, "ZAR")
    said = " ".join(str(line.amount_minor) for line in read.lines)
    assert OUT_IN[cells] in (said or read.faults[0].sentence)


AMOUNTS = {  # text, decimal sign, thousands sign => minor units
    ("1250.00", ".", ""): 125_000,
    ("-1250", ".", ""): -125_000,
    ("+1250.5", ".", ""): 125_050,
    ("(1250.00)", ".", ""): -125_000,
    ("R 1250.00", ".", ""): 125_000,
    ("-R1250.00", ".", ""): -125_000,
    ("ZAR-1250.00", ".", ""): -125_000,
    ("\u22121250.00", ".", ""): -125_000,
    ("1250,00", ",", ""): 125_000,
    ("1,250.00", ".", ","): 125_000,
    ("1 250,00", ",", " "): 125_000,
    ("1\u00a0250,00", ",", " "): 125_000,
    ("1.234.250,10", ",", "."): 123_425_010,
    ("1250.0000", ".", ""): 125_000,
}


@pytest.mark.parametrize("case", AMOUNTS)
def test_reads_amounts(case: tuple[str, str, str]) -> None:
    assert read_amount(case[0], "ZAR", case[1], case[2]) == AMOUNTS[case]


@pytest.mark.parametrize(
    "text", ["", "-", "1,25,000.00", "12,50", "1e5", "--5", "٣", "1.", ".5", "5-", "$5", "1250.00 Cr"]
)
def test_refuses_amounts(text: str) -> None:
    with pytest.raises(CellError):
        read_amount(text, "ZAR", ".", ",")


@given(minor=st.integers(-(10**14), 10**14), thousands=st.sampled_from(["", " ", ","]))
def test_an_amount_is_read_as_it_is_written(minor: int, thousands: str) -> None:
    whole, cents = divmod(abs(minor), 100)
    written = f"{'-' * (minor < 0)}{whole:,}".replace(",", thousands) + f".{cents:02}"
    assert read_amount(written, "ZAR", ".", thousands) == minor


def test_days_come_first_where_one_date_shows_it() -> None:
    dates = ["03/04/2026", "13/04/2026"]
    assert DateReader("any", dates).read("03/04/2026") == date(2026, 4, 3)
    assert DateReader("any", ["03/04/2026", "04/13/2026"]).read("03/04/2026") == date(2026, 3, 4)
    with pytest.raises(CellError, match="others the month"):
        DateReader("any", ["13/04/2026", "04/13/2026"]).read("03/04/2026")
    assert DateReader("any").read("31 March 2026") == DateReader("any").read("20260331") == date(2026, 3, 31)


@pytest.mark.parametrize("profile", BUILT_IN.values(), ids=BUILT_IN)
def test_built_in_profiles_are_sound(profile: CsvProfile) -> None:
    assert profile_faults(profile) == []


def test_a_profile_that_cannot_work_is_told() -> None:
    bad = CsvProfile(
        "bad", date="D", text=(), delimiter="", decimal=";", sign=2, has_header=False, date_format="%d %m"
    )
    assert len(profile_faults(bad)) == 7
    assert profile_faults(DEBITS._replace(credit=None, amount="A")) != []


@given(content=st.binary(max_size=300), profile=st.sampled_from(list(BUILT_IN.values())))
@example(content=b"Date,Description,Amount,Balance\n2026-03-01,\xff,,\n", profile=GENERIC)
@example(content=b"Date,Description,Amount,Balance\n0000-00-00,A,9999999999999999999999,-\n", profile=GENERIC)
def test_any_bytes_give_lines_or_faults(content: bytes, profile: CsvProfile) -> None:
    _is_one_or_the_other(read_statement(content, profile, "ZAR"))


@given(data=st.data(), name=st.sampled_from(sorted(SAMPLES)))
def test_a_damaged_file_gives_lines_or_faults(data: st.DataObject, name: str) -> None:
    profile, text = SAMPLES[name]
    content = bytearray(text.encode())
    for at, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
    ):
        content[at] = byte
    _is_one_or_the_other(read_csv(bytes(content), profile, "ZAR"))


def _is_one_or_the_other(read: StatementRead) -> None:
    assert bool(read.lines) != bool(read.faults)
    assert all(one.sentence.endswith((".", "?")) for one in read.faults)


# --- fingerprints


def test_equal_payments_of_one_day_both_count() -> None:
    line = BankLine(2, date(2026, 3, 2), 40_000, "PAYMENT 10451")
    first, second = fingerprints([line, line._replace(line_no=3)], "main")
    assert first != second
    assert fingerprint(line, "main") == first != fingerprint(line, "savings")


def test_padding_does_not_make_another_line() -> None:
    line = BankLine(2, date(2026, 3, 2), 40_000, "FNB OB PMT     10451", "10451   ")
    assert fingerprint(line, "") == fingerprint(line._replace(text="fnb ob pmt 10451", reference="10451"), "")


def test_the_banks_id_decides_where_there_is_one() -> None:
    line = BankLine(2, date(2026, 3, 2), 40_000, "PAYMENT", bank_id="F1")
    assert fingerprint(line, "") == fingerprint(line._replace(text="PAYMENT THANK YOU"), "")
    assert fingerprint(line, "") != fingerprint(line._replace(bank_id="F2"), "")
    assert fingerprint(line, "") != fingerprint(line._replace(amount_minor=-500), "")


MOVEMENTS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from([100, 200, -300]), st.sampled_from("ab")), max_size=30
)


@given(movements=MOVEMENTS, cut=st.tuples(st.integers(0, 9), st.integers(0, 9)), seed=st.integers(0, 99))
def test_overlapping_statements_bring_each_line_once(
    movements: list[tuple[int, int, str]], cut: tuple[int, int], seed: int
) -> None:
    start = date(2026, 3, 1)
    all_lines = [BankLine(0, start + timedelta(day), amount, text) for day, amount, text in movements]
    first_until, second_from = max(cut), min(cut)
    known: dict[str, BankLine] = {}
    files = [
        [line for line in all_lines if (line.booked_on - start).days <= first_until],
        [line for line in all_lines if (line.booked_on - start).days >= second_from],
    ]
    for lines in [*files, files[0]]:
        random.Random(seed).shuffle(lines)  # one export has the oldest first, another the newest
        known.update(zip(fingerprints(lines, "main"), lines, strict=True))
    assert sorted(known.values()) == sorted(all_lines)


def test_a_mark_at_the_start_is_no_part_of_the_header() -> None:
    content = codecs.BOM_UTF8 + SAMPLES["Absa"][1].encode()
    assert read_csv(content, ABSA, "ZAR").faults == ()
