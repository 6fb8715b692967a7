"""Debit orders: accounts, days, the batch that goes to Netcash and what comes back."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.payments.rules.debit_orders.calendar import (
    Instruction,
    Shift,
    action_day,
    days_to_propose,
    is_business_day,
    runs_on,
    submit_by,
)
from capstan.payments.rules.debit_orders.due import Debited, check_day, last_day_of, may_try_again, not_due
from capstan.payments.rules.debit_orders.mandates import (
    BANKS,
    AccountType,
    BankAccount,
    bank_of,
    check_account,
    doubts,
    masked,
)
from capstan.payments.rules.debit_orders.netcash import (
    DebitLine,
    LoadFault,
    LoadResult,
    Outcome,
    batch_file,
    read_load_report,
    read_results,
    read_upload_answer,
)
from capstan.payments.rules.debit_orders.unpaid import REASONS, aftermath, reason_of
from capstan.values.refused import Refused

ACCOUNT = BankAccount("Absa", "632005", "J Smith", AccountType.CURRENT, "4000000001")
LINE = DebitLine("10451", "J Smith", ACCOUNT, 39_900, ("run-7",))
DAY = date(2026, 3, 31)


# --- accounts

ACCOUNTS = {  # number, branch code => start of what is wrong
    ("4000000001", "632005"): "",
    ("40 0000-0001", "632 005"): "",
    ("400000000x", "632005"): "An account number has digits only",
    ("٤٠٠٠٠٠٠٠٠", "632005"): "An account number has digits only",
    ("", "632005"): "An account number has digits only",
    ("123456", "632005"): "An account number has 7 to 11 digits; this one has 6",
    ("123456789012", "632005"): "An account number has 7 to 11 digits; this one has 12",
    ("4000000000000002", "632005"): "This is the number of a card",
    ("0000000000", "632005"): "An account number of zeros",
    ("4000000001", "63200"): "A branch code has six digits",
    ("4000000001", ""): "A branch code has six digits",
}


@pytest.mark.parametrize("case", ACCOUNTS)
def test_checks_accounts(case: tuple[str, str]) -> None:
    found = check_account(ACCOUNT._replace(account_number=case[0], branch_code=case[1]))
    assert " ".join(found)[: len(ACCOUNTS[case])] == ACCOUNTS[case]
    assert bool(found) == bool(ACCOUNTS[case])


DOUBTS = {  # branch code, number, type => how many doubts
    ("470010", "1000000034", "savings"): 0,
    ("470010", "1000000035", "savings"): 1,
    ("470010", "100000006", "savings"): 2,
    ("051001", "000000000", "current"): 0,
    ("051001", "100000010", "current"): 0,
    ("051001", "100000011", "current"): 1,
    ("051001", "10000000009", "current"): 0,
    ("198765", "1000000001", "current"): 0,
    ("198765", "1000000002", "current"): 1,
    ("198765", "2000000010", "savings"): 0,
    ("198765", "2000000010", "current"): 1,
    ("632005", "4000000001", "current"): 0,
    ("632005", "1234567", "current"): 1,
    ("123456", "1234567", "current"): 0,
}


@pytest.mark.parametrize("case", DOUBTS)
def test_doubts_accounts(case: tuple[str, str, str]) -> None:
    branch_code, number, kind = case
    account = BankAccount("", branch_code, "J Smith", AccountType(kind), number)
    assert len(doubts(account)) == DOUBTS[case], doubts(account)


def test_banks_are_known_by_their_branch_code() -> None:
    assert [bank_of(bank.branch_code) for bank in BANKS] == list(BANKS)
    assert bank_of("000000") is None


@pytest.mark.parametrize(
    ("number", "shown"),
    [("4000001234", "•••• 1234"), ("40 00 12 34", "•••• 1234"), ("1234", "••••"), ("", "••••")],
)
def test_masks(number: str, shown: str) -> None:
    assert masked(number) == shown


@given(number=st.text(max_size=20), branch_code=st.text(max_size=8), kind=st.sampled_from(AccountType))
def test_any_account_is_judged(number: str, branch_code: str, kind: AccountType) -> None:
    account = BankAccount("", branch_code, "A", kind, number)
    assert all(sentence.endswith(".") for sentence in check_account(account) + doubts(account))


# --- days

GOOD_FRIDAY, FAMILY_DAY = date(2026, 4, 3), date(2026, 4, 6)
HOLIDAYS = {GOOD_FRIDAY, FAMILY_DAY}
DAYS = {  # wanted, shift, service => day
    ("2026-04-01", Shift.AFTER, Instruction.TWO_DAY): "2026-04-01",
    ("2026-04-03", Shift.AFTER, Instruction.TWO_DAY): "2026-04-07",
    ("2026-04-03", Shift.BEFORE, Instruction.TWO_DAY): "2026-04-02",
    ("2026-04-03", Shift.AFTER, Instruction.SAME_DAY): "2026-04-04",
    ("2026-04-05", Shift.BEFORE, Instruction.SAME_DAY): "2026-04-04",
    ("2026-04-05", Shift.AFTER, Instruction.SAME_DAY): "2026-04-07",
}


@pytest.mark.parametrize("case", DAYS)
def test_moves_to_a_day_on_which_debit_orders_run(case: tuple[str, Shift, Instruction]) -> None:
    wanted, shift, instruction = case
    assert action_day(date.fromisoformat(wanted), HOLIDAYS, shift, instruction).isoformat() == DAYS[case]


DEADLINES = {
    ("2026-04-07", Instruction.TWO_DAY): "2026-04-01T23:59:00+02:00",
    ("2026-03-31", Instruction.TWO_DAY): "2026-03-27T23:59:00+02:00",
    ("2026-04-07", Instruction.SAME_DAY): "2026-04-07T10:59:00+02:00",
    ("2026-04-04", Instruction.SAME_DAY): "2026-04-02T23:59:00+02:00",
}


@pytest.mark.parametrize("case", DEADLINES)
def test_says_until_when_a_batch_must_go(case: tuple[str, Instruction]) -> None:
    assert submit_by(date.fromisoformat(case[0]), case[1], HOLIDAYS).isoformat() == DEADLINES[case]


def test_refuses_days_without_processing() -> None:
    with pytest.raises(Refused, match="don't run"):
        submit_by(GOOD_FRIDAY, Instruction.TWO_DAY, HOLIDAYS)
    with pytest.raises(Refused, match="list of public holidays"):
        action_day(DAY, {DAY + timedelta(days) for days in range(100)})
    with pytest.raises(Refused, match="No business day"):
        action_day(date.max, {date.max})


@given(
    wanted=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    shift=st.sampled_from(Shift),
    instruction=st.sampled_from(Instruction),
    holidays=st.sets(st.dates(date(2020, 1, 1), date(2030, 1, 1)), max_size=20),
)
def test_the_day_is_the_nearest(
    wanted: date, shift: Shift, instruction: Instruction, holidays: set[date]
) -> None:
    day = action_day(wanted, holidays, shift, instruction)
    assert runs_on(day, instruction, holidays)
    assert day >= wanted if shift is Shift.AFTER else day <= wanted
    between = (min(day, wanted) + timedelta(count) for count in range(abs(day - wanted).days + 1))
    assert not any(runs_on(one, instruction, holidays) for one in between if one != day)
    until = submit_by(day, instruction, holidays).date()
    assert until <= day
    assert until == day or is_business_day(until, holidays)


# --- the batch


def _batch(*lines: DebitLine) -> bytes:
    return batch_file("key-1", "vendor-1", Instruction.TWO_DAY, "March 2026", DAY, lines)


def test_writes_the_batch() -> None:
    other = BankAccount("FNB", "250655", "Anél du Preez", AccountType.SAVINGS, "620 0000 0001")
    batch = _batch(LINE, DebitLine("JEN001", "Anél\tdu\r\nPreez", other, 100))
    assert batch.decode("ascii").split("\r\n") == [
        "H\tkey-1\t1\tTwoDay\tMarch 2026\t20260331\tvendor-1",
        "K\t101\t102\t131\t132\t133\t134\t135\t136\t162\t301\t302\t303",
        "T\t10451\tJ Smith\t1\tJ Smith\t1\t632005\t0\t4000000001\t39900\t10451\trun-7\t",
        "T\tJEN001\tAnel du Preez\t1\tAnel du Preez\t2\t250655\t0\t62000000001\t100\tJEN001\t\t",
        "F\t2\t40000\t9999",
        "",
    ]


REFUSALS = {
    "There is no debit order to send": (),
    "10451 is in the batch 2 times": (LINE, LINE),
    "10451: The amount must be more than nothing": (LINE._replace(amount_minor=0),),
    "10451: A branch code has six digits": (LINE._replace(account=ACCOUNT._replace(branch_code="1")),),
    "The account reference must have 2 to 22 characters": (LINE._replace(account_reference="1"),),
    "may have plain letters and digits only": (LINE._replace(account_reference="Anél"),),
    "no name that can be written in plain letters": (LINE._replace(name="日本"),),
    "At most 2 references": (LINE._replace(extras=("a", "b", "c")),),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_refuses_a_batch_that_cannot_be_sent(why: str) -> None:
    with pytest.raises(Refused, match=why):
        _batch(*REFUSALS[why])


def test_a_batch_needs_a_name_and_a_key() -> None:
    with pytest.raises(Refused, match="a service key and a name"):
        batch_file("", "vendor-1", Instruction.SAME_DAY, "March", DAY, [LINE])


NAMES = st.text(min_size=1, max_size=60).map(lambda text: f"A{text}")


@given(
    orders=st.lists(
        st.tuples(NAMES, st.integers(1, 10**9), st.lists(st.text(max_size=60), max_size=2)), min_size=1
    )
)
def test_the_totals_are_those_of_the_lines(orders: list[tuple[str, int, list[str]]]) -> None:
    lines = [
        DebitLine(f"C{at:04}", name, ACCOUNT._replace(account_name=name), amount, tuple(extras))
        for at, (name, amount, extras) in enumerate(orders)
    ]
    records = [
        record.split("\t") for record in _batch(*lines).decode("ascii").removesuffix("\r\n").split("\r\n")
    ]
    header, keys, *written, footer = records
    assert (header[0], keys[0], footer[0], footer[3]) == ("H", "K", "F", "9999")
    assert all(record[0] == "T" and len(record) == len(keys) for record in written)
    amounts = [int(record[keys.index("162")]) for record in written]
    assert amounts == [line.amount_minor for line in lines]
    assert footer[1:3] == [str(len(lines)), str(sum(amounts))]


# --- the answers

ANSWERS = {  # text => token, code, start of the sentence
    "20000000.2550236530.0483.2.2": ("20000000.2550236530.0483.2.2", "", ""),
    " 100\n": ("", "100", "Netcash doesn't accept the service key"),
    "102": ("", "102", "Netcash can't read the batch"),
    "299": ("", "299", "Netcash refused the batch with its code 299."),
    "": ("", "", "Netcash answered “nothing”"),
    "<html>": ("", "", "Netcash answered “<html>”"),
}


@pytest.mark.parametrize("text", ANSWERS)
def test_reads_the_answer_to_an_upload(text: str) -> None:
    token, code, sentence = read_upload_answer(text)
    assert (token, code, sentence[: len(ANSWERS[text][2])]) == ANSWERS[text]
    assert bool(token) != bool(sentence)


def test_reads_load_reports() -> None:
    good = read_load_report("###BEGIN\tMarch 2026\tSUCCESSFUL\t09:30 AM\n###END\t09:31 AM\n")
    assert good == ("March 2026", LoadResult.SUCCESSFUL, ())
    some = read_load_report(
        "###BEGIN\tMarch 2026\tSUCCESSFUL WITH ERRORS\t09:30 AM\n10451\tLine :3\tAccount number failed CDV\n"
        "###ERROR\tFooter total wrong\n###END\t09:31 AM\n"
    )
    assert some.result is LoadResult.WITH_ERRORS
    assert some.faults == (
        LoadFault("10451", 3, "Account number failed CDV"),
        LoadFault("", 0, "Footer total wrong"),
    )
    assert read_load_report("FILE NOT READY").result is LoadResult.NOT_READY
    assert read_load_report("###BEGIN\tMarch 2026\tSUCCESSFUL\t09:30 AM\n").result is LoadResult.UNREADABLE
    assert read_load_report("").result is LoadResult.UNREADABLE


STATEMENT = (
    "20260331\tOBL\t1\tOpening balance\t0\t+\t0\t\t\t\n"
    "20260331\tTDD\t2\tTwo day debit batch\t40000\t+\t0\t\t\t\n"
    "20260331\tTDD\t3\tTwo day debit\t100\t+\t0\tJEN001\t\t\n"
    "20260402\tDRU\t4\tUnpaid J Smith Code 02\t39900\t-\t0\t10451\trun-7\t\n"
    "20260402\tDRU\t5\tUnpaid (26)\t100\t-\t0\t10452\t\t\n"
    "20260402\tDRU\t6\tUnpaid, no word why\t100\t-\t0\t10453\t\t\n"
    "20260402\tDRU\t7\tUnpaid reason 99\t100\t-\t0\t10454\t\t\n"
)


def test_reads_results() -> None:
    read = read_results(STATEMENT)
    assert read.faults == ()
    assert [
        (one.account_reference, one.amount_minor, one.outcome, one.reason_code) for one in read.results
    ] == [
        ("JEN001", 100, Outcome.PAID, ""),
        ("10451", 39_900, Outcome.UNPAID, "02"),
        ("10452", 100, Outcome.REJECTED, "26"),
        ("10453", 100, Outcome.UNPAID, ""),
        ("10454", 100, Outcome.UNPAID, "99"),
    ]
    assert [one.may_present_again for one in read.results] == [False, True, False, False, False]
    assert read.results[1].reason == "There wasn't enough money in the account."
    assert read.results[3].reason == "Unpaid, no word why"
    assert read.results[1].day == date(2026, 4, 2)


def test_amounts_with_a_point_are_rands() -> None:
    assert read_results("20260402\tDRU\t4\tCode 02\t399.00\t-\t0\t10451").results[0].amount_minor == 39_900


RESULT_FAULTS = {
    "20260402\tDRU\t4\tCode 02\t39900\t-\t0\t": "Line 1: there is no account reference",
    "20260402\tDRU\t4\tCode 02": "Line 1: there are 4 fields",
    "2026-04-02\tDRU\t4\tCode 02\t39900\t-\t0\t10451": "Line 1: “2026-04-02” is no date",
    "20260402\tDRU\t4\tCode 02\tx\t-\t0\t10451": "Line 1: “x” is no amount of money",
    "20260402\tDRU\t4\t\t1.00\t-\t0\tA\n20260402\tDRU\t4\t\t1\t-\t0\tB": "Line 2: “1” is written otherwise",
    "FILE NOT READY": "Line 1: “FILE NOT READY” isn't a line of Netcash's statement",
    "%PDF": "This is a PDF",
    "": "The file is empty.",
}


@pytest.mark.parametrize("text", RESULT_FAULTS)
def test_says_what_is_wrong_with_results(text: str) -> None:
    read = read_results(text)
    assert read.results == ()
    assert read.faults[0].sentence.startswith(RESULT_FAULTS[text])


@given(content=st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: STATEMENT.encode() + tail))
def test_any_answer_is_read(content: bytes) -> None:
    read = read_results(content)
    assert not (read.results and read.faults)
    text = content.decode("latin-1")
    read_load_report(text)
    read_upload_answer(text)


def test_reasons_are_found_with_and_without_zeros() -> None:
    assert reason_of("2") == reason_of("02") == reason_of(" 002") == REASONS[0]
    assert [one.code for one in REASONS if one.may_present_again] == ["02"]
    assert len({int(one.code) for one in REASONS}) == len(REASONS)
    assert reason_of("") is reason_of("x") is reason_of("²") is reason_of("9" * 5000) is None


PROPOSED_ON = {  # today, service => action dates
    ("2026-03-25", Instruction.TWO_DAY): ["2026-03-30"],  # a Wednesday; Thursday night is the last moment
    ("2026-03-27", Instruction.TWO_DAY): ["2026-04-01"],
    ("2026-03-28", Instruction.TWO_DAY): ["2026-04-01"],
    ("2026-03-26", Instruction.SAME_DAY): ["2026-03-27", "2026-03-28"],
    ("2026-03-27", Instruction.SAME_DAY): ["2026-03-30"],
    ("2026-04-01", Instruction.TWO_DAY): ["2026-04-08"],  # Easter between
}


@pytest.mark.parametrize("case", PROPOSED_ON)
def test_a_batch_is_proposed_a_business_day_before_its_last_moment(case: tuple[str, Instruction]) -> None:
    found = days_to_propose(date.fromisoformat(case[0]), case[1], HOLIDAYS)
    assert [day.isoformat() for day in found] == PROPOSED_ON[case]


# --- whose day has come, and what follows from a return

DUE = {  # day of the month, on, last debited => why not
    (2, "2026-03-02", None): "",
    (2, "2026-03-09", None): "",
    (2, "2026-03-10", None): "its day is the 2nd",
    (2, "2026-02-27", None): "its day is the 2nd",
    (2, "2026-03-04", "2026-03-02"): "it was debited for this month's day already",
    (2, "2026-03-04", "2026-02-02"): "",
    (2, "2026-03-09", "2026-03-02"): "it was debited for this month's day already",
    (3, "2026-04-07", None): "",  # Good Friday, moved behind Family Day
    (31, "2026-02-27", None): "its day is the month's last",
    (31, "2026-03-02", None): "",  # 28 February was a Saturday
    (31, "2026-03-31", "2026-03-02"): "",
    (11, "2026-03-31", None): "its day is the 11th",
    (23, "2026-03-02", None): "",
}


@pytest.mark.parametrize("case", DUE)
def test_says_whether_a_mandates_day_has_come(case: tuple[int, str, str | None]) -> None:
    day, on, last = case
    debited = Debited(day, date.fromisoformat(last) if last else None)
    assert not_due(debited, date.fromisoformat(on), Instruction.TWO_DAY, HOLIDAYS) == DUE[case]


@pytest.mark.parametrize(
    ("on", "may"), [("2026-03-08", False), ("2026-03-09", True), ("2026-03-16", True), ("2026-03-17", False)]
)
def test_a_second_try_is_made_within_a_week_or_not_at_all(on: str, may: bool) -> None:
    assert may_try_again(date(2026, 3, 9), date.fromisoformat(on)) is may


@given(
    day=st.sampled_from([*range(1, 29), 31]),
    on=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    instruction=st.sampled_from(Instruction),
)
def test_the_last_day_is_never_to_come_and_within_two_months(
    day: int, on: date, instruction: Instruction
) -> None:
    last = last_day_of(day, on, instruction, HOLIDAYS)
    assert last <= on < last + timedelta(days=40)
    assert runs_on(last, instruction, HOLIDAYS)


def test_refuses_days_that_not_every_month_has() -> None:
    assert [check_day(day) for day in (1, 28, 31)] == [1, 28, 31]
    for day in (0, 29, 30, 32):
        with pytest.raises(Refused, match="from 1 to 28"):
            check_day(day)


AFTER = {  # code, days since each return of the mandate, this one's included => again, suspends
    ("02", (0,)): (True, False),
    ("2", (0, 30)): (False, True),
    ("02", (0, 45)): (True, False),
    ("02", (0, 44)): (False, True),
    ("12", (0,)): (False, True),
    ("30", (0,)): (False, True),
    ("32", (0,)): (False, True),
    ("", (0,)): (False, False),
    ("99", (0, 10)): (False, True),
}


@pytest.mark.parametrize("case", AFTER)
def test_says_what_follows_from_a_return(case: tuple[str, tuple[int, ...]]) -> None:
    code, ago = case
    assert aftermath(code, [DAY - timedelta(days) for days in ago], DAY) == AFTER[case]


def test_results_know_their_lines() -> None:
    assert [one.line_no for one in read_results(STATEMENT).results] == [3, 4, 5, 6, 7]
