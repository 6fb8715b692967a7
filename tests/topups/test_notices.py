"""Telling customers that a share of their data is used."""

from datetime import timedelta

import pytest

from capstan.caps.models import ThresholdCrossing
from capstan.messaging.actions.people import send_again
from capstan.messaging.models import Message
from capstan.messaging.queries.messages import messages_for_person
from capstan.services.actions.status import suspend
from capstan.topups.actions.notices import pass_over_old, tell_crossings
from capstan.topups.models import Invitation, ListEntry, Notice
from capstan.values.refused import Refused
from tests.topups.shop import GB, MB, NUMBER, Shop

MAIL = "jan@example.net"


def states() -> list[tuple[int, str]]:
    told = Notice.objects.select_related("crossing").order_by("crossing__arming", "crossing__percent")
    return [(one.crossing.percent, one.state) for one in told]


def test_each_threshold_is_told_once_to_those_who_want_it(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    shop.listed(line, MAIL)
    shop.use(550 * MB)
    assert tell_crossings(now=shop.now, limit=10) == 1
    assert tell_crossings(now=shop.now, limit=10) == 0
    assert "You have used 50% of 1GB" in shop.texts(MAIL)[-1]
    assert len(shop.texts()) == 1, "the number is told from 90 % on; the first was that it is on the list"
    shop.wait(minutes=10)
    shop.use(950 * MB, seconds=4200)
    assert tell_crossings(now=shop.now, limit=10) == 2
    assert states() == [(50, "sent"), (80, "superseded"), (90, "sent")]
    assert shop.texts()[-1].startswith("Hi Jan\nUsed 90% of 1GB order top-up reply one of: A,B")
    assert "90%" in shop.texts(MAIL)[-1]


def test_of_several_only_the_highest_is_told(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    shop.use(GB)
    assert tell_crossings(now=shop.now, limit=10) == 4
    assert states() == [(50, "superseded"), (80, "superseded"), (90, "superseded"), (100, "sent")]
    assert Invitation.objects.count() == 1


def test_a_top_up_arms_again_what_it_puts_back_ahead(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    shop.use(GB)
    tell_crossings(now=shop.now, limit=10)
    shop.order(line, "B")
    shop.wait(minutes=10)
    shop.use(2 * GB, seconds=4200)
    tell_crossings(now=shop.now, limit=10)
    menus = Message.objects.filter(template="cap.threshold").order_by("pk")
    assert [one.text.splitlines()[1][:16] for one in menus] == ["Used 100% of 1GB", "Used 100% of 2GB"]


def test_data_that_came_before_the_notice_makes_it_no_news(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    shop.use(GB)
    shop.order(line, "C")
    tell_crossings(now=shop.now, limit=10)
    assert states()[-1] == (100, "late")
    assert not Message.objects.filter(template="cap.threshold").exists()


def test_a_crossing_that_nobody_could_be_told_of_for_hours_is_no_news(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    shop.use(GB)
    ThresholdCrossing.objects.update(recorded_at=shop.now - timedelta(hours=7))
    tell_crossings(now=shop.now, limit=10)
    assert states()[-1] == (100, "late")


@pytest.mark.parametrize("how", ["nobody", "unconfirmed", "paused"])
def test_who_is_not_on_the_list_is_not_told(shop: Shop, how: str) -> None:
    line = shop.line()
    if how != "nobody":
        shop.listed(line)
        ListEntry.objects.update(
            **({"state": "unconfirmed"} if how == "unconfirmed" else {"is_paused": True})
        )
    shop.use(GB)
    tell_crossings(now=shop.now, limit=10)
    assert states()[-1] == (100, "nobody")
    assert not Message.objects.filter(template__startswith="cap.").exists()


def test_who_may_not_order_gets_no_menu_and_so_does_a_line_on_hold(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line, may_order=False)
    shop.use(GB)
    tell_crossings(now=shop.now, limit=10)
    assert "reply one of" not in shop.texts()[-1]
    other = shop.line("nomsa@example.net")
    shop.listed(other, "+27600000008")
    suspend(service_id=other.pk, reason="overdue", actor="staff:m", now=shop.now)
    shop.use(GB, user="nomsa@example.net")
    tell_crossings(now=shop.now, limit=10)
    assert "reply one of" not in shop.texts("+27600000008")[-1]
    assert not Invitation.objects.exists()


def test_the_menu_fits_and_a_long_name_is_cut_before_it(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line, name="Wilhelmina Elizabeth van der Westhuizen-Oosthuizen of the Upper Valley Farm")
    shop.use(GB)
    tell_crossings(now=shop.now, limit=10)
    sent = Message.objects.get(template="cap.threshold")
    assert sent.segments == 1
    assert "A,B,C,D,E,F,G for 0.5GB,1GB,2GB,3GB,5GB,9GB,18GB respectively" in sent.text
    assert sent.text.startswith("Hi W")
    assert sent.recipient == NUMBER


def test_a_notice_that_cant_be_written_is_shown_and_holds_up_nobody(shop: Shop) -> None:
    broken, sound = shop.line(), shop.line("nomsa@example.net")
    shop.listed(broken)
    ListEntry.objects.filter(service=broken).update(address="0600000001")
    shop.listed(sound, "+27600000008")
    shop.use(GB)
    shop.use(GB, user="nomsa@example.net")
    assert tell_crossings(now=shop.now, limit=10) == 8
    assert shop.texts("+27600000008")[-1].startswith("Hi Jan\nUsed 100% of 1GB")
    failed = messages_for_person(now=shop.now).get()
    assert (failed.recipient, failed.state, failed.text, failed.due_at) == ("0600000001", "failed", "", None)
    assert failed.detail == "The notice could not be written: ValueError: '0600000001' is no recipient of sms"
    assert Notice.objects.filter(state="sent").count() == 2
    assert tell_crossings(now=shop.now, limit=10) == 0, "it isn't tried again and again"
    with pytest.raises(Refused, match="could not be written"):
        send_again(message_id=failed.pk, actor="staff:t", now=shop.now)


def test_crossings_that_nobody_was_told_of_for_days_are_settled_some_at_a_time(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    shop.use(GB)
    shop.wait(days=2, minutes=1)
    assert tell_crossings(now=shop.now, limit=10) == 0
    first, *_, last = ThresholdCrossing.objects.order_by("pk").values_list("pk", flat=True)
    Notice.objects.create(crossing_id=first, service=line, state="sent", at=shop.now)
    after, looked_at = pass_over_old(after_id=0, limit=3, now=shop.now)
    assert (looked_at, states()) == (3, [(50, "sent"), (80, "late"), (90, "late")])
    assert pass_over_old(after_id=after, limit=3, now=shop.now) == (last, 1)
    assert pass_over_old(after_id=last, limit=3, now=shop.now) == (last, 0)
    assert states()[-1] == (100, "late")


def test_a_crossing_that_may_still_be_told_of_is_left_alone(shop: Shop) -> None:
    shop.listed(shop.line())
    shop.use(GB)
    shop.wait(days=1)
    assert pass_over_old(after_id=0, limit=10, now=shop.now) == (0, 0)
    assert not Notice.objects.exists()
