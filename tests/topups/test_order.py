"""Orders: what is sold, added and charged, and what isn't."""

from datetime import timedelta

import pytest

from capstan.billing.models import Charge
from capstan.caps.models import Cap
from capstan.caps.queries import standing
from capstan.caps.rules.words import CapState
from capstan.catalog.models import TopUpOffer
from capstan.catalog.rules import AtCap, OvershootPolicy
from capstan.services.actions.status import end_service, suspend
from capstan.topups.actions.agreements import set_ceiling
from capstan.topups.models import Order
from capstan.topups.queries.sale import quote, sale, spent
from capstan.topups.rules.sale import Hindrance
from capstan.topups.rules.words import Channel, OrderState, Restore
from capstan.values.refused import Refused
from tests.topups.shop import GB, MB, Shop, buckets


def test_an_order_adds_one_bucket_and_one_charge_and_opens_the_line(shop: Shop) -> None:
    line = shop.line()
    shop.use(GB)
    assert standing(line.pk, now=shop.now).state == CapState.BLOCKED
    placed = shop.order(line, "C")
    order = placed.order
    assert placed.is_new
    assert (order.state, order.size_bytes, order.price_minor) == (OrderState.GRANTED, 2 * GB, 3500)
    assert [(one.size_bytes, one.source) for one in buckets(line)] == [(2 * GB, f"order:{order.pk}")]
    charge = Charge.objects.get()
    assert (charge.amount_minor, charge.reference, charge.customer_id) == (
        3500,
        f"order:{order.pk}",
        line.customer_id,
    )
    assert (
        charge.description
        == "Top-up 2\N{NO-BREAK SPACE}GB on thandi@example.net, ordered by the call centre for Jan Smit, added by Thandi"
    )
    held = standing(line.pk, now=shop.now)
    assert (held.state, held.remaining) == (CapState.OPEN, 2 * GB)
    assert order.bucket is not None
    assert order.bucket.expires_at == held.cycle_end


def test_a_key_that_was_used_gives_the_first_order_again(shop: Shop) -> None:
    line = shop.line()
    first = shop.order(line, idempotency_key="form:1")
    again = shop.order(line, "G", idempotency_key="form:1")
    assert again == (first.order, False)
    assert (len(buckets(line)), Charge.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("letter", "days", "never", "until"),
    [("B", None, False, "cycle"), ("C", 30, False, "days"), ("D", None, True, "never")],
)
def test_validity_is_that_of_the_offer(
    shop: Shop, letter: str, days: int | None, never: bool, until: str
) -> None:
    TopUpOffer.objects.filter(letter=letter).update(valid_days=days, never_expires=never)
    line = shop.line()
    bucket = shop.order(line, letter).order.bucket
    assert bucket is not None
    expected = {
        "cycle": standing(line.pk, now=shop.now).cycle_end.date().isoformat(),
        "days": "2026-04-09",
        "never": "9999-01-01",
    }
    assert bucket.expires_at.date().isoformat() == expected[until]


def test_a_size_of_ones_own_costs_by_the_gb_unless_an_offer_of_that_size_is_cheaper(shop: Shop) -> None:
    line = shop.line()
    assert quote(line.pk, size_bytes=1500 * MB, now=shop.now).price_minor == 2850
    assert quote(line.pk, size_bytes=2 * GB, now=shop.now).price_minor == 3500
    assert quote(line.pk, size_bytes=GB, now=shop.now).price_minor == 1900


@pytest.mark.parametrize("size", [0, -5, None])
def test_nothing_costs_nothing_because_it_isnt_sold(shop: Shop, size: int | None) -> None:
    line = shop.line()
    with pytest.raises(Refused):
        quote(line.pk, size_bytes=size, now=shop.now)


def test_an_offer_that_was_withdrawn_is_refused(shop: Shop) -> None:
    line = shop.line()
    offer = TopUpOffer.objects.get(letter="C")
    TopUpOffer.objects.filter(pk=offer.pk).update(on_sale=False)
    with pytest.raises(Refused, match="not on sale any more"):
        quote(line.pk, offer_id=offer.pk, now=shop.now)


