"""Debit orders at the desk: batches from proposal to file, results, mandates with a second person, and who may do what."""

from datetime import date
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pypdf import PdfReader

from capstan.audit.models import AuditEntry
from capstan.billing.models import BillingTerms
from capstan.customers.models import Customer
from capstan.identity.models import Login
from capstan.payments.actions.debit_orders import batches, mandates
from capstan.payments.actions.debit_orders.book import book_due
from capstan.payments.models import DebitBatch, DebitItem, DebitOrderPolicy, DebitResults, Mandate
from capstan.payments.rules.words import BatchState, DebitState, MandateState
from tests.billing.desk import ACTOR, Desk, at
from tests.console.desk import hidden, sends, text_of, words
from tests.console.paying import Today, agent, clerk, desk, manager, today
from tests.payments.debits import (
    ACCOUNT,
    DAY,
    TODAY,
    WANTED,
    collected,
    collects,
    line,
    mandated,
    owing,
    proposed,
    results_of,
)

__all__ = ["agent", "clerk", "desk", "manager", "today"]

PAGE = "/staff/billing/debit-orders/"
TYPED = {
    "holder": "J Smith", "branch_code": "632005", "account_number": ACCOUNT, "account_type": "current",
    "action_day": "2", "most": "",
}  # fmt: skip


@pytest.fixture
def books(desk: Desk, today: Today) -> Desk:
    """A brand that collects; it is Monday, a week before the action date."""
    today.now = at(TODAY)
    collects(desk)
    return desk


def money_page(customer: Customer) -> str:
    return f"/staff/money/{customer.pk}/mandate/"


def propose(client: Client, desk: Desk, day: str = DAY) -> str:
    key = hidden(client.get(PAGE), "key")
    return words(sends(client, f"{PAGE}propose/", {"key": key, "brand": desk.brand.pk, "day": day}))


def does(client: Client, batch: DebitBatch, deed: str, **given: Any) -> str:
    return words(sends(client, f"{PAGE}{batch.pk}/{deed}/", given))


def reads(client: Client, content: str, name: str = "statement.txt") -> str:
    file = SimpleUploadedFile(name, content.encode())
    return words(sends(client, f"{PAGE}results/", {"file": file}))


# --- batches


def test_a_brand_without_keys_is_told_where_to_set_them(desk: Desk, clerk: Client) -> None:
    assert "No brand collects by debit order yet" in words(clerk.get(PAGE))


def test_from_the_proposal_to_what_came_back(books: Desk, clerk: Client, today: Today) -> None:
    invoice = owing(books)
    other = books.customer("Other Day")
    mandated(other, WANTED._replace(action_day=15))
    owing(books, 100, customer=other)
    said = propose(clerk, books)
    assert "R 599.00 would be collected by 1 debit order on 2 Mar 2026" in said
    assert "Jenny Smith" in said
    assert "Its day is the 15th" in said
    batch = DebitBatch.objects.get()
    assert "R 599.00. Give it to Netcash" in does(clerk, batch, "make")
    file = clerk.get(f"{PAGE}{batch.pk}/file/")
    assert ACCOUNT in text_of(file)
    assert (
        file.headers["Content-Disposition"]
        == f'attachment; filename="debit-orders-2026-03-02-{batch.pk}.txt"'
    )
    assert AuditEntry.objects.filter(action="debit.file", actor="staff:clara").exists()
    assert "On 2 Mar 2026 its debit orders are booked" in does(clerk, batch, "submitted")
    today.now = at(DAY)
    book_due(now=at(DAY), limit=9)
    item = DebitItem.objects.get(customer=invoice.customer)
    assert "statement.txt is read: 0 paid, 1 came back." in reads(clerk, line(item))
    page = words(clerk.get(f"{PAGE}{batch.pk}/"))
    assert "R 599.00 of it came back" in page
    assert "There wasn't enough money in the account. (02) Tried again from 9 Mar 2026 on." in page
    assert "0 paid, 0 came back, 1 known from before" in reads(clerk, line(item))
    assert DebitResults.objects.filter(known=1, returned=0).exists()
    books.check()


def test_a_form_that_is_sent_twice_proposes_once(books: Desk, clerk: Client) -> None:
    owing(books)
    key = hidden(clerk.get(PAGE), "key")
    given = {"key": key, "brand": books.brand.pk, "day": DAY}
    sends(clerk, f"{PAGE}propose/", given)
    batches.drop(batch_id=DebitBatch.objects.get().pk, actor=ACTOR, now=at(TODAY))
    assert "was sent twice" in words(sends(clerk, f"{PAGE}propose/", given))
    assert DebitBatch.objects.count() == 1


