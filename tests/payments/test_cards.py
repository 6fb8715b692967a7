"""Cards that are kept with their holder's consent, charged without him once, and looked up when nobody knows (S4)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from capstan.audit.models import AuditEntry
from capstan.billing.models import BillingTerms, Invoice
from capstan.billing.rules.words import Method
from capstan.customers.models import Contact, Customer
from capstan.ledger.queries import balance
from capstan.ledger.rules import Code, Name
from capstan.messaging.models import Message
from capstan.payments.actions import cards, charges, checkouts, look_ups, notifications
from capstan.payments.actions.charges import Wish, charge
from capstan.payments.actions.checkouts import Consent, Purpose
from capstan.payments.actions.collect import collect_due, tell_declined
from capstan.payments.models import Checkout, Gateway, Notification, Payment, StoredCard
from capstan.payments.queries.cards import card_of, hindrance, name_of_card
from capstan.payments.rules.words import CheckoutState, NotificationState
from capstan.values.refused import Refused
from tests.billing.desk import at
from tests.payments.till import Till

CONSENT = Consent("Zoë Example", "payment page")
DECLINING = "4000 0000 0000 0002"


def stored(till: Till, customer: Customer, card: str = "4111 1111 1111 4242") -> StoredCard:
    """Paid once, and agreed to its being kept."""
    _, form = till.start(customer, 100, consent=CONSENT)
    till.press(form, card=card)
    till.hear()
    made = card_of(customer.pk)
    assert made is not None
    return made


def wish(card: StoredCard, amount_minor: int = 3500, key: str = "try:1", **more: Any) -> Wish:
    purpose = Purpose(more.pop("purpose", "account"), card.customer_id, amount_minor, "Your account", **more)
    return Wish(card.pk, key, purpose, "asked for by telephone")


def credit(till: Till, card: StoredCard) -> int:
    return till.desk.credit(card.customer) - 100


# --- kept ---------------------------------------------------------------------------------------------------


def test_with_consent_the_card_is_kept_and_who_agreed_is_known(till: Till) -> None:
    card = stored(till, till.desk.customer())
    assert (card.agreed_by, card.agreed_channel, card.agreed_at) == ("Zoë Example", "payment page", till.now)
    assert card.token
    assert card.last4 == "", "PayFast doesn't say"
    assert name_of_card(card).startswith("the card kept on ")
    raw = StoredCard.objects.extra(select={"raw": "payments_storedcard.token"}).values_list("raw").get()[0]
    assert card.token.encode() not in bytes(raw), "it is sealed"
    assert AuditEntry.objects.filter(action="card.keep").count() == 1


def test_without_consent_no_card_is_kept(till: Till) -> None:
    till.pay(till.desk.customer(), 3500)
    assert not StoredCard.objects.exists()
    with pytest.raises(Refused, match="Give your name"):
        till.start(till.desk.customer(), 3500, consent=Consent(" ", "payment page"))


def test_told_twice_it_is_kept_once_and_a_newer_one_takes_its_place(till: Till) -> None:
    customer = till.desk.customer()
    till.simulator.fault("itn_twice")
    _, form = till.start(customer, 100, consent=CONSENT)
    till.press(form)
    till.hear(2)
    first = StoredCard.objects.get()
    second = stored(till, customer)
    first.refresh_from_db()
    assert (first.token, first.removed_because) == ("", "a newer card took its place")
    assert card_of(customer.pk) == second != first


def test_removed_it_is_forgotten_and_never_charged(till: Till) -> None:
    card = stored(till, till.desk.customer())
    with pytest.raises(Refused, match="Say why"):
        cards.remove(card_id=card.pk, reason=" ", actor="staff:clara", now=till.now)
    cards.remove(card_id=card.pk, reason="asked by phone", actor="staff:clara", now=till.now)
    card.refresh_from_db()
    assert (card.token, card.removed_by) == ("", "staff:clara")
    with pytest.raises(Refused, match="removed already"):
        cards.remove(card_id=card.pk, reason="again", actor="staff:clara", now=till.now)
    with pytest.raises(Refused, match="The card was removed"):
        charge(wish(card), actor="test", now=till.now)
    assert Checkout.objects.count() == 1


# --- charged ------------------------------------------------------------------------------------------------


def test_a_charge_is_booked_once_though_its_notification_comes_too(till: Till) -> None:
    card = stored(till, till.desk.customer())
    made = charge(wish(card), actor="staff:clara", now=till.now)
    assert (made.state, credit(till, card)) == (CheckoutState.PAID, 3500)
    told = till.hear()
    assert [one.state for one in told] == [NotificationState.REPEATED]
    assert charge(wish(card), actor="staff:clara", now=till.now) == made, "the same key is the same charge"
    assert Payment.objects.count() == 2
    assert balance(Name(Code.CLEARING, "payfast")) > 0
    till.desk.check()


def test_its_notification_may_come_first(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    card = stored(till, till.desk.customer())
    answered = notifications.hear

    def late(*given: Any, **more: Any) -> bool:
        till.hear()
        return answered(*given, **more)

    monkeypatch.setattr(charges, "hear", late)
    made = charge(wish(card), actor="test", now=till.now)
    assert (made.state, Payment.objects.count(), credit(till, card)) == (CheckoutState.PAID, 2, 3500)


def test_declined_nothing_is_booked_and_why_is_kept(till: Till) -> None:
    card = stored(till, till.desk.customer(), DECLINING)
    made = charge(wish(card), actor="test", now=till.now)
    assert (made.state, credit(till, card)) == (CheckoutState.FAILED, 0)
    assert "not sufficient funds" in made.why
    again = charge(wish(card), actor="test", now=till.now)
    assert again == made, "the same key isn't tried again"
    other = charge(wish(card, key="try:2"), actor="test", now=till.now)
    assert other.pk != made.pk


@pytest.mark.parametrize("fault", ["charge_but_answer_500", "api_down"])
def test_without_a_clear_answer_it_is_uncertain_and_looked_up(till: Till, fault: str) -> None:
    card = stored(till, till.desk.customer())
    till.simulator.fault("itn_lost")
    till.simulator.fault(fault)
    made = charge(wish(card), actor="test", now=till.now)
    assert (made.state, credit(till, card)) == (CheckoutState.UNCERTAIN, 0)
    with pytest.raises(Refused, match="isn't known yet"):
        charge(wish(card, key="try:2"), actor="test", now=till.now)
    assert checkouts.expire(now=till.now + timedelta(hours=1), limit=10) == 0
    was_charged = fault == "charge_but_answer_500"
    assert look_ups.look_up_due(now=till.now + timedelta(minutes=2)) == was_charged
    made.refresh_from_db()
    if was_charged:
        assert (made.state, credit(till, card)) == (CheckoutState.PAID, 3500)
        return
    assert made.state == CheckoutState.UNCERTAIN, "the gateway's list may be late"
    look_ups.look_up_due(now=till.now + timedelta(hours=2, minutes=1))
    made.refresh_from_db()
    assert (made.state, credit(till, card)) == (CheckoutState.FAILED, 0)
    assert "knows of no such payment" in made.why


def test_killed_before_the_answer_was_booked_it_is_healed_by_looking(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = stored(till, till.desk.customer())

    def die(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    till.simulator.fault("itn_lost")
    with monkeypatch.context() as patched:
        patched.setattr(charges, "hear", die)
        with pytest.raises(KeyboardInterrupt):
            charge(wish(card), actor="test", now=till.now)
    made = Checkout.objects.get(key="try:1")
    assert (made.state, credit(till, card)) == (CheckoutState.STARTED, 0)
    assert charge(wish(card), actor="test", now=till.now) == made, "nobody asks for it again"
    assert look_ups.look_up_due(now=till.now + timedelta(minutes=2)) == 1
    made.refresh_from_db()
    assert (made.state, credit(till, card)) == (CheckoutState.PAID, 3500)
    till.desk.check()


def test_killed_before_it_was_asked_for_it_is_failed_after_looking(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = stored(till, till.desk.customer())

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(charges, "_ask", die)
        with pytest.raises(KeyboardInterrupt):
            charge(wish(card), actor="test", now=till.now)
    look_ups.look_up_due(now=till.now + timedelta(hours=3))
    assert Checkout.objects.get(key="try:1").state == CheckoutState.FAILED


def test_while_the_gateway_cant_be_asked_it_stays_uncertain_for_days(till: Till) -> None:
    card = stored(till, till.desk.customer())
    till.simulator.fault("itn_lost")
    till.simulator.fault("charge_but_answer_500")
    made = charge(wish(card), actor="test", now=till.now)
    till.simulator.fault("api_down", times=1)
    look_ups.look_up_due(now=till.now + timedelta(days=5))
    made.refresh_from_db()
    assert made.state == CheckoutState.UNCERTAIN
    assert look_ups.look_up_due(now=till.now + timedelta(days=5, minutes=2)) == 1
    assert credit(till, card) == 3500


def test_an_expired_card_or_a_gateway_that_isnt_used_is_not_charged(till: Till) -> None:
    card = stored(till, till.desk.customer())
    today = till.now.date()
    StoredCard.objects.update(expires_on=today)
    with pytest.raises(Refused, match="has expired"):
        charge(wish(card), actor="test", now=till.now)
    StoredCard.objects.update(expires_on=today + timedelta(days=31))
    Gateway.objects.update(active=False)
    with pytest.raises(Refused, match="isn't used any more"):
        charge(wish(card), actor="test", now=till.now)
    card.refresh_from_db()
    assert hindrance(card, today)


def test_an_invoice_that_was_paid_meanwhile_isnt_charged(till: Till) -> None:
    customer = till.desk.customer()
    invoice = till.invoice(customer)
    card = stored(till, customer)
    with pytest.raises(Refused, match="isn't open any more"):
        charge(
            wish(card, 59900, purpose=f"invoice:{invoice.pk}", invoices=[invoice.pk]), actor="t", now=till.now
        )


# --- what else a gateway may say ----------------------------------------------------------------------------


def test_a_checkout_that_has_ended_is_still_looked_up(till: Till) -> None:
    """Its notification was lost, and the customer had come back saying that he cancelled."""
    customer = till.desk.customer()
    till.simulator.fault("itn_lost")
    checkout, form = till.start(customer, 3500)
    till.press(form)
    for state in (CheckoutState.CANCELLED, CheckoutState.FAILED, CheckoutState.EXPIRED):
        Checkout.objects.filter(pk=checkout.pk).update(state=state)
        assert look_ups._silent(till.now + timedelta(hours=47)).filter(pk=checkout.pk).exists()
    assert look_ups.look_up_due(now=till.now + timedelta(hours=47)) == 1
    assert till.desk.credit(customer) == 3500


def test_what_has_ended_is_asked_for_hourly(till: Till) -> None:
    checkout, _ = till.start(till.desk.customer(), 3500)
    Checkout.objects.filter(pk=checkout.pk).update(state=CheckoutState.FAILED)
    asked = []
    for minutes in range(10, 190, 10):
        look_ups.look_up_due(now=till.now + timedelta(minutes=minutes))
        asked.append(Gateway.objects.get().asked_until)
    assert len(set(asked)) == 3


def test_one_gateways_work_leaves_the_others_alone(till: Till) -> None:
    stored(till, till.desk.customer())
    till.start(till.desk.customer(), 3500)
    assert notifications.apply_due(now=till.now, limit=10, gateway_id=till.gateway.pk + 1) == 0
    look_ups.look_up_due(now=till.now + timedelta(minutes=6), gateway_id=till.gateway.pk + 1)
    assert Gateway.objects.get().asked_until is None


def test_out_of_order_a_paid_charge_stays_paid(till: Till) -> None:
    card = stored(till, till.desk.customer())
    till.simulator.fault("itn_out_of_order")
    made = charge(wish(card), actor="test", now=till.now)
    till.hear(2)
    made.refresh_from_db()
    assert (made.state, credit(till, card)) == (CheckoutState.PAID, 3500)


@pytest.mark.parametrize("fault", ["itn_tampered", "itn_wrong_signature"])
def test_a_card_from_a_notification_that_isnt_genuine_is_not_kept(till: Till, fault: str) -> None:
    till.simulator.fault(fault)
    _, form = till.start(till.desk.customer(), 100, consent=CONSENT)
    till.press(form)
    (told,) = till.hear()
    assert told.state == NotificationState.REFUSED
    assert not StoredCard.objects.exists()


def test_what_was_asked_is_kept_without_the_cards_token(till: Till) -> None:
    card = stored(till, till.desk.customer())
    charge(wish(card), actor="test", now=till.now)
    asked = Notification.objects.get(source="")
    assert card.token.encode() not in bytes(asked.body)


# --- invoices on their due day ------------------------------------------------------------------------------


class Collected:
    """A customer whose invoice, due on 8 January, is to be charged to his card."""

    def __init__(self, till: Till, card: str = "4111 1111 1111 4242") -> None:
        self.till = till
        self.customer = till.desk.customer()
        Contact.objects.create(
            customer=self.customer, name="Zoë", role="accounts", phone="+27600000001", email="zoe@example.net"
        )
        self.card = stored(till, self.customer, card)
        BillingTerms.objects.filter(pk=self.customer.pk).update(method=Method.CARD)
        self.invoice = till.invoice(self.customer)

    def on(self, day: str, hour: int = 10) -> int:
        now: datetime = at(day, hour)
        made = collect_due(now=now, limit=10)
        tell_declined(now=now, limit=10)
        return made

    def open(self) -> int:
        return Invoice.objects.values_list("open_minor", flat=True).get(pk=self.invoice.pk)

    def told(self) -> list[str]:
        return [
            one.text for one in Message.objects.filter(template="card.declined", medium="sms").order_by("pk")
        ]


def test_an_invoice_is_charged_on_its_due_day_once(till: Till) -> None:
    one = Collected(till)
    assert [one.on(day) for day in ("2026-01-07", "2026-01-08")] == [0, 1]
    assert one.open() == 0
    assert [one.on("2026-01-08"), one.on("2026-01-11")] == [0, 0]
    assert not one.told()
    till.desk.check()


def test_nobodys_card_is_charged_at_night(till: Till) -> None:
    one = Collected(till)
    assert [one.on("2026-01-08", hour) for hour in (6, 20)] == [0, 0]


def test_declined_it_is_told_and_tried_three_times_in_all(till: Till) -> None:
    one = Collected(till, DECLINING)
    days = [f"2026-01-{day:02}" for day in range(8, 25)]
    assert [day[-2:] for day in days if one.on(day)] == ["08", "11", "15"]
    assert one.open() == 59800, "a hundred cents were paid when the card was kept"
    assert len(one.told()) == 3
    assert "There is not enough money on it." in one.told()[0]
    assert "/pay/bill/" in one.told()[0]


def test_a_missed_day_is_made_up_for_and_an_old_debt_is_not_charged(till: Till) -> None:
    one = Collected(till, DECLINING)
    assert [one.on("2026-01-10"), one.on("2026-01-11"), one.on("2026-01-18")] == [1, 1, 0]


def test_who_pays_otherwise_or_is_paying_or_promised_isnt_charged(till: Till) -> None:
    from capstan.billing.models import DunningHold

    one = Collected(till)
    BillingTerms.objects.filter(pk=one.customer.pk).update(method=Method.EFT)
    assert one.on("2026-01-08") == 0
    BillingTerms.objects.filter(pk=one.customer.pk).update(method=Method.CARD)
    hold = DunningHold.objects.create(customer=one.customer, kind="promise", actor="test", made_at=till.now)
    assert one.on("2026-01-08") == 0
    hold.delete()
    till.start(one.customer, 59800)
    assert one.on("2026-01-08") == 0
    Checkout.objects.filter(card=None).update(state=CheckoutState.EXPIRED)
    assert one.on("2026-01-08") == 1


def test_an_uncertain_charge_is_never_repeated(till: Till) -> None:
    one = Collected(till)
    till.simulator.fault("itn_lost", times=2)
    till.simulator.fault("charge_but_answer_500", times=2)
    assert [one.on("2026-01-08"), one.on("2026-01-09"), one.on("2026-01-11")] == [1, 0, 0]
    assert not one.told()
    assert Checkout.objects.get(card__isnull=False).state == CheckoutState.UNCERTAIN