def test_an_arranged_price_needs_a_reason_and_is_what_is_charged(shop: Shop) -> None:
    line = shop.line()
    with pytest.raises(Refused, match="Say why"):
        shop.order(line, arranged_minor=1000)
    assert not Order.objects.exists()
    order = shop.order(line, arranged_minor=1000, reason="Outage last week").order
    assert (order.price_minor, order.list_price_minor, Charge.objects.get().amount_minor) == (
        1000,
        3500,
        1000,
    )


def test_a_caller_without_a_name_is_refused(shop: Shop) -> None:
    line = shop.line()
    with pytest.raises(Refused, match="Say who asked"):
        shop.order(line, requested_by="  ")
    assert not Order.objects.exists()


def test_data_that_would_not_open_the_line_is_not_sold(shop: Shop) -> None:
    line = shop.line()
    suspend(service_id=line.pk, reason="overdue", actor="staff:thandi", now=shop.now)
    order = shop.order(line).order
    assert order.state == OrderState.REFUSED
    assert "on hold" in order.refused_because
    assert (buckets(line), Charge.objects.count()) == ([], 0)
    assert sale(line.pk, now=shop.now).hindrance == Hindrance.SUSPENDED
    end_service(service_id=line.pk, reason="moved", actor="staff:thandi", now=shop.now)
    assert sale(line.pk, now=shop.now).hindrance == Hindrance.ENDED


def test_an_uncapped_line_has_nothing_to_top_up(shop: Shop) -> None:
    line = shop.line(allowance_bytes=None)
    assert sale(line.pk, now=shop.now).hindrance == Hindrance.UNCAPPED


def test_a_size_that_carried_overshoot_would_swallow_is_not_sold(shop: Shop) -> None:
    line = shop.line(overshoot=OvershootPolicy.CARRY, at_cap=AtCap.BLOCK)
    shop.use(GB + 600 * MB)
    assert shop.order(line, "A").order.state == OrderState.REFUSED
    order = shop.order(line, "B").order
    assert order.state == OrderState.GRANTED
    assert standing(line.pk, now=shop.now).remaining == 400 * MB


def test_a_lines_ceiling_holds_for_all_its_orders_of_a_cycle(shop: Shop) -> None:
    line = shop.line()
    set_ceiling(service_id=line.pk, ceiling_minor=6000, ceiling_bytes=None, actor="staff:m", now=shop.now)
    assert shop.order(line, "C").order.state == OrderState.GRANTED
    refused = shop.order(line, "C").order
    assert refused.state == OrderState.REFUSED
    assert "25.00" in refused.refused_because
    assert shop.order(line, "B").order.state == OrderState.GRANTED
    beyond = shop.order(line, "C", beyond_ceiling=True, reason="The owner called").order
    assert beyond.state == OrderState.GRANTED
    shop.wait(days=30)
    assert shop.order(line, "C").order.state == OrderState.GRANTED, "a new cycle has its own"


def test_a_ceiling_in_data_holds_as_well(shop: Shop) -> None:
    line = shop.line()
    set_ceiling(service_id=line.pk, ceiling_minor=None, ceiling_bytes=3 * GB, actor="staff:m", now=shop.now)
    assert shop.order(line, "C").order.state == OrderState.GRANTED
    assert shop.order(line, "C").order.state == OrderState.REFUSED
    assert shop.order(line, "B").order.state == OrderState.GRANTED


def test_an_account_that_pays_first_waits_for_its_payment(shop: Shop) -> None:
    from capstan.topups.actions.waiting import mark_paid

    line = shop.line()
    shop.demand(paid_first=True)
    shop.listed(line)
    order = shop.order(line).order
    assert (order.state, buckets(line)) == (OrderState.AWAITING_PAYMENT, [])
    with pytest.raises(Refused, match="how it was paid"):
        mark_paid(order_id=order.pk, reference=" ", actor="staff:thandi", now=shop.now)
    paid = mark_paid(order_id=order.pk, reference="cash 118", actor="staff:thandi", now=shop.now)
    assert (paid.state, len(buckets(line)), Charge.objects.count()) == (OrderState.GRANTED, 1, 1)
    assert (paid.paid_with, Charge.objects.get().paid_with) == ("cash 118", "cash 118")
    assert "It is paid." in shop.texts()[-1]
    with pytest.raises(Refused, match="doesn't wait for payment"):
        mark_paid(order_id=order.pk, reference="cash 118", actor="staff:thandi", now=shop.now)
    free = shop.order(line, arranged_minor=0, reason="Goodwill").order
    assert free.state == OrderState.GRANTED, "what is free needs no payment"


