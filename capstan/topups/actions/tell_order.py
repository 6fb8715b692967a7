"""Telling people what became of an order."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings

from capstan.caps.queries import standing
from capstan.messaging.rules.texts.phrases import Phrase, phrase
from capstan.messaging.rules.words import Medium
from capstan.topups.actions.tell import To, language_of, line_name, tell, to_entry
from capstan.topups.models import ListEntry, Order
from capstan.topups.rules.words import Channel, EntryState, Restore


def tell_added(order: Order, now: datetime) -> None:
    """Whoever ordered by SMS gets the answer; an order by another way is told to the line's notification list."""
    if order.channel == Channel.SMS:
        language = language_of(order.service_id, order.reply_to)
        tell(
            To(order.service_id, Medium.SMS, order.reply_to, language),
            "topup.added",
            added_values(order, order.reply_to, language, now),
            cause=f"added:{order.pk}",
            in_reply_to=inbound_of(order),
            now=now,
        )
        return
    if order.channel == Channel.WEBSITE:
        _tell_ordered_online(order, now)
        return
    listed = ListEntry.objects.filter(
        service_id=order.service_id, state=EntryState.CONFIRMED, is_paused=False
    )
    for entry in listed.order_by("pk"):
        values = added_values(order, entry.address, entry.language, now)
        tell(to_entry(entry), "topup.added", values, cause=f"added:{order.pk}", now=now)


def _tell_ordered_online(order: Order, now: datetime) -> None:
    formats = settings.FORMATS
    listed = ListEntry.objects.filter(service_id=order.service_id, state=EntryState.CONFIRMED)
    for entry in listed.order_by("pk"):
        values = {
            "size": formats.short_size(order.size_bytes),
            "price": formats.short_money(order.price_minor),
            "service": order.service.username,
        }
        tell(to_entry(entry), "website.ordered", values, cause=f"added:{order.pk}", now=now)


def tell_refused(order: Order, now: datetime) -> None:
    """Whoever ordered by SMS hears why a waiting order came to nothing."""
    why = order.refused_because
    reason = why if why.endswith((".", "!", "?")) else f"{why}."  # staff's own words may have no full stop
    _tell_orderer(order, "topup.refused", {"reason": reason}, f"refused:{order.pk}", now)


def tell_unpaid(order: Order, link: str, now: datetime) -> None:
    """Whoever ordered by SMS, or else the line's list, hears that the order waits for its payment, and where to pay."""
    formats = settings.FORMATS
    values = {
        "size": formats.short_size(order.size_bytes),
        "price": formats.short_money(order.price_minor),
        "service": line_name(order.service_id, order.reply_to),
        "link": link,
    }
    _tell_orderer_or_list(order, "topup.unpaid", values, f"unpaid:{order.pk}", now)


def tell_card_declined(order: Order, link: str, card: str, reason: str, now: datetime) -> None:
    """The line's list hears why the stored card didn't pay for an order, and where to pay it."""
    values = {
        "size": settings.FORMATS.short_size(order.size_bytes), "card": card, "reason": reason, "link": link,
        "service": line_name(order.service_id, order.reply_to),
    }  # fmt: skip
    _tell_orderer_or_list(order, "auto.declined", values, f"declined:{order.pk}", now)


def tell_too_late(order: Order, amount_minor: int, now: datetime) -> None:
    """Whoever paid an order that can't be added any more hears where his money is: he ordered it, or is on the line's list."""
    values = {
        "amount": settings.FORMATS.short_money(amount_minor),
        "service": line_name(order.service_id, order.reply_to),
    }
    _tell_orderer_or_list(order, "topup.too_late", values, f"too late:{order.pk}", now)


def _tell_orderer_or_list(
    order: Order, template: str, values: Mapping[str, str], cause: str, now: datetime
) -> None:
    if order.reply_to:
        _tell_orderer(order, template, values, cause, now)
        return
    for entry in ListEntry.objects.filter(service_id=order.service_id, state=EntryState.CONFIRMED).order_by(
        "pk"
    ):
        tell(to_entry(entry), template, values, cause=cause, now=now)


def _tell_orderer(order: Order, template: str, values: Mapping[str, str], cause: str, now: datetime) -> None:
    if order.reply_to:
        to = To(order.service_id, Medium.SMS, order.reply_to, language_of(order.service_id, order.reply_to))
        tell(to, template, values, cause=cause, in_reply_to=inbound_of(order), now=now)


def inbound_of(order: Order) -> int | None:
    """The reply by which it was ordered."""
    kind, _, number = order.idempotency_key.partition(":")
    return int(number) if kind == "inbound" else None


def added_values(order: Order, address: str, language: str, now: datetime) -> dict[str, str]:
    """What is said once data was added: size, price, the new remaining data, when it is charged, what the line does."""
    formats = settings.FORMATS
    charged = Phrase.PAID if order.paid_with else Phrase.NEXT_INVOICE if order.price_minor else Phrase.FREE
    what_follows = {Restore.PENDING: Phrase.RESETS, Restore.NEXT_LOGIN: Phrase.NEXT_LOGIN}
    follows = what_follows.get(Restore(order.restore))
    return {
        "size": formats.short_size(order.size_bytes),
        "price": formats.short_money(order.price_minor),
        "left": formats.short_size(standing(order.service_id, now=now).remaining),
        "charged": phrase(charged, language),
        "reset": phrase(follows, language) if follows else "",
        "service": line_name(order.service_id, address),
    }
