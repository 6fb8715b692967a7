"""Notices that wait to leave and aren't true any more are taken back, those that still are stay (J1, I7)."""

from capstan.messaging.models import Message
from capstan.topups.actions.notices import tell_crossings
from capstan.topups.models import Notice
from capstan.topups.queries.menus import open_menus
from tests.topups.shop import GB, MB, NUMBER, Shop

MAIL = "jan@example.net"
HIGHER = "A notice of 90 % was written before it left."
ADDED = "Data was added before it left."


def states(shop: Shop) -> list[tuple[str, str, str]]:
    """Recipient, state and detail of each notice, in order."""
    tell_crossings(now=shop.now, limit=10)
    sent = Message.objects.filter(template__startswith="cap.").order_by("pk")
    return list(sent.values_list("recipient", "state", "detail"))


def test_a_higher_notice_takes_the_place_of_those_that_wait(shop: Shop) -> None:
    shop.listed(shop.line(), MAIL)
    shop.listed(shop.line("other@example.net"), MAIL)
    shop.use(550 * MB)
    shop.use(550 * MB, user="other@example.net")
    assert [state for _, state, _ in states(shop)] == ["queued", "queued"]
    shop.wait(minutes=10)
    shop.use(950 * MB, seconds=4200)
    assert states(shop) == [(MAIL, "superseded", HIGHER), (MAIL, "queued", ""), (MAIL, "queued", "")]


def test_what_has_left_or_may_have_is_not_taken_back(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line, MAIL)
    shop.listed(line, "piet@example.net")
    shop.use(550 * MB)
    states(shop)
    Message.objects.filter(recipient=MAIL).update(state="sent", due_at=None)
    Message.objects.exclude(recipient=MAIL).update(may_have_left=True)
    shop.wait(minutes=10)
    shop.use(950 * MB, seconds=4200)
    assert [state for _, state, _ in states(shop)] == ["sent", "queued", "queued", "queued"]


def test_a_higher_share_of_another_limit_says_nothing_about_this_one(shop: Shop) -> None:
    shop.listed(shop.line(day_limit_bytes=1500 * MB), MAIL)
    shop.use(790 * MB)
    assert [state for _, state, _ in states(shop)] == ["queued", "queued"], "50 % of the month and of the day"
    shop.wait(minutes=10)
    shop.use(960 * MB, seconds=4200)
    assert sorted(state for _, state, _ in states(shop)) == ["queued", "queued", "superseded"]
    assert " a day" not in Message.objects.get(state="superseded").text


def test_data_that_is_added_takes_back_what_it_makes_untrue(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    shop.listed(line, MAIL)
    shop.use(GB)
    assert [state for _, state, _ in states(shop)] == ["queued", "queued"]
    assert len(open_menus(NUMBER, now=shop.now)) == 1
    shop.order(line, "C")
    assert states(shop) == [(NUMBER, "superseded", ADDED), (MAIL, "superseded", ADDED)]
    assert open_menus(NUMBER, now=shop.now) == [], "nobody has read it"
    assert Message.objects.filter(state="superseded", due_at=None, finished_at=shop.now).count() == 2
    assert Notice.objects.count() == 4


def test_an_earlier_menu_holds_again_when_the_newer_one_is_withdrawn(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    shop.use(950 * MB)
    tell_crossings(now=shop.now, limit=10)
    Message.objects.filter(template="cap.threshold").update(state="delivered", due_at=None)
    shop.wait(minutes=10)
    shop.use(GB, seconds=4200)
    tell_crossings(now=shop.now, limit=10)
    first, second = Message.objects.filter(template="cap.threshold").order_by("pk")
    assert [menu.message_id for menu in open_menus(NUMBER, now=shop.now)] == [second.pk]
    shop.order(line, "C")
    assert [menu.message_id for menu in open_menus(NUMBER, now=shop.now)] == [first.pk]


def test_what_is_still_true_after_a_small_top_up_stays(shop: Shop) -> None:
    line = shop.line(allowance_bytes=100 * GB)
    other = shop.line("other@example.net", allowance_bytes=100 * GB)
    for one in (line, other):
        shop.listed(one, MAIL)
    shop.use(99 * GB)
    shop.use(100 * GB, user="other@example.net")
    assert [state for _, state, _ in states(shop)] == ["queued", "queued"]
    for one in (line, other):
        shop.order(one, "A")
    assert [state for _, state, _ in states(shop)] == ["queued", "superseded"], (
        "99 of 100.5 GB are more than 90 %"
    )


def test_added_data_leaves_notices_of_the_days_limit_alone(shop: Shop) -> None:
    line = shop.line(allowance_bytes=2 * GB, day_limit_bytes=GB)
    shop.listed(line, MAIL)
    shop.use(GB)
    found = [state for _, state, _ in states(shop)]
    assert found == ["queued", "queued"], "50 % of the month, 100 % of the day"
    shop.order(line, "C")
    assert [state for _, state, _ in states(shop)] == ["superseded", "queued"], (
        "the day's limit is reached all the same"
    )
