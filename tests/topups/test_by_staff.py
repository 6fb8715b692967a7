"""What staff do for customers: codes that are read out, callers' numbers, ceilings, the figures of a day."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from capstan.identity.models import Code
from capstan.messaging.models import Message
from capstan.messaging.rules.words import Medium
from capstan.topups.actions import notification_list
from capstan.topups.actions.agreements import set_ceiling
from capstan.topups.actions.notification_list import NewEntry
from capstan.topups.models import Order
from capstan.topups.queries.listing import proof_days
from capstan.topups.queries.sale import room
from capstan.topups.rules.words import Channel, EntryState, Restore
from capstan.values.refused import Refused
from tests.topups.shop import NUMBER, Shop


def code_sent() -> str:
    """The code in the last message with one, as the telephone shows it."""
    return (Message.objects.filter(template="list.code").latest("pk").sealed_text or "")[:6]


def test_each_wrong_code_costs_a_try_and_then_the_right_one_is_of_no_use(shop: Shop) -> None:
    new = NewEntry(shop.line().pk, Medium.SMS, NUMBER)
    entry = notification_list.add(new, confirmed_by_staff=False, actor="test", now=shop.now)
    code = code_sent()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    said = []
    for _ in range(6):
        with pytest.raises(Refused) as refusal:
            notification_list.confirm_with_code(entry_id=entry.pk, code=wrong, actor="test", now=shop.now)
        said.append(str(refusal.value))
    assert "Tries left: 4." in said[0]
    assert "Ask for a new one." in said[-1]
    with pytest.raises(Refused):
        notification_list.confirm_with_code(entry_id=entry.pk, code=code, actor="test", now=shop.now)
    assert Code.objects.get().tries_left == 0


def test_the_right_code_confirms(shop: Shop) -> None:
    new = NewEntry(shop.line().pk, Medium.SMS, NUMBER)
    entry = notification_list.add(new, confirmed_by_staff=False, actor="test", now=shop.now)
    confirmed = notification_list.confirm_with_code(
        entry_id=entry.pk, code=code_sent(), actor="test", now=shop.now
    )
    assert (confirmed.state, confirmed.confirmed_by) == (EntryState.CONFIRMED, "test")


def test_a_ceiling_is_said_to_customers_and_to_staff_in_their_own_words(shop: Shop) -> None:
    line = shop.line()
    set_ceiling(service_id=line.pk, ceiling_minor=4000, ceiling_bytes=None, actor="test", now=shop.now)
    shop.order(line, "C")
    assert (room(line.pk).left_minor, room(line.pk).left_bytes) == (500, None)
    by_sms = shop.order(line, "C", channel=Channel.SMS, reply_to=NUMBER).order
    assert by_sms.refused_because.endswith("Please choose a smaller one or call us.")
    by_agent = shop.order(line, "C").order
    assert by_agent.refused_because.endswith("let somebody who may go beyond the ceiling say why.")


def test_the_figures_of_a_day_count_lines_that_had_to_come_back_and_half_of_them(shop: Shop) -> None:
    line = shop.line()
    for seconds, restore in (
        (1, Restore.DONE),
        (3, Restore.DONE),
        (0, Restore.ALREADY_OPEN),
        (9000, Restore.AT_LOGIN),
    ):
        order = shop.order(line, "A").order
        confirmed = shop.now + timedelta(seconds=seconds)
        Order.objects.filter(pk=order.pk).update(
            restore=restore, confirmed_at=confirmed, proved_at=confirmed + timedelta(seconds=10)
        )
    late = shop.order(line, "A").order
    Order.objects.filter(pk=late.pk).update(restore=Restore.LATE)
    (day,) = proof_days(since=shop.now - timedelta(days=1), zone=ZoneInfo("Africa/Johannesburg"))
    assert (day.added, day.confirmed, day.proved) == (3, 2, 2)
    assert (day.confirmed_half, day.proved_half) == (2.0, 12.0)
    assert day.confirmed_most == pytest.approx(2.8)
    assert day.day == shop.now.date()
