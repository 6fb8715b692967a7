"""A line's notification list: who is told, who may order, and how a number comes on it and off it (J1)."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.customers.rules import check_language, normalise_email
from capstan.identity.actions import codes
from capstan.messaging.rules.texts.phrases import Phrase, phrase
from capstan.messaging.rules.words import Medium
from capstan.services.models import Service
from capstan.topups.actions.tell import line_name, tell, to_entry
from capstan.topups.models import ListEntry
from capstan.topups.rules.words import EntryState, RemovedBecause
from capstan.values.phone import normalise_phone
from capstan.values.refused import Refused

CODE = "notification list"
"""Purpose of the one-time codes; their subject is the entry's id."""

CODE_LASTS = timedelta(minutes=30)

FROM_PERCENT = {Medium.SMS: 90, Medium.EMAIL: 50}
"""From which threshold on somebody is told, unless another one is chosen."""

SILENT_FOR = timedelta(days=182)
"""A number that hasn't been heard of for so long may be somebody else's by now: ordering needs a fresh code."""


class NewEntry(NamedTuple):
    """A number or address for the list."""

    service_id: int
    medium: Medium
    address: str
    name: str = ""
    language: str = "en"
    from_percent: int | None = None
    may_order: bool = False
    order_limit_minor: int | None = None


@transaction.atomic
def add(new: NewEntry, *, confirmed_by_staff: bool, actor: str, now: datetime) -> ListEntry:
    """Put somebody on the list. Confirmed by staff he is told at once; else he gets a one-time code first.

    Raises Refused for what is no number or address, and for one that is on the list already.
    """
    address = _normal(new.medium, new.address)
    check_language(new.language)
    Service.objects.select_for_update(no_key=True).get(
        pk=new.service_id
    )  # two at once: the second is refused
    if (
        ListEntry.objects.filter(service_id=new.service_id, address=address)
        .exclude(state=EntryState.REMOVED)
        .exists()
    ):
        raise Refused(f"{address} is on the list of this line already.")
    entry = ListEntry.objects.create(
        service_id=new.service_id, medium=new.medium, address=address, name=new.name.strip(), language=new.language,
        from_percent=_from_percent(new.medium, new.from_percent), may_order=new.may_order and new.medium == Medium.SMS,
        order_limit_minor=new.order_limit_minor, added_at=now, added_by=actor,
    )  # fmt: skip
    _audit("add", entry, actor, now)
    if confirmed_by_staff:
        _confirm(entry, actor, now)
    else:
        send_code(entry, now=now)
    return entry


@transaction.atomic
def add_caller(new: NewEntry, *, actor: str, now: datetime) -> ListEntry:
    """At the end of a call: the caller's number comes on the list, confirmed by staff, and he is told how to top up himself.

    One that is on the list already stays as it is and is told only. Raises Refused for what is no number.
    """
    address = _normal(new.medium, new.address)
    listed = ListEntry.objects.filter(service_id=new.service_id, address=address)
    entry = listed.exclude(state=EntryState.REMOVED).first()
    if entry is None:
        entry = add(new, confirmed_by_staff=True, actor=actor, now=now)
    elif entry.state == EntryState.UNCONFIRMED:
        entry = confirm_by_staff(entry_id=entry.pk, actor=actor, now=now)
    tell_how_to(entry_id=entry.pk, actor=actor, now=now)
    return entry


