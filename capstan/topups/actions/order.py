"""Placing an order: the one way by which data is sold, whatever the channel."""

from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from capstan.caps.actions import cap
from capstan.services.models import Service
from capstan.topups.actions.decide import decide
from capstan.topups.actions.events import move_to, note
from capstan.topups.models import Authoriser, Order
from capstan.topups.queries.sale import Quote
from capstan.topups.rules.describe import CHANNEL_WORDS
from capstan.topups.rules.words import Channel, OrderState
from capstan.values.refused import Refused


class Wanted(NamedTuple):
    """An order as a channel takes it. `quote` is the price that was told; it holds, whatever the catalogue says since."""

    quote: Quote
    channel: Channel
    idempotency_key: str
    requested_by: str
    actor: str
    actor_name: str
    verified_how: str = ""
    reason: str = ""
    arranged_minor: int | None = None  # a price that differs from the catalogue's
    authoriser_id: int | None = None  # who authorised it, as told to an agent
    beyond_ceiling: bool = False  # somebody who may has decided so, and `reason` says why
    order_limit_minor: int | None = None  # of the number that ordered
    reply_to: str = ""  # that number, E.164


class Placed(NamedTuple):
    """The order, and whether it is new: a key that was used before gives the first one again."""

    order: Order
    is_new: bool


@transaction.atomic
def place(wanted: Wanted, *, now: datetime) -> Placed:
    """Take an order and, if nothing stands in its way, add its data and charge for it, all in this transaction.

    What can't be done ends in the state `refused` with the reason; what must be authorised or paid first waits. Raises
    Refused for an order that can't be taken down at all.
    """
    _check(wanted)
    known = Order.objects.filter(idempotency_key=wanted.idempotency_key).first()
    if known is not None:
        return Placed(known, False)
    try:
        with transaction.atomic():
            order = _take_down(wanted, now)
    except IntegrityError:  # the same key at the same moment: the other one has committed by now
        return Placed(Order.objects.get(idempotency_key=wanted.idempotency_key), False)
    note(order, wanted.actor, f"ordered {CHANNEL_WORDS[wanted.channel]}", now)
    cap.lock(order.service_id, now=now)
    limit = wanted.order_limit_minor
    if limit is not None and order.price_minor > limit:
        may = f"Your number may order top-ups up to {settings.FORMATS.money(limit)}."
        order.refused_because = f"{may} Please choose a smaller one or call us."
        move_to(order, OrderState.REFUSED, wanted.actor, order.refused_because, now)
    else:
        decide(order, wanted.actor, now=now)
    return Placed(order, True)


def _check(wanted: Wanted) -> None:
    if not wanted.requested_by.strip():
        raise Refused("Say who asked for it: the name stays with the top-up and is on the invoice.")
    if not wanted.idempotency_key:
        raise ValueError("an order needs a key of its own")
    if wanted.arranged_minor is not None and wanted.arranged_minor < 0:
        raise Refused("A price can't be less than nothing.")
    is_arranged = wanted.arranged_minor not in (None, wanted.quote.price_minor)
    if (is_arranged or wanted.beyond_ceiling) and not wanted.reason.strip():
        raise Refused(
            "Say why the price or the ceiling is not the usual one: the reason stays with the top-up."
        )


def _take_down(wanted: Wanted, now: datetime) -> Order:
    quote = wanted.quote
    price = quote.price_minor if wanted.arranged_minor is None else wanted.arranged_minor
    return Order.objects.create(
        service_id=quote.service_id, channel=wanted.channel, idempotency_key=wanted.idempotency_key,
        offer_id=quote.offer_id, size_bytes=quote.size_bytes, price_minor=price, list_price_minor=quote.price_minor,
        valid_days=quote.valid_days, never_expires=quote.never_expires, requested_by=wanted.requested_by.strip(),
        verified_how=wanted.verified_how.strip(), reason=wanted.reason.strip(), actor=wanted.actor,
        actor_name=wanted.actor_name, reply_to=wanted.reply_to, beyond_ceiling=wanted.beyond_ceiling,
        authorised_by=_authorised_by(wanted, price), created_at=now,
    )  # fmt: skip


def _authorised_by(wanted: Wanted, price_minor: int) -> str:
    """The named authoriser, in words. Raises Refused if he isn't one of this customer's, or not for this amount."""
    if wanted.authoriser_id is None:
        return ""
    customer_id = Service.objects.values_list("customer_id", flat=True).get(pk=wanted.quote.service_id)
    found = Authoriser.objects.filter(
        pk=wanted.authoriser_id, customer_id=customer_id, removed_at=None
    ).first()
    if found is None:
        raise Refused("This person may not authorise top-ups of this customer.")
    if found.limit_minor is not None and price_minor > found.limit_minor:
        limit = settings.FORMATS.money(found.limit_minor)
        raise Refused(f"{found.name} may authorise up to {limit}: ask somebody else, or let the order wait.")
    return f"{found.name} ({found.role})"
