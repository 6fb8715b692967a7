"""Cash, refunds, credit notes, write-offs: each leaves the books in order (I5)."""

from collections.abc import Iterator
from datetime import date

import pytest
from django.db import transaction

from capstan.billing.actions import at_once, charges, correct
from capstan.billing.models import Charge, Discount, Invoice
from capstan.billing.rules.words import InvoiceKind, Method
from capstan.catalog.actions import create_tax_group, set_tax_rate, withdraw_tax_rate
from capstan.ledger.queries import balance
from capstan.ledger.rules import Code, Name
from capstan.payments.actions import cash
from capstan.payments.actions.gateways import payfast
from capstan.payments.actions.gateways.port import CardFacts, Heard, Outcome, UnclearError
from capstan.payments.actions.notifications import apply_heard
from capstan.payments.actions.refunds import refund, settle
from capstan.payments.actions.take import BANK, Received, receive, reverse, till
from capstan.payments.models import Notification, Payment, Refund
from capstan.payments.rules.accounts import DEPOSITS
from capstan.payments.rules.words import NotificationState, Payout
from capstan.values.refused import Refused
from tests.billing.desk import ACTOR, Desk, at
from tests.payments.till import Till


@pytest.fixture(autouse=True)
def _books(desk: Desk) -> Iterator[None]:
    yield
    desk.check()


def invoice_of(desk: Desk, amount_minor: int = 11500) -> Invoice:
    customer = desk.customer()
    line = desk.line(customer, desk.package(None))
    desk.sell(line, amount_minor, "2026-02-01")
    (invoice,) = desk.bill("2026-02-01", customer)
    return invoice


def pay(invoice: Invoice, amount_minor: int, method: Method = Method.CASH) -> Payment:
    into = till(ACTOR) if method == Method.CASH else BANK
    received = Received(invoice.customer_id, method, amount_minor, date(2026, 2, 3), into)
    return receive(received, actor=ACTOR, now=at("2026-02-03"))


def test_a_part_payment_leaves_the_rest_open(desk: Desk) -> None:
    invoice = invoice_of(desk)
    pay(invoice, 5000)
    invoice.refresh_from_db()
    assert invoice.open_minor == 6500


def test_what_was_overpaid_can_go_back_and_no_more(desk: Desk) -> None:
    payment = pay(invoice_of(desk), 12000, Method.EFT)
    with pytest.raises(Refused, match=r"R.5\.00 of this payment can go back"):
        refund(
            payment_id=payment.pk,
            amount_minor=501,
            how=Payout.EFT,
            reason="asked",
            actor=ACTOR,
            now=at("2026-02-04"),
        )
    refund(
        payment_id=payment.pk,
        amount_minor=500,
        how=Payout.EFT,
        reason="asked",
        actor=ACTOR,
        now=at("2026-02-04"),
    )
    assert (desk.credit(payment.customer), balance(BANK)) == (0, 11500)


def test_a_refund_goes_back_by_the_gateway(till: Till) -> None:
    customer = till.desk.customer()
    checkout = till.pay(customer, 3500)
    assert checkout.payment is not None
    made = refund(
        payment_id=checkout.payment.pk, amount_minor=1500, how=Payout.SAME_WAY, reason="paid too much", actor=ACTOR,
        now=till.now,
    )  # fmt: skip
    assert (made.state, till.desk.credit(customer)) == ("done", 2000)


def test_while_the_gateway_is_down_nobody_knows_and_a_person_looks(till: Till) -> None:
    customer = till.desk.customer()
    checkout = till.pay(customer, 3500)
    assert checkout.payment is not None
    till.simulator.fault("api_down")
    made = refund(
        payment_id=checkout.payment.pk, amount_minor=1500, how=Payout.SAME_WAY, reason="paid too much", actor=ACTOR,
        now=till.now,
    )  # fmt: skip
    assert (made.state, till.desk.credit(customer)) == ("uncertain", 2000)


