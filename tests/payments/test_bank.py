"""Bank statements: each line once, matched or kept for a person; a faulty file leaves nothing behind."""

from datetime import datetime
from typing import Any

import pytest

from capstan.billing.rules.words import Method
from capstan.ledger.queries import balance
from capstan.ledger.rules import Code, Name
from capstan.payments.actions import bank, bank_lines
from capstan.payments.actions.bank_index import whose as whose_is
from capstan.payments.actions.refunds import refund
from capstan.payments.actions.take import BANK, Received, receive
from capstan.payments.models import BankImport, BankLine, Payment, Refund
from capstan.payments.rules.words import BankLineState, Payout
from capstan.values.refused import Refused
from tests.billing.desk import ACTOR, Desk, at

CLEARING = Name(Code.CLEARING, "examplepay")
HEAD = "Date,Description,Amount,Balance\n"


def read(desk: Desk, *lines: str, profile: str = "generic", name: str = "march.csv") -> bank.Imported:
    content = (HEAD + "".join(f"{line}\n" for line in lines)).encode()
    return bank.import_statement(
        content=content, file_name=name, account="cheque", profile=profile, actor=ACTOR, now=at("2026-03-05")
    )


def test_a_line_with_the_account_code_pays_the_oldest_invoice(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(None))
    desk.sell(line, 3500, "2026-01-01")
    (invoice,) = desk.bill("2026-01-01", customer)
    done = read(desk, f"2026-03-01,PAYMENT FROM {customer.account_code} THANKS,35.00,1035.00")
    invoice.refresh_from_db()
    assert (done.matched, done.unmatched, invoice.open_minor) == (1, 0, 0)
    payment = Payment.objects.get()
    assert (payment.method, str(payment.received_on)) == ("EFT", "2026-03-01")
    desk.check()


def test_the_same_line_in_two_statements_counts_once(desk: Desk) -> None:
    customer = desk.customer()
    first = f"2026-03-01,CREDIT {customer.account_code},35.00,1035.00"
    read(desk, first)
    done = read(desk, first, f"2026-03-02,CREDIT {customer.account_code},20.00,1055.00", name="again.csv")
    assert (done.source.lines_new, done.source.lines_known) == (1, 1)
    assert desk.credit(customer) == 5500


def test_two_equal_payments_of_one_day_both_count(desk: Desk) -> None:
    customer = desk.customer()
    code = customer.account_code
    read(desk, f"2026-03-01,CREDIT {code},35.00,1035.00", f"2026-03-01,CREDIT {code},35.00,1070.00")
    assert desk.credit(customer) == 7000


def test_what_nobody_knows_waits_and_can_be_given_to_a_customer_for_good(desk: Desk) -> None:
    customer = desk.customer()
    read(desk, "2026-03-01,MRS SAMPLE INTERNET HOUSE,35.00,1035.00")
    line = BankLine.objects.get()
    assert (line.state, balance(Name(Code.UNMATCHED, "bank"))) == (BankLineState.UNMATCHED, -3500)
    bank_lines.assign(
        line_id=line.pk, customer_id=customer.pk, remember=True, actor=ACTOR, now=at("2026-03-05")
    )
    assert (desk.credit(customer), balance(Name(Code.UNMATCHED, "bank"))) == (3500, 0)
    with pytest.raises(Refused, match="matched"):
        bank_lines.assign(
            line_id=line.pk, customer_id=customer.pk, remember=True, actor=ACTOR, now=at("2026-03-05")
        )
    done = read(desk, "2026-04-01,MRS SAMPLE INTERNET HOUSE,35.00,1070.00", name="april.csv")
    assert (done.matched, desk.credit(customer)) == (1, 7000)
    desk.check()


def test_money_out_and_what_is_set_aside_touch_no_customer(desk: Desk) -> None:
    desk.customer()
    done = read(desk, "2026-03-01,SERVICE FEES,-12.00,988.00", "2026-03-01,INTEREST,1.50,989.50")
    assert (done.ignored, done.unmatched) == (1, 1)
    line = BankLine.objects.get(state=BankLineState.UNMATCHED)
    bank_lines.set_aside(line_id=line.pk, reason="interest", actor=ACTOR, now=at("2026-03-05"))
    assert not Payment.objects.exists()
    assert not BankLine.objects.filter(state=BankLineState.UNMATCHED).exists()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('2026-03-01,CREDIT,"35,00",1035.00', "Line 3"),
        ("2026-03-01,CREDIT,thirty,1035.00", "Line 3"),
        ("yesterday,CREDIT,35.00,1035.00", "Line 3"),
        ("2026-03-01,CREDIT", "Line 3"),
        ("2026-03-01,CREDIT,35.00,9999.00", "Line 3"),
    ],
)
def test_a_faulty_line_is_named_and_nothing_of_the_file_is_taken(desk: Desk, line: str, says: str) -> None:
    customer = desk.customer()
    with pytest.raises(bank.FaultyStatementError, match=says):
        read(desk, f"2026-03-01,CREDIT {customer.account_code},35.00,1000.00", line)
    assert not BankImport.objects.exists()
    assert not Payment.objects.exists()


