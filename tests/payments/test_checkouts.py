"""Paying by card at a gateway that speaks PayFast's protocol, and all that can go wrong on the way (S6)."""

from datetime import timedelta

import pytest

from capstan.billing.models import Credit
from capstan.ledger.queries import balance
from capstan.ledger.rules import Code, Name
from capstan.payments.actions import checkouts, look_ups, notifications
from capstan.payments.actions.take import reverse
from capstan.payments.models import Notification, Payment
from capstan.payments.queries.desk import tills_in_trouble, waits
from capstan.payments.rules.words import CheckoutState, NotificationState
from capstan.values.refused import Refused
from tests.payments.till import Till


def test_an_invoice_is_paid_by_card(till: Till) -> None:
    customer = till.desk.customer()
    invoice = till.invoice(customer)
    checkout = till.pay(customer, 59900, key=f"invoice:{invoice.pk}", invoices=[invoice.pk])
    invoice.refresh_from_db()
    assert (checkout.state, invoice.open_minor) == (CheckoutState.PAID, 0)
    payment = Payment.objects.get()
    assert (payment.amount_minor, payment.receipt_number, payment.method) == (59900, "REC0000001", "card")
    fee = balance(Name(Code.FEES))
    assert fee > 0
    assert balance(Name(Code.CLEARING, "payfast")) == 59900 - fee
    till.desk.check()


def test_told_twice_it_is_booked_once(till: Till) -> None:
    customer = till.desk.customer()
    till.simulator.fault("itn_twice")
    _, form = till.start(customer, 3500)
    till.press(form)
    states = sorted(one.state for one in till.hear(2))
    assert states == [NotificationState.APPLIED, NotificationState.REPEATED]
    assert till.desk.credit(customer) == 3500


def test_less_than_was_asked_for_is_credit_and_buys_nothing(till: Till) -> None:
    customer = till.desk.customer()
    till.simulator.fault("itn_short")
    _, form = till.start(customer, 3500, key="order:17")
    till.press(form)
    (told,) = till.hear()
    assert told.checkout is not None
    assert told.checkout.state == CheckoutState.SHORT
    credit = Credit.objects.get()
    assert (credit.kept_for, 0 < credit.left_minor < 3500) == ("", True)
    till.desk.check()


@pytest.mark.parametrize("fault", ["itn_tampered", "itn_wrong_signature"])
def test_what_isnt_genuine_is_kept_and_not_believed(till: Till, fault: str) -> None:
    customer = till.desk.customer()
    till.simulator.fault(fault)
    checkout, form = till.start(customer, 3500)
    till.press(form)
    (told,) = till.hear()
    checkout.refresh_from_db()
    assert (told.state, checkout.state) == (NotificationState.REFUSED, CheckoutState.STARTED)
    assert "signature" in told.why
    assert bytes(told.body)
    assert not Payment.objects.exists()


def test_one_from_another_address_is_not_believed(till: Till) -> None:
    customer = till.desk.customer()
    _, form = till.start(customer, 3500)
    till.press(form)
    body = till.notices.wait(1)[0].body.encode()
    told = till.heard(body, source="203.0.113.9")
    assert (told.state, "203.0.113.9" in told.why) == (NotificationState.REFUSED, True)


def test_a_body_that_is_no_form_says_so(till: Till) -> None:
    told = till.heard(b"\xff\xfe not a form")
    assert (told.state, told.why) == (
        NotificationState.REFUSED, "The notification is no form: it should be name=value, joined by &",
    )  # fmt: skip


def test_while_the_gateway_cant_be_asked_it_waits_and_is_asked_again(till: Till) -> None:
    customer = till.desk.customer()
    till.simulator.fault("validate_down", times=1)
    _, form = till.start(customer, 3500)
    till.press(form)
    (told,) = till.hear()
    assert (told.state, told.attempts) == (NotificationState.WAITING, 1)
    assert told.due_at is not None
    assert told.due_at > till.now
    assert (
        notifications.apply(told.pk, now=till.now + timedelta(minutes=1)).state == NotificationState.APPLIED
    )


def test_a_payment_whose_notification_was_lost_is_found_by_asking(till: Till) -> None:
    customer = till.desk.customer()
    till.simulator.fault("itn_lost")
    checkout, form = till.start(customer, 3500)
    till.press(form)
    checkouts.expire(now=till.now + timedelta(hours=1), limit=10)
    assert look_ups.look_up_due(now=till.now + timedelta(hours=1)) == 1
    checkout.refresh_from_db()
    assert (checkout.state, till.desk.credit(customer)) == (CheckoutState.PAID, 3500)
    assert look_ups.look_up_due(now=till.now + timedelta(hours=2)) == 0