REFUSED = {
    "2026-03-01": "2026-03-01 is a day on which TwoDay debit orders don't run",
    "2026-02-24": "choose a later day",
    "": "This field is required",
}


@pytest.mark.parametrize("day", REFUSED)
def test_a_day_that_does_not_fit_is_refused_beside_it(books: Desk, clerk: Client, day: str) -> None:
    owing(books)
    assert REFUSED[day] in propose(clerk, books, day)
    assert not DebitBatch.objects.exists()


def test_somebody_is_left_out_and_the_batch_dropped(books: Desk, clerk: Client) -> None:
    one, _ = owing(books), owing(books)
    batch = proposed(books)
    assert "This field is required" in does(clerk, batch, "leave-out", customer=one.customer_id, reason="")
    assert "Left out" in does(clerk, batch, "leave-out", customer=one.customer_id, reason="he called")
    assert "He called" in words(clerk.get(f"{PAGE}{batch.pk}/"))
    assert "isn't debited in this batch" in does(
        clerk, batch, "leave-out", customer=one.customer_id, reason="x"
    )
    does(clerk, batch, "make")
    assert "This field is required" in does(clerk, batch, "drop", reason="")
    assert f"Batch {batch.pk} is dropped" in does(clerk, batch, "drop", reason="Netcash was down")
    assert "can't be done with a batch that is dropped" in does(clerk, batch, "make")
    batch.refresh_from_db()
    assert (batch.state, batch.dropped_because) == (BatchState.DROPPED, "Netcash was down")


def test_a_proposal_is_dropped_without_a_word(books: Desk, clerk: Client) -> None:
    owing(books)
    batch = proposed(books)
    does(clerk, batch, "drop")
    batch.refresh_from_db()
    assert batch.state == BatchState.DROPPED