def test_a_file_in_a_wrong_encoding_says_where(desk: Desk) -> None:
    content = (HEAD + "2026-03-01,Jos\xe9,35.00,1035.00\n").encode("utf-8").replace(b"\xc3\xa9", b"\x81")
    with pytest.raises(bank.FaultyStatementError, match=r"[Ll]ine 2"):
        bank.import_statement(
            content=content,
            file_name="x.csv",
            account="cheque",
            profile="generic",
            actor=ACTOR,
            now=at("2026-03-05"),
        )


def test_a_pasted_line_finds_its_customer(desk: Desk) -> None:
    customer = desk.customer()
    assert whose_is(f"FNB OB PMT {customer.account_code} JAN").customer_id == customer.pk
    assert whose_is("FNB OB PMT").customer_id is None


def test_what_was_booked_by_hand_is_not_booked_again_by_its_line(desk: Desk) -> None:
    customer = desk.customer()
    by_hand = receive(
        Received(customer.pk, Method.EFT, 3500, at("2026-02-27").date(), BANK),
        actor=ACTOR,
        now=at("2026-02-28"),
    )
    done = read(
        desk,
        f"2026-03-01,CREDIT {customer.account_code},35.00,1035.00",
        f"2026-03-02,CREDIT {customer.account_code},35.00,1070.00",
    )
    assert (done.matched, desk.credit(customer)) == (2, 7000), "the second is more money"
    assert BankLine.objects.order_by("pk")[0].payment == by_hand


def unmatched(desk: Desk, *lines: str, name: str = "payouts.csv") -> BankLine:
    read(desk, *lines, name=name)
    return BankLine.objects.filter(state=BankLineState.UNMATCHED).latest("pk")


def test_a_gateways_payout_comes_out_of_what_it_holds_and_the_next_one_by_itself(desk: Desk) -> None:
    customer = desk.customer()
    receive(
        Received(customer.pk, Method.CARD, 20000, at("2026-02-27").date(), CLEARING, "pf-1"),
        actor=ACTOR, now=at("2026-02-27"),
    )  # fmt: skip
    line = unmatched(desk, "2026-03-01,EXAMPLEPAY SETTLEMENT 000123,96.50,1096.50")
    left = bank_lines.place(
        line_id=line.pk, account=CLEARING, fee_minor=350, remember=True, actor=ACTOR, now=at("2026-03-05")
    )
    line.refresh_from_db()
    assert (line.state, left, balance(CLEARING)) == (BankLineState.PLACED, 10000, 10000)
    assert (balance(BANK), balance(Name(Code.UNMATCHED, "bank")), balance(Name(Code.FEES))) == (9650, 0, 350)
    done = read(desk, "2026-03-02,EXAMPLEPAY SETTLEMENT 000124,100.00,1196.50", name="more.csv")
    assert (done.placed, done.unmatched, balance(CLEARING), balance(BANK)) == (1, 0, 0, 19650)
    desk.check()


def test_a_placed_line_goes_back_to_the_queue_and_can_be_placed_again(desk: Desk) -> None:
    line = unmatched(desk, "2026-03-01,EXAMPLEPAY SETTLEMENT,96.50,1096.50")
    placed = {"line_id": line.pk, "remember": False, "actor": ACTOR, "now": at("2026-03-05")}
    for _ in range(2):
        bank_lines.place(account=CLEARING, fee_minor=350, **placed)  # type: ignore[arg-type]
        bank_lines.put_back(line_id=line.pk, reason="the wrong one", actor=ACTOR, now=at("2026-03-05"))
    assert (balance(CLEARING), balance(Name(Code.FEES)), balance(Name(Code.UNMATCHED, "bank"))) == (
        0,
        0,
        -9650,
    )
    bank_lines.set_aside(line_id=line.pk, reason="interest", actor=ACTOR, now=at("2026-03-05"))
    assert (balance(Name(Code.OUTSIDE)), balance(Name(Code.UNMATCHED, "bank"))) == (-9650, 0)
    bank_lines.put_back(line_id=line.pk, reason="a customer's", actor=ACTOR, now=at("2026-03-05"))
    customer = desk.customer()
    bank_lines.assign(
        line_id=line.pk, customer_id=customer.pk, remember=False, actor=ACTOR, now=at("2026-03-05")
    )
    assert (desk.credit(customer), balance(BANK), balance(Name(Code.UNMATCHED, "bank"))) == (9650, 9650, 0)
    bank_lines.put_back(line_id=line.pk, reason="not his", actor=ACTOR, now=at("2026-03-05"))
    assert (desk.credit(customer), balance(BANK), balance(Name(Code.UNMATCHED, "bank"))) == (0, 9650, -9650)
    with pytest.raises(Refused, match="This line is unmatched"):
        bank_lines.put_back(line_id=line.pk, reason="no", actor=ACTOR, now=at("2026-03-05"))
    desk.check()


