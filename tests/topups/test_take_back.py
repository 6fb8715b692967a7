"""Taking back what is unused, and to the right line."""

import pytest
from django.db.models import Sum

from capstan.billing.models import Charge
from capstan.caps.queries import standing
from capstan.services.actions.status import suspend
from capstan.topups.actions.take_back import move, reverse
from capstan.topups.models import Order
from capstan.topups.rules.words import OrderState
from capstan.values.refused import Refused
from tests.topups.shop import GB, MB, Shop, buckets, refreshed

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
