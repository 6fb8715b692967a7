"""What a line can be sold at this moment: the one place where a top-up gets its price."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import F, Q, Sum

from capstan.caps.models import Cap
from capstan.caps.queries import Standing, standing
from capstan.caps.rules.words import NO_EXPIRY
from capstan.catalog.queries import Offer, offers_on_sale, price_per_gb
from capstan.catalog.rules import OvershootPolicy
from capstan.network.queries.state import states
from capstan.network.rules.line_state import LineState
from capstan.services.models import Service
from capstan.services.rules import ServiceStatus
from capstan.topups.models import Order
from capstan.topups.queries.rules_of import ceiling_of
from capstan.topups.rules.sale import Ceiling, Hindrance, LineFacts, Spent, hindrance, price_of
from capstan.topups.rules.words import ADDED, WAITING, OrderState
from capstan.values.refused import Refused


class Quote(NamedTuple):
    """A top-up with its price, VAT included, and until when it would be valid if it were added now."""

    service_id: int
    offer_id: int | None
    letter: str
    size_bytes: int
    price_minor: int
    valid_days: int | None
    never_expires: bool
    expires_at: datetime


class Sale(NamedTuple):
    """What is on offer for a line, the smallest size first; `hindrance` says why nothing would help."""

    service_id: int
    hindrance: Hindrance | None
    quotes: tuple[Quote, ...]
    per_gb_minor: int | None
    left_bytes: int
    is_out_of_data: bool  # at the cap: throttled, walled or blocked
    state: LineState
    cycle_end: datetime | None
    waits: bool = False  # its data isn't used up but waits for payment


class KnownLine(NamedTuple):
    """What the caller has read of the line already."""

    standing: Standing | None
    state: LineState


def sale(service_id: int, *, now: datetime, known: KnownLine | None = None) -> Sale:
    """Everything that the line could be sold now. Raises Service.DoesNotExist."""
    service = Service.objects.select_related("customer").get(pk=service_id)
    brand_id = service.customer.brand_id
    held, state = known or KnownLine(_standing(service_id, now), states([service_id], now=now)[service_id])
    quotes: tuple[Quote, ...] = ()
    if held is not None:
        offers = sorted(
            offers_on_sale(at=now, brand_id=brand_id), key=lambda one: (one.size_bytes, one.letter)
        )
        quotes = tuple(_of_offer(service_id, offer, held.cycle_end, now) for offer in offers)
    return Sale(
        service_id,
        hindrance(_facts(service, held, state)),
        quotes,
        price_per_gb(brand_id, at=now),
        0 if held is None else held.remaining,
        held is not None and held.state != "open",
        state,
        None if held is None else held.cycle_end,
        held is not None and held.waits,
    )


def hindrance_of(service_id: int, size_bytes: int | None, *, now: datetime) -> Hindrance | None:
    """What stands in the way of selling the line this size, or any."""
    service = Service.objects.get(pk=service_id)
    state = states([service_id], now=now)[service_id]
    return hindrance(_facts(service, _standing(service_id, now), state), size_bytes)


def quote(
    service_id: int, *, offer_id: int | None = None, size_bytes: int | None = None, now: datetime
) -> Quote:
    """The price of an offer, or of a size of one's own. Raises Refused for what isn't sold."""
    service = Service.objects.select_related("customer").get(pk=service_id)
    offers = offers_on_sale(at=now, brand_id=service.customer.brand_id)
    cycle_end = Cap.objects.values_list("cycle_end", flat=True).get(pk=service_id)
    if offer_id is not None:
        offer = next((one for one in offers if one.id == offer_id), None)
        if offer is None:
            raise Refused("This top-up is not on sale any more: please choose another one.")
        return _of_offer(service_id, offer, cycle_end, now)
    if size_bytes is None or size_bytes <= 0:
        raise Refused("Choose a top-up or say how much data it shall be.")
    price = price_of(
        size_bytes,
        per_gb_minor=price_per_gb(service.customer.brand_id, at=now),
        units=settings.FORMATS.units,
        offers=[(one.size_bytes, one.price_minor) for one in offers],
    )
    if price is None:
        raise Refused("This size isn't sold: please choose one of the top-ups on the list.")
    return Quote(service_id, None, "", size_bytes, price, None, False, cycle_end)


def unpriced(service_id: int, size_bytes: int, *, now: datetime) -> Quote:
    """A size that the catalogue has no price for, for staff who arrange one: its list price is nothing."""
    cycle_end = Cap.objects.values_list("cycle_end", flat=True).get(pk=service_id)
    return Quote(service_id, None, "", size_bytes, 0, None, False, cycle_end)


def expiry(valid_days: int | None, never_expires: bool, cycle_end: datetime, now: datetime) -> datetime:
    """Until when a top-up added now would be valid."""
    if never_expires:
        return NO_EXPIRY
    return cycle_end if valid_days is None else now + timedelta(days=valid_days)


def spent(service_id: int, cycle_start: datetime, *, but: int | None = None) -> Spent:
    """What was added to the line since the cycle began, and what waits to be; what was taken back is left out.

    `but` is an order that isn't counted.
    """
    waiting = Q(state__in=WAITING)
    added = Q(state__in=[*ADDED, OrderState.REVERSED], granted_at__gte=cycle_start)
    orders = Order.objects.filter(waiting | added, service_id=service_id).exclude(pk=but or 0)
    sums = orders.aggregate(
        minor=Sum(F("price_minor") - F("reversed_minor")), size=Sum(F("size_bytes") - F("reversed_bytes"))
    )
    return Spent(sums["minor"] or 0, sums["size"] or 0)


class Room(NamedTuple):
    """A line's ceiling, and what of it is left in this cycle; None: no ceiling."""

    ceiling: Ceiling
    left_minor: int | None
    left_bytes: int | None


def room(service_id: int) -> Room:
    """What may still be ordered on the line in this cycle. A line that isn't metered yet has spent nothing."""
    ceiling = ceiling_of(service_id)
    start = Cap.objects.filter(pk=service_id).values_list("cycle_start", flat=True).first()
    used = Spent(0, 0) if start is None else spent(service_id, start)
    return Room(
        ceiling,
        None if ceiling.minor is None else max(0, ceiling.minor - used.minor),
        None if ceiling.size_bytes is None else max(0, ceiling.size_bytes - used.size_bytes),
    )


def _of_offer(service_id: int, offer: Offer, cycle_end: datetime, now: datetime) -> Quote:
    return Quote(
        service_id,
        offer.id,
        offer.letter,
        offer.size_bytes,
        offer.price_minor,
        offer.valid_days,
        offer.never_expires,
        expiry(offer.valid_days, offer.never_expires, cycle_end, now),
    )


def _standing(service_id: int, now: datetime) -> Standing | None:
    try:
        return standing(service_id, now=now)
    except Cap.DoesNotExist:
        return None


def _facts(service: Service, held: Standing | None, state: LineState) -> LineFacts:
    carries = held is not None and held.terms.overshoot == OvershootPolicy.CARRY
    return LineFacts(
        has_ended=service.status == ServiceStatus.ENDED,
        is_suspended=service.status == ServiceStatus.SUSPENDED,
        is_wrong_device=state == LineState.WRONG_DEVICE,
        is_uncapped=held is not None and held.is_uncapped,
        is_metered=held is not None,
        owed_bytes=held.overshoot if held is not None and carries else 0,
    )