def test_a_line_is_placed_only_where_money_is_on_its_way(desk: Desk) -> None:
    line = unmatched(desk, "2026-03-01,EXAMPLEPAY SETTLEMENT,96.50,1096.50")
    with pytest.raises(Refused, match="Choose where the money was"):
        bank_lines.place(
            line_id=line.pk, account=BANK, fee_minor=0, remember=False, actor=ACTOR, now=at("2026-03-05")
        )


def test_money_that_the_bank_took_back_waits_and_reverses_its_payment(desk: Desk) -> None:
    customer = desk.customer()
    code = customer.account_code
    read(desk, f"2026-03-01,CREDIT {code},35.00,1035.00")
    line = unmatched(desk, f"2026-03-04,UNPAID {code},-35.00,1000.00", name="later.csv")
    (payment,) = bank_lines.could_return(line)
    with pytest.raises(Refused, match="money out"):
        bank_lines.assign(
            line_id=line.pk, customer_id=customer.pk, remember=False, actor=ACTOR, now=at("2026-03-05")
        )
    bank_lines.take_back(line_id=line.pk, payment_id=payment.pk, actor=ACTOR, now=at("2026-03-05"))
    payment.refresh_from_db()
    assert payment.reversed_at is not None
    assert (desk.credit(customer), balance(BANK)) == (0, 0)
    with pytest.raises(Refused, match="This line is returned"):
        bank_lines.take_back(line_id=line.pk, payment_id=payment.pk, actor=ACTOR, now=at("2026-03-05"))
    bank_lines.put_back(line_id=line.pk, reason="another's", actor=ACTOR, now=at("2026-03-05"))
    assert (desk.credit(customer), balance(BANK)) == (3500, 3500), "paid as before; the line waits"
    desk.check()


def test_a_returned_payment_is_that_of_whom_the_line_names(desk: Desk) -> None:
    one, two = desk.customer(), desk.customer()
    for customer in (one, two):
        received = Received(customer.pk, Method.EFT, 3500, at("2026-02-27").date(), BANK)
        receive(received, actor=ACTOR, now=at("2026-02-27"))
    line = unmatched(desk, f"2026-03-04,RETURNED {one.account_code},-35.00,1000.00")
    assert [found.customer for found in bank_lines.could_return(line)] == [one]


def test_what_went_out_of_the_bank_for_a_debit_order_is_made_good_where_it_came_to(desk: Desk) -> None:
    customer, collected = desk.customer(), Name(Code.CLEARING, "debit orders")
    payment = receive(
        Received(customer.pk, Method.DEBIT_ORDER, 3500, at("2026-02-27").date(), collected),
        actor=ACTOR, now=at("2026-02-27"),
    )  # fmt: skip
    paid_out = unmatched(desk, "2026-03-01,COLLECTIONS SETTLEMENT,35.00,1035.00")
    bank_lines.place(
        line_id=paid_out.pk, account=collected, fee_minor=0, remember=False, actor=ACTOR, now=at("2026-03-05")
    )
    line = unmatched(desk, "2026-03-04,UNPAID DEBIT ORDER,-35.00,1000.00", name="later.csv")
    bank_lines.take_back(line_id=line.pk, payment_id=payment.pk, actor=ACTOR, now=at("2026-03-05"))
    assert (desk.credit(customer), balance(BANK), balance(collected)) == (0, 0, 0)
    desk.check()


