"""How orders look in lists and on their pages."""

from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.utils.safestring import SafeString

from capstan.caps.rules.words import NO_EXPIRY
from capstan.console import links
from capstan.console.people import names_of
from capstan.topups.models import Order
from capstan.topups.rules.describe import CHANNEL_WORDS, STATE_WORDS
from capstan.topups.rules.words import Channel, OrderState
from capstan.ui.parts import badge, moment
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Place, Row
from capstan.ui.templatetags.capstan import breakable

_LOOKS = {
    OrderState.REQUESTED: (Tone.QUIET, "circle-dashed"),
    OrderState.AWAITING_AUTHORISATION: (Tone.SLOW, "user-question"),
    OrderState.AWAITING_PAYMENT: (Tone.SLOW, "coin"),
    OrderState.GRANTED: (Tone.NEWS, "plus"),
    OrderState.CONFIRMED: (Tone.GOOD, "check"),
    OrderState.PROVED: (Tone.GOOD, "circle-check"),
    OrderState.REFUSED: (Tone.BAD, "ban"),
    OrderState.REVERSED: (Tone.QUIET, "arrow-left"),
    OrderState.EXPIRED: (Tone.QUIET, "hourglass"),
}


def order_badge(order: Order) -> SafeString:
    """The order's state in word, colour and shape."""
    state = OrderState(order.state)
    return badge(STATE_WORDS[state], *_LOOKS[state])


COLUMNS = (
    Column("Top-up", Place.LEAD),
    Column("Line", Place.NOTE),
    Column("Ordered"),
    Column("By"),
    Column("Price", Place.AMOUNT, is_number=True),
    Column("State", Place.STATE),
)


def order_row(order: Order) -> Row:
    """The order in a list with `COLUMNS`; its service must have been read with it."""
    formats = settings.FORMATS
    how = CHANNEL_WORDS[Channel(order.channel)]
    is_by_line = order.requested_by == order.service.username  # as on the website, where nobody gives a name
    who = how.capitalize() if is_by_line else f"{order.requested_by}, {how}"
    cells = (
        formats.size(order.size_bytes), breakable(order.service.username), moment(order.created_at), who,
        formats.money(order.price_minor), order_badge(order),
    )  # fmt: skip
    return Row(cells, links.order(order.pk))


def order_facts(order: Order, unused_bytes: int | None) -> list[tuple[str, object]]:
    """What was ordered, by whom, and what came of it; `unused_bytes` is what is left of it, if it was added."""
    formats = settings.FORMATS
    price = formats.money(order.price_minor)
    if order.price_minor != order.list_price_minor:
        price += f" arranged; the catalogue's is {formats.money(order.list_price_minor)}"
    facts: list[tuple[str, object]] = [
        ("State", order_badge(order)),
        ("Size", formats.size(order.size_bytes)),
        ("Price incl. VAT", price),
        ("Asked for by", order.requested_by),
        ("Ordered", f"{CHANNEL_WORDS[Channel(order.channel)]}, {formats.moment(order.created_at)}"),
        ("Entered by", order.actor_name),
        ("Caller verified by", order.verified_how),
        ("Authorised by", order.authorised_by),
        ("Reason", order.reason),
        ("Ceiling", "gone beyond, for this reason" if order.beyond_ceiling else ""),
        ("Valid", _valid(order)),
        (
            "Unused",
            ""
            if unused_bytes is None
            else f"{formats.size(unused_bytes)} of {formats.size(order.size_bytes)}",
        ),
        ("Charged", _charged(order)),
        ("Taken back", _taken_back(order)),
    ]
    return [(term, fact) for term, fact in facts if fact]


def _valid(order: Order) -> str:
    if order.bucket is not None:
        ends: datetime = order.bucket.expires_at
        return "until it is used up" if ends == NO_EXPIRY else f"until {settings.FORMATS.moment(ends)}"
    if order.never_expires:
        return "until it is used up"
    return (
        f"for {order.valid_days} days from when it is added"
        if order.valid_days
        else "to the end of the cycle"
    )


def _charged(order: Order) -> str:
    if order.charge is None:
        return ""
    when = f"paid with {order.charge.paid_with}" if order.charge.paid_with else "on the next invoice"
    return f"{settings.FORMATS.money(order.charge.amount_minor)} {when}: {order.charge.description}"


def _taken_back(order: Order) -> str:
    if order.reversed_at is None:
        return ""
    formats = settings.FORMATS
    back = f"{formats.size(order.reversed_bytes)} and {formats.money(order.reversed_minor)}"
    return f"{back}, {formats.moment(order.reversed_at)}"


class StoryLine(NamedTuple):
    """A step of an order's story."""

    at: datetime
    state: str
    detail: str
    who: str


def story_of(order: Order) -> list[StoryLine]:
    """Everything that happened to the order, in order."""
    events = list(order.events.order_by("at", "pk"))
    names = names_of(event.actor for event in events)
    return [
        StoryLine(one.at, STATE_WORDS[OrderState(one.state)], one.detail, names[one.actor]) for one in events
    ]