def send_code(entry: ListEntry, *, now: datetime) -> None:
    """Send a one-time code that confirms the entry; an earlier code is void. Within the caller's transaction."""
    code = codes.make(CODE, str(entry.pk), expires_at=now + CODE_LASTS, now=now)
    cause = f"code:{entry.pk}:{uuid4()}"  # each is a message of its own: the one before is void
    values = {"code": code, "minutes": str(CODE_LASTS // timedelta(minutes=1))}
    tell(to_entry(entry), "list.code", values, cause=cause, now=now)


@transaction.atomic
def ask_for_code(*, entry_id: int, actor: str, now: datetime) -> ListEntry:
    """Send a fresh code, as for a number that has been silent for long. Raises Refused when too many were asked for."""
    entry = _locked(entry_id)
    send_code(entry, now=now)
    _audit("ask_for_code", entry, actor, now)
    return entry


def confirm_with_code(*, entry_id: int, code: str, actor: str, now: datetime) -> ListEntry:
    """The code that was sent is given back. Raises Refused for a wrong or late one; attempts are counted."""
    with transaction.atomic():  # a wrong code is refused only after this: rolled back it would cost no try
        entry = _locked(entry_id)
        tried = codes.check(CODE, str(entry.pk), code, now=now)
        if tried.is_right:
            _confirm(entry, actor, now)
    if not tried.is_right:
        left = f" Tries left: {tried.tries_left}." if tried.tries_left else " Ask for a new one."
        raise Refused(f"This code is wrong or too old.{left}")
    return entry


@transaction.atomic
def confirm_by_staff(*, entry_id: int, actor: str, now: datetime) -> ListEntry:
    """Staff know that the number is the customer's. Raises Refused for one that is off the list."""
    entry = _locked(entry_id)
    _confirm(entry, actor, now)
    return entry


@transaction.atomic
def change(
    *, entry_id: int, name: str, language: str, from_percent: int, may_order: bool,
    order_limit_minor: int | None, actor: str, now: datetime,
) -> ListEntry:  # fmt: skip
    """Change what somebody gets and may do. Raises Refused."""
    entry = _locked(entry_id)
    entry.name, entry.language = name.strip(), check_language(language)
    entry.from_percent = _from_percent(Medium(entry.medium), from_percent)
    entry.may_order = may_order and entry.medium == Medium.SMS
    entry.order_limit_minor = order_limit_minor
    entry.save()
    _audit("change", entry, actor, now)
    return entry


@transaction.atomic
def remove(*, entry_id: int, because: RemovedBecause, actor: str, now: datetime) -> None:
    """Take somebody off the list and tell him so, unless nobody is there to be told. Off already: nothing happens."""
    entry = ListEntry.objects.select_for_update().get(pk=entry_id)
    if entry.state == EntryState.REMOVED:
        return
    was_confirmed = entry.state == EntryState.CONFIRMED
    entry.state, entry.removed_at, entry.removed_because = EntryState.REMOVED, now, because
    entry.save()
    _audit("remove", entry, actor, now, because=because)
    if was_confirmed and because != RemovedBecause.UNREACHABLE:
        tell(to_entry(entry), "list.removed", _about(entry), cause=f"removed:{entry.pk}", now=now)


@transaction.atomic
def pause(*, entry_id: int, is_paused: bool, actor: str, now: datetime) -> None:
    """No notices of this line until they are wanted again (STOP and START)."""
    entry = _locked(entry_id)
    entry.is_paused = is_paused
    entry.save(update_fields=["is_paused"])
    _audit("pause" if is_paused else "resume", entry, actor, now)


def heard_of(entry: ListEntry, now: datetime) -> None:
    """Note that the number showed that it is in the right hands."""
    entry.heard_at = now
    entry.save(update_fields=["heard_at"])


def is_silent(entry: ListEntry, now: datetime) -> bool:
    """Whether the number has been silent for so long that ordering needs a fresh code."""
    last = max(filter(None, (entry.heard_at, entry.confirmed_at)), default=None)
    return last is None or now - last > SILENT_FOR


@transaction.atomic
def tell_how_to(*, entry_id: int, actor: str, now: datetime) -> None:
    """Send how to top up oneself, as an agent does at the end of a call."""
    entry = _locked(entry_id)
    values = {**_about(entry), "link": f"{settings.PUBLIC_URL}/top-up"}
    tell(to_entry(entry), "list.how_to", values, cause=f"howto:{entry.pk}:{now.date()}", now=now)
    _audit("tell_how_to", entry, actor, now)


def _confirm(entry: ListEntry, actor: str, now: datetime) -> None:
    is_new = entry.state == EntryState.UNCONFIRMED
    entry.state, entry.confirmed_at, entry.confirmed_by, entry.heard_at = (
        EntryState.CONFIRMED,
        now,
        actor,
        now,
    )
    entry.save()
    _audit("confirm", entry, actor, now)
    if is_new:
        may_order = phrase(Phrase.MAY_ORDER, entry.language) if entry.may_order else ""
        tell(
            to_entry(entry),
            "list.added",
            {**_about(entry), "may_order": may_order},
            cause=f"listed:{entry.pk}",
            now=now,
        )


def _locked(entry_id: int) -> ListEntry:
    entry = ListEntry.objects.select_for_update().get(pk=entry_id)
    if entry.state == EntryState.REMOVED:
        raise Refused(f"{entry.address} is off the list: add it again.")
    return entry


def _normal(medium: Medium, address: str) -> str:
    return (
        normalise_email(address)
        if medium == Medium.EMAIL
        else normalise_phone(address, settings.OPTIONS.country)
    )


def _from_percent(medium: Medium, chosen: int | None) -> int:
    percent = FROM_PERCENT[medium] if chosen is None else chosen
    if not 1 <= percent <= 100:
        raise Refused("Thresholds are percentages from 1 to 100.")
    return percent


def _about(entry: ListEntry) -> dict[str, str]:
    return {"service": line_name(entry.service_id, entry.address) or _username(entry)}


def _username(entry: ListEntry) -> str:
    return str(Service.objects.values_list("username", flat=True).get(pk=entry.service_id))


def _audit(deed: str, entry: ListEntry, actor: str, now: datetime, **details: str) -> None:
    record(
        actor=actor, action=f"notification_list.{deed}", subject=f"service:{entry.service_id}", now=now,
        details={"entry": entry.pk, "address": entry.address, "may_order": entry.may_order, **details},
    )  # fmt: skip