def test_a_late_one_counts_though_the_checkout_had_expired(till: Till) -> None:
    customer = till.desk.customer()
    checkout, form = till.start(customer, 3500)
    till.press(form)
    till.notices.wait(1)
    assert checkouts.expire(now=till.now + timedelta(hours=1), limit=10) == 1
    till.hear(1)
    checkout.refresh_from_db()
    assert (checkout.state, till.desk.credit(customer)) == (CheckoutState.PAID, 3500)


def test_out_of_order_the_older_one_changes_nothing(till: Till) -> None:
    customer = till.desk.customer()
    till.simulator.fault("itn_out_of_order")
    checkout, form = till.start(customer, 3500)
    till.press(form)
    till.hear(2)
    checkout.refresh_from_db()
    assert (checkout.state, till.desk.credit(customer)) == (CheckoutState.PAID, 3500)


def test_a_payment_for_nothing_of_ours_is_kept_safe_until_it_finds_its_customer(till: Till) -> None:
    customer = till.desk.customer()
    till.simulator.fault("itn_unknown_payment")
    _, form = till.start(customer, 3500)
    till.press(form)
    till.hear(2)
    unknown = Notification.objects.get(state=NotificationState.UNKNOWN)
    waiting = balance(Name(Code.UNMATCHED, "payfast"))
    assert waiting < 0
    notifications.assign(
        notification_id=unknown.pk,
        customer_id=customer.pk,
        reason="he sent the slip",
        actor="staff:x",
        now=till.now,
    )
    assert balance(Name(Code.UNMATCHED, "payfast")) == 0
    assert till.desk.credit(customer) == 3500 - waiting
    with pytest.raises(Refused, match="already"):
        notifications.assign(
            notification_id=unknown.pk, customer_id=customer.pk, reason="again", actor="staff:x", now=till.now
        )
    till.desk.check()


def test_cancelled_on_the_page_nothing_is_booked(till: Till) -> None:
    customer = till.desk.customer()
    checkout, form = till.start(customer, 3500)
    assert till.press(form, "cancel").startswith("https://isp.example.com/no/")
    till.hear()
    checkout.refresh_from_db()
    assert checkout.state == CheckoutState.CANCELLED
    assert not Payment.objects.exists()


def test_a_chargeback_opens_the_invoice_again(till: Till) -> None:
    customer = till.desk.customer()
    invoice = till.invoice(customer)
    checkout = till.pay(customer, 59900, invoices=[invoice.pk])
    assert checkout.payment is not None
    opened = reverse(payment_id=checkout.payment.pk, reason="chargeback", actor="staff:x", now=till.now)
    invoice.refresh_from_db()
    assert (opened, invoice.open_minor) == (59900, 59900)
    with pytest.raises(Refused, match="already"):
        reverse(payment_id=checkout.payment.pk, reason="again", actor="staff:x", now=till.now)
    till.desk.check()


def test_what_is_kept_for_an_order_pays_no_invoice(till: Till) -> None:
    customer = till.desk.customer()
    invoice = till.invoice(customer)
    till.pay(customer, 3500, key="order:17")
    invoice.refresh_from_db()
    assert invoice.open_minor == 59900
    assert Credit.objects.get(kept_for="order:17").left_minor == 3500


def test_too_much_pays_the_invoice_and_the_rest_is_credit(till: Till) -> None:
    customer = till.desk.customer()
    invoice = till.invoice(customer, 3000)
    till.pay(customer, 3500, invoices=[invoice.pk])
    invoice.refresh_from_db()
    assert (invoice.open_minor, till.desk.credit(customer)) == (0, 500)


def test_a_gateway_that_can_not_be_asked_is_in_trouble_until_it_answers(
    till: Till,
) -> None:
    customer = till.desk.customer()
    till.start(customer, 3500)
    real = till.gateway.settings
    for hours in (1, 2):
        till.gateway.settings = {**real, "api": "http://127.0.0.1:9"}
        till.gateway.save(update_fields=["settings"])
        assert look_ups.look_up_due(now=till.now + timedelta(hours=hours)) == 0
        (one,) = tills_in_trouble()
        assert one.trouble_since == till.now + timedelta(hours=1), "since the first time"
        assert "can't be asked" in one.trouble
    assert waits().gateways == 1
    till.gateway.settings = real
    till.gateway.asked_until = None
    till.gateway.save(update_fields=["settings", "asked_until"])
    look_ups.look_up_due(now=till.now + timedelta(hours=3))
    assert not tills_in_trouble().exists()
