"""What needs a person: all of it in one list, and dealt with on the spot."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.messaging.models import BudgetAlarm, Gateway, Inbound, Message
from capstan.messaging.rules.words import InboundState, MessageState, Reason
from capstan.services.models import Service
from capstan.topups.models import Order
from tests import staff
from tests.console.desk import sends, text_of, words
from tests.console.post import came, handset, told, trouble
from tests.topups.shop import NUMBER, Shop

PAGE = "/staff/needs-a-person/"


@pytest.fixture
def line(shop: Shop) -> Service:
    return shop.line()


def replies(client: Client, inbound: Inbound, text: str, **more: str) -> str:
    given = {"text": text, "key": str(uuid4())} | more
    return words(sends(client, f"/staff/messages/in/{inbound.pk}/reply/", given))


def test_nothing_needs_a_person(shop: Shop, agent: Client) -> None:
    page = agent.get(PAGE)
    assert "Nothing needs a person" in words(page)
    assert "cap-count" not in text_of(page)


def test_everything_is_in_one_list_the_oldest_first_and_counted_in_the_navigation(
    shop: Shop, line: Service, agent: Client
) -> None:
    start = shop.now
    BudgetAlarm.objects.create(
        month=date(2026, 3, 1), percent=80, budget_minor=10000, spent_minor=8100, raised_at=start
    )
    shop.now += timedelta(minutes=1)
    trouble(handset(), shop.now)
    shop.now += timedelta(minutes=1)
    came(shop, "Who is this?", sender="+27600000777")
    shop.now += timedelta(minutes=1)
    told(shop.listed(line), state=MessageState.FAILED, reason=Reason.UNKNOWN_SUBSCRIBER, detail="code 27")
    shop.now += timedelta(minutes=1)
    order = shop.order(line, "C").order
    Order.objects.filter(pk=order.pk).update(needs_person="The line isn't back.")
    Message.objects.filter(state=MessageState.QUEUED).update(due_at=shop.now)
    said = words(agent.get(PAGE))
    in_order = [
        "80 % of the month's SMS budget is spent",
        "The gateway handset is in trouble",
        "SMS from 060 000 0777",
        "A message failed: 060 000 0001",
        "Top-up of 2 GB on thandi@example.net",
    ]
    places = [said.index(one) for one in in_order]
    assert places == sorted(places)
    assert "5 need a person" in said
    assert "The number or address doesn't exist (any more). It said: code 27" in said
    assert '<span class="cap-count">5<' in text_of(agent.get("/staff/waiting/"))


# --- SMS that nobody understood ------------------------------------------------------------------------------


def test_an_sms_is_shown_with_what_was_said_before_and_whose_line_it_is(
    shop: Shop, line: Service, agent: Client
) -> None:
    shop.listed(line)
    shop.now += timedelta(minutes=5)
    came(shop, "A technician never came")
    said = words(agent.get(PAGE))
    assert said.index("You'll get data notices") < said.index("A technician never came")
    assert "thandi@example.net · A · Not understood." in said


def test_the_answer_goes_out_by_sms_and_the_sms_is_done(shop: Shop, line: Service, agent: Client) -> None:
    shop.listed(line, language="af")
    inbound = came(shop, "When does he come?")
    assert f"The answer is on its way to {NUMBER}." in replies(agent, inbound, "Today at 14:00.")
    sent = Message.objects.get(template="staff.reply")
    assert (sent.text, sent.in_reply_to_id, sent.language) == (
        "Today at 14:00.\nExample Net",
        inbound.pk,
        "af",
    )
    assert (sent.gateway_id, sent.two_way, sent.subject) == (handset().pk, True, f"service:{line.pk}")
    inbound.refresh_from_db()
    assert (inbound.state, inbound.handled_by) == (InboundState.DONE, "staff:thandi")
    assert AuditEntry.objects.get(action="sms.reply").actor == "staff:thandi"
    assert "Nothing needs a person" in words(agent.get(PAGE))


def test_an_answer_that_is_sent_twice_goes_out_once(shop: Shop, line: Service, agent: Client) -> None:
    inbound, key = came(shop, "Hello"), str(uuid4())
    for _ in range(2):
        replies(agent, inbound, "Good day", key=key)
    assert Message.objects.filter(template="staff.reply").count() == 1


def test_two_who_had_it_on_their_screens_dont_both_answer(shop: Shop, line: Service, agent: Client) -> None:
    inbound = came(shop, "When does he come?")
    replies(agent, inbound, "Today at 14:00.")
    assert "your answer was not sent" in replies(staff.agent("sipho"), inbound, "Tomorrow at 9:00.")
    assert Message.objects.filter(template="staff.reply").count() == 1


@pytest.mark.parametrize(
    ("text", "said"), [("  ", "Write the answer first."), ("x" * 601, "at most 600 characters")]
)
def test_an_answer_that_is_none_is_refused_and_stays(
    shop: Shop, line: Service, agent: Client, text: str, said: str
) -> None:
    inbound = came(shop, "Hello")
    assert said in replies(agent, inbound, text)
    assert not Message.objects.filter(template="staff.reply").exists()
    inbound.refresh_from_db()
    assert inbound.state == InboundState.NEEDS_PERSON


def test_a_machine_is_not_answered(shop: Shop, line: Service, agent: Client) -> None:
    inbound = came(shop, "You have won", sender="32100")
    assert "is a machine or a short code" in replies(agent, inbound, "Thank you")
    assert not Message.objects.filter(template="staff.reply").exists()


def test_a_number_that_nobody_knows_is_answered_in_the_first_brands_name(shop: Shop, agent: Client) -> None:
    replies(agent, came(shop, "Who is this?", sender="+27600000777"), "Example Net, your provider")
    sent = Message.objects.get(template="staff.reply")
    assert (sent.recipient, sent.subject) == ("+27600000777", "number:+27600000777")


def test_an_sms_can_be_done_without_an_answer(shop: Shop, agent: Client) -> None:
    inbound = came(shop, "Thanks")
    said = words(sends(agent, f"/staff/messages/in/{inbound.pk}/done/", {"note": "nothing to do"}))
    assert "It is done." in said
    inbound.refresh_from_db()
    assert (inbound.state, inbound.note) == (InboundState.DONE, "nothing to do")
    assert "Somebody had dealt with it already." in words(
        sends(agent, f"/staff/messages/in/{inbound.pk}/done/", {})
    )


def test_many_sms_cost_the_same(
    shop: Shop, line: Service, agent: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        shop.listed(line, f"+276000001{number:02}")
        came(shop, "Hello", sender=f"+276000001{number:02}")
    with django_assert_max_num_queries(28):
        assert words(agent.get(PAGE)).count("SMS from") == 12


# --- messages, alarms, gateways ------------------------------------------------------------------------------


def test_a_lost_message_is_sent_again(shop: Shop, line: Service, agent: Client) -> None:
    lost = told(shop.listed(line), state=MessageState.FAILED, reason=Reason.UNREACHABLE)
    assert f"Sent again to {NUMBER}" in words(sends(agent, f"/staff/messages/{lost.pk}/again/", {}))
    new = Message.objects.get(repeat_of=lost)
    assert (new.text, new.state) == (lost.text, MessageState.QUEUED)
    assert "Somebody has dealt with this message already." in words(
        sends(agent, f"/staff/messages/{lost.pk}/again/", {})
    )
    assert Message.objects.filter(repeat_of=lost).count() == 1


def test_a_message_that_could_not_be_written_is_shown_without_a_button_that_does_nothing(
    shop: Shop, line: Service, agent: Client
) -> None:
    lost = told(
        shop.listed(line), state="failed", text="", detail="The notice could not be written: KeyError: 'x'"
    )
    page = agent.get(PAGE)
    assert "could not be written" in words(page)
    assert f"/staff/messages/{lost.pk}/again/" not in text_of(page)


def test_a_message_with_a_code_cant_be_sent_again_and_says_so(
    shop: Shop, line: Service, agent: Client
) -> None:
    from capstan.messaging.rules.words import Medium
    from capstan.topups.actions.notification_list import NewEntry, add

    add(NewEntry(line.pk, Medium.SMS, NUMBER), confirmed_by_staff=False, actor="test", now=shop.now)
    Message.objects.update(state=MessageState.UNCERTAIN, reason=Reason.NO_ANSWER, due_at=None)
    page = agent.get(PAGE)
    assert "It can't be sent again" in words(page)
    assert "/again/" not in text_of(page)
    said = words(sends(agent, f"/staff/messages/{Message.objects.get().pk}/again/", {}))
    assert "Its words were secret and aren't kept" in said


def test_that_a_message_was_lost_is_seen_with_a_note(shop: Shop, line: Service, agent: Client) -> None:
    lost = told(shop.listed(line), state=MessageState.UNCERTAIN, reason=Reason.INTERRUPTED)
    assert "it may have left" in words(agent.get(PAGE))
    assert "Seen: it is off the list." in words(
        sends(agent, f"/staff/messages/{lost.pk}/seen/", {"note": "called him"})
    )
    lost.refresh_from_db()
    assert (lost.handled_by, lost.note) == ("staff:thandi", "called him")
    well = told(shop.listed(line, "+27600000002"), state=MessageState.DELIVERED)
    assert "This message needs nobody" in words(sends(agent, f"/staff/messages/{well.pk}/seen/", {}))


def test_a_message_that_no_gateway_can_carry_waits_and_says_why(
    shop: Shop, line: Service, agent: Client
) -> None:
    shop.listed(line)
    Message.objects.update(gateway=None)
    Gateway.objects.update(active=False)
    assert "No gateway can carry it: it waits until there is one." in words(agent.get(PAGE))


def test_an_alarm_is_put_away(shop: Shop, agent: Client) -> None:
    alarm = BudgetAlarm.objects.create(
        month=date(2026, 3, 1), percent=100, budget_minor=10000, spent_minor=10100, raised_at=shop.now
    )
    assert "R 101.00 of R 100.00" in words(agent.get(PAGE))
    assert "Put away." in words(sends(agent, f"/staff/messages/budget/{alarm.pk}/seen/", {}))
    alarm.refresh_from_db()
    assert alarm.seen_by == "staff:thandi"


MISSING = ["in/999999/reply/", "in/999999/done/", "999999/seen/", "999999/again/", "budget/999999/seen/"]


@pytest.mark.parametrize("address", MISSING)
def test_what_is_not_there(shop: Shop, agent: Client, address: str) -> None:
    assert agent.post(f"/staff/messages/{address}", {"text": "x", "key": str(uuid4())}).status_code == 404
    assert agent.get(f"/staff/messages/{address}").status_code == 405