def test_a_statement_that_was_stored_and_not_booked_is_booked_by_the_worker(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = desk.customer()
    monkeypatch.setattr(bank, "book_waiting", lambda **_: 0)  # as if the process had been killed here
    done = read(
        desk, f"2026-03-01,CREDIT {customer.account_code},35.00,1035.00", "2026-03-02,HOUSE,1.00,1036.00"
    )
    monkeypatch.undo()
    assert (done.waiting, Payment.objects.count(), balance(BANK)) == (2, 0, 0)
    assert bank.book_waiting(now=at("2026-03-05"), limit=1) == 1
    assert bank.book_waiting(now=at("2026-03-05"), limit=100) == 1
    assert bank.book_waiting(now=at("2026-03-05"), limit=100) == 0
    assert (desk.credit(customer), balance(BANK)) == (3500, 3600)
    desk.check()


def test_the_books_bank_falls_by_what_goes_out_of_it(desk: Desk) -> None:
    read(desk, "2026-03-01,SERVICE FEES,-12.00,988.00", "2026-03-01,OFFICE RENT MARCH,-500.00,488.00")
    assert (balance(BANK), balance(Name(Code.FEES)), balance(Name(Code.OUTSIDE))) == (-51200, 1200, 50000)
    line = BankLine.objects.get(amount_minor=-50000)
    bank_lines.put_back(line_id=line.pk, reason="look again", actor=ACTOR, now=at("2026-03-05"))
    assert (balance(BANK), balance(Name(Code.OUTSIDE))) == (-1200, 0)
    bank_lines.set_aside(line_id=line.pk, reason="rent", actor=ACTOR, now=at("2026-03-05"))
    assert (balance(BANK), balance(Name(Code.OUTSIDE))) == (-51200, 50000)
    desk.check()


def given_back(desk: Desk, amount_minor: int = 3500) -> Refund:
    payment = receive(
        Received(desk.customer().pk, Method.EFT, amount_minor, at("2026-02-27").date(), BANK),
        actor=ACTOR, now=at("2026-02-27"),
    )  # fmt: skip
    return refund(
        payment_id=payment.pk, amount_minor=amount_minor, how=Payout.EFT, reason="asked", actor=ACTOR,
        now=at("2026-03-02"),
    )  # fmt: skip


def test_a_refunds_own_line_is_known_and_goes_out_once(desk: Desk) -> None:
    made = given_back(desk)
    read(desk, "2026-03-03,PAYMENT TO A CUSTOMER,-35.00,965.00", "2026-03-04,PAYMENT TO X,-35.00,930.00")
    first, second = BankLine.objects.order_by("pk")
    assert (first.state, first.paid_out, second.paid_out) == (BankLineState.PLACED, made, None)
    assert (balance(BANK), balance(Name(Code.OUTSIDE))) == (-3500, 3500), "the second is something else"
    for line in (first, second):
        bank_lines.put_back(line_id=line.pk, reason="the other one", actor=ACTOR, now=at("2026-03-05"))
    bank_lines.is_refund(line_id=second.pk, refund_id=made.pk, actor=ACTOR, now=at("2026-03-05"))
    with pytest.raises(Refused, match="can't be of that refund"):
        bank_lines.is_refund(line_id=first.pk, refund_id=made.pk, actor=ACTOR, now=at("2026-03-05"))
    assert balance(BANK) == 0
    desk.check()


def test_of_two_refunds_a_person_says_which(desk: Desk) -> None:
    given_back(desk)
    given_back(desk)
    read(desk, "2026-03-03,PAYMENT TO A CUSTOMER,-35.00,965.00")
    line = BankLine.objects.get()
    assert (line.state, line.paid_out) == (BankLineState.IGNORED, None)
    assert len(bank_lines.could_pay_out(line)) == 2


@pytest.mark.parametrize(("is_another", "credit"), [(False, 3500), (True, 7000)])
def test_a_line_that_a_person_gives_away_is_what_was_booked_by_hand(
    desk: Desk, is_another: bool, credit: int
) -> None:
    customer = desk.customer()
    receive(
        Received(customer.pk, Method.EFT, 3500, at("2026-02-27").date(), BANK),
        actor=ACTOR,
        now=at("2026-02-28"),
    )
    line = unmatched(desk, "2026-03-01,MRS SAMPLE INTERNET HOUSE,35.00,1035.00")
    bank_lines.assign(
        line_id=line.pk, customer_id=customer.pk, remember=False, is_another=is_another, actor=ACTOR,
        now=at("2026-03-05"),
    )  # fmt: skip
    assert (desk.credit(customer), balance(BANK), balance(Name(Code.UNMATCHED, "bank"))) == (
        credit,
        credit,
        0,
    )
    desk.check()


def test_a_line_that_breaks_something_stops_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = desk.customer()
    rightly = bank_lines.book

    def book(line: BankLine, *rest: Any, now: datetime) -> None:
        if line.text == "BROKEN":
            raise ValueError("something is wrong with it")
        rightly(line, *rest, now=now)

    monkeypatch.setattr(bank_lines, "book", book)
    done = read(
        desk, "2026-03-01,BROKEN,1.00,1001.00", f"2026-03-02,CREDIT {customer.account_code},35.00,1036.00"
    )
    assert (done.matched, done.unmatched, balance(BANK)) == (1, 1, 3600)
    assert "something is wrong with it" in BankLine.objects.get(text="BROKEN").why
