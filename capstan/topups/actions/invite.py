"""Menus by SMS: what may be ordered by replying with a letter, with sizes and prices as they are told now."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings

from capstan.db.locks import hold
from capstan.messaging.models import Message
from capstan.messaging.rules.words import Lane
from capstan.topups.actions.tell import line_name, tell, to_entry
from capstan.topups.models import Invitation, ListEntry, Menu
from capstan.topups.queries.menus import letters_taken
from capstan.topups.queries.sale import Quote, Sale
from capstan.topups.rules.menu import Line, letters_for, menu_words

OPEN_FOR = timedelta(days=7)
"""How long a menu's letters and prices hold."""


class Occasion(NamedTuple):
    """Why the menu is sent: the message's template with the values of its own."""

    template: str
    values: dict[str, str]
    lane: Lane
    in_reply_to: int | None = None


def invitation_for(service_id: int, cause: str, now: datetime) -> Invitation:
    """The invitation of this cause, made if there is none."""
    made, _ = Invitation.objects.get_or_create(
        cause=cause, defaults={"service_id": service_id, "made_at": now, "expires_at": now + OPEN_FOR}
    )
    return made


def hold_numbers(addresses: Iterable[str]) -> None:
    """Let nobody else choose letters for these numbers until the present transaction ends.

    Whoever sends menus to several numbers in one transaction holds all of them first.
    """
    hold(f"menu letters {address}" for address in addresses)


def send_menu(
    entry: ListEntry, invitation: Invitation, sale: Sale, occasion: Occasion, now: datetime
) -> Message:
    """Send one entry the menu of what is on sale, with letters that no other line's open menu on its number has."""
    hold_numbers([entry.address])
    taken = letters_taken(entry.address, but=entry.service_id, now=now)
    lines = [
        Line(letter, quote.size_bytes, quote.price_minor)
        for letter, quote in zip(
            letters_for([quote.letter for quote in sale.quotes], taken), sale.quotes, strict=False
        )
    ]
    words = menu_words(lines, settings.FORMATS)
    message = tell(
        to_entry(entry),
        occasion.template,
        {
            "service": line_name(entry.service_id, entry.address),
            **words,
            **occasion.values,
        },
        cause=f"{invitation.cause}:{entry.pk}",
        lane=occasion.lane,
        in_reply_to=occasion.in_reply_to,
        now=now,
    )
    stored = [_stored(line, quote) for line, quote in zip(lines, sale.quotes, strict=False)]
    Menu.objects.get_or_create(
        message=message,
        defaults={
            "invitation": invitation,
            "entry": entry,
            "address": entry.address,
            "lines": stored,
            "made_at": now,
        },
    )
    return message


def _stored(line: Line, quote: Quote) -> dict[str, Any]:
    return {
        "letter": line.letter,
        "offer": quote.offer_id,
        "size_bytes": quote.size_bytes,
        "price_minor": quote.price_minor,
        "valid_days": quote.valid_days,
        "never_expires": quote.never_expires,
    }
