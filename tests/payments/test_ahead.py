"""Who pays ahead and by debit order or stored card is collected: once, from the day before the period begins (S9, S4)."""

from datetime import date

import pytest

from capstan.billing.actions.dunning import look_due
from capstan.billing.actions.prepaid import ask_again
from capstan.billing.actions.prepaid_tell import tell_due
from capstan.billing.models import BillingTerms, Invoice, PrepaidPeriod
from capstan.billing.rules.words import Method
from capstan.messaging.models import Message
from capstan.payments.actions.collect import collect_due, tell_declined
from capstan.payments.actions.debit_orders import batches
from capstan.payments.actions.debit_orders.book import book_due
from capstan.payments.actions.take import reverse
from capstan.payments.models import Checkout, DebitItem, Payment
from capstan.payments.queries.proposal import Proposed, proposal
from capstan.payments.rules.debit_orders.calendar import Instruction
from capstan.payments.rules.words import CheckoutState, DebitState
from capstan.values.refused import Refused
from tests.billing.desk import ACTOR, Desk, at
from tests.payments.ahead import ASKED, PRICE, Household, ask, look, request_of
from tests.payments.debits import collects, line, mandated, proposed, results_of, submitted
from tests.payments.test_cards import DECLINING, stored
from tests.payments.till import Till

ACTION = "2026-02-02"  # the first is a Sunday


@pytest.fixture
def home(desk: Desk) -> Household:
    """Pays by debit order."""
    collects(desk)
    made = Household(desk)
    mandated(made.customer)
    assert BillingTerms.objects.get(pk=made.customer.pk).method == Method.DEBIT_ORDER
    return made


def would_collect(desk: Desk, day: str) -> list[Proposed]:
    on = date.fromisoformat(day)
    return proposal(desk.brand.pk, on, Instruction.TWO_DAY, today=date.fromisoformat(ASKED))


def told() -> list[str]:
    rows = Message.objects.filter(template__startswith="prepaid.", medium="email").order_by("pk")
    return list(rows.values_list("template", flat=True))


# --- debit orders -------------------------------------------------------------------------------------------


def test_a_request_is_collected_from_the_day_before_its_period_begins(desk: Desk, home: Household) -> None:
    ask(desk)
    assert would_collect(desk, "2026-01-30") == []
    assert [one.parts for one in would_collect(desk, "2026-01-31")] == [{request_of(home): PRICE}]
    assert would_collect(desk, "2026-03-02") == [], "February is over"


def test_a_debit_order_pays_the_period_once_and_its_data_is_there(desk: Desk, home: Household) -> None:
    ask(desk)
    submitted(desk, ACTION, ASKED)
    item = DebitItem.objects.get()
    assert (item.amount_minor, item.invoices) == (PRICE, [request_of(home)])
    assert not home.has_data(ACTION)
    book_due(now=at(ACTION, 6), limit=10)
    assert would_collect(desk, "2026-02-03") == [], "the money is here, before anybody looked"
    look(ACTION)
    paid = home.asked().invoice
    assert paid is not None
    assert (home.has_data(ACTION), paid.open_minor, desk.credit(home.customer)) == (True, 0, 0)
    assert would_collect(desk, "2026-02-03") == []
    desk.check()


def test_while_it_is_on_its_way_nobody_is_told_that_it_is_unpaid(desk: Desk, home: Household) -> None:
    ask(desk)
    tell_due(now=at(ASKED), limit=10)
    batch = submitted(desk, ACTION, ASKED)
    for day in ("2026-01-31", "2026-02-01", ACTION):
        assert tell_due(now=at(day), limit=10) == 0
    assert told() == ["prepaid.asked"]
    batches.drop(batch_id=batch.pk, reason="Netcash was down", actor=ACTOR, now=at("2026-01-30"))
    tell_due(now=at("2026-01-31"), limit=10)
    assert told() == ["prepaid.asked", "prepaid.reminder"]


def test_what_was_paid_or_came_in_part_meanwhile_is_not_collected_again(desk: Desk, home: Household) -> None:
    ask(desk)
    batch = proposed(desk, ACTION, ASKED)
    home.pays(20000, ASKED)
    batches.make(batch_id=batch.pk, actor=ACTOR, now=at(ASKED))
    assert DebitItem.objects.get().amount_minor == PRICE - 20000
    batches.drop(batch_id=batch.pk, reason="again", actor=ACTOR, now=at(ASKED))
    again = proposed(desk, ACTION, ASKED)
    home.pays(PRICE - 20000, ASKED)
    with pytest.raises(Refused, match="Nobody is left to be debited"):
        batches.make(batch_id=again.pk, actor=ACTOR, now=at(ASKED))


