"""Orders of one line at the same moment: one bucket and one charge each, whoever is first (I4)."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from capstan.billing.models import Charge
from capstan.caps.models import Bucket, ThresholdCrossing
from capstan.db.connection import connect
from capstan.identity.actions import links
from capstan.messaging.actions.inbound import store
from capstan.messaging.models import Gateway, Inbound, Message
from capstan.messaging.rules.words import InboundState
from capstan.services.models import Service
from capstan.topups.actions.agreements import add_authoriser, set_ceiling
from capstan.topups.actions.answers.answer import answer_inbound
from capstan.topups.actions.authorise import answer_request
from capstan.topups.actions.notices import tell_crossings
from capstan.topups.actions.order import Wanted, place
from capstan.topups.actions.take_back import reverse
from capstan.topups.actions.website import TICKET, order_online
from capstan.topups.models import AuthorisationRequest, Invitation, ListEntry, Menu, Notice, Order
from capstan.topups.rules.words import Channel, OrderState
from capstan.values.refused import Refused
from tests.concurrency.test_buckets import together
from tests.topups.shop import GB, NUMBER, Shop

pytestmark = pytest.mark.django_db(transaction=True)
OTHER = "+27600000002"
ROUNDS = 8


@pytest.fixture
def shop() -> Iterator[Shop]:
    with connect() as conn:
        yield Shop(conn)


def came_in(shop: Shop, text: str, sender: str) -> Inbound:
    return store(
        Gateway.objects.get(), sender=sender, recipient="", text=text, sent_at=None, carrier_id=f"{sender}-{text}",
        parent_carrier_id="", now=shop.now,
    )  # fmt: skip


def answer(shop: Shop) -> None:
    """As a worker does: until nothing is left."""
    while answer_inbound(now=shop.now, limit=1):
        pass


def order(shop: Shop, line: Service, **more: Any) -> None:
    shop.order(line, "B", **more)


def one_each() -> None:
    """As many buckets and charges as orders were added, each its own."""
    added = set(Order.objects.exclude(bucket=None).values_list("pk", flat=True))
    sources = list(Bucket.objects.filter(kind="topup").values_list("source", flat=True))
    charges = list(Charge.objects.filter(returns=None).values_list("reference", flat=True))
    assert sorted(sources) == sorted(charges) == sorted(f"order:{pk}" for pk in added)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_two_people_reply_in_the_same_millisecond(shop: Shop, turn: int) -> None:
    line = shop.line()
    shop.listed(line)
    shop.listed(line, OTHER, name="Piet")
    shop.use(GB)
    tell_crossings(now=shop.now, limit=10)
    came_in(shop, "C", NUMBER)
    came_in(shop, "D", OTHER)
    together(lambda: answer(shop), lambda: answer(shop))
    assert Order.objects.count() == 1
    assert Invitation.objects.get().order_id == Order.objects.get().pk
    assert set(Inbound.objects.values_list("state", flat=True)) == {InboundState.ANSWERED}
    assert Message.objects.filter(template="topup.taken").count() == 1
    one_each()


def test_a_reply_while_the_agent_adds_one_too(shop: Shop) -> None:
    """Both are wanted: the customer replied and somebody called. Each is added and charged once."""
    line = shop.line()
    shop.listed(line)
    shop.use(GB)
    tell_crossings(now=shop.now, limit=10)
    came_in(shop, "C", NUMBER)
    together(lambda: answer(shop), lambda: order(shop, line))
    assert sorted(Order.objects.values_list("channel", "state")) == [("agent", "granted"), ("sms", "granted")]
    one_each()


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_a_form_that_is_sent_several_times_at_once(shop: Shop, turn: int) -> None:
    line = shop.line()
    together(*[lambda: order(shop, line, idempotency_key="form")] * 4)
    assert Order.objects.count() == 1
    one_each()


def test_a_ceiling_holds_against_orders_at_the_same_moment(shop: Shop) -> None:
    line = shop.line()
    set_ceiling(service_id=line.pk, ceiling_minor=7000, ceiling_bytes=None, actor="staff:m", now=shop.now)
    keys = count()
    quote = shop.quote(line, "C")

    def once() -> None:
        wanted: dict[str, Any] = {"requested_by": "Jan", "actor": "staff:t", "actor_name": "T"}
        place(Wanted(quote, Channel.AGENT, f"at once {next(keys)}", **wanted), now=shop.now)

    together(*[once] * 5)
    states = sorted(Order.objects.values_list("state", flat=True))
    assert states == ["granted"] * 2 + ["refused"] * 3
    one_each()


def test_two_authorisers_answer_at_once(shop: Shop) -> None:
    line = shop.line()
    shop.demand(authorised=True)
    for phone in (NUMBER, OTHER):
        add_authoriser(
            customer_id=line.customer_id, name=phone, role="owner", phone=phone, limit_minor=None, actor="staff:m",
            now=shop.now,
        )  # fmt: skip
    shop.order(line)
    refused = []

    def say(request_id: int, approve: bool) -> None:
        try:
            answer_request(request_id, approve=approve, actor="sms", now=shop.now)
        except Refused as late:
            refused.append(str(late))

    first, second = AuthorisationRequest.objects.values_list("pk", flat=True)
    together(lambda: say(first, True), lambda: say(second, False))
    assert len(refused) == 1
    assert Order.objects.get().state in (OrderState.GRANTED, OrderState.REFUSED)
    one_each()


def test_a_top_up_is_taken_back_once(shop: Shop) -> None:
    line = shop.line()
    order = shop.order(line).order
    outcomes: list[str] = []

    def take() -> None:
        try:
            reverse(order_id=order.pk, in_full=False, reason="mistake", actor="staff:t", now=shop.now)
            outcomes.append("done")
        except Refused:
            outcomes.append("refused")

    together(take, take, take)
    assert sorted(outcomes) == ["done", "refused", "refused"]
    assert sum(Charge.objects.values_list("amount_minor", flat=True)) == 0


def tell(shop: Shop) -> None:
    """As a worker does: until nothing is left. What another is at it passes over, and comes back to."""
    while Notice.objects.count() < ThresholdCrossing.objects.count():
        tell_crossings(now=shop.now, limit=10)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_no_letter_means_two_lines_on_one_number(shop: Shop, turn: int) -> None:
    """Both lines have both numbers on their lists, in another order: nobody waits for another crosswise."""
    names = ("thandi@example.net", "nomsa@example.net")
    for name, numbers in zip(names, ((NUMBER, OTHER), (OTHER, NUMBER)), strict=True):
        line = shop.line(name)
        for number in numbers:
            shop.listed(line, number)
        shop.use(GB, user=name)
    together(lambda: tell(shop), lambda: tell(shop))
    for number in (NUMBER, OTHER):
        menus = Menu.objects.filter(address=number)
        letters = [line["letter"] for menu in menus for line in menu.lines]
        assert menus.count() == 2
        assert len(letters) == len(set(letters)), letters
    assert Message.objects.filter(template="cap.threshold").count() == 4


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_data_that_is_added_while_the_notice_is_written(shop: Shop, turn: int) -> None:
    """Whoever is first: nobody is told of a share that isn't true any more."""
    line = shop.line()
    shop.listed(line)
    shop.use(GB)
    together(lambda: order(shop, line), lambda: tell(shop))
    assert set(Message.objects.filter(template="cap.threshold").values_list("state", flat=True)) <= {
        "superseded"
    }
    assert Notice.objects.count() == 4


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_a_number_that_two_put_on_the_list_at_once_is_on_it_once(shop: Shop, turn: int) -> None:
    line, outcomes = shop.line(), []

    def add() -> None:
        try:
            shop.listed(line)
            outcomes.append("listed")
        except Refused:
            outcomes.append("refused")

    together(add, add, add)
    assert sorted(outcomes) == ["listed", "refused", "refused"]
    assert ListEntry.objects.count() == Message.objects.filter(template="list.added").count() == 1


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_the_last_button_of_the_website_pressed_twice_orders_once_and_shows_the_same(
    shop: Shop, turn: int
) -> None:
    line = shop.line()
    token = links.make(TICKET, str(line.pk), expires_at=shop.now + timedelta(minutes=5), now=shop.now)
    quote, orders = shop.quote(line, "C"), []

    def press() -> None:
        placed = order_online(
            token=token, offer_id=quote.offer_id or 0, price_minor=quote.price_minor, now=shop.now
        )
        orders.append(placed.order.pk)

    together(press, press, press)
    assert len(orders) == 3
    assert set(orders) == {Order.objects.get().pk}
    one_each()
