"""Topping up without a login: who knows a line's username and password, or gets a link to a confirmed contact, may (J4)."""

import hmac
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from capstan.identity.actions import links
from capstan.identity.actions.attempts import attempt
from capstan.identity.actions.guesses import note_failure, note_success
from capstan.identity.rules import place_of
from capstan.messaging.rules.words import Medium
from capstan.services.models import Service
from capstan.services.queries import by_username
from capstan.services.rules import LoginBy, ServiceStatus
from capstan.topups.actions.order import Placed, Wanted, place
from capstan.topups.actions.tell import line_name, tell, to_entry
from capstan.topups.models import ListEntry, Order
from capstan.topups.queries.sale import quote
from capstan.topups.rules.words import Channel, EntryState, OrderState
from capstan.values.phone import normalise_phone
from capstan.values.refused import Refused

TICKET = "website top-up"
"""Purpose of the links by which a line is topped up; their subject is the service's id."""

TICKET_LASTS = timedelta(minutes=15)
LINK_LASTS = timedelta(hours=1)

_WRONG = (
    "We can't find that connection. Check the type, the username and the password: "
    "they are those of the connection, as your router has them."
)
_LINES_PER_NUMBER = 3


def open_ticket(*, connection_type: str, username: str, password: str, address: str, now: datetime) -> str:
    """A ticket for the line whose login this is: a token for the address of the next page.

    Raises Refused in the same words for everything that is wrong, and for a place that has guessed too often.
    """
    if too_many := note_failure(username, address, now):
        raise Refused(f"Too many wrong tries. You can try again at {settings.FORMATS.time(too_many.until)}.")
    service = _known(connection_type, username, password)
    if service is None:
        raise Refused(_WRONG)
    note_success(username, address, now)
    return links.make(TICKET, str(service.pk), expires_at=now + TICKET_LASTS, now=now)


def _known(connection_type: str, username: str, password: str) -> Service | None:
    """The line with this login; its password is compared for a made-up one as well, in the same time."""
    try:
        service = by_username(username)
    except Refused:
        service = None
    held = service.line_password if service is not None else "no such line"
    is_right = hmac.compare_digest(held.encode(), password.encode())
    if service is None or not is_right or service.login_by != LoginBy.PASSWORD:
        return None
    is_type = service.connection_type.code == connection_type
    return service if is_type and service.status != ServiceStatus.ENDED else None


def order_online(*, token: str, offer_id: int, price_minor: int, now: datetime) -> Placed:
    """Order this offer at the price that was shown, with a ticket that is used up by it.

    The same ticket again gives the order that it was used for; one whose order was refused can be used for another.
    Raises Refused for a ticket that is too old, and when the price has changed since it was shown.
    """
    key = f"website:{token[:16]}"
    try:
        return _order_once(token, key, offer_id, price_minor, now)
    except (
        Refused
    ):  # perhaps since another answer to the same form, at the same moment, has used the ticket up
        known = Order.objects.filter(idempotency_key=key).first()
        if known is None:
            raise
        return Placed(known, False)


def _order_once(token: str, key: str, offer_id: int, price_minor: int, now: datetime) -> Placed:
    with transaction.atomic():
        service_id = int(links.use(token, TICKET, now))
        wanted = quote(service_id, offer_id=offer_id, now=now)
        if wanted.price_minor != price_minor:
            price = settings.FORMATS.money(wanted.price_minor)
            raise Refused(
                f"The price of this top-up has just changed to {price}. Please look at it and confirm again."
            )
        placed = place(
            Wanted(
                quote=wanted, channel=Channel.WEBSITE, idempotency_key=key,
                requested_by=str(Service.objects.values_list("username", flat=True).get(pk=service_id)),
                actor="website", actor_name="website",
            ),
            now=now,
        )  # fmt: skip
        if placed.order.state == OrderState.REFUSED:  # he may choose another one
            placed.order.idempotency_key += f":refused:{placed.order.pk}"
            placed.order.save(update_fields=["idempotency_key"])
            links.give_back(token)
        return placed


@transaction.atomic
def send_link(*, username_or_phone: str, address: str, now: datetime) -> None:
    """Send a link to those who are on the line's list, if there is such a line; what the caller sees is the same either way.

    To a username all its confirmed contacts get one; to a number only that number, one for each of its lines. Raises
    Refused when one place asks too often.
    """
    if attempt(f"forgotten place {place_of(address)}", limit=10, window=timedelta(hours=1), now=now):
        raise Refused("Too many links were asked for from here. Please try again in an hour, or call us.")
    for entry in _who_gets_it(username_or_phone):
        if attempt(f"forgotten entry {entry.pk}", limit=3, window=timedelta(hours=1), now=now):
            continue
        token = links.make(TICKET, str(entry.service_id), expires_at=now + LINK_LASTS, now=now)
        values = {
            "link": f"{settings.PUBLIC_URL}/top-up/{token}/",
            "minutes": str(LINK_LASTS // timedelta(minutes=1)),
            "service": line_name(entry.service_id, entry.address),
        }
        tell(to_entry(entry), "website.link", values, cause=f"link:{token[:16]}", now=now)


def _who_gets_it(text: str) -> list[ListEntry]:
    listed = ListEntry.objects.filter(state=EntryState.CONFIRMED).exclude(service__status=ServiceStatus.ENDED)
    try:
        service = by_username(text)
    except Refused:
        service = None
    if service is not None:
        return list(listed.filter(service=service).order_by("pk"))
    try:
        number = normalise_phone(text, settings.OPTIONS.country)
    except Refused:
        return []
    found = listed.filter(address=number, medium=Medium.SMS).order_by("service_id")
    return list(found[:_LINES_PER_NUMBER])
