"""Entries of a notification list in words: what they get, what they may do, and what keeps them from it."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.utils.safestring import SafeString

from capstan.messaging.rules.words import Medium
from capstan.topups.actions.notification_list import is_silent
from capstan.topups.models import ListEntry
from capstan.topups.rules.words import EntryState
from capstan.ui.parts import badge, language_name
from capstan.ui.states import Tone


class Shown(NamedTuple):
    """An entry as its row shows it. `wants_code` when a code would help: to confirm it, or to let it order again."""

    entry: ListEntry
    badge: SafeString
    gets: str
    orders: str
    state: str
    may_order_now: bool
    wants_code: bool
    is_unconfirmed: bool


def shown(entry: ListEntry, names: Mapping[str, str], now: datetime) -> Shown:
    """`names` are those of the people who confirmed entries."""
    is_unconfirmed = entry.state == EntryState.UNCONFIRMED
    silent = entry.may_order and not is_unconfirmed and is_silent(entry, now)
    return Shown(
        entry=entry,
        badge=_badge(entry, silent),
        gets=f"Notices from {entry.from_percent} % on, in {language_name(entry.language)}",
        orders=_orders(entry),
        state=_state(entry, names, silent),
        may_order_now=entry.may_order and not is_unconfirmed and not silent,
        wants_code=is_unconfirmed or silent,
        is_unconfirmed=is_unconfirmed,
    )


def gone_words(entry: ListEntry) -> str:
    """Who was taken off, when and why."""
    assert entry.removed_at is not None
    who = f"{entry.name}, {entry.address}" if entry.name else entry.address
    return f"{who}: {entry.removed_because}, {settings.FORMATS.moment(entry.removed_at)}"


def _badge(entry: ListEntry, silent: bool) -> SafeString:
    if entry.state == EntryState.UNCONFIRMED:
        return badge("Unconfirmed", Tone.SLOW, "user-question")
    if entry.is_paused:
        return badge("Paused", Tone.HOLD, "player-pause")
    if silent:
        return badge("Silent", Tone.SLOW, "clock")
    return badge("Confirmed", Tone.GOOD, "circle-check")


def _orders(entry: ListEntry) -> str:
    if entry.medium == Medium.EMAIL:
        return ""
    if not entry.may_order:
        return "May not order"
    limit = entry.order_limit_minor
    return "May order" + (f" up to {settings.FORMATS.money(limit)} at a time" if limit is not None else "")


def _state(entry: ListEntry, names: Mapping[str, str], silent: bool) -> str:
    formats = settings.FORMATS
    if entry.state == EntryState.UNCONFIRMED:
        return "Waits for its code: until then it gets no notices and can't order."
    assert entry.confirmed_at is not None
    by = names.get(entry.confirmed_by, entry.confirmed_by)
    words = f"Confirmed {formats.date(entry.confirmed_at)}, {by}."
    if entry.is_paused:
        words += " STOP: no notices of this line until START."
    if silent:
        words += " Silent for six months: ordering needs a fresh code."
    return words