def test_a_batch_that_was_never_marked_as_submitted_stands_out_on_its_day(
    books: Desk, clerk: Client, today: Today
) -> None:
    owing(books)
    batch = proposed(books)
    batches.make(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    assert "not marked as submitted" not in words(clerk.get(PAGE))
    assert "1 batch of debit orders that wasn't given to Netcash yet" in words(clerk.get("/staff/billing/"))
    today.now = at(DAY)
    assert "Made, and not marked as submitted" in words(clerk.get(PAGE))


def test_a_faulty_file_is_named_line_by_line_and_nothing_is_taken(books: Desk, clerk: Client) -> None:
    owing(books)
    collected(books)
    item = DebitItem.objects.select_related("mandate").get()
    said = reads(clerk, line(item) * 2, name="<img src=x>.txt")
    assert "1 fault in the file: nothing was taken" in said
    assert "Line 2" in said
    item.refresh_from_db()
    assert item.state == DebitState.BOOKED
    assert "<img src=x>" not in text_of(clerk.get(f"{PAGE}results/"))
    assert "This field is required" in words(sends(clerk, f"{PAGE}results/", {}))


def test_a_file_without_a_debit_order_is_refused(books: Desk, clerk: Client) -> None:
    assert "nothing was taken" in reads(clerk, "20260304\tOBL\t1\tOpening balance\t0\t+\t0\t\t\t\n")


def test_many_in_a_batch_cost_the_same(
    books: Desk, clerk: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        owing(books, customer=books.customer(f"Customer {number}"))
    batch = proposed(books)
    with django_assert_max_num_queries(20):
        assert words(clerk.get(f"{PAGE}{batch.pk}/")).count("Leave Customer") == 12
    with django_assert_max_num_queries(20):
        clerk.get(PAGE)


def test_what_waits_for_a_person_is_on_the_desk_until_it_is_looked_after(
    books: Desk, clerk: Client, agent: Client
) -> None:
    owing(books)
    batch = proposed(books)
    assert "1 proposed batch of debit orders to look at" in words(clerk.get("/staff/billing/"))
    batches.make(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    batches.mark_submitted(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    DebitItem.objects.update(why="can't be booked: no")
    made = DebitResults.objects.create(
        file_name="statement.txt",
        lines=1,
        problems=["Line 1, DO-1-1: was refunded."],
        actor=ACTOR,
        made_at=at(DAY),
    )
    said = words(clerk.get("/staff/billing/"))
    assert "1 debit order whose day has come and that can't be booked" in said
    assert "1 file of debit orders' results with something that couldn't be booked" in said
    assert "Line 1, DO-1-1: was refunded." in words(clerk.get(f"{PAGE}results/"))
    address = f"{PAGE}results/{made.pk}/looked-after/"
    assert agent.post(address, {"reason": "x"}).status_code == 403
    assert "This field is required" in words(sends(clerk, address, {"reason": ""}))
    assert "off the list" in words(sends(clerk, address, {"reason": "reversed by hand"}))
    assert "already" in words(sends(clerk, address, {"reason": "reversed by hand"}))
    assert "Line 1, DO-1-1" not in words(clerk.get(f"{PAGE}results/"))
    assert "couldn't be booked" not in words(clerk.get("/staff/billing/"))
    entry = AuditEntry.objects.get(action="debit.looked_after")
    assert (entry.actor, entry.reason) == ("staff:clara", "reversed by hand")


# --- mandates


def drafts(client: Client, customer: Customer, **given: Any) -> str:
    key = hidden(client.get(money_page(customer)), "key")
    return words(sends(client, f"{money_page(customer)}draft/", {**TYPED, "key": key, **given}))


def deals(client: Client, mandate: Mandate, deed: str, **given: Any) -> str:
    return words(sends(client, f"{money_page(mandate.customer)}{deed}/", {"mandate": mandate.pk, **given}))


def test_a_mandate_from_its_draft_to_its_end(books: Desk, clerk: Client, manager: Client) -> None:
    customer = books.customer("Jenny Smith")
    said = drafts(clerk, customer)
    assert f"DO-{customer.pk}-1 is entered" in said
    assert "Absa •••• 0001" in said
    assert ACCOUNT not in said
    mandate = Mandate.objects.get()
    assert "it waits for the signature" in deals(clerk, mandate, "send")
    assert "once somebody else has approved" in deals(
        clerk, mandate, "signed", signed_on="2026-02-20", signed_by="J Smith"
    )
    assert "Approve the bank details" not in words(clerk.get(money_page(customer)))
    assert "somebody else compares them" in deals(clerk, mandate, "approve")
    assert "Jenny Smith pays by debit order" in deals(manager, mandate, "approve")
    mandate.refresh_from_db()
    assert (mandate.state, mandate.approved_by) == (MandateState.ACTIVE, "staff:naledi")
    assert "This field is required" in deals(clerk, mandate, "suspend", reason="")
    assert "Nothing is debited until" in deals(clerk, mandate, "suspend", reason="the bank asked")
    assert "active again" in deals(clerk, mandate, "resume", reason="cleared")
    assert "The mandate is cancelled" in deals(clerk, mandate, "cancel", reason="he moved")
    assert "can't be done with a mandate that is cancelled" in deals(clerk, mandate, "resume", reason="x")


WRONG = {
    "This is the number of a card": {"account_number": "4000000000000002"},
    "say so and send it again": {"account_number": "1234567"},
    "A branch code has six digits": {"branch_code": "1"},
    "This field is required": {"holder": ""},
}


@pytest.mark.parametrize("why", WRONG)
def test_what_cannot_be_an_account_is_said_beside_the_form(books: Desk, clerk: Client, why: str) -> None:
    assert why in drafts(clerk, books.customer(), **WRONG[why])
    assert not Mandate.objects.exists()


def test_a_draft_that_is_sent_twice_is_entered_once(books: Desk, clerk: Client) -> None:
    customer = books.customer()
    key = hidden(clerk.get(money_page(customer)), "key")
    for _ in range(2):
        sends(clerk, f"{money_page(customer)}draft/", {**TYPED, "key": key})
    assert Mandate.objects.count() == 1


def test_the_form_is_a_tagged_pdf_with_the_account_whole_and_is_never_kept(
    books: Desk, clerk: Client
) -> None:
    mandate = mandated(books.customer("Jenny Smith"), WANTED._replace(max_minor=150000))
    answer = clerk.get(f"{money_page(mandate.customer)}{mandate.pk}/form/")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Cache-Control"].startswith("no-store")
    pdf = PdfReader(BytesIO(answer.content))
    assert pdf.trailer["/Root"]["/MarkInfo"]["/Marked"]  # type: ignore[index]
    text = " ".join(pdf.pages[0].extract_text().split()).replace("\u00a0", " ")
    for word in (
        "Debit order mandate",
        ACCOUNT,
        "J Smith",
        "632005",
        "R 1 500.00",
        mandate.reference,
        "Example Net",
    ):
        assert word in text, text
    assert clerk.get(f"{money_page(books.customer())}{mandate.pk}/form/").status_code == 404


def test_all_mandates_by_state(books: Desk, clerk: Client) -> None:
    mandated(books.customer("Jenny Smith"))
    waits = mandates.draft(
        customer_id=books.customer("Jan Botha").pk, wanted=WANTED, actor=ACTOR, now=at(TODAY)
    )
    both = words(clerk.get(f"{PAGE}mandates/"))
    assert "1 active mandates" in both or "1 active" in both
    assert "Jenny Smith" in both
    drafted = words(clerk.get(f"{PAGE}mandates/", {"show": "drafted"}))
    assert "Jan Botha" in drafted
    assert "Jenny Smith" not in drafted
    assert waits.reference in drafted
    assert clerk.get(f"{PAGE}mandates/", {"show": "nonsense", "before": "x"}).status_code == 200


def test_pay_first_ends_by_staffs_word(books: Desk, clerk: Client) -> None:
    invoice = owing(books)
    collected(books)
    results_of(line(DebitItem.objects.select_related("mandate").get()))
    page = money_page(invoice.customer)
    assert "A debit order came back on 4 Mar 2026" in words(clerk.get(page))
    assert "This field is required" in words(sends(clerk, f"{page}forgive/", {"reason": ""}))
    assert "go on the invoice again" in words(
        sends(clerk, f"{page}forgive/", {"reason": "the bank's mistake"})
    )
    assert BillingTerms.objects.get(pk=invoice.customer_id).debit_returned_on is None
    assert "No debit order keeps" in words(sends(clerk, f"{page}forgive/", {"reason": "again"}))


# --- settings


def test_a_manager_sets_how_a_brand_collects_and_keys_are_never_shown(
    desk: Desk, clerk: Client, manager: Client
) -> None:
    page = f"/staff/billing/brands/{desk.brand.pk}/"
    given = {
        "service_key": "", "vendor_key": "", "instruction": "Sameday", "action_day": "31", "fee": "50",
        "again_after_days": "4",
    }  # fmt: skip
    assert clerk.post(f"{page}debit-orders/", given).status_code == 403
    assert "service key is missing" in words(sends(manager, f"{page}debit-orders/", given))
    given["service_key"] = "secret-service-key"
    assert "collects by debit order so from now on" in words(sends(manager, f"{page}debit-orders/", given))
    row = DebitOrderPolicy.objects.get()
    assert (row.service_key, row.fee_minor, row.action_day) == ("secret-service-key", 5000, 31)
    given["service_key"] = ""
    assert "It was so already" in words(sends(manager, f"{page}debit-orders/", given))
    assert "secret-service-key" not in text_of(manager.get(page))
    assert "secret-service-key" not in str(AuditEntry.objects.get(action="debit.policy").details)


# --- who may


def test_an_agent_sees_the_masked_state_and_nothing_else(books: Desk, agent: Client) -> None:
    mandate = mandated(books.customer("Jenny Smith"))
    owing(books, customer=mandate.customer)
    batch = proposed(books)
    seen = agent.get(money_page(mandate.customer))
    assert "Absa •••• 0001" in words(seen)
    for hides in (ACCOUNT, "Form as PDF", "Enter a mandate", '<button class="btn" type="submit">Cancel it'):
        assert hides not in text_of(seen)
    for address in (PAGE, f"{PAGE}{batch.pk}/", f"{PAGE}{batch.pk}/file/", f"{PAGE}results/", f"{PAGE}mandates/",
                    f"{money_page(mandate.customer)}{mandate.pk}/form/"):  # fmt: skip
        assert agent.get(address).status_code == 403, address
    posts = [f"{PAGE}propose/", f"{PAGE}results/"]
    posts += [f"{PAGE}{batch.pk}/{deed}/" for deed in ("make", "submitted", "drop", "leave-out")]
    posts += [
        f"{money_page(mandate.customer)}{deed}/"
        for deed in ("draft", "send", "signed", "approve", "suspend", "resume", "cancel", "forgive")
    ]
    for address in posts:
        assert agent.post(address, {"mandate": mandate.pk, "reason": "x"}).status_code == 403, address
    mandate.refresh_from_db()
    batch.refresh_from_db()
    assert (mandate.state, batch.state) == (MandateState.ACTIVE, BatchState.PROPOSED)


def test_a_manager_may_all_of_it(books: Desk, manager: Client) -> None:
    owing(books)
    propose(manager, books)
    assert "The file is made" in does(manager, DebitBatch.objects.get(), "make")


MISSING = ["999999/", "999999/file/"]


@pytest.mark.parametrize("address", MISSING)
def test_what_is_not_there(books: Desk, clerk: Client, address: str) -> None:
    assert clerk.get(f"{PAGE}{address}").status_code == 404


def test_deeds_that_are_none(books: Desk, clerk: Client) -> None:
    owing(books)
    batch, customer = proposed(books), books.customer()
    assert clerk.post(f"{PAGE}{batch.pk}/nonsense/").status_code == 404
    assert clerk.get(f"{PAGE}{batch.pk}/make/").status_code == 405
    assert clerk.post(f"{money_page(customer)}nonsense/").status_code == 404
    assert clerk.post(f"{money_page(customer)}send/", {"mandate": "x"}).status_code == 404
    assert Login.objects.exists()
    assert date.fromisoformat(DAY) == batch.action_date
