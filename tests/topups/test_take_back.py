"""Taking back what is unused, and to the right line."""

import pytest
from django.db.models import Sum

from capstan.billing.models import Charge
from capstan.caps.actions.cap import roll_due, seal_due
from capstan.caps.queries import standing
from capstan.customers.actions import create_customer
from capstan.customers.rules import CustomerKind
from capstan.services.actions.status import suspend
from capstan.services.models import Service
from capstan.topups.actions.take_back import move, reverse
from capstan.topups.models import Order
from capstan.topups.queries.orders import buckets_of
from capstan.topups.rules.words import Channel, OrderState
from capstan.values.refused import Refused
from tests.topups.shop import GB, MB, NUMBER, Shop, buckets, refreshed

OTHER = "+27600000002"

BY = {"actor": "staff:thandi", "reason": "Bought by mistake"}


def balance(line_id: int) -> int:
    return Charge.objects.filter(service_id=line_id).aggregate(total=Sum("amount_minor"))["total"] or 0


def test_what_is_unused_is_taken_back_and_the_price_in_proportion(shop: Shop) -> None:
    line = shop.line()
    shop.use(GB)
    order = shop.order(line, "C").order
    shop.wait(minutes=10)
    shop.use(GB + 500 * MB, seconds=4200)
    reversed_ = reverse(order_id=order.pk, in_full=False, now=shop.now, **BY)
    assert (reversed_.state, reversed_.reversed_bytes, reversed_.reversed_minor) == (
        OrderState.REVERSED,
        1500 * MB,
        2625,
    )
    assert balance(line.pk) == 875
    assert standing(line.pk, now=shop.now).remaining == 0
    with pytest.raises(Refused, match="it is reversed"):
        reverse(order_id=order.pk, in_full=False, now=shop.now, **BY)


def test_what_is_used_up_can_only_be_refunded_by_who_may(shop: Shop) -> None:
    line = shop.line()
    shop.use(GB)
    order = shop.order(line, "A").order
    shop.wait(minutes=10)
    shop.use(2 * GB, seconds=4200)
    with pytest.raises(Refused, match="All of this top-up is used"):
        reverse(order_id=order.pk, in_full=False, now=shop.now, **BY)
    assert refreshed(order).state == OrderState.GRANTED
    full = reverse(order_id=order.pk, in_full=True, now=shop.now, **BY)
    assert (full.reversed_bytes, full.reversed_minor, balance(line.pk)) == (0, 1200, 0)


def test_a_reason_is_required(shop: Shop) -> None:
    order = shop.order(shop.line()).order
    with pytest.raises(Refused, match="Say why"):
        reverse(order_id=order.pk, in_full=False, reason=" ", actor="staff:thandi", now=shop.now)


def test_the_wrong_line_pays_nothing_and_the_right_one_gets_all(shop: Shop) -> None:
    wrong, right = shop.line(), shop.line("nomsa@example.net")
    order = shop.order(wrong, "C").order
    shop.use(500 * MB, seconds=600)
    moved = move(order_id=order.pk, to_service_id=right.pk, actor_name="Thandi", now=shop.now, **BY)
    assert (moved.state, moved.service_id, moved.price_minor, moved.moved_from_id) == (
        OrderState.GRANTED, right.pk, 3500, order.pk,
    )  # fmt: skip
    assert (balance(wrong.pk), balance(right.pk)) == (0, 3500)
    assert [one.size_bytes for one in buckets(right)] == [2 * GB]
    assert refreshed(order).state == OrderState.REVERSED
    assert (
        Charge.objects.filter(reference=f"order:{moved.pk}")
        .get()
        .description.endswith("for Jan Smit, added by Thandi")
    )


def test_a_move_to_a_line_that_cant_take_it_changes_nothing(shop: Shop) -> None:
    wrong, right = shop.line(), shop.line("nomsa@example.net")
    suspend(service_id=right.pk, reason="overdue", actor="staff:m", now=shop.now)
    order = shop.order(wrong, "C").order
    with pytest.raises(Refused, match="can't be added there"):
        move(order_id=order.pk, to_service_id=right.pk, actor_name="Thandi", now=shop.now, **BY)
    with pytest.raises(Refused, match="on this line already"):
        move(order_id=order.pk, to_service_id=wrong.pk, actor_name="Thandi", now=shop.now, **BY)
    assert (refreshed(order).state, Order.objects.count(), balance(wrong.pk)) == (OrderState.GRANTED, 1, 3500)


def test_a_top_up_that_was_ordered_by_sms_moves_too_and_the_right_lines_list_hears_of_it(shop: Shop) -> None:
    wrong, right = shop.line(), shop.line("nomsa@example.net")
    shop.listed(right, OTHER)
    order = shop.order(wrong, "C", channel=Channel.SMS, reply_to=NUMBER).order
    said = len(shop.texts(NUMBER))
    moved = move(order_id=order.pk, to_service_id=right.pk, actor_name="Thandi", now=shop.now, **BY)
    assert (moved.state, moved.channel, moved.requested_by) == (OrderState.GRANTED, Channel.AGENT, "Jan Smit")
    assert len(shop.texts(NUMBER)) == said
    assert "2GB" in shop.texts(OTHER)[-1]


def test_within_an_account_what_it_demands_was_seen_to_before(shop: Shop) -> None:
    wrong, right = shop.line(), shop.line("nomsa@example.net")
    order = shop.order(wrong, "C").order
    shop.demand(authorised=True, paid_first=True)
    moved = move(order_id=order.pk, to_service_id=right.pk, actor_name="Thandi", now=shop.now, **BY)
    assert moved.state == OrderState.GRANTED


@pytest.mark.parametrize("demand", ["authorised", "paid_first"])
def test_another_accounts_demands_are_its_own(shop: Shop, demand: str) -> None:
    wrong, right = shop.line(), shop.line("nomsa@example.net")
    other = create_customer(
        account_code="B7", name="Other", brand_id=shop.brand.pk, kind=CustomerKind.COMPANY, actor="test", now=shop.now
    )  # fmt: skip
    Service.objects.filter(pk=right.pk).update(customer=other)
    shop.demand(other.pk, **{demand: True})
    order = shop.order(wrong, "C").order
    Order.objects.filter(pk=order.pk).update(authorised_by="Ann (owner)", paid_with="receipt 7")
    with pytest.raises(Refused, match="Order it there"):
        move(order_id=order.pk, to_service_id=right.pk, actor_name="Thandi", now=shop.now, **BY)
    assert refreshed(order).state == OrderState.GRANTED


def test_what_has_rolled_over_is_taken_back_from_where_it_is(shop: Shop) -> None:
    line = shop.line(rollover_topup_cycles=2)
    order = shop.order(line, "C").order
    shop.wait(days=40)
    roll_due(now=shop.now, limit=10)
    seal_due(now=shop.now, limit=10)
    assert len(buckets_of(refreshed(order))) == 2
    taken = reverse(order_id=order.pk, in_full=False, now=shop.now, **BY)
    assert (taken.reversed_bytes, taken.reversed_minor) == (2 * GB, 3500)
    assert standing(line.pk, now=shop.now).remaining <= GB
