"""Messages: the stream with its filters, a message's page, an SMS's page, gateways."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.messaging.models import Gateway, Inbound, Message, Receipt
from capstan.messaging.rules.words import InboundState, MessageState, Reason
from capstan.services.models import Service
from tests.console.desk import sends, text_of, words
from tests.console.post import came, handset, told, trouble
from tests.topups.shop import NUMBER, Shop

PAGE = "/staff/messages/"


@pytest.fixture
def line(shop: Shop) -> Service:
    return shop.line()


def rows(page: Any) -> int:
    return text_of(page).count('class="cap-row-link"')


@pytest.fixture
def some(shop: Shop, line: Service) -> None:
    """Four went out – one delivered, one failed, two wait –, two came in."""
    told(shop.listed(line), state=MessageState.DELIVERED)
    told(shop.listed(line, "+27600000002"), state=MessageState.FAILED, reason=Reason.REFUSED)
    shop.listed(shop.line("sipho@example.net"), "+27600000003")
    shop.listed(line, "jan@example.net")
    shop.now += timedelta(minutes=1)
    came(shop, "Hello")
    came(shop, "C", sender="+27600000003", state=InboundState.ANSWERED)


FILTERS = [
    ({}, 6),
    ({"state": "out"}, 4),
    ({"state": "waiting"}, 2),
    ({"state": "sent"}, 1),
    ({"state": "lost"}, 1),
    ({"state": "in"}, 2),
    ({"state": "person"}, 1),
    ({"state": "superseded"}, 0),
    ({"lane": "0"}, 4),
    ({"lane": "3"}, 0),
    ({"number": "060 000 0003"}, 2),
    ({"number": "jan@example.net"}, 1),
    ({"number": "nobody"}, 0),
    ({"line": "sipho@example.net"}, 1),
    ({"line": "nobody@example.net"}, 0),
    ({"line": "two words"}, 0),
    ({"state": "nonsense", "lane": "x"}, 6),
    ({"before": "nonsense"}, 6),
    ({"before": "1.2"}, 6),
]


@pytest.mark.parametrize(("asked", "found"), FILTERS)
def test_filters(some: None, agent: Client, asked: dict[str, str], found: int) -> None:
    page = agent.get(PAGE, asked)
    assert rows(page) == found
    assert ("Nothing like that" in words(page)) == (found == 0)


def test_the_stream_goes_on_where_it_ended_even_in_the_same_moment(
    shop: Shop, line: Service, agent: Client
) -> None:
    entry = shop.listed(line)
    one = told(entry)
    for number in range(70):
        one.pk, one.cause, one.reference = None, f"again {number}", f"r{number}"
        one.save()
    for number in range(5):
        came(shop, f"Hello {number}")
    first = agent.get(PAGE)
    assert rows(first) == 50
    cursor = text_of(first).split("before=")[1].split('"')[0]
    second = agent.get(PAGE, {"before": cursor})
    assert rows(second) == 26
    assert "Older messages" not in words(second)
    shown = [re.findall(r'class="cap-stretched" href="([^"]+)"', text_of(page)) for page in (first, second)]
    assert len({*shown[0], *shown[1]}) == 76


def test_the_months_figures(
    shop: Shop, line: Service, agent: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(shop.listed(line), state=MessageState.SENT, sent_at=shop.now, segments=2, cost_minor=44)
    assert "1 SMS this month: 2 segments for R 0.44" in words(agent.get(PAGE))
    monkeypatch.setattr(settings, "OPTIONS", settings.OPTIONS.model_copy(update={"sms_budget": Decimal(1)}))
    assert "R 0.44, 44 % of the budget of R 1.00" in words(agent.get(PAGE))


def test_the_stream_costs_the_same_for_many(
    shop: Shop, line: Service, agent: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(10):
        shop.listed(line, f"+276000001{number:02}")
        came(shop, "Hello", sender=f"+276000001{number:02}")
    with django_assert_max_num_queries(17):
        assert rows(agent.get(PAGE)) == 20


# --- one message, one SMS ------------------------------------------------------------------------------------


def test_a_message_says_its_words_and_all_that_happened(shop: Shop, line: Service, agent: Client) -> None:
    sent = told(
        shop.listed(line), state=MessageState.DELIVERED, carrier_id="c-77", sent_at=shop.now, finished_at=shop.now,
        cost_minor=22,
    )  # fmt: skip
    Receipt.objects.create(
        gateway=handset(),
        message=sent,
        status="DELIVRD",
        carrier_id="c-77",
        received_at=shop.now,
        applied_at=shop.now,
    )
    reply = came(shop, "WRONG number")
    Inbound.objects.filter(pk=reply.pk).update(parent_carrier_id="c-77")
    page = agent.get(f"{PAGE}{sent.pk}/")
    said = words(page)
    for expected in (
        "SMS to 060 000 0001",
        "You'll get data notices for thandi@example.net from Example Net. You can order by SMS: reply TOPUP.",
        "1 SMS for R 0.22",
        "Takes 1 SMS · GSM-7, 160 letters fit one SMS",
        "Carrier's id c-77",
        "DELIVRD",
        "It was answered by an SMS of 10 Mar 2026 10:00: “WRONG number”",
        "About service:",
    ):
        assert expected in said, expected
    assert "/again/" not in text_of(page)


def test_an_answer_says_what_it_answers_and_a_repeat_what_it_repeats(
    shop: Shop, line: Service, agent: Client
) -> None:
    inbound = came(shop, "Hello there")
    sends(agent, f"{PAGE}in/{inbound.pk}/reply/", {"text": "Good day", "key": str(uuid4())})
    answer = Message.objects.get(template="staff.reply")
    assert "It answers an SMS of 10 Mar 2026 10:00: “Hello there”" in words(agent.get(f"{PAGE}{answer.pk}/"))
    Message.objects.filter(pk=answer.pk).update(state=MessageState.FAILED, reason=Reason.REFUSED, due_at=None)
    page = agent.post(f"{PAGE}{answer.pk}/again/", {"next": f"{PAGE}{answer.pk}/"}, follow=True)
    again = Message.objects.get(repeat_of=answer)
    assert f"It was sent again as message {again.pk}" in words(page)
    assert f"It repeats message {answer.pk}" in words(agent.get(f"{PAGE}{again.pk}/"))


def test_secret_words_are_masked(shop: Shop, line: Service, agent: Client) -> None:
    from capstan.messaging.rules.words import Medium
    from capstan.topups.actions.notification_list import NewEntry, add

    Gateway.objects.update(kind="http")
    add(NewEntry(line.pk, Medium.SMS, NUMBER), confirmed_by_staff=False, actor="test", now=shop.now)
    sent = Message.objects.get()
    code = (sent.sealed_text or "")[:6]
    assert code.isdigit()
    for address in (PAGE, f"{PAGE}{sent.pk}/"):
        page = agent.get(address)
        assert "****** is your code" in words(page)
        assert code not in text_of(page)


def test_an_sms_says_what_was_made_of_it(shop: Shop, line: Service, agent: Client) -> None:
    shop.listed(line)
    inbound = came(shop, "What?")
    Inbound.objects.filter(pk=inbound.pk).update(times_received=3)
    page = agent.get(f"{PAGE}in/{inbound.pk}/")
    said = words(page)
    assert "SMS from 060 000 0001" in said
    assert "Delivered 3 times, counted once" in said
    assert "What came of it Not understood." in said
    assert "thandi@example.net, A" in said
    back = {"text": "", "key": str(uuid4()), "next": f"{PAGE}in/{inbound.pk}/"}
    refused = agent.post(f"{PAGE}in/{inbound.pk}/reply/", back)
    assert "Write the answer first." in words(refused)
    assert "What was said" not in words(refused)
    assert "SMS from 060 000 0001" in words(refused)
    answer = agent.post(f"{PAGE}in/{inbound.pk}/reply/", back | {"text": "Good day"})
    assert answer.headers["Location"] == f"{PAGE}in/{inbound.pk}/"


def test_a_machines_sms_has_no_form_to_answer(shop: Shop, agent: Client) -> None:
    inbound = came(shop, "You have won", sender="32100")
    page = agent.get(f"{PAGE}in/{inbound.pk}/")
    assert "there is nobody to answer" in words(page)
    assert "<textarea" not in text_of(page)


def test_messages_that_are_not_there(shop: Shop, agent: Client) -> None:
    assert agent.get(f"{PAGE}999999/").status_code == 404
    assert agent.get(f"{PAGE}in/999999/").status_code == 404


# --- gateways ------------------------------------------------------------------------------------------------

GATEWAYS = f"{PAGE}gateways/"


def test_gateways_say_how_they_are_and_hide_their_token(shop: Shop, agent: Client) -> None:
    Gateway.objects.update(secrets='{"hook_token": "a-token-of-ours-12345", "password": "pa55word"}')
    page = agent.get(GATEWAYS)
    assert "All gateways work" in words(page)
    assert "/hooks/sms/handset/••••••/in" in words(page)
    assert "a-token-of-ours" not in text_of(page)
    assert "pa55word" not in text_of(page)
    trouble(handset(), shop.now)
    assert "1 in trouble" in words(agent.get(GATEWAYS))
    assert "It answers 503. (since 10 Mar 2026 10:00)" in words(agent.get(GATEWAYS))


def test_a_manager_sends_a_test_by_a_gateway_once(shop: Shop, manager: Client, agent: Client) -> None:
    other = Gateway.objects.create(
        name="second",
        kind="loopback",
        medium="sms",
        secrets="{}",
        created_at=shop.now,
        priority=99,
        cost_minor=30,
    )
    assert "Send a test" not in words(agent.get(GATEWAYS))
    given = {"recipient": "060 000 0001", "key": str(uuid4())}
    assert agent.post(f"{GATEWAYS}{other.pk}/test/", given).status_code == 403
    for _ in range(2):
        said = words(sends(manager, f"{GATEWAYS}{other.pk}/test/", given))
        assert "A test leaves by second." in said
    sent = Message.objects.get()
    assert (sent.gateway_id, sent.recipient, sent.cost_minor) == (other.pk, NUMBER, 30)
    assert "This is a test, sent at 10:00." in sent.text
    assert AuditEntry.objects.filter(action="test_gateway").first().actor == "staff:naledi"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("recipient", "said"), [("", "This field is required."), ("12", "too few or too many digits")]
)
def test_a_test_needs_a_number(shop: Shop, manager: Client, recipient: str, said: str) -> None:
    answer = manager.post(f"{GATEWAYS}{handset().pk}/test/", {"recipient": recipient, "key": str(uuid4())})
    assert said in words(answer)
    assert not Message.objects.exists()


def test_nothing_leaves_by_a_gateway_that_is_off_or_isnt_there(shop: Shop, manager: Client) -> None:
    Gateway.objects.update(active=False)
    given = {"recipient": NUMBER, "key": str(uuid4())}
    assert "switched off: nothing leaves by it" in words(
        manager.post(f"{GATEWAYS}{handset().pk}/test/", given)
    )
    assert manager.post(f"{GATEWAYS}999999/test/", given).status_code == 404
    assert not Message.objects.exists()
