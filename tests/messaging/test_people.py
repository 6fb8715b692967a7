"""What needs a person, and what people do with it."""

from datetime import timedelta

import pytest

from capstan.audit.models import AuditEntry
from capstan.identity.rules import Actor, Role, permissions_of
from capstan.messaging.actions.people import handled, send_again
from capstan.messaging.actions.retention import drop_messages
from capstan.messaging.models import Inbound, Message, Receipt
from capstan.messaging.queries.messages import messages_for_person, messages_of, visible_to
from capstan.messaging.rules.words import MessageState, Reason
from capstan.topups.models import Invitation, ListEntry, Menu
from capstan.values.refused import Refused
from tests.carrier import Carrier, Says
from tests.messaging.conftest import NOW, Stepped, handset, http_gateway, queue
from tests.provider import Provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def lost(carrier: Carrier, sender: Stepped) -> Message:
    carrier.answer = lambda asked: Says(cut=True)
    http_gateway(carrier)
    message = queue(values={"reason": "x"})
    sender.step()
    message.refresh_from_db()
    assert message.state == MessageState.UNCERTAIN
    carrier.answer = lambda asked: Says()
    return message


def test_seen_and_dealt_with(lost: Message) -> None:
    assert [one.pk for one in messages_for_person(now=NOW)] == [lost.pk]
    assert handled(message_id=lost.pk, note="phoned her", actor="staff:t", now=NOW)
    assert not handled(message_id=lost.pk, note="phoned her", actor="staff:u", now=NOW)
    assert not messages_for_person(now=NOW).exists()
    entry = AuditEntry.objects.get(subject=f"message:{lost.pk}")
    assert (entry.actor, entry.action, entry.reason) == ("staff:t", "handle_message", "phoned her")
    with pytest.raises(Refused, match="dealt with"):
        send_again(message_id=lost.pk, actor="staff:t", now=NOW)


def test_sent_again_it_is_a_message_of_its_own(lost: Message, carrier: Carrier, sender: Stepped) -> None:
    again = send_again(message_id=lost.pk, actor="staff:t", now=NOW)
    sender.later(60)
    sender.step()
    again.refresh_from_db()
    lost.refresh_from_db()
    assert (again.state, again.text, again.repeat_of) == (MessageState.SENT, lost.text, lost)
    assert again.reference != lost.reference
    assert (lost.state, lost.note) == (MessageState.UNCERTAIN, f"sent again as message {again.pk}")
    assert len(carrier.asked) == 2
    assert list(messages_of("service:17")) == [again, lost]


def test_what_is_on_its_way_needs_nobody(carrier: Carrier) -> None:
    http_gateway(carrier)
    message = queue()
    with pytest.raises(Refused, match="needs nobody"):
        handled(message_id=message.pk, note="", actor="staff:t", now=NOW)
    with pytest.raises(Refused, match="that failed"):
        send_again(message_id=message.pk, actor="staff:t", now=NOW)


def test_secret_words_are_not_sent_again(carrier: Carrier, sender: Stepped) -> None:
    carrier.answer = lambda asked: Says("no", 400)
    http_gateway(carrier)
    message = queue(template="list.code", values={"code": "4821", "minutes": "10"})
    sender.step()
    message.refresh_from_db()
    assert (message.state, message.reason, message.sealed_text) == (MessageState.FAILED, Reason.REFUSED, None)
    with pytest.raises(Refused, match="have a new code"):
        send_again(message_id=message.pk, actor="staff:t", now=NOW)


def test_only_staff_see_messages() -> None:
    handset()
    queue()
    agent = Actor("staff:t", "Thandi", Role.AGENT, permissions_of(Role.AGENT))
    customer = Actor("customer:1", "Jenny", Role.CUSTOMER, frozenset(), frozenset({1}))
    assert visible_to(agent).count() == 1
    assert not visible_to(customer).exists()


def test_old_messages_go_with_all_that_belongs_to_them(carrier: Carrier, sender: Stepped) -> None:
    from capstan.messaging.actions.inbound import store
    from capstan.messaging.actions.receipts import take_receipt
    from capstan.messaging.rules.callbacks import ReceiptFacts

    gateway = http_gateway(carrier)

    def make(days: int) -> None:
        now = NOW + timedelta(days=days)
        came = store(
            gateway, sender="27600000001", recipient="", text="C", sent_at=now, carrier_id="", parent_carrier_id="", now=now
        )  # fmt: skip
        message = queue(now=now, in_reply_to=came.pk)
        take_receipt(gateway, ReceiptFacts(message.reference, "", "1", "", {}), now=now)

    make(0)
    make(10)
    assert drop_messages(before=NOW + timedelta(days=5)) == 2
    assert drop_messages(before=NOW + timedelta(days=5)) == 0
    assert [model.objects.count() for model in (Message, Inbound, Receipt)] == [1, 1, 1]


def test_a_message_that_an_order_still_points_at_stays() -> None:
    handset()
    kept, gone = queue(two_way=True), queue()
    service = Provider().service("jenny@example.net")
    entry = ListEntry.objects.create(
        service=service,
        medium="sms",
        address="+27600000001",
        from_percent=90,
        added_at=NOW,
        added_by="staff:t",
    )
    invitation = Invitation.objects.create(service=service, cause="crossing:1", made_at=NOW, expires_at=NOW)
    menu = Menu.objects.create(
        invitation=invitation, entry=entry, message=kept, address="+27600000001", lines=[], made_at=NOW
    )
    later = NOW + timedelta(days=1)
    assert drop_messages(before=later) == 1
    assert drop_messages(before=later) == 0
    assert list(Message.objects.values_list("pk", flat=True)) == [kept.pk]
    assert gone.pk != kept.pk
    menu.delete()
    assert drop_messages(before=later) == 1