def test_what_waits_keeps_waiting_for_what_it_waited_for_when_the_account_asks_for_more(shop: Shop) -> None:
    from capstan.topups.actions.authorise import answer_for
    from capstan.topups.actions.waiting import mark_paid

    line = shop.line()

    shop.demand(paid_first=True)
    order = shop.order(line).order
    shop.demand(authorised=True, paid_first=True)
    paid = mark_paid(order_id=order.pk, reference="cash 1", actor="staff:thandi", now=shop.now)
    assert paid.state == OrderState.GRANTED
    shop.demand(authorised=True)
    other = shop.order(line, channel=Channel.SMS, reply_to="+27600000001").order
    shop.demand(authorised=True, paid_first=True)
    allowed = answer_for(other.pk, approve=True, who="Ann", why="rang", actor="staff:thandi", now=shop.now)
    assert allowed.state == OrderState.AWAITING_PAYMENT
    assert "as soon as R35 is paid" in shop.texts()[-1]
    paid = mark_paid(order_id=other.pk, reference="cash 2", actor="staff:thandi", now=shop.now)
    assert paid.state == OrderState.GRANTED


def test_what_was_ordered_before_the_cycle_turned_counts_where_it_is_added(shop: Shop) -> None:
    from capstan.topups.actions.waiting import mark_paid

    line = shop.line()
    shop.demand(paid_first=True)
    order = shop.order(line).order
    before, turn = Cap.objects.get(pk=line.pk).cycle_start, shop.now + timedelta(hours=12)
    assert spent(line.pk, before).minor == 3500
    assert spent(line.pk, turn).minor == 3500, "what waits counts in each cycle"
    shop.wait(days=1)
    mark_paid(order_id=order.pk, reference="cash 1", actor="staff:thandi", now=shop.now)
    assert spent(line.pk, turn).minor == 3500, "added after the turn, though ordered before it"
    assert spent(line.pk, shop.now + timedelta(hours=1)).minor == 0
    Order.objects.filter(pk=order.pk).update(state=OrderState.REFUSED)
    assert spent(line.pk, before).minor == 0


def test_a_size_that_is_too_little_to_open_a_line_is_not_sold(shop: Shop) -> None:
    line = shop.line()
    tiny = quote(line.pk, size_bytes=500_000, now=shop.now)
    order = shop.order(line, quote=tiny).order
    assert order.state == OrderState.REFUSED
    assert "would not open the line" in order.refused_because


def test_what_waits_too_long_expires_and_says_so(shop: Shop) -> None:
    from capstan.topups.actions.waiting import cancel, expire_waiting

    line = shop.line()
    shop.demand(paid_first=True)
    order, other = shop.order(line).order, shop.order(line).order
    cancelled = cancel(order_id=other.pk, reason="Ordered twice", actor="staff:thandi", now=shop.now)
    assert cancelled.state == OrderState.REFUSED
    assert expire_waiting(now=shop.now, limit=10) == 0
    shop.wait(hours=48)
    assert expire_waiting(now=shop.now, limit=10) == 1
    order.refresh_from_db()
    assert (order.state, buckets(line)) == (OrderState.EXPIRED, [])


def test_what_was_open_before_stays_open_and_nobody_logged_in_gets_it_at_the_next_login(shop: Shop) -> None:
    line = shop.line()
    assert shop.order(line).order.restore == Restore.ALREADY_OPEN
    capped = shop.line("nomsa@example.net")
    shop.use(GB, user="nomsa@example.net")
    assert shop.order(capped).order.restore == Restore.PENDING
