"""Replies by SMS, from the message that came in to what is added, charged and said."""

from datetime import timedelta
from typing import Any

import pytest

from capstan.billing.models import Charge
from capstan.caps.queries import standing
from capstan.caps.rules.words import CapState
from capstan.catalog.actions import set_price
from capstan.catalog.models import TopUpOffer
from capstan.messaging.actions.inbound import store
from capstan.messaging.models import Gateway, Inbound, Message
from capstan.messaging.rules.words import InboundState, Medium, MessageState
from capstan.network.models import SessionAccess
from capstan.network.queries.lines import compared
from capstan.network.rules.access import access_hash
from capstan.services.actions.status import suspend
from capstan.services.models import Service
from capstan.topups.actions.agreements import add_authoriser
from capstan.topups.actions.answers.answer import ANSWERS_AN_HOUR, answer_inbound
from capstan.topups.actions.follow import follow_due
from capstan.topups.actions.notices import tell_crossings
from capstan.topups.actions.notification_list import NewEntry, add, ask_for_code
from capstan.topups.actions.waiting import cancel
from capstan.topups.models import AuthorisationRequest, ListEntry, Menu, Order
from capstan.topups.rules.words import Channel, EntryState, OrderState
from tests.topups.shop import GB, MB, NUMBER, Shop, buckets

OTHER = "+27600000002"


def reply(shop: Shop, text: str, sender: str = NUMBER, **more: Any) -> Inbound:
    """The reply is delivered, and answered at once."""
    given: dict[str, Any] = {"recipient": "", "sent_at": None, "carrier_id": "", "parent_carrier_id": ""}
    shop.wait(minutes=2)
    Message.objects.filter(state=MessageState.QUEUED).update(state=MessageState.SENT)  # and has left
    stored = store(Gateway.objects.get(), sender=sender, text=text, now=shop.now, **(given | more))
    answer_inbound(now=shop.now, limit=10)
    stored.refresh_from_db()
    return stored


def capped(shop: Shop, username: str = "thandi@example.net") -> Service:
    """A line whose data is used up, with a number that may order and has been told so."""
    line = shop.line(username)
    shop.listed(line)
    shop.use(GB, user=username)
    tell_crossings(now=shop.now, limit=10)
    return line


def last(shop: Shop, address: str = NUMBER) -> str:
    return shop.texts(address)[-1]


def test_the_message_is_that_of_the_seed_and_the_letter_adds_what_it_said(shop: Shop) -> None:
    line = capped(shop)
    assert last(shop) == (
        "Hi Jan\nUsed 100% of 1GB order top-up reply one of: A,B,C,D,E,F,G for 0.5GB,1GB,2GB,3GB,5GB,9GB,18GB "
        "respectively\nExample Net"
    )
    answered = reply(shop, "c pls")
    order = Order.objects.get()
    assert (order.channel, order.state, order.price_minor) == (Channel.SMS, OrderState.GRANTED, 3500)
    assert (order.requested_by, answered.state) == (f"Jan ({NUMBER})", InboundState.ANSWERED)
    assert standing(line.pk, now=shop.now).state == CapState.OPEN
    assert last(shop) == (
        "2GB added for R35 incl VAT. You now have 2GB. It is on your next invoice. Your connection resets briefly."
    )


def test_a_letter_means_what_the_message_said_even_if_the_menu_changed_since(shop: Shop) -> None:
    capped(shop)
    offer = TopUpOffer.objects.get(letter="C")
    set_price(
        offer_id=offer.pk,
        price_minor=9900,
        valid_from=shop.now + timedelta(seconds=1),
        actor="m",
        now=shop.now,
    )
    TopUpOffer.objects.filter(pk=offer.pk).update(letter="Z")
    shop.wait(minutes=10)
    reply(shop, "C")
    assert (Order.objects.get().size_bytes, Order.objects.get().price_minor) == (2 * GB, 3500)


