"""Automatic top-ups (S4): agreed to, once for each crossing, so many a cycle, within ceilings, and told why not."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum

from capstan.billing.models import Charge
from capstan.catalog.models import TopUpOffer
from capstan.messaging.models import Message
from capstan.messaging.rules.words import MessageState
from capstan.services.models import Service
from capstan.topups.actions.auto import Wish, act_due, agree, switch
from capstan.topups.actions.notices import tell_crossings
from capstan.topups.models import AutoDeed, AutoTopUp, Order
from capstan.topups.rules.words import AutoOutcome, Channel, OrderState
from capstan.values.refused import Refused
from tests.topups.shop import GB, MB, Shop


def wish(line: Service, **more: Any) -> Wish:
    offer = TopUpOffer.objects.get(letter=more.pop("letter", "B"))
    return Wish(
        line.pk, offer.pk, more.pop("from_percent", 100), more.pop("at_most", 2), more.pop("ceiling_minor", None),
        more.pop("ceiling_bytes", None), more.pop("agreed_by", "Jan Smith"), Channel.AGENT,
    )  # fmt: skip


def agreed(shop: Shop, **more: Any) -> Service:
    line = shop.line()
    shop.listed(line)
    agree(wish(line, **more), actor="staff:thandi", now=shop.now)
    return line


def use(shop: Shop, total_bytes: int) -> None:
    """The session has moved so many bytes in all; then the worker looks, as it does each second."""
    shop.wait(minutes=10)
    shop.use(
        total_bytes,
        seconds=int((shop.now - shop.session().started_at).total_seconds())
        if Order.objects.exists()
        else 3600,
    )
    act_due(now=shop.now, limit=10)


def outcomes() -> list[str]:
    return list(AutoDeed.objects.order_by("crossing__pk").values_list("outcome", flat=True))


def test_at_the_cap_the_data_is_added_charged_and_told_before_anybody_is_told_to_order(shop: Shop) -> None:
    agreed(shop)
    shop.use(GB)
    act_due(now=shop.now, limit=10)
    tell_crossings(now=shop.now, limit=10)
    order = Order.objects.get()
    assert (order.channel, order.state, order.requested_by) == (Channel.AUTO, OrderState.GRANTED, "Jan Smith")
    assert Charge.objects.get().amount_minor == 2000
    assert "ordered automatically for Jan Smith" in Charge.objects.get().description
    assert [text for text in shop.texts() if "1GB added for R20" in text]
    assert not [text for text in shop.texts() if "order top-up reply" in text]
    assert outcomes()[-1] == AutoOutcome.ORDERED


def test_nobody_is_told_to_order_what_is_about_to_come_by_itself_unless_nothing_comes(shop: Shop) -> None:
    agreed(shop)
    shop.use(GB)
    assert tell_crossings(now=shop.now, limit=10) == 0
    later = shop.now + timedelta(seconds=11)
    assert tell_crossings(now=later, limit=10) > 0, "no worker acts: he hears of it all the same"


def test_one_crossing_is_answered_once_however_often_the_worker_looks(shop: Shop) -> None:
    agreed(shop)
    shop.use(GB)
    for _ in range(3):
        act_due(now=shop.now, limit=10)
    assert Order.objects.count() == 1


def test_of_several_crossings_at_once_the_highest_decides(shop: Shop) -> None:
    agreed(shop)
    shop.use(GB)
    act_due(now=shop.now, limit=10)
    assert outcomes() == [AutoOutcome.OVERTAKEN] * (len(outcomes()) - 1) + [AutoOutcome.ORDERED]


def test_below_the_agreed_share_nothing_is_added_but_it_is_said_what_will_be(shop: Shop) -> None:
    agreed(shop)
    shop.use(910 * MB)
    act_due(now=shop.now, limit=10)
    assert not Order.objects.exists()
    assert outcomes()[-1] == AutoOutcome.NOT_YET
    assert "At 100% we add 1GB for R20 incl VAT, as agreed" in shop.texts()[-1]


def test_it_acts_at_the_share_that_was_agreed(shop: Shop) -> None:
    agreed(shop, from_percent=80)
    shop.use(850 * MB)
    act_due(now=shop.now, limit=10)
    assert Order.objects.get().state == OrderState.GRANTED


def test_as_often_as_agreed_and_then_it_is_told_why_not(shop: Shop) -> None:
    agreed(shop, at_most=1)
    use(shop, GB)
    use(shop, 2 * GB)
    assert Order.objects.count() == 1
    assert outcomes()[-1] == AutoOutcome.ENOUGH
    assert "agreed once a cycle, and that is done" in shop.texts()[-1]


@pytest.mark.parametrize(
    ("ceiling", "says"),
    [({"ceiling_minor": 3900}, "may spend R"), ({"ceiling_bytes": 1_900 * MB}, "may add 1.9")],
)
def test_ceilings_in_money_and_data_hold(shop: Shop, ceiling: dict[str, int], says: str) -> None:
    agreed(shop, at_most=5, **ceiling)
    use(shop, GB)
    use(shop, 2 * GB)
    assert Order.objects.aggregate(total=Sum("price_minor"))["total"] == 2000
    assert says in AutoDeed.objects.latest("crossing__pk").why


def test_the_lines_own_ceiling_refuses_and_the_customer_is_told(shop: Shop) -> None:
    from capstan.topups.actions.agreements import set_ceiling

    line = agreed(shop)
    set_ceiling(service_id=line.pk, ceiling_minor=1000, ceiling_bytes=None, actor="staff:maria", now=shop.now)
    shop.use(GB)
    act_due(now=shop.now, limit=10)
    assert Order.objects.get().state == OrderState.REFUSED
    assert outcomes()[-1] == AutoOutcome.REFUSED
    assert "No data was added by itself" in shop.texts()[-1]


def test_who_pays_first_is_asked_to_pay(shop: Shop) -> None:
    agreed(shop)
    shop.demand(paid_first=True)
    shop.use(GB)
    act_due(now=shop.now, limit=10)
    assert Order.objects.get().state == OrderState.AWAITING_PAYMENT
    assert "is added as soon as R20 is paid" in shop.texts()[-1]


def test_who_has_helped_himself_meanwhile_gets_none(shop: Shop) -> None:
    line = agreed(shop)
    shop.use(GB)
    shop.order(line)
    act_due(now=shop.now, limit=10)
    assert Order.objects.filter(channel=Channel.AUTO).count() == 0
    assert outcomes()[-1] == AutoOutcome.OVERTAKEN


def test_switched_off_it_does_nothing_and_on_again_it_does(shop: Shop) -> None:
    line = agreed(shop)
    assert switch(service_id=line.pk, on=False, reason="asked", actor="staff:thandi", now=shop.now)
    shop.use(GB)
    act_due(now=shop.now, limit=10)
    assert not Order.objects.exists()
    assert switch(service_id=line.pk, on=True, reason="asked", actor="staff:thandi", now=shop.now)
    act_due(now=shop.now, limit=10)
    assert Order.objects.count() == 1
    assert not switch(service_id=line.pk, on=True, reason="again", actor="staff:thandi", now=shop.now)


def test_a_crossing_that_is_hours_old_is_not_acted_upon(shop: Shop) -> None:
    agreed(shop)
    shop.use(GB)
    shop.wait(hours=7)
    assert act_due(now=shop.now, limit=10) == 0


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"agreed_by": " "}, "who agreed"),
        ({"from_percent": 0}, "1 to 100 %"),
        ({"at_most": 0}, "1 to 50 times"),
        ({"ceiling_minor": 0}, "more than nothing"),
    ],
)
def test_terms_that_make_no_sense_are_refused(shop: Shop, more: dict[str, Any], says: str) -> None:
    line = shop.line()
    with pytest.raises(Refused, match=says):
        agree(wish(line, **more), actor="staff:thandi", now=shop.now)
    assert not AutoTopUp.objects.exists()


def test_the_consent_is_kept(shop: Shop) -> None:
    from capstan.audit.models import AuditEntry

    line = agreed(shop)
    auto = AutoTopUp.objects.get(pk=line.pk)
    assert (auto.agreed_by, auto.agreed_channel, auto.agreed_at) == ("Jan Smith", Channel.AGENT, shop.now)
    entry = AuditEntry.objects.get(action="topups.auto_on")
    assert entry.details["agreed_by"] == "Jan Smith"
    assert shop.now - auto.agreed_at < timedelta(seconds=1)
    assert not Message.objects.exclude(state=MessageState.QUEUED).exists()


def test_a_days_limit_is_not_opened_by_data_and_buys_none(shop: Shop) -> None:
    line = shop.line(allowance_bytes=10 * GB, day_limit_bytes=GB)
    agree(wish(line), actor="staff:thandi", now=shop.now)
    shop.use(GB)
    act_due(now=shop.now, limit=10)
    assert not Order.objects.exists()