def test_a_refund_that_the_gateway_refuses_leaves_the_credit(till: Till) -> None:
    customer = till.desk.customer()
    checkout = till.pay(customer, 3500)
    assert checkout.payment is not None
    till.simulator.book.payments.clear()
    with pytest.raises(Refused, match="didn't refund"):
        refund(
            payment_id=checkout.payment.pk, amount_minor=1500, how=Payout.SAME_WAY, reason="too much", actor=ACTOR,
            now=till.now,
        )  # fmt: skip
    assert (till.desk.credit(customer), Refund.objects.get().state) == (3500, "failed")


def gateway_refunds(till: Till, payment: Payment, refunded_minor: int) -> Notification:
    """The gateway says that it gave back so much of a payment, in all."""
    told = Notification.objects.create(
        gateway=till.gateway, body=b"{}", source="", received_at=till.now, due_at=till.now
    )
    reference = payment.gateway_reference
    heard = Heard("", reference, f"{reference}:refund {told.pk}", Outcome.REFUNDED, refunded_minor)
    with transaction.atomic():
        return apply_heard(told, heard, CardFacts(), now=till.now)


def test_what_was_refunded_at_the_gateway_is_booked_after_a_refund_by_eft_too(till: Till) -> None:
    customer = till.desk.customer()
    payment = till.pay(customer, 3500).payment
    assert payment is not None
    fee = balance(Name(Code.FEES))
    when = {"payment_id": payment.pk, "reason": "asked", "actor": ACTOR, "now": till.now}
    refund(amount_minor=1000, how=Payout.EFT, **when)  # type: ignore[arg-type]
    refund(amount_minor=500, how=Payout.SAME_WAY, **when)  # type: ignore[arg-type]
    assert gateway_refunds(till, payment, 500).why == "refunded, as we have booked it"
    assert till.desk.credit(customer) == 2000
    assert gateway_refunds(till, payment, 1300).state == NotificationState.APPLIED
    found = (till.desk.credit(customer), balance(Name(Code.CLEARING, "payfast")), balance(BANK))
    assert found == (1200, 3500 - fee - 1300, -1000), "the bank gave back what went by EFT, and no more"
    assert gateway_refunds(till, payment, 1300).why == "refunded, as we have booked it"
    assert [one.how for one in Refund.objects.order_by("pk")] == [
        Payout.EFT, Payout.SAME_WAY, Payout.AT_GATEWAY,
    ]  # fmt: skip


def test_what_was_refunded_at_the_gateway_and_pays_an_invoice_needs_a_person(till: Till) -> None:
    customer = till.desk.customer()
    invoice = till.invoice(customer, 3500)
    payment = till.pay(customer, 3500, invoices=[invoice.pk]).payment
    assert payment is not None
    told = gateway_refunds(till, payment, 3500)
    assert told.state == NotificationState.REFUSED
    assert "35.00 was refunded at the gateway and isn't booked here" in told.why.replace("\xa0", " ")
    fee = balance(Name(Code.FEES))
    assert balance(Name(Code.CLEARING, "payfast")) == 3500 - fee
    correct.credit_note(
        invoice_id=invoice.pk,
        amounts={invoice.lines.get().pk: 3500},
        reason="moved",
        actor=ACTOR,
        now=till.now,
    )
    made = refund(
        payment_id=payment.pk, amount_minor=3500, how=Payout.AT_GATEWAY, reason="as it says", actor=ACTOR, now=till.now
    )  # fmt: skip
    assert (made.state, balance(Name(Code.CLEARING, "payfast"))) == ("done", -fee)