def test_an_offer_is_taken_once_and_who_is_later_hears_who_took_what(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    shop.listed(line, OTHER, name="Piet")
    shop.use(GB)
    tell_crossings(now=shop.now, limit=10)
    reply(shop, "C")
    reply(shop, "D", OTHER)
    assert Order.objects.count() == 1
    assert last(shop, OTHER).startswith("Jan already added 2GB at 10:02. Nothing more was added.")
    assert last(shop, OTHER).endswith("MORE D")
    reply(shop, "MORE D", OTHER)
    assert [one.size_bytes for one in Order.objects.order_by("pk")] == [2 * GB, 3 * GB]
    reply(shop, "c")
    assert Order.objects.count() == 2
    assert last(shop).startswith("You already added 2GB")


def test_delivered_twice_by_the_gateway_it_counts_once(shop: Shop) -> None:
    line = capped(shop)
    reply(shop, "C", carrier_id="abc-1")
    reply(shop, "C", carrier_id="abc-1")
    assert (len(buckets(line)), Charge.objects.count(), Inbound.objects.get().times_received) == (1, 1, 2)


def test_several_lines_on_one_number_have_letters_of_their_own(shop: Shop) -> None:
    first, second = capped(shop), capped(shop, "nomsa@example.net")
    assert "on nomsa@example.net" in last(shop)
    assert "H,I,J,K,L,M,N" in last(shop)
    reply(shop, "J")
    assert (buckets(first), [one.size_bytes for one in buckets(second)]) == ([], [2 * GB])
    reply(shop, "2GB")
    assert Order.objects.count() == 1, "a size that both offer is asked about"
    assert "J 2GB R35,C 2GB R35" in last(shop)
    reply(shop, "B")
    assert [one.size_bytes for one in buckets(first)] == [GB]


@pytest.mark.parametrize("text", ["A technician never came", "B or C?", "C 5GB", "X", "4GB"])
def test_what_is_not_clear_buys_nothing_and_is_asked_about(shop: Shop, text: str) -> None:
    line = capped(shop)
    before = len(shop.texts())
    reply(shop, text)
    assert (buckets(line), Order.objects.count()) == ([], 0)
    assert len(shop.texts()) == before + 1


def test_the_second_time_in_a_row_it_goes_to_a_person(shop: Shop) -> None:
    capped(shop)
    first = reply(shop, "my cow is on the tower again")
    assert (first.state, last(shop)[:5]) == (InboundState.ANSWERED, "Sorry")
    before = len(shop.texts())
    second = reply(shop, "hello hello is anybody reading")
    assert second.state == InboundState.NEEDS_PERSON
    assert len(shop.texts()) == before


def test_an_auto_reply_gets_no_answer(shop: Shop) -> None:
    capped(shop)
    before = len(shop.texts())
    assert reply(shop, "I'm driving and will reply later. (auto-reply)").state == InboundState.IGNORED
    assert len(shop.texts()) == before


def test_from_a_number_that_may_not_order_nothing_is_added_and_nothing_revealed(shop: Shop) -> None:
    line = capped(shop)
    shop.listed(line, OTHER, may_order=False)
    reply(shop, "C", OTHER)
    assert (
        last(shop, OTHER) == "Sorry, we can't do that for this number. Please call +27215550100.\nExample Net"
    )
    stranger = reply(shop, "C", "+27600000777")
    assert (stranger.state, shop.texts("+27600000777")) == (InboundState.NEEDS_PERSON, [])
    assert not Order.objects.exists()


def test_balance_menu_help_stop_and_start(shop: Shop) -> None:
    line = capped(shop)
    reply(shop, "BAL")
    assert last(shop).startswith("0B left of 1GB. New data on 1 Apr 2026.")
    reply(shop, "top up")
    assert last(shop).startswith("To top up reply one of: A,B,C")
    reply(shop, "help")
    assert "BAL" in last(shop)
    reply(shop, "STOP")
    assert ListEntry.objects.get().is_paused
    shop.use(GB, seconds=3600 + 8 * 60)
    shop.order(line, "A")
    shop.wait(minutes=10)
    shop.use(GB + 600 * MB, seconds=3600 + 18 * 60)
    before = len(shop.texts())
    assert tell_crossings(now=shop.now, limit=10) > 0
    assert len(shop.texts()) == before
    reply(shop, "start")
    assert not ListEntry.objects.get().is_paused


def test_wrong_takes_the_number_off_the_list_and_says_so(shop: Shop) -> None:
    capped(shop)
    reply(shop, "Wrong number")
    entry = ListEntry.objects.get()
    assert (entry.state, entry.removed_because) == (EntryState.REMOVED, "answered WRONG")
    assert last(shop).startswith("You'll get no more data notices")


def test_after_six_silent_months_ordering_needs_a_fresh_code(shop: Shop) -> None:
    line = capped(shop)
    ListEntry.objects.update(
        heard_at=shop.now - timedelta(days=190), confirmed_at=shop.now - timedelta(days=400)
    )
    reply(shop, "C")
    assert not Order.objects.exists()
    message = Message.objects.filter(template="list.code").get()
    assert "code from Example Net" in message.text
    assert message.sealed_text is not None
    code = message.sealed_text[:6]
    assert code not in message.text, "the code is not to be read by staff"
    reply(shop, "999999" if code != "999999" else "111111")
    reply(shop, "C")
    assert not Order.objects.exists()
    reply(shop, Message.objects.filter(template="list.code").latest("pk").sealed_text[:6])  # type: ignore[index]
    reply(shop, "C")
    assert len(buckets(line)) == 1


def test_a_line_on_hold_is_told_what_to_do_instead(shop: Shop) -> None:
    line = capped(shop)
    suspend(service_id=line.pk, reason="overdue", actor="staff:thandi", now=shop.now)
    reply(shop, "C")
    assert Order.objects.get().state == OrderState.REFUSED
    assert "please pay first" in last(shop)


def test_no_after_an_order_on_the_website_brings_a_person(shop: Shop) -> None:
    line = capped(shop)
    order = shop.order(line, channel=Channel.WEBSITE, requested_by=line.username).order
    assert last(shop).endswith("Not you? Reply NO\nExample Net")
    reply(shop, "NO")
    order.refresh_from_db()
    assert "not theirs" in order.needs_person
    assert last(shop).startswith("Thank you. Somebody will look")


def test_a_no_stays_with_the_order_when_the_line_comes_back(shop: Shop) -> None:
    line = capped(shop)
    order = shop.order(line, channel=Channel.WEBSITE, requested_by=line.username).order
    shop.wait(seconds=61)
    follow_due(now=shop.now, limit=10)
    reply(shop, "NO")
    order.refresh_from_db()
    assert "hasn't confirmed" in order.needs_person
    assert "not theirs" in order.needs_person
    session = shop.session()
    wanted = compared([line.pk], now=shop.now)[line.pk][0].access
    SessionAccess.objects.update_or_create(
        session_id=session.pk,
        defaults={"access_hash": access_hash(wanted), "confirmed_at": shop.now, "service_id": line.pk},
    )
    shop.wait(seconds=60)
    follow_due(now=shop.now, limit=10)
    order.refresh_from_db()
    assert order.confirmed_at is not None
    assert order.needs_person == f"{NUMBER} says that this order is not theirs."


def test_a_no_counts_from_when_the_data_was_added(shop: Shop) -> None:
    line = capped(shop)
    order = shop.order(line, channel=Channel.WEBSITE, requested_by=line.username).order
    Order.objects.filter(pk=order.pk).update(created_at=shop.now - timedelta(hours=49))
    reply(shop, "NO")
    order.refresh_from_db()
    assert "not theirs" in order.needs_person


def test_an_offer_whose_order_came_to_nothing_can_be_taken_and_one_that_waits_is_told_apart(
    shop: Shop,
) -> None:
    line = shop.line()
    shop.listed(line)
    shop.listed(line, OTHER, name="Piet")
    shop.use(GB)
    tell_crossings(now=shop.now, limit=10)
    shop.demand(authorised=True)
    reply(shop, "C")
    reply(shop, "D", OTHER)
    assert last(shop, OTHER).startswith("Jan already ordered 2GB at ")
    assert "it waits to be allowed" in last(shop, OTHER)
    cancel(order_id=Order.objects.get().pk, reason="Not now", actor="staff:thandi", now=shop.now)
    shop.demand()
    reply(shop, "d please", OTHER)
    assert [one.size_bytes for one in buckets(line)] == [3 * GB]
    reply(shop, "c pls")
    assert last(shop).startswith("Piet already added 3GB")


def test_stop_from_a_number_that_is_on_another_list_by_mistake_reveals_and_pauses_nothing(shop: Shop) -> None:
    line = capped(shop)
    others = shop.line("nomsa@example.net")
    new = NewEntry(others.pk, Medium.SMS, NUMBER)
    mistyped = add(new, confirmed_by_staff=False, actor="staff:m", now=shop.now)
    Menu.objects.all().delete()
    reply(shop, "STOP")
    assert "nomsa" not in last(shop)
    assert not ListEntry.objects.get(pk=mistyped.pk).is_paused
    assert ListEntry.objects.get(service=line).is_paused


def test_wrong_from_a_number_that_nobody_has_confirmed_takes_it_off(shop: Shop) -> None:
    line = shop.line()
    entry = add(
        NewEntry(line.pk, Medium.SMS, NUMBER), confirmed_by_staff=False, actor="staff:m", now=shop.now
    )
    reply(shop, "WRONG")
    entry.refresh_from_db()
    assert (entry.state, entry.removed_because) == ("removed", "answered WRONG")


def company(shop: Shop) -> tuple[Service, Order]:
    """An order by SMS of a company that wants each top-up authorised."""
    line = capped(shop)
    shop.demand(authorised=True)
    for name, phone, limit in (("Ms Dlamini", OTHER, None), ("Mr Botha", "+27600000003", 1000)):
        add_authoriser(
            customer_id=line.customer_id, name=name, role="director", phone=phone, limit_minor=limit,
            actor="staff:m", now=shop.now,
        )  # fmt: skip
    reply(shop, "C")
    return line, Order.objects.get()


def test_an_order_that_must_be_authorised_waits_and_yes_with_its_code_lets_it_through(shop: Shop) -> None:
    line, order = company(shop)
    assert (order.state, buckets(line)) == (OrderState.AWAITING_AUTHORISATION, [])
    assert "waits until Ms Dlamini allows it" in last(shop)
    request = AuthorisationRequest.objects.get()
    assert request.authoriser.name == "Ms Dlamini", "the other's limit is below the price"
    asked = Message.objects.get(template="authorise.ask")
    assert f"YES {request.code}" in (asked.sealed_text or "")
    reply(shop, f"Yes {request.code}", OTHER)
    order.refresh_from_db()
    assert (order.state, order.authorised_by, len(buckets(line))) == (
        OrderState.GRANTED,
        "Ms Dlamini (director)",
        1,
    )
    assert last(shop, OTHER).startswith("Ms Dlamini has allowed 2GB for R35")
    assert last(shop).startswith("2GB added for R35")
    reply(shop, f"yes {request.code}", OTHER)
    assert len(buckets(line)) == 1
    assert "it was allowed and added" in last(shop, OTHER)


def test_no_with_the_code_declines_and_the_one_who_ordered_hears_it(shop: Shop) -> None:
    line, order = company(shop)
    reply(shop, f"NO {AuthorisationRequest.objects.get().code}", OTHER)
    order.refresh_from_db()
    assert (order.state, buckets(line)) == (OrderState.REFUSED, [])
    assert "did not authorise it" in last(shop)


def test_a_code_from_another_number_is_nothing(shop: Shop) -> None:
    line, order = company(shop)
    reply(shop, f"YES {AuthorisationRequest.objects.get().code}")
    order.refresh_from_db()
    assert (order.state, buckets(line)) == (OrderState.AWAITING_AUTHORISATION, [])


def test_ceilings_and_the_line_are_checked_again_on_approval(shop: Shop) -> None:
    line, order = company(shop)
    suspend(service_id=line.pk, reason="overdue", actor="staff:m", now=shop.now)
    reply(shop, f"YES {AuthorisationRequest.objects.get().code}", OTHER)
    order.refresh_from_db()
    assert (order.state, buckets(line)) == (OrderState.REFUSED, [])
    assert "please pay first" in last(shop, OTHER)
    assert "please pay first" in last(shop)


def test_codes_are_not_guessed_at_for_ever(shop: Shop) -> None:
    line, order = company(shop)
    request = AuthorisationRequest.objects.get()
    wrong = [code for code in range(1000, 1010) if str(code) != request.code][:8]
    for code in wrong:
        reply(shop, f"YES {code}", OTHER)
    reply(shop, f"YES {request.code}", OTHER)
    order.refresh_from_db()
    assert (order.state, buckets(line)) == (OrderState.AWAITING_AUTHORISATION, [])
    assert Inbound.objects.latest("pk").state == InboundState.NEEDS_PERSON
    shop.wait(hours=1)
    reply(shop, f"YES {request.code}", OTHER)
    order.refresh_from_db()
    assert order.state == OrderState.GRANTED


def test_two_codes_asked_for_at_once_are_two_messages_and_the_second_is_right(shop: Shop) -> None:
    line = shop.line()
    entry = add(
        NewEntry(line.pk, Medium.SMS, NUMBER), confirmed_by_staff=False, actor="staff:m", now=shop.now
    )
    ask_for_code(entry_id=entry.pk, actor="staff:m", now=shop.now)
    sent = Message.objects.filter(template="list.code").order_by("pk")
    assert sent.count() == 2
    reply(shop, (sent.last().sealed_text or "")[:6])  # type: ignore[union-attr]
    entry.refresh_from_db()
    assert entry.state == "confirmed"


def test_a_yes_without_its_code_or_with_a_wrong_one_is_told_the_right_one(shop: Shop) -> None:
    _, order = company(shop)
    request = AuthorisationRequest.objects.get()
    for text in ("YES", "no", "yes 0000", request.code):
        said = Message.objects.filter(template="authorise.ask").count()
        assert reply(shop, text, OTHER).state == InboundState.ANSWERED
        asked = Message.objects.filter(template="authorise.ask").order_by("pk")
        assert asked.count() == said + 1, text
        assert f"YES {request.code}" in (asked.last().sealed_text or "")  # type: ignore[union-attr]
    order.refresh_from_db()
    assert order.state == OrderState.AWAITING_AUTHORISATION


@pytest.mark.parametrize("late", ["YES", "NO"])
def test_a_late_answer_hears_what_became_of_the_order(shop: Shop, late: str) -> None:
    company(shop)
    request = AuthorisationRequest.objects.get()
    reply(shop, f"YES {request.code}", OTHER)
    shop.wait(minutes=10)
    reply(shop, f"{late} {request.code}", OTHER)
    assert last(shop, OTHER).startswith("About 2GB for R35 on thandi@example.net: it was allowed and added.")


def test_a_machine_that_answers_our_answers_is_left_to_a_person_after_some(shop: Shop) -> None:
    capped(shop)
    for turn in range(ANSWERS_AN_HOUR):
        came_in = reply(shop, f"BAL {'!' * (turn % 3)}", carrier_id=f"loop-{turn}")
        shop.wait(minutes=-1)
        assert came_in.state == InboundState.ANSWERED
    said = len(shop.texts())
    assert reply(shop, "BAL", carrier_id="loop-again").state == InboundState.NEEDS_PERSON
    assert len(shop.texts()) == said
    shop.wait(hours=1)
    assert reply(shop, "BAL", carrier_id="loop-later").state == InboundState.ANSWERED


def test_an_authoriser_whose_account_pays_first_hears_that_it_waits_for_that(shop: Shop) -> None:
    _, order = company(shop)
    shop.demand(authorised=True, paid_first=True)
    reply(shop, f"YES {AuthorisationRequest.objects.get().code}", OTHER)
    order.refresh_from_db()
    assert order.state == OrderState.AWAITING_PAYMENT
    assert last(shop, OTHER) == (
        "Ms Dlamini has allowed 2GB for R35 on thandi@example.net. It is added as soon as it is paid.\nExample Net"
    )
    assert "as soon as R35 is paid" in last(shop)
