"""Cards that are kept with their holder's consent, charged without him once, and looked up when nobody knows (S4)."""

from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from capstan.audit.models import AuditEntry
from capstan.billing.models import BillingTerms, DunningHold, Invoice
from capstan.billing.rules.words import Method
from capstan.customers.models import Contact, Customer
from capstan.ledger.queries import balance
from capstan.ledger.rules import Code, Name
from capstan.messaging.models import Message
from capstan.payments.actions import cards, charges, checkouts, collect, look_ups, notifications
from capstan.payments.actions.bills import MOST_MINOR
from capstan.payments.actions.charges import Wish, charge, settle
from capstan.payments.actions.checkouts import Consent, Purpose
from capstan.payments.actions.collect import collect_due, tell_declined
from capstan.payments.actions.gateways import payfast
from capstan.payments.actions.gateways.port import Heard, Outcome
from capstan.payments.models import Checkout, Gateway, Notification, Payment, StoredCard
from capstan.payments.queries.cards import card_of, hindrance, name_of_card
from capstan.payments.rules import payfast_api
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


def test_while_the_gateway_cant_be_asked_it_stays_uncertain(till: Till) -> None:
    card = stored(till, till.desk.customer())
    till.simulator.fault("itn_lost")
    till.simulator.fault("charge_but_answer_500")
    made = charge(wish(card), actor="test", now=till.now)
    till.simulator.fault("api_down", times=1)
    look_ups.look_up_due(now=till.now + timedelta(days=2, hours=12))
    made.refresh_from_db()
    assert made.state == CheckoutState.UNCERTAIN
    assert look_ups.look_up_due(now=till.now + timedelta(days=2, hours=12, minutes=2)) == 1
    assert credit(till, card) == 3500