def test_what_is_asked_for_anew_after_the_proposal_waits_for_the_next(desk: Desk, home: Household) -> None:
    ask(desk)
    batch = proposed(desk, ACTION, ASKED)
    ask_again(customer_id=home.customer.pk, actor=ACTOR, now=at(ASKED))
    with pytest.raises(Refused, match="Nobody is left to be debited"):
        batches.make(batch_id=batch.pk, actor=ACTOR, now=at(ASKED))
    assert [one.parts for one in would_collect(desk, ACTION)] == [{request_of(home): PRICE}]


def test_a_debt_and_a_request_are_one_debit_order(desk: Desk, home: Household) -> None:
    ask(desk)
    january = Payment.objects.get()
    reverse(payment_id=january.pk, reason="came back", actor=ACTOR, now=at(ASKED))
    debt = Invoice.objects.get(kind="invoice")
    submitted(desk, ACTION, ASKED)
    item = DebitItem.objects.get()
    assert (item.amount_minor, item.invoices) == (2 * PRICE, [debt.pk, request_of(home)])
    book_due(now=at(ACTION, 6), limit=10)
    look(ACTION)
    debt.refresh_from_db()
    assert (debt.open_minor, home.has_data(ACTION), desk.credit(home.customer)) == (0, True, 0)
    desk.check()


def test_a_returned_one_takes_no_data_back_and_leaves_a_debt(desk: Desk, home: Household) -> None:
    ask(desk)
    submitted(desk, ACTION, ASKED)
    book_due(now=at(ACTION, 6), limit=10)
    look(ACTION)
    results_of(line(DebitItem.objects.get(), day="2026-02-04"))
    look("2026-02-04")
    item, paid = DebitItem.objects.get(), home.asked().invoice
    assert paid is not None
    assert (item.state, paid.open_minor, desk.receivable(home.customer)) == (DebitState.UNPAID, PRICE, PRICE)
    assert home.has_data("2026-02-05"), "it was sold in good faith"
    assert PrepaidPeriod.objects.count() == 1, "it isn't asked for again"
    assert item.again_on is not None
    day = item.again_on.isoformat()
    assert [(one.parts, one.why) for one in would_collect(desk, day)] == [({paid.pk: PRICE}, "")]
    look_due(now=at("2026-03-01"), limit=10)
    home.pays(PRICE, "2026-02-20")
    assert (desk.receivable(home.customer), desk.credit(home.customer)) == (0, 0), "it pays the debt first"
    desk.check()


# --- stored cards -------------------------------------------------------------------------------------------


def with_card(till: Till, number: str = "4111 1111 1111 4242") -> Household:
    """Paid R1 by card, which is kept; asked for February."""
    made = Household(till.desk)
    stored(till, made.customer, number)
    BillingTerms.objects.filter(pk=made.customer.pk).update(method=Method.CARD)
    ask(till.desk)
    return made


def charged(day: str) -> int:
    return collect_due(now=at(day, 10), limit=10)


def test_a_request_is_charged_to_the_stored_card_the_day_before(till: Till) -> None:
    home = with_card(till)
    assert [charged(day) for day in ("2026-01-30", "2026-01-31")] == [0, 1]
    made = Checkout.objects.get(card__isnull=False)
    assert (made.state, made.amount_minor) == (CheckoutState.PAID, PRICE - 100), "what the credit lacks"
    assert made.item.replace("\xa0", " ") == "Data for 1–28 Feb 2026"
    assert charged("2026-01-31") == 0, "before anybody looked"
    till.hear()
    look("2026-01-31")
    assert (charged("2026-02-01"), home.has_data("2026-02-01"), Payment.objects.count()) == (0, True, 3)
    assert till.desk.credit(home.customer) == 0
    till.desk.check()


def test_a_declined_card_is_told_with_the_requests_link_and_tried_again(till: Till) -> None:
    home = with_card(till, DECLINING)
    for day in ("2026-01-28", "2026-01-31"):
        tell_due(now=at(day), limit=10)
    assert told() == ["prepaid.asked"], "it is charged today: no reminder"
    assert charged("2026-01-31") == 1
    tell_declined(now=at("2026-01-31", 10), limit=10)
    (text,) = Message.objects.filter(template="card.declined", medium="sms").values_list("text", flat=True)
    assert "/pay/bill/i" in text
    tell_due(now=at("2026-02-01"), limit=10)
    assert told()[-1] == "prepaid.waits"
    assert [charged(day) for day in ("2026-02-02", "2026-02-03", "2026-02-07")] == [0, 1, 1]
    assert not home.has_data("2026-02-07")


def test_a_withdrawn_request_is_not_charged(till: Till) -> None:
    home = with_card(till)
    PrepaidPeriod.objects.filter(customer=home.customer).update(withdrawn_at=at(ASKED))
    assert charged("2026-01-31") == 0


def test_who_pays_ahead_otherwise_is_not_charged(till: Till) -> None:
    home = with_card(till)
    BillingTerms.objects.filter(pk=home.customer.pk).update(method=Method.EFT)
    assert charged("2026-01-31") == 0