@pytest.mark.parametrize("went_out", [True, False])
def test_an_uncertain_refund_is_settled_by_who_looked(
    till: Till, went_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> str:
        raise UnclearError("no answer within 20 s")

    monkeypatch.setattr(payfast, "refund", silent)
    customer = till.desk.customer()
    checkout = till.pay(customer, 3500)
    assert checkout.payment is not None
    made = refund(
        payment_id=checkout.payment.pk, amount_minor=1500, how=Payout.SAME_WAY, reason="too much", actor=ACTOR,
        now=till.now,
    )  # fmt: skip
    assert (made.state, till.desk.credit(customer)) == ("uncertain", 2000)
    settled = {"refund_id": made.pk, "went_out": went_out, "actor": ACTOR, "now": till.now}
    with pytest.raises(Refused, match="Say where"):
        settle(reason=" ", **settled)  # type: ignore[arg-type]
    settle(reason="the gateway's list", **settled)  # type: ignore[arg-type]
    made.refresh_from_db()
    checkout.payment.refresh_from_db()
    outcome = (made.state, till.desk.credit(customer), checkout.payment.refunded_minor)
    assert outcome == (("done", 2000, 1500) if went_out else ("failed", 3500, 0))
    with pytest.raises(Refused, match="isn't uncertain any more"):
        settle(reason="again", **settled)  # type: ignore[arg-type]


def test_what_a_credit_note_gave_back_of_a_paid_invoice_can_go_back_by_its_payment(desk: Desk) -> None:
    invoice = invoice_of(desk)
    payment = pay(invoice, 11500, Method.EFT)
    credited(invoice, 4600)
    when = {"payment_id": payment.pk, "how": Payout.EFT, "reason": "slow line", "actor": ACTOR}
    with pytest.raises(Refused, match=r"R.46\.00 of this payment can go back"):
        refund(amount_minor=4601, now=at("2026-02-06"), **when)  # type: ignore[arg-type]
    refund(amount_minor=4600, now=at("2026-02-06"), **when)  # type: ignore[arg-type]
    assert (desk.credit(invoice.customer), balance(BANK)) == (0, 6900)
    with pytest.raises(Refused, match=r"R.0\.00 of this payment can go back"):
        refund(amount_minor=1, now=at("2026-02-06"), **when)  # type: ignore[arg-type]


def test_what_is_left_of_another_payment_goes_back_by_that_one(desk: Desk) -> None:
    invoice = invoice_of(desk)
    payment, other = pay(invoice, 11500, Method.EFT), pay(invoice, 4600, Method.DEBIT_ORDER)
    with pytest.raises(Refused, match=r"R.0\.00 of this payment can go back"):
        refund(
            payment_id=payment.pk, amount_minor=100, how=Payout.EFT, reason="asked", actor=ACTOR,
            now=at("2026-02-06"),
        )  # fmt: skip
    reverse(payment_id=other.pk, reason="came back", actor=ACTOR, now=at("2026-02-07"))
    assert desk.credit(invoice.customer) == 0


def test_what_was_written_off_and_then_credited_is_given_to_nobody(desk: Desk) -> None:
    invoice = invoice_of(desk)
    pay(invoice, 1500)
    correct.write_off(invoice_id=invoice.pk, reason="gone away", actor=ACTOR, now=at("2026-02-05"))
    credited(invoice, 4000)
    credited(invoice, 7500)
    invoice.refresh_from_db()
    found = (desk.credit(invoice.customer), balance(Name(Code.WRITE_OFF)), invoice.open_minor)
    assert found == (1500, 0, 0), "he keeps what he paid, and nothing is written off of what was credited"


def credited(invoice: Invoice, amount_minor: int) -> Invoice:
    return correct.credit_note(
        invoice_id=invoice.pk, amounts={invoice.lines.get().pk: amount_minor}, reason="slow line", actor=ACTOR,
        now=at("2026-02-05"),
    )  # fmt: skip


def test_a_credit_note_by_hand_gives_back_a_part_with_its_vat(desk: Desk) -> None:
    invoice = invoice_of(desk)
    line = invoice.lines.get()
    note = correct.credit_note(
        invoice_id=invoice.pk, amounts={line.pk: 4600}, reason="slow line", actor=ACTOR, now=at("2026-02-05")
    )
    invoice.refresh_from_db()
    assert (note.kind, note.total_minor, note.vat_minor, invoice.open_minor) == (
        InvoiceKind.CREDIT_NOTE,
        4600,
        600,
        6900,
    )
    with pytest.raises(Refused, match=r"R.69\.00 is left"):
        correct.credit_note(
            invoice_id=invoice.pk, amounts={line.pk: 6901}, reason="more", actor=ACTOR, now=at("2026-02-05")
        )


def test_debt_that_is_given_up_is_an_expense(desk: Desk) -> None:
    invoice = invoice_of(desk)
    assert (
        correct.write_off(invoice_id=invoice.pk, reason="gone away", actor=ACTOR, now=at("2026-02-05"))
        == 11500
    )
    assert (desk.receivable(invoice.customer), balance(Name(Code.WRITE_OFF))) == (0, 11500)


def test_a_till_that_is_short_needs_a_word_and_is_booked(desk: Desk) -> None:
    pay(invoice_of(desk), 11500)
    with pytest.raises(Refused, match=r"should hold R.115\.00"):
        cash.cash_up(counted_minor=11000, banked_minor=0, remark="", actor=ACTOR, now=at("2026-02-03"))
    cash.cash_up(
        counted_minor=11000, banked_minor=10000, remark="five missing", actor=ACTOR, now=at("2026-02-03")
    )
    assert (cash.expected(ACTOR), balance(DEPOSITS), balance(Name(Code.CASH_DIFFERENCE))) == (
        1000,
        10000,
        500,
    )
    assert balance(BANK) == 0, "it is there when the bank says so"
    with pytest.raises(Refused, match="counted today already"):
        cash.cash_up(counted_minor=1000, banked_minor=0, remark="", actor=ACTOR, now=at("2026-02-03", 18))


def test_a_cancelled_rate_change_is_undone_by_credit_notes_and_costs_nobody_anything(desk: Desk) -> None:
    when = {"actor": ACTOR, "now": at("2026-01-20")}
    rate = set_tax_rate(group_id=desk.vat.pk, rate_bp=1550, valid_from=date(2026, 2, 1), **when)  # type: ignore[arg-type]
    invoice = invoice_of(desk)
    pay(invoice, 11500)
    withdraw_tax_rate(rate_id=rate.pk, **when)  # type: ignore[arg-type]
    (wrong,) = correct.wrong_vat(date(2026, 2, 1))
    assert (wrong.line.invoice_id, wrong.rate_bp) == (invoice.pk, 1500)
    again = correct.correct_vat(
        invoice_id=invoice.pk,
        since=date(2026, 2, 1),
        reason="the change was cancelled",
        actor=ACTOR,
        now=at("2026-02-10"),
    )
    assert again is not None
    again.refresh_from_db()
    assert (again.total_minor, again.vat_minor, again.open_minor) == (11500, 1500, 0)
    assert correct.wrong_vat(date(2026, 2, 1)) == []
    assert desk.receivable(invoice.customer) == 0


def test_what_a_run_has_credited_cant_be_credited_again_by_hand(desk: Desk) -> None:
    invoice = invoice_of(desk)
    sold = Charge.objects.get()
    with transaction.atomic():
        charges.give_back(
            charge_id=sold.pk,
            amount_minor=4600,
            description="Returned",
            reference="r",
            actor=ACTOR,
            now=at("2026-02-04"),
        )
    assert at_once.credit_returns(now=at("2026-02-04"), limit=10) == 1
    with pytest.raises(Refused, match=r"R.69\.00 is left"):
        correct.credit_note(
            invoice_id=invoice.pk,
            amounts={invoice.lines.get().pk: 11500},
            reason="all",
            actor=ACTOR,
            now=at("2026-02-05"),
        )


def test_a_discounted_invoice_is_credited_for_what_it_came_to_and_no_more(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(60000))
    Discount.objects.create(
        service=line, text="10 % off", percent_bp=1000, first="2026-01-01", actor=ACTOR, made_at=desk.now
    )
    (invoice,) = desk.bill("2026-01-01")
    whole, off = invoice.lines.order_by("position")
    when = {"reason": "moved", "actor": ACTOR, "now": at("2026-01-05")}
    with pytest.raises(Refused, match=r"R.540\.00 is left of this invoice"):
        correct.credit_note(invoice_id=invoice.pk, amounts={whole.pk: 60000}, **when)  # type: ignore[arg-type]
    note = correct.credit_note(invoice_id=invoice.pk, amounts={whole.pk: 60000, off.pk: -6000}, **when)  # type: ignore[arg-type]
    assert (note.total_minor, note.vat_minor) == (invoice.total_minor, invoice.vat_minor)


def test_a_zero_rated_line_that_was_put_right_stays_right(desk: Desk) -> None:
    zero = create_tax_group(
        code="zero", name="Zero-rated", rate_bp=1500, valid_from=date(2018, 4, 1), actor=ACTOR, now=desk.now
    )
    customer = desk.customer()
    desk.line(customer, desk.package(60000, tax_group=zero))
    (invoice,) = desk.bill("2026-02-01")
    set_tax_rate(group_id=zero.pk, rate_bp=0, valid_from=date(2026, 1, 1), actor=ACTOR, now=at("2026-02-02"))
    since = date(2026, 1, 1)
    again = correct.correct_vat(
        invoice_id=invoice.pk, since=since, reason="zero-rated", actor=ACTOR, now=at("2026-02-03")
    )
    assert again is not None
    assert (again.total_minor, again.vat_minor) == (invoice.total_minor, 0)
    assert correct.wrong_vat(since) == []


def test_cash_that_isnt_in_the_till_cant_be_given_back(desk: Desk) -> None:
    payment = pay(invoice_of(desk), 12000, Method.EFT)
    with pytest.raises(Refused, match=r"Your till holds R.0\.00"):
        refund(
            payment_id=payment.pk,
            amount_minor=500,
            how=Payout.CASH,
            reason="asked",
            actor=ACTOR,
            now=at("2026-02-04"),
        )


def test_what_was_credited_by_hand_isnt_credited_again_when_it_is_given_back(desk: Desk) -> None:
    invoice = invoice_of(desk)
    sold = Charge.objects.get()
    correct.credit_note(
        invoice_id=invoice.pk,
        amounts={invoice.lines.get().pk: 11500},
        reason="all",
        actor=ACTOR,
        now=at("2026-02-04"),
    )
    with transaction.atomic():
        charges.give_back(
            charge_id=sold.pk,
            amount_minor=11500,
            description="Returned",
            reference="r",
            actor=ACTOR,
            now=at("2026-02-05"),
        )
    at_once.credit_returns(now=at("2026-02-05"), limit=10)
    assert Invoice.objects.filter(kind=InvoiceKind.CREDIT_NOTE).count() == 1
    assert at_once.credit_returns(now=at("2026-02-05"), limit=10) == 0, "it is closed"


def test_what_is_given_back_after_its_vat_was_put_right_has_the_right_vat(desk: Desk) -> None:
    rate = set_tax_rate(
        group_id=desk.vat.pk, rate_bp=1550, valid_from=date(2026, 2, 1), actor=ACTOR, now=at("2026-01-20")
    )
    invoice = invoice_of(desk)
    sold = Charge.objects.get()
    withdraw_tax_rate(rate_id=rate.pk, actor=ACTOR, now=at("2026-02-02"))
    again = correct.correct_vat(
        invoice_id=invoice.pk, since=date(2026, 2, 1), reason="cancelled", actor=ACTOR, now=at("2026-02-03")
    )
    assert again is not None
    with transaction.atomic():
        charges.give_back(
            charge_id=sold.pk,
            amount_minor=11500,
            description="Returned",
            reference="r",
            actor=ACTOR,
            now=at("2026-02-05"),
        )
    assert at_once.credit_returns(now=at("2026-02-05"), limit=10) == 1
    note = Invoice.objects.filter(kind=InvoiceKind.CREDIT_NOTE).latest("pk")
    assert (note.credits_id, note.total_minor, note.vat_minor) == (again.pk, 11500, 1500)
    assert desk.receivable(invoice.customer) == 0