def test_after_three_days_no_list_is_read_for_a_charge_and_nobody_guesses(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = stored(till, till.desk.customer())
    till.simulator.fault("api_down")
    made = charge(wish(card), actor="test", now=till.now)
    read: list[datetime] = []

    def look_up(_: object, since: datetime, __: datetime) -> list[Heard]:
        read.append(since)
        return []

    monkeypatch.setattr(payfast, "look_up", look_up)
    look_ups.look_up_due(now=till.now + timedelta(days=5))
    made.refresh_from_db()
    assert (made.state, read) == (CheckoutState.UNCERTAIN, []), "a person looks"


@pytest.mark.parametrize("becomes", [Outcome.PAID, Outcome.FAILED])
def test_one_that_takes_days_is_asked_for_by_its_id_until_it_ends(
    till: Till, becomes: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = stored(till, till.desk.customer())

    def says(outcome: Outcome) -> Heard:
        token = Checkout.objects.get(key="try:1").token
        return Heard(token, "pi_9", f"pi_9:{outcome}", outcome, 3500)

    asked: list[str] = []

    def ask(_: object, reference: str) -> Heard:
        asked.append(reference)
        return says(Outcome.PENDING if len(asked) == 1 else becomes)

    monkeypatch.setattr(payfast, "charge_card", lambda *_: says(Outcome.PENDING))
    monkeypatch.setattr(payfast, "ask", ask)
    made = charge(wish(card), actor="test", now=till.now)
    for hours in (96, 96.5, 98):
        look_ups.look_up_due(now=till.now + timedelta(hours=hours))
    made.refresh_from_db()
    assert asked == ["pi_9", "pi_9"], "hourly, and no more once it has ended"
    assert (made.state, credit(till, card)) == (
        (CheckoutState.PAID, 3500) if becomes == Outcome.PAID else (CheckoutState.FAILED, 0)
    )


@pytest.mark.parametrize("went_through", [True, False])
def test_an_uncertain_charge_is_settled_by_who_looked(till: Till, went_through: bool) -> None:
    card = stored(till, till.desk.customer())
    till.simulator.fault("charge_but_answer_500" if went_through else "api_down")
    made = charge(wish(card), actor="test", now=till.now)
    said = {"checkout_id": made.pk, "went_through": went_through, "actor": "staff:clara", "now": till.now}
    with pytest.raises(Refused, match="Say where"):
        settle(reason=" ", reference="1", **said)  # type: ignore[arg-type]
    if went_through:
        with pytest.raises(Refused, match="Give the gateway's number"):
            settle(reason="its list", **said)  # type: ignore[arg-type]
        other = Payment.objects.get().gateway_reference
        with pytest.raises(Refused, match="booked already"):
            settle(reason="its list", reference=other, **said)  # type: ignore[arg-type]
        (number,) = (one.pf_payment_id for one in list(till.simulator.book.payments.values())[-1:])
    else:
        number = ""
    settle(reason="its list", reference=number, **said)  # type: ignore[arg-type]
    made.refresh_from_db()
    expected = (CheckoutState.PAID, 3500) if went_through else (CheckoutState.FAILED, 0)
    assert (made.state, credit(till, card)) == expected
    if went_through:
        assert [one.state for one in till.hear()] == [NotificationState.REPEATED]
    with pytest.raises(Refused, match="known meanwhile"):
        settle(reason="again", reference=number, **said)  # type: ignore[arg-type]
    assert credit(till, card) == expected[1]
    assert charge(wish(card, key="try:2"), actor="test", now=till.now).state == CheckoutState.PAID, (
        "not blocked"
    )
    assert AuditEntry.objects.filter(action="card.charge.settle").count() == 1
    till.desk.check()


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


@pytest.mark.parametrize("amount_minor", [0, -1, MOST_MINOR + 1])
def test_an_amount_that_cant_be_meant_isnt_charged(till: Till, amount_minor: int) -> None:
    card = stored(till, till.desk.customer())
    with pytest.raises(Refused, match="more than nothing, and at most"):
        charge(wish(card, amount_minor), actor="test", now=till.now)
    assert Checkout.objects.count() == 1


def test_a_success_without_a_number_is_looked_up_and_booked_once(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, read = stored(till, till.desk.customer()), payfast_api.read_adhoc_answer

    def nameless(*given: Any) -> Any:
        return read(*given)._replace(pf_payment_id="")

    till.simulator.fault("itn_lost")
    monkeypatch.setattr(payfast_api, "read_adhoc_answer", nameless)
    made = charge(wish(card), actor="test", now=till.now)
    assert (made.state, credit(till, card)) == (CheckoutState.UNCERTAIN, 0)
    assert look_ups.look_up_due(now=till.now + timedelta(minutes=2)) == 1
    made.refresh_from_db()
    assert (made.state, credit(till, card), Payment.objects.count()) == (CheckoutState.PAID, 3500, 2)


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


def raw_bodies() -> list[bytes]:
    """What gateways told us, as it lies in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM payments_notification ORDER BY id")
        return [bytes(body) for (body,) in cursor.fetchall()]


def test_what_a_gateway_says_of_a_card_is_sealed(till: Till) -> None:
    card = stored(till, till.desk.customer())
    (told,) = Notification.objects.all()
    assert card.token.encode() in bytes(told.body), "the gateway names it"
    assert all(card.token.encode() not in body for body in raw_bodies())


def test_what_was_told_before_is_sealed_once_by_its_migration(till: Till) -> None:
    stored(till, till.desk.customer())
    sealing = import_module("capstan.payments.migrations.0006_sealed_notifications")
    (told,) = Notification.objects.all()
    with connection.schema_editor() as editor:
        sealing.unseal(None, editor)
        assert raw_bodies() == [bytes(told.body)], "as it was stored before"
        sealing.seal(None, editor)
    assert raw_bodies() != [bytes(told.body)]
    assert bytes(Notification.objects.get().body) == bytes(told.body)


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


@pytest.mark.parametrize("meanwhile", ["promised", "pays otherwise"])
def test_who_promises_or_changes_while_others_are_charged_isnt_charged(
    till: Till, meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, chosen = Collected(till), charge

    def late(wish: Wish, **more: Any) -> Checkout:
        """The invoice was chosen; the card before it took half a minute."""
        if meanwhile == "promised":
            DunningHold.objects.create(customer=one.customer, kind="promise", actor="test", made_at=till.now)
        else:
            BillingTerms.objects.filter(pk=one.customer.pk).update(method=Method.EFT)
        return chosen(wish, **more)

    monkeypatch.setattr(collect, "charge", late)
    assert one.on("2026-01-08") == 0
    assert one.open() == 59800
    assert not Checkout.objects.filter(card__isnull=False).exists()


def test_an_expired_card_is_told_once_and_holds_up_no_other(till: Till) -> None:
    expired = Collected(till)
    StoredCard.objects.filter(pk=expired.card.pk).update(expires_on=at("2026-01-01").date())
    good = Collected(till)
    assert collect_due(now=at("2026-01-08", 10), limit=1) == 1, (
        "the good one, though there is room for one only"
    )
    assert (good.open(), expired.open()) == (0, 59800)
    for day in range(8, 18):
        expired.on(f"2026-01-{day:02}")
    (told,) = [one for one in expired.told() if "has expired" in one]
    assert "/pay/bill/" in told
    made = Checkout.objects.get(card=expired.card)
    assert (made.state, made.key) == (CheckoutState.FAILED, f"invoice:{expired.invoice.pk}:card:0")


def test_a_newer_card_is_charged_at_the_next_try(till: Till) -> None:
    one = Collected(till)
    StoredCard.objects.update(expires_on=at("2026-01-01").date())
    assert one.on("2026-01-08") == 0
    stored(till, one.customer)
    assert [one.on("2026-01-09"), one.on("2026-01-11")] == [0, 1]
    assert one.open() == 0


def test_an_uncertain_charge_is_never_repeated(till: Till) -> None:
    one = Collected(till)
    till.simulator.fault("itn_lost", times=2)
    till.simulator.fault("charge_but_answer_500", times=2)
    assert [one.on("2026-01-08"), one.on("2026-01-09"), one.on("2026-01-11")] == [1, 0, 0]
    assert not one.told()
    assert Checkout.objects.get(card__isnull=False).state == CheckoutState.UNCERTAIN
