"""Debit orders from a proposal to what came back weeks later: each cent is collected once and taken back once."""

from datetime import date

import pytest
from django.db import connection

from capstan.billing.actions import dunning_holds
from capstan.billing.actions.dunning import look_due
from capstan.billing.models import BillingTerms, Charge, DunningHold, Invoice
from capstan.billing.queries.standing import standing_of
from capstan.billing.rules.dunning import Deed, DunningStep, Policy
from capstan.billing.rules.words import Method
from capstan.ledger.queries import balance
from capstan.messaging.models import Message
from capstan.payments.actions.debit_orders import batches, mandates, results
from capstan.payments.actions.debit_orders.book import CLEARING, book_due
from capstan.payments.actions.debit_orders.propose_due import propose_due
from capstan.payments.actions.refunds import refund
from capstan.payments.actions.take import BANK, Received, receive, take
from capstan.payments.models import DebitBatch, DebitItem, DebitResults, Mandate, Payment
from capstan.payments.rules.words import BatchState, DebitState, MandateState, Payout
from capstan.values.refused import Refused
from tests.billing.desk import ACTOR, Desk, at
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
    submitted,
)


@pytest.fixture
def paid_so(desk: Desk) -> Desk:
    collects(desk)
    return desk


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def only() -> DebitItem:
    return DebitItem.objects.select_related("mandate", "payment", "batch").get()


def only_returned() -> DebitItem:
    return DebitItem.objects.get(state=DebitState.UNPAID)


def open_of(invoice: Invoice) -> int:
    return Invoice.objects.values_list("open_minor", flat=True).get(pk=invoice.pk)


def pay(invoice: Invoice, amount_minor: int, day: str = TODAY) -> Payment:
    received = Received(invoice.customer_id, Method.EFT, amount_minor, date.fromisoformat(day), BANK)
    return receive(received, actor=ACTOR, now=at(day))


# --- proposing


def test_proposes_what_is_due_by_then_and_says_who_is_left_out(paid_so: Desk) -> None:
    due = owing(paid_so, 59900)
    owing(paid_so, 10000, day="2026-03-01")  # due a week later
    other_day = paid_so.customer("Other Day")
    mandated(other_day, WANTED._replace(action_day=15))
    owing(paid_so, 100, customer=other_day)
    nobody = owing(paid_so, 200)
    mandate = Mandate.objects.get(customer=nobody.customer)
    mandates.suspend(mandate_id=mandate.pk, reason="asked us to", actor=ACTOR, now=at("2026-02-02"))
    promised, disputed = owing(paid_so, 300), owing(paid_so, 400)
    until = date(2026, 2, 27)
    dunning_holds.promise(customer_id=promised.customer_id, until=until, actor=ACTOR, now=at(TODAY))
    dunning_holds.dispute(invoice_id=disputed.pk, reason="wrong", actor=ACTOR, now=at(TODAY))
    batch = proposed(paid_so)
    found = {one.customer_id: (one.state, one.amount_minor, plain(one.why)) for one in batch.items.all()}
    assert found == {
        due.customer_id: (DebitState.PROPOSED, 59900, ""),
        other_day.pk: (DebitState.LEFT_OUT, 0, "its day is the 15th"),
        nobody.customer_id: (DebitState.LEFT_OUT, 0, "the mandate is suspended: asked us to"),
        promised.customer_id: (DebitState.LEFT_OUT, 0, "promised to pay until 27 Feb 2026"),
        disputed.customer_id: (DebitState.LEFT_OUT, 0, "what is due is disputed"),
    }


def test_who_pays_otherwise_is_no_part_of_it_and_who_has_no_mandate_is_named(paid_so: Desk) -> None:
    by_eft, without = owing(paid_so), owing(paid_so)
    BillingTerms.objects.filter(pk=by_eft.customer_id).update(method=Method.EFT)
    Mandate.objects.filter(customer=without.customer).update(state=MandateState.CANCELLED)
    with pytest.raises(
        Refused, match=r"Nobody is to be debited .* Of 1 who owe something: no active mandate"
    ):
        proposed(paid_so)
    assert not DebitBatch.objects.exists()


