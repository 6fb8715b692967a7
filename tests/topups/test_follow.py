"""Orders whose lines are followed until they are back (G1): what is stored, said and shown to a person."""

from datetime import timedelta

from capstan.network.models import SessionAccess
from capstan.network.queries.lines import compared
from capstan.network.rules.access import access_hash
from capstan.services.models import Service
from capstan.topups.actions.follow import follow_due
from capstan.topups.models import Order, OrderEvent
from capstan.topups.rules.words import OrderState, Restore
from tests.topups.shop import GB, MB, NUMBER, Shop, refreshed


def look(shop: Shop, seconds: float = 0) -> None:
    shop.wait(seconds=seconds)
    follow_due(now=shop.now, limit=100)


def capped(shop: Shop) -> Service:
    """A line with a session at its cap."""
    line = shop.line()
    shop.listed(line)
    shop.use(GB)
    return line


def packet(shop: Shop, moved: int) -> None:
    shop.wait(seconds=1)
    shop.use(moved, seconds=int((shop.now - shop.session().started_at).total_seconds()))


def acknowledge(shop: Shop, line_id: int) -> None:
    """The router has given the line's session what it should have."""
    access = compared([line_id], now=shop.now)[line_id][0].access
    SessionAccess.objects.update_or_create(
        session_id=shop.session().pk,
        defaults={"access_hash": access_hash(access), "confirmed_at": shop.now, "service_id": line_id},
    )


def test_a_line_that_was_open_is_proved_by_its_next_packet(shop: Shop) -> None:
    line = shop.line()
    shop.use(500 * MB)
    acknowledge(shop, line.pk)
    order = shop.order(line).order
    look(shop, 1)
    assert (refreshed(order).state, refreshed(order).restore) == (OrderState.CONFIRMED, Restore.ALREADY_OPEN)
    packet(shop, 501 * MB)
    look(shop, 1)
    done = refreshed(order)
    assert done.state == OrderState.PROVED
    assert done.proved_at is not None
    assert done.follow_at is None
    states = OrderEvent.objects.filter(order=order).order_by("pk").values_list("state", flat=True)
    assert list(states)[-3:] == ["granted", "confirmed", "proved"]


def test_a_line_that_does_not_come_back_is_told_once_and_shown_to_a_person_until_it_does(shop: Shop) -> None:
    order = shop.order(capped(shop)).order
    said = len(shop.texts())
    look(shop, 30)
    assert (refreshed(order).restore, len(shop.texts())) == (Restore.PENDING, said)
    look(shop, 31)
    look(shop, 60)
    late = refreshed(order)
    assert (late.state, late.restore) == (OrderState.GRANTED, Restore.LATE)
    assert "hasn't confirmed" in late.needs_person
    assert len(shop.texts()) == said + 1, "the second message, once"
    acknowledge(shop, late.service_id)
    look(shop, 60)
    back = refreshed(order)
    assert (back.state, back.restore, back.needs_person) == (OrderState.CONFIRMED, Restore.DONE, "")
    assert len(shop.texts()) == said + 1


def test_who_replied_is_told_himself_that_it_takes_longer(shop: Shop) -> None:
    order = shop.order(capped(shop), reply_to="+27600000009").order
    told, others = len(shop.texts("+27600000009")), len(shop.texts(NUMBER))
    look(shop, 61)
    assert refreshed(order).restore == Restore.LATE
    assert (len(shop.texts("+27600000009")), len(shop.texts(NUMBER))) == (told + 1, others)


def test_an_order_that_was_taken_back_meanwhile_is_followed_no_more(shop: Shop) -> None:
    order = shop.order(capped(shop)).order
    Order.objects.filter(pk=order.pk).update(state=OrderState.REVERSED)
    look(shop, 61)
    done = refreshed(order)
    assert (done.state, done.follow_at, done.needs_person) == (OrderState.REVERSED, None, "")


def test_who_dies_with_it_gives_it_back(shop: Shop) -> None:
    order = shop.order(capped(shop)).order
    Order.objects.filter(pk=order.pk).update(follow_lease=shop.now + timedelta(seconds=30))
    look(shop, 1)
    assert refreshed(order).follow_lease is not None
    look(shop, 30)
    assert refreshed(order).follow_lease is None
