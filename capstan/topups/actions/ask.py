"""Putting a waiting order to the people who may authorise it."""

import secrets
from datetime import datetime

from django.conf import settings
from django.db.models import Q

from capstan.identity.actions.links import make
from capstan.messaging.rules.words import Medium
from capstan.topups.actions.events import note
from capstan.topups.actions.tell import To, tell
from capstan.topups.models import AuthorisationRequest, Authoriser, Order
from capstan.topups.rules.words import OrderState

LINK = "authorise"
"""Purpose of the signed links; their subject is the id of the request."""


def ask_authorisers(order: Order, now: datetime) -> None:
    """Put a waiting order to everybody who may authorise its amount. Nobody may: it needs a person."""
    may = Authoriser.objects.filter(customer_id=order.service.customer_id, removed_at=None).filter(
        Q(limit_minor=None) | Q(limit_minor__gte=order.price_minor)
    )
    asked = [_ask(order, authoriser, now) for authoriser in may.order_by("pk")]
    if not asked:
        order.needs_person = "Nobody is listed who may authorise this amount."
        order.save(update_fields=["needs_person"])
        note(order, "topups", order.needs_person, now)


def _ask(order: Order, authoriser: Authoriser, now: datetime) -> AuthorisationRequest:
    request = AuthorisationRequest.objects.create(
        order=order, authoriser=authoriser, code=_free_code(authoriser.phone), asked_at=now
    )
    tell_request(request, cause=f"authorise:{request.pk}", now=now)
    return request


def tell_request(
    request: AuthorisationRequest, *, cause: str, now: datetime, in_reply_to: int | None = None
) -> None:
    """Say to an authoriser what waits and how to answer; each such message has a link of its own."""
    order = request.order
    assert order.expires_at is not None
    token = make(LINK, str(request.pk), expires_at=order.expires_at, now=now)
    formats = settings.FORMATS
    tell(
        To(order.service_id, Medium.SMS, request.authoriser.phone),
        "authorise.ask",
        {
            "who": order.requested_by,
            "size": formats.short_size(order.size_bytes),
            "price": formats.short_money(order.price_minor),
            "service": order.service.username,
            "code": request.code,
            "link": f"{settings.PUBLIC_URL}/authorise/{token}",
        },
        cause=cause,
        in_reply_to=in_reply_to,
        now=now,
    )


def _free_code(phone: str) -> str:
    """Four digits that no open request of this number has."""
    taken = set(
        AuthorisationRequest.objects.filter(
            authoriser__phone=phone, order__state=OrderState.AWAITING_AUTHORISATION
        ).values_list("code", flat=True)
    )
    while (code := f"{secrets.randbelow(9000) + 1000}") in taken:
        pass
    return code