def test_no_more_is_debited_than_the_mandate_allows(paid_so: Desk) -> None:
    customer = paid_so.customer()
    mandated(customer, WANTED._replace(max_minor=50000))
    invoice = owing(paid_so, 59900, customer=customer)
    collected(paid_so)
    assert (only().amount_minor, open_of(invoice)) == (50000, 9900)


WRONG_DAYS = {
    "don't run": ("2026-03-01", TODAY),
    "had to be with Netcash by": (DAY, "2026-02-27"),
    "at most 45 days ahead": ("2026-06-01", TODAY),
}


@pytest.mark.parametrize("why", WRONG_DAYS)
def test_refuses_days_that_do_not_fit(paid_so: Desk, why: str) -> None:
    owing(paid_so)
    with pytest.raises(Refused, match=why):
        proposed(paid_so, *WRONG_DAYS[why])


def test_a_brand_without_keys_collects_nothing(desk: Desk) -> None:
    owing(desk)
    with pytest.raises(Refused, match="doesn't collect by debit order yet"):
        proposed(desk)


def test_one_proposal_at_a_time_and_nobody_is_in_two_batches(paid_so: Desk) -> None:
    invoice = owing(paid_so)
    batch = proposed(paid_so)
    with pytest.raises(Refused, match=f"Batch {batch.pk} of 2.Mar.2026 is proposed"):
        proposed(paid_so)
    batches.make(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    with pytest.raises(Refused, match=f"a debit order is on its way in batch {batch.pk}"):
        proposed(paid_so, "2026-03-03")
    batches.drop(batch_id=batch.pk, reason="Netcash was down", actor=ACTOR, now=at(TODAY))
    again = proposed(paid_so, "2026-03-03")
    assert again.items.get().amount_minor == invoice.total_minor


# --- proposing themselves


def looks(day: str) -> int:
    return propose_due(now=at(day))


def test_a_batch_proposes_itself_a_business_day_before_it_must_be_with_netcash(paid_so: Desk) -> None:
    owing(paid_so)
    assert [looks(day) for day in ("2026-02-24", "2026-02-25", "2026-02-25")] == [0, 1, 0]
    batch = DebitBatch.objects.get()
    assert (batch.action_date, batch.state, batch.proposed_by) == (
        date(2026, 3, 2), BatchState.PROPOSED, "debit orders",
    )  # fmt: skip
    batches.make(batch_id=batch.pk, actor=ACTOR, now=at("2026-02-26"))  # a person still has the time
    assert looks("2026-02-26") == 0


def test_who_could_not_be_in_an_earlier_batch_is_in_the_next(paid_so: Desk) -> None:
    owing(paid_so)
    assert looks("2026-02-26") == 1  # the worker stood still the day before
    assert DebitBatch.objects.get().action_date == date(2026, 3, 3)


def test_the_second_try_proposes_itself(paid_so: Desk) -> None:
    owing(paid_so)
    collected(paid_so)
    batches_before = DebitBatch.objects.count()
    results_of(line(only()))  # not before 9 March
    assert [looks(day) for day in ("2026-03-03", "2026-03-04")] == [0, 1]
    made = DebitBatch.objects.latest("pk")
    assert (DebitBatch.objects.count(), made.action_date) == (batches_before + 1, date(2026, 3, 9))
    assert made.items.get().repeats == only_returned()


def test_what_a_person_dropped_or_left_out_does_not_propose_itself_again(paid_so: Desk) -> None:
    invoice, other = owing(paid_so), owing(paid_so)
    looks("2026-02-25")
    batch = DebitBatch.objects.get()
    batches.leave_out(
        batch_id=batch.pk, customer_id=other.customer_id, reason="asked", actor=ACTOR, now=at("2026-02-25")
    )
    batches.drop(batch_id=batch.pk, actor=ACTOR, now=at("2026-02-25"))
    assert [looks(day) for day in ("2026-02-25", "2026-02-26", "2026-03-02")] == [0, 0, 0]
    assert looks("2026-03-30") == 1  # its next day, 2 April
    assert {one.customer_id for one in DebitItem.objects.filter(state=DebitState.PROPOSED)} == {
        invoice.customer_id, other.customer_id,
    }  # fmt: skip


# --- making


def test_the_file_is_made_once_sealed_and_stays(paid_so: Desk) -> None:
    owing(paid_so)
    batch = proposed(paid_so)
    made = batches.make(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    content = batches.file_of(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    item = only()
    assert item.mandate is not None
    wanted = f"T\t{item.mandate.reference}\tJenny Smith\t1\tJ Smith\t1\t632005\t0\t{ACCOUNT}\t59900\t{item.mandate.reference}"
    assert wanted in content.decode()
    assert content.decode().startswith(f"H\tservice-key\t1\tTwoDay\tBatch {batch.pk}\t20260302\t")
    Mandate.objects.update(holder="Somebody else")
    assert batches.file_of(batch_id=batch.pk, actor=ACTOR, now=at(TODAY)) == content
    with connection.cursor() as cursor:
        cursor.execute("SELECT file FROM payments_debitbatch")
        assert ACCOUNT.encode() not in bytes(cursor.fetchone()[0])
    assert (made.state, made.total_minor) == (BatchState.MADE, 59900)
    with pytest.raises(Refused, match="a batch that is made"):
        batches.make(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))


def test_who_paid_meanwhile_is_left_out_and_who_paid_a_part_pays_the_rest(paid_so: Desk) -> None:
    paid, part, more = owing(paid_so, 59900), owing(paid_so, 40000), owing(paid_so, 20000)
    batch = proposed(paid_so)
    pay(paid, 59900)
    pay(part, 15000)
    paid_so.sell(paid_so.line(more.customer, paid_so.package(None)), 5000, "2026-02-02")
    paid_so.bill("2026-02-03", more.customer)  # due as well by then, but nobody saw it in the proposal
    batches.make(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    found = {one.customer_id: (one.state, one.amount_minor) for one in batch.items.all()}
    assert found == {
        paid.customer_id: (DebitState.LEFT_OUT, 0),
        part.customer_id: (DebitState.SENT, 25000),
        more.customer_id: (DebitState.SENT, 20000),
    }


def test_a_cancelled_mandate_and_a_name_no_bank_can_write_are_left_out_of_the_file(paid_so: Desk) -> None:
    cancelled, odd, good = owing(paid_so), owing(paid_so, customer=paid_so.customer("日本")), owing(paid_so)
    batch = proposed(paid_so)
    mandate = Mandate.objects.get(customer=cancelled.customer)
    mandates.cancel(mandate_id=mandate.pk, reason="asked us", actor=ACTOR, now=at(TODAY))
    batches.make(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    assert (
        batch.items.get(customer=odd.customer).why == "There is no name that can be written in plain letters."
    )
    assert batch.items.get(customer=cancelled.customer).state == DebitState.LEFT_OUT
    assert batch.items.get(state=DebitState.SENT).customer == good.customer


def test_nobody_left_makes_no_file(paid_so: Desk) -> None:
    invoice = owing(paid_so)
    batch = proposed(paid_so)
    pay(invoice, 59900)
    with pytest.raises(Refused, match="Nobody is left to be debited"):
        batches.make(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    batch.refresh_from_db()
    assert (batch.state, only().state) == (BatchState.PROPOSED, DebitState.PROPOSED)


def test_staff_leave_somebody_out_with_a_reason(paid_so: Desk) -> None:
    one, _ = owing(paid_so), owing(paid_so)
    batch = proposed(paid_so)
    with pytest.raises(Refused, match="Say why"):
        batches.leave_out(
            batch_id=batch.pk, customer_id=one.customer_id, reason="", actor=ACTOR, now=at(TODAY)
        )
    batches.leave_out(
        batch_id=batch.pk, customer_id=one.customer_id, reason="he called", actor=ACTOR, now=at(TODAY)
    )
    made = batches.make(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    assert made.total_minor == 59900
    assert batch.items.get(customer=one.customer).why == "he called"


def test_a_batch_is_dropped_until_its_day(paid_so: Desk) -> None:
    owing(paid_so)
    batch = submitted(paid_so)
    with pytest.raises(Refused, match="Say why"):
        batches.drop(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    with pytest.raises(Refused, match="Its day has come"):
        batches.drop(batch_id=batch.pk, reason="x", actor=ACTOR, now=at(DAY))
    batches.drop(batch_id=batch.pk, reason="Netcash refused it", actor=ACTOR, now=at("2026-03-01"))
    assert (only().state, book_due(now=at(DAY), limit=9)) == (DebitState.DROPPED, 0)


def test_nobody_is_chased_while_his_debit_order_is_on_its_way(paid_so: Desk) -> None:
    invoice = owing(paid_so)
    policy = Policy((DunningStep("first", 1, Deed.REMIND), DunningStep("second", 18, Deed.REMIND)))
    dunning_holds.set_dunning_policy(
        brand_id=paid_so.brand.pk, policy=policy, actor=ACTOR, now=at("2026-02-20")
    )

    def reminders(day: str) -> int:
        look_due(now=at(day), limit=9)
        return Message.objects.filter(template__startswith="dunning.").count()

    assert reminders("2026-02-20") == 1
    batch = submitted(paid_so)
    assert reminders("2026-02-27") == 1  # the second would be due
    batches.drop(batch_id=batch.pk, reason="Netcash refused it", actor=ACTOR, now=at("2026-02-27", 13))
    assert reminders("2026-02-28") == 2
    assert DunningHold.objects.get(customer=invoice.customer).ended_because == f"batch {batch.pk} was dropped"


def test_what_came_back_before_its_day_is_chased_again(paid_so: Desk) -> None:
    owing(paid_so)
    submitted(paid_so)
    assert DunningHold.objects.get().until == date(2026, 3, 2)
    results_of(line(only(), code="50", day="2026-02-27"), day="2026-02-27")
    assert DunningHold.objects.get().ended_at is not None


# --- booking


def test_it_is_paid_on_the_action_date_and_not_before(paid_so: Desk) -> None:
    invoice = owing(paid_so)
    batch = submitted(paid_so)
    assert book_due(now=at("2026-03-01", 23), limit=9) == 0
    assert open_of(invoice) == 59900
    assert book_due(now=at(DAY, 0), limit=9) == 1
    assert book_due(now=at(DAY, 1), limit=9) == 0
    payment = Payment.objects.get()
    assert (payment.method, payment.paid_into, payment.received_on) == (
        Method.DEBIT_ORDER, "clearing debit orders", date(2026, 3, 2),
    )  # fmt: skip
    batch.refresh_from_db()
    assert (open_of(invoice), balance(CLEARING), batch.state) == (0, 59900, BatchState.BOOKED)
    paid_so.check()


def test_what_is_not_marked_as_submitted_is_not_booked(paid_so: Desk) -> None:
    owing(paid_so)
    batch = proposed(paid_so)
    batches.make(batch_id=batch.pk, actor=ACTOR, now=at(TODAY))
    assert book_due(now=at(DAY), limit=9) == 0


def test_its_invoices_are_paid_first_and_what_was_paid_meanwhile_is_credit(paid_so: Desk) -> None:
    invoice = owing(paid_so)
    submitted(paid_so)
    pay(invoice, 59900)
    book_due(now=at(DAY), limit=9)
    assert paid_so.credit(invoice.customer) == 59900
    paid_so.check()


def test_one_that_cannot_be_booked_holds_up_nobody(paid_so: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from capstan.payments.actions.debit_orders import book

    first, second = owing(paid_so), owing(paid_so)
    batch = submitted(paid_so)
    whole = take

    def fails(received: Received, **more: object) -> Payment:
        if received.customer_id == first.customer_id:
            raise Refused("no")
        return whole(received, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(book, "take", fails)
    assert book_due(now=at(DAY), limit=9) == 1
    assert (open_of(first), open_of(second)) == (59900, 0)
    batch.refresh_from_db()
    assert batch.state == BatchState.SUBMITTED
    assert batch.items.get(customer=first.customer).why == "can't be booked: no"
    monkeypatch.undo()
    assert book_due(now=at(DAY), limit=9) == 1
    assert open_of(first) == 0


# --- results


def test_unpaid_takes_it_back_once_and_does_what_follows(desk: Desk) -> None:
    collects(desk, fee_minor=5000)
    invoice = owing(desk)
    collected(desk)
    item = only()
    done = results_of(line(item))
    assert (done.returned, done.known, done.problems) == (1, 0, [])
    item.refresh_from_db()
    assert (item.state, item.return_code, item.returned_on) == (DebitState.UNPAID, "02", date(2026, 3, 4))
    assert item.again_on == date(2026, 3, 9)
    assert (open_of(invoice), balance(CLEARING)) == (59900, 0)
    fee = Charge.objects.get(reference=f"debit-returned:{item.pk}")
    assert (fee.amount_minor, fee.kind) == (5000, "fee")
    standing = standing_of(invoice.customer_id, today=date(2026, 3, 4))
    assert standing.pays_first_because == "a debit order came back unpaid"
    told = {one.medium: one for one in Message.objects.filter(template="debit.returned")}
    assert set(told) == {"email", "sms"}
    assert "There wasn't enough money in the account." in told["email"].text
    assert "9 Mar 2026" in plain(told["sms"].text)
    assert Mandate.objects.get().state == MandateState.ACTIVE
    again = results_of(line(item), day="2026-03-05")
    assert (again.returned, again.known) == (0, 1)
    assert Message.objects.filter(template="debit.returned").count() == 2
    assert Charge.objects.filter(reference__startswith="debit-returned").count() == 1
    desk.check()


def test_a_late_one_weeks_later_reverses_the_one_it_is_about(paid_so: Desk) -> None:
    customer = paid_so.customer()
    first = owing(paid_so, customer=customer)
    collected(paid_so)
    second = owing(paid_so, day="2026-03-10", customer=customer)
    collected(paid_so, "2026-04-02", "2026-03-25")
    old, new = DebitItem.objects.order_by("pk")
    results_of(line(old, day="2026-03-31"), day="2026-04-10")
    assert (open_of(first), open_of(second)) == (59900, 0)
    results_of(line(new, day="2026-04-10"), day="2026-04-10")
    assert (open_of(first), open_of(second)) == (59900, 59900)
    assert results_of(line(old, day="2026-03-31"), line(new, day="2026-04-10"), day="2026-04-11").known == 2
    paid_so.check()


def test_before_it_is_booked_there_is_nothing_to_reverse(paid_so: Desk) -> None:
    invoice = owing(paid_so)
    submitted(paid_so)
    results_of(line(only(), code="50", day="2026-02-27"), day="2026-02-27")
    assert (only().state, open_of(invoice)) == (DebitState.UNPAID, 59900)
    assert book_due(now=at(DAY), limit=9) == 0
    assert not Payment.objects.exists()
    assert DebitBatch.objects.get().state == BatchState.BOOKED


NO_SECOND_TRY = {
    "12": "closed",
    "30": "no authority",
    "32": "isn't what was agreed",
    "34": "cancelled the authority",
}


@pytest.mark.parametrize("code", NO_SECOND_TRY)
def test_such_codes_are_never_tried_again_and_suspend_the_mandate(paid_so: Desk, code: str) -> None:
    owing(paid_so)
    collected(paid_so)
    results_of(line(only(), code=code))
    assert only().again_on is None
    mandate = Mandate.objects.get()
    assert mandate.state == MandateState.SUSPENDED
    assert NO_SECOND_TRY[code] in mandate.ended_because
    with pytest.raises(Refused, match="the mandate is suspended"):
        proposed(paid_so, "2026-03-16", "2026-03-09")


def test_it_is_tried_again_once_and_then_the_mandate_is_suspended(paid_so: Desk) -> None:
    owing(paid_so)
    collected(paid_so)
    results_of(line(only()))
    with pytest.raises(Refused, match="it was debited for this month's day already"):
        proposed(paid_so, "2026-03-06", "2026-03-04")
    second = collected(paid_so, "2026-03-09", "2026-03-05").items.get()
    assert second.repeats is not None
    results_of(line(second, day="2026-03-11"), day="2026-03-11")
    second.refresh_from_db()
    assert second.again_on is None
    assert Mandate.objects.get().state == MandateState.SUSPENDED
    paid_so.check()


def test_a_second_try_that_nobody_needs_any_more_lapses(paid_so: Desk) -> None:
    customer = paid_so.customer()
    first = owing(paid_so, customer=customer)
    collected(paid_so)
    results_of(line(only()))
    pay(first, 59900, "2026-03-10")
    april = owing(paid_so, 30000, "2026-03-20", customer=customer)
    for day, today in (("2026-03-30", "2026-03-24"), ("2026-04-20", "2026-04-13")):
        with pytest.raises(Refused, match="its day is the 2nd"):
            proposed(paid_so, day, today)
    regular = collected(paid_so, "2026-04-02", "2026-03-26").items.get()
    assert (regular.invoices, regular.repeats) == ([april.pk], None)
    results_of(line(regular, day="2026-04-20"), day="2026-04-20")  # its own return may be tried again
    regular.refresh_from_db()
    assert regular.again_on == date(2026, 4, 28)


def test_a_second_try_collects_what_came_back_and_nothing_else(paid_so: Desk) -> None:
    customer = paid_so.customer()
    first = owing(paid_so, customer=customer)
    collected(paid_so)
    results_of(line(only()))
    owing(paid_so, 10000, "2026-02-28", customer=customer)  # due by then as well
    (item,) = proposed(paid_so, "2026-03-09", "2026-03-05").items.all()
    assert (item.invoices, item.amount_minor, item.repeats) == ([first.pk], 59900, only_returned())


def test_a_second_try_is_made_within_a_week(paid_so: Desk) -> None:
    owing(paid_so)
    collected(paid_so)
    results_of(line(only()))  # from 9 March on
    with pytest.raises(Refused, match="its day is the 2nd"):
        proposed(paid_so, "2026-03-17", "2026-03-10")
    assert proposed(paid_so, "2026-03-16", "2026-03-10").items.get().repeats == only_returned()


def test_a_brand_may_not_try_again(desk: Desk) -> None:
    collects(desk, again_after_days=None)
    owing(desk)
    collected(desk)
    results_of(line(only()))
    assert only().again_on is None


def test_paid_is_confirmed_and_ends_pay_first(paid_so: Desk) -> None:
    invoice = owing(paid_so)
    collected(paid_so)
    results_of(line(only()))
    second = collected(paid_so, "2026-03-09", "2026-03-05").items.get()
    assert results_of(line(second, code="", kind="TDD", day="2026-03-09"), day="2026-03-10").paid == 1
    second.refresh_from_db()
    assert (second.state, open_of(invoice)) == (DebitState.PAID, 0)
    assert not standing_of(invoice.customer_id, today=date(2026, 3, 10)).pays_first_because
    results_of(line(second, day="2026-03-20"), day="2026-03-20")  # the bank changed its mind
    second.refresh_from_db()
    assert (second.state, open_of(invoice)) == (DebitState.UNPAID, 59900)
    assert results_of(line(second, code="", kind="TDD", day="2026-03-09"), day="2026-03-21").known == 1
    paid_so.check()


def test_two_of_one_amount_that_came_back_on_one_day_are_two(paid_so: Desk) -> None:
    customer = paid_so.customer()
    first = owing(paid_so, customer=customer)
    collected(paid_so)
    second = owing(paid_so, day="2026-03-10", customer=customer)
    collected(paid_so, "2026-04-02", "2026-03-25")
    assert DebitItem.objects.values("amount_minor").distinct().count() == 1
    old, new = DebitItem.objects.order_by("pk")
    two = [line(old, day="2026-04-08"), line(new, day="2026-04-08", serial=2)]
    with pytest.raises(Refused, match=r"(?i)line 3: it says the same of .* as line 1"):
        results_of(*two, line(new, day="2026-04-08", serial=3), day="2026-04-09")
    assert results_of(*two, day="2026-04-09").returned == 2
    assert (open_of(first), open_of(second)) == (59900, 59900)
    assert results_of(*two, day="2026-04-10").known == 2
    paid_so.check()


FAULTS = {
    "line 2: DO-999-1 is no debit order of ours": "{good}20260304\tDRU\t2\tCode 02\t59900\t-\t0\tDO-999-1\t\t\n",
    "line 2: it says the same of .* as line 1": "{good}{good}",
    "line 1: no debit order of R.1.00 was sent": "20260304\tDRU\t2\tCode 02\t100\t-\t0\t{reference}\t\t\n",
    "line 2: “soon” is no date": "{good}soon\tDRU\t2\tCode 02\t59900\t-\t0\t{reference}\t\t\n",
    "no line of this file": "20260304\tOBL\t1\tOpening balance\t0\t+\t0\t\t\t\n",
    "nul bytes": "{good}\0",
    "this is a pdf": "%PDF-1.7",
}


@pytest.mark.parametrize("why", FAULTS)
def test_a_file_with_a_fault_is_not_taken_at_all(paid_so: Desk, why: str) -> None:
    invoice = owing(paid_so)
    collected(paid_so)
    item = only()
    assert item.mandate is not None
    text = FAULTS[why].format(good=line(item), reference=item.mandate.reference)
    with pytest.raises(Refused, match=f"(?i){why}"):
        results_of(text)
    assert (open_of(invoice), DebitResults.objects.exists()) == (0, False)


def test_a_wrong_encoding_is_said(paid_so: Desk) -> None:
    owing(paid_so)
    collected(paid_so)
    with pytest.raises(results.FaultyResultsError, match="is no letter in the encodings"):
        results.take_results(
            content=line(only()).encode() + b"\x81\x8d", file_name="x", actor=ACTOR, now=at(DAY)
        )
    done = results.take_results(
        content=line(only()).encode("utf-16"), file_name="x", actor=ACTOR, now=at("2026-03-04")
    )
    assert done.returned == 1


def test_one_that_was_refunded_in_part_is_left_to_a_person_and_the_others_are_done(paid_so: Desk) -> None:
    one, other = owing(paid_so), owing(paid_so)
    submitted(paid_so)
    pay(one, 59900)
    book_due(now=at(DAY), limit=9)
    payment = Payment.objects.get(method=Method.DEBIT_ORDER, customer=one.customer)
    refund(
        payment_id=payment.pk, amount_minor=100, how=Payout.EFT, reason="paid twice", actor=ACTOR, now=at(DAY)
    )
    items = DebitItem.objects.order_by("pk")
    done = results_of(*(line(item) for item in items))
    assert (done.returned, len(done.problems)) == (1, 1)
    assert "Line 1" in done.problems[0]
    assert "was refunded" in done.problems[0]
    assert items[0].state == DebitState.BOOKED
    assert open_of(other) == 59900
    assert not Message.objects.filter(
        subject=f"customer:{one.customer_id}", template="debit.returned"
    ).exists()
    paid_so.check()


def test_a_file_that_broke_off_is_read_again_and_goes_on(
    paid_so: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process had been killed between two lines: each line is a transaction of its own."""
    first, second = owing(paid_so), owing(paid_so)
    collected(paid_so)
    text = [line(item) for item in DebitItem.objects.order_by("pk")]
    whole = results._tell

    def dies(item: DebitItem, now: object) -> None:
        if item.customer_id == second.customer_id:
            raise KeyboardInterrupt
        whole(item, now)  # type: ignore[arg-type]

    monkeypatch.setattr(results, "_tell", dies)
    with pytest.raises(KeyboardInterrupt):
        results_of(*text)
    assert (open_of(first), open_of(second)) == (59900, 0)
    assert DebitResults.objects.get().ended_at is None
    monkeypatch.undo()
    done = results_of(*text)
    assert (done.known, done.returned, open_of(second)) == (1, 1, 59900)
    paid_so.check()
