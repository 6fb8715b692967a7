"""The bank's lines: statements read in whole or not at all, lines given to customers, set aside, words learnt and forgotten."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.payments.models import BankImport, BankLine, MatchRule, Payment
from capstan.payments.rules.words import BankLineState
from tests.billing.desk import Desk
from tests.console.desk import sends, text_of, words
from tests.console.paying import HEAD, agent, clerk, desk, invoice_of, manager, read_in, today

__all__ = ["agent", "clerk", "desk", "manager", "today"]

PAGE = "/staff/billing/bank/"
UNKNOWN = "2026-03-01,MRS SAMPLE HOUSE SEVEN,35.00,1035.00"


def imports(client: Client, *lines: str, name: str = "march.csv", **more: Any) -> str:
    content = (HEAD + "".join(f"{line}\n" for line in lines)).encode()
    file = SimpleUploadedFile(name, content)
    return words(
        sends(client, f"{PAGE}import/", {"file": file, "account": "cheque", "profile": "generic", **more})
    )


def does(client: Client, line: BankLine, deed: str, **given: Any) -> str:
    return words(sends(client, f"{PAGE}{line.pk}/{deed}/", given))


def test_an_empty_queue_says_what_is_next(desk: Desk, agent: Client) -> None:
    said = words(agent.get(PAGE))
    assert "Every line of the bank has its customer" in said
    assert "Read in a statement" in said


def test_a_statement_is_read_in_and_its_result_said(desk: Desk, agent: Client) -> None:
    customer = desk.customer()
    known = f"2026-03-01,CREDIT {customer.account_code},35.00,1035.00"
    assert "1 new. Of the new ones 1 found their customer, 0 wait for you." in imports(agent, known)
    said = imports(
        agent, known, "2026-03-02,WHO IS THIS,20.00,1055.00", "2026-03-02,FEES,-5.00,1050.00", name="b.csv"
    )
    assert (
        "b.csv is read: 2 new, 1 known from before. Of the new ones 0 found their customer, 1 wait for you, 1 money out."
        in said
    )
    before = words(agent.get(f"{PAGE}import/"))
    assert "march.csv" in before
    assert BankImport.objects.latest("pk").actor == "staff:thandi"
    desk.check()


def test_a_faulty_file_is_named_line_by_line_and_nothing_is_taken(desk: Desk, agent: Client) -> None:
    customer = desk.customer()
    said = imports(
        agent, f"2026-03-01,CREDIT {customer.account_code},35.00,1000.00", "2026-03-01,X,thirty,1", "soon,Y,1.00,2",
        name="<img src=x>.csv",
    )  # fmt: skip
    assert "2 faults in the file: nothing was taken" in said
    assert "Nothing of <img src=x>.csv was taken" in said
    for line in ("Line 3", "Line 4"):
        assert line in said
    assert not BankImport.objects.exists()
    assert not Payment.objects.exists()


def test_a_hostile_file_name_and_text_are_shown_as_text(desk: Desk, agent: Client) -> None:
    imports(agent, "2026-03-01,<script>alert(1)</script>,35.00,1035.00", name="<img src=x>.csv")
    for page in (agent.get(PAGE), agent.get(f"{PAGE}import/")):
        assert "<img src=x>" not in text_of(page)
        assert "<script>alert" not in text_of(page)
    assert "&lt;script&gt;alert(1)" in text_of(agent.get(PAGE))


WRONG = [
    ({"file": ""}, "This field is required."),
    ({"account": " "}, "This field is required."),
    ({"profile": "nonsense"}, "is not one of the available choices"),
    ({"profile": ""}, "choose the bank whose statement it is"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_what_is_wrong_with_an_upload(desk: Desk, agent: Client, given: dict[str, str], said: str) -> None:
    assert said in imports(agent, UNKNOWN, **given)
    assert not BankImport.objects.exists()


def test_a_line_is_given_to_a_customer_by_his_code_and_remembered(desk: Desk, agent: Client) -> None:
    invoice = invoice_of(desk, desk.customer("Jenny Smith"), 3500)
    BankLine.objects.all().delete()
    read_in("2026-03-01,MRS SAMPLE HOUSE SEVEN,30.00,1035.00")
    line = BankLine.objects.get()
    page = agent.get(PAGE)
    assert "1 line of the bank that somebody has to say something to R 30.00 came in" in words(page)
    said = does(agent, line, "assign", who=invoice.customer.account_code.lower(), remember="on")
    assert "R 30.00 is Jenny Smith's, receipt REC0000001." in said
    invoice.refresh_from_db()
    assert invoice.open_minor == 500
    assert AuditEntry.objects.get(action="bank.assign").actor == "staff:thandi"
    assert "Somebody was quicker. This line is matched." in does(agent, line, "assign", who="EX001")
    assert "SAMPLE" in words(agent.get(f"{PAGE}words/"))
    desk.check()


def test_a_name_is_put_before_the_clerk_to_choose(desk: Desk, agent: Client) -> None:
    one, two = desk.customer("Jenny Smith"), desk.customer("Jenny Botha")
    read_in(UNKNOWN)
    line = BankLine.objects.get()
    asked = sends(agent, f"{PAGE}{line.pk}/assign/", {"who": "jenny"})
    assert "That is no account code. Choose who is meant:" in words(asked)
    for customer in (one, two):
        assert f'name="customer" value="{customer.pk}"' in text_of(asked)
    assert 'value="jenny"' in text_of(asked)
    assert not Payment.objects.exists()
    does(agent, line, "assign", who="jenny", customer=two.pk)
    assert Payment.objects.get().customer == two


REFUSED = [
    ({"who": ""}, "Say whose it is"),
    ({"who": "nobody at all"}, "Nobody is found by “nobody at all”"),
    ({"customer": "999999"}, "This customer is gone"),
]


@pytest.mark.parametrize(("given", "said"), REFUSED)
def test_a_customer_who_is_not_clear(desk: Desk, agent: Client, given: dict[str, str], said: str) -> None:
    read_in(UNKNOWN)
    assert said in does(agent, BankLine.objects.get(), "assign", **given)
    assert not Payment.objects.exists()


def test_a_suggestion_is_one_click(desk: Desk, agent: Client) -> None:
    invoice = invoice_of(desk, desk.customer("Jenny Sample"), 3500)
    read_in(UNKNOWN)
    line = BankLine.objects.get()
    assert line.suggested == invoice.customer
    assert f"It is {invoice.customer.account_code} Jenny Sample" in words(agent.get(PAGE))
    does(agent, line, "assign", customer=invoice.customer_id)
    invoice.refresh_from_db()
    assert invoice.open_minor == 0


def test_what_is_no_customers_is_set_aside_with_a_reason(desk: Desk, agent: Client, clerk: Client) -> None:
    read_in(UNKNOWN)
    line = BankLine.objects.get()
    assert agent.post(f"{PAGE}{line.pk}/set-aside/", {"reason": "x"}).status_code == 403
    assert "Set aside" not in words(agent.get(PAGE))
    assert "This field is required." in does(clerk, line, "set-aside", reason=" ")
    assert "Set aside: it stands in the books as none of customers' business" in does(
        clerk, line, "set-aside", reason="interest"
    )
    line.refresh_from_db()
    assert (line.state, line.why) == (BankLineState.IGNORED, "interest")
    assert "Somebody was quicker." in does(clerk, line, "set-aside", reason="again")


def test_a_payout_is_booked_from_where_it_was_and_can_go_back_to_the_queue(
    desk: Desk, agent: Client, clerk: Client
) -> None:
    read_in(UNKNOWN)
    line = BankLine.objects.get()
    assert agent.post(f"{PAGE}{line.pk}/place/", {"account": "till deposits"}).status_code == 403
    assert "till deposits: R 0.00" in words(clerk.get(PAGE))
    assert "is not an amount of money" in does(clerk, line, "place", account="till deposits", fee="lots")
    said = does(clerk, line, "place", account="till deposits", fee="", remember="on")
    assert "R 35.00 more has come from till deposits than the books knew of" in said
    assert "till deposits" in words(agent.get(f"{PAGE}words/"))
    assert "Placed" in words(agent.get(f"{PAGE}lines/?state=placed"))
    assert "No line like that" in words(agent.get(f"{PAGE}lines/?state=returned"))
    address = f"{PAGE}{line.pk}/put-back/"
    assert agent.post(address, {"reason": "x"}).status_code == 403
    assert "Put it back into the queue" not in words(agent.get(f"{PAGE}{line.pk}/"))
    assert "Put it back into the queue" in words(clerk.get(f"{PAGE}{line.pk}/"))
    assert "This field is required." in words(sends(clerk, address, {"reason": ""}))
    assert "It waits again" in words(sends(clerk, address, {"reason": "a customer's"}))
    assert "was taken for something else: a customer's" in words(agent.get(PAGE))
    assert "This line is unmatched" in words(sends(clerk, address, {"reason": "twice"}))
    assert agent.get(f"{PAGE}999999/").status_code == 404
    desk.check()


def test_money_that_was_returned_is_worked_off(desk: Desk, agent: Client, clerk: Client) -> None:
    customer = desk.customer("Jenny Smith")
    read_in(f"2026-03-01,CREDIT {customer.account_code},35.00,1035.00")
    read_in("2026-03-03,RETURNED PAYMENT,-35.00,1000.00")
    line = BankLine.objects.get(state=BankLineState.UNMATCHED)
    assert "Give it to a customer" not in words(agent.get(PAGE))
    assert "It took a payment back" in words(clerk.get(PAGE))
    assert "Choose the payment that the bank took back." in does(clerk, line, "take-back")
    payment = Payment.objects.get()
    assert "The payment is reversed" in does(clerk, line, "take-back", payment=payment.pk)
    payment.refresh_from_db()
    assert payment.reversed_because == "RETURNED PAYMENT"
    desk.check()


def test_whose_a_pasted_line_is(desk: Desk, agent: Client) -> None:
    customer = desk.customer("Jenny Smith")
    said = words(agent.post(f"{PAGE}whose/", {"text": f"FNB OB PMT {customer.account_code} JAN"}))
    assert f"It is {customer.account_code} Jenny Smith" in said
    assert "Nobody is found by it." in words(agent.post(f"{PAGE}whose/", {"text": "FNB OB PMT"}))
    assert "This field is required." in words(agent.post(f"{PAGE}whose/", {"text": ""}))
    assert agent.get(f"{PAGE}whose/").status_code == 405


def test_learnt_words_are_forgotten(desk: Desk, agent: Client) -> None:
    assert "No words are learnt yet" in words(agent.get(f"{PAGE}words/"))
    customer = desk.customer("Jenny Smith")
    read_in(UNKNOWN)
    does(agent, BankLine.objects.get(), "assign", who=customer.account_code, remember="on")
    rule = MatchRule.objects.get()
    address = f"{PAGE}words/{rule.pk}/end/"
    assert "these words mean Jenny Smith no more" in words(sends(agent, address, {}))
    assert AuditEntry.objects.get(action="bank.rule.end").details["words"] == rule.words
    assert "were forgotten already" in words(sends(agent, address, {}))
    done = read_in("2026-04-01,MRS SAMPLE HOUSE SEVEN,99.00,1134.00", name="april.csv")
    assert done.matched == 0


def test_many_lines_cost_the_same(desk: Desk, agent: Client, django_assert_max_num_queries: Any) -> None:
    read_in(
        *(f"2026-03-01,PAYER {letter * 4},{number}.00,{1000 + number}.00" for number, letter in ((1, "A"),))
    )
    for number in range(2, 14):
        read_in(f"2026-03-01,PAYER {'ABCDEFGHIJKLMNO'[number] * 4},{number}.00,2000.00", name=f"{number}.csv")
    with django_assert_max_num_queries(18):
        assert words(agent.get(PAGE)).count("Give it to a customer") == 13


MISSING = ["999999/assign/", "999999/set-aside/", "999999/put-back/", "words/999999/end/"]


@pytest.mark.parametrize("address", MISSING)
def test_what_is_not_there(desk: Desk, clerk: Client, address: str) -> None:
    assert clerk.post(f"{PAGE}{address}", {"reason": "x", "who": "x"}).status_code == 404
    assert clerk.get(f"{PAGE}{address}").status_code == 405
