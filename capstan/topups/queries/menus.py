"""Open menus of a number."""

from datetime import datetime
from typing import Any

from capstan.messaging.rules.words import MessageState
from capstan.topups.models import Menu
from capstan.topups.queries.sale import Quote, expiry


def open_menus(address: str, *, now: datetime) -> list[Menu]:
    """The newest menu of each line that was sent to this number and still holds, newest first, taken ones too.

    Nobody has read one that was withdrawn before it left.
    """
    found = (
        Menu.objects.filter(address=address, invitation__expires_at__gt=now)
        .exclude(message__state=MessageState.SUPERSEDED)
        .select_related("invitation")
    )
    newest: dict[int, Menu] = {}
    for menu in found.order_by("-made_at", "-pk"):
        newest.setdefault(menu.invitation.service_id, menu)
    return list(newest.values())


def letters_taken(address: str, *, but: int, now: datetime) -> set[str]:
    """Letters that open menus of other lines than `but` have on this number."""
    return {
        line["letter"]
        for menu in open_menus(address, now=now)
        if menu.invitation.service_id != but
        for line in menu.lines
    }


def pinned_quote(menu: Menu, line: dict[str, Any], cycle_end: datetime, now: datetime) -> Quote:
    """What this line of the menu said, price and validity included."""
    return Quote(
        service_id=menu.invitation.service_id,
        offer_id=line["offer"],
        letter=line["letter"],
        size_bytes=line["size_bytes"],
        price_minor=line["price_minor"],
        valid_days=line["valid_days"],
        never_expires=line["never_expires"],
        expires_at=expiry(line["valid_days"], line["never_expires"], cycle_end, now),
    )
