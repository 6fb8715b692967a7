"""Everything that happened to a customer and his lines, the newest first: one page of it at a time.

Each source is asked for its newest entries at or before where the page begins, and they are merged; so a page costs one
question for each source however long the story is.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from django.conf import settings
from django.db.models import Q

from capstan.audit.models import AuditEntry
from capstan.caps.models import Cycle, ThresholdCrossing
from capstan.caps.rules.words import Limit
from capstan.console import links
from capstan.console.deed_words import HIDDEN, deed_words
from capstan.console.people import names_of
from capstan.customers.actions import NOTE
from capstan.customers.models import Contact
from capstan.messaging.models import Inbound, Message
from capstan.messaging.rules.words import Medium
from capstan.metering.models import RadiusSession
from capstan.metering.rules.words import SessionState
from capstan.network.models import Command, LoginFailure
from capstan.network.rules.words import AccessKind, CommandKind, CommandState
from capstan.operator.words import ACCESS_WORDS, COMMAND_WORDS, OUTCOME_WORDS, count
from capstan.topups.models import ListEntry, Order
from capstan.topups.rules.describe import CHANNEL_WORDS, STATE_WORDS
from capstan.topups.rules.words import Channel, OrderState

PAGE = 60
_SHORT = 160  # letters of a message that a list shows
_CROSSED = "gauge"  # the icon of crossings


class Kind(StrEnum):
    """What a filter lets through; the value is in the page's address."""

    TOP_UPS = "top-ups"
    MESSAGES = "messages"
    DATA = "data"
    SESSIONS = "sessions"
    CHANGES = "changes"
    NOTES = "notes"


KIND_WORDS = {
    Kind.TOP_UPS: "Top-ups",
    Kind.MESSAGES: "Messages",
    Kind.DATA: "Data used",
    Kind.SESSIONS: "Sessions and network",
    Kind.CHANGES: "Changes",
    Kind.NOTES: "Notes",
}


class Entry(NamedTuple):
    """One thing that happened. `key` tells apart what happened at the same instant."""

    at: datetime
    key: str
    kind: Kind
    icon: str
    title: str
    detail: str = ""
    who: str = ""
    line: str = ""
    url: str = ""
    amount: int = 0  # bytes of a session, per cent of a crossing


class Whose(NamedTuple):
    """A customer, his lines by id, and the numbers that are his."""

    customer_id: int
    lines: dict[int, str]
    numbers: tuple[str, ...]


class Place(NamedTuple):
    """Where a page begins: at this instant, after those of its entries that were shown already."""

    at: datetime
    skip: int = 0

    def __str__(self) -> str:
        return f"{self.at.timestamp():.6f}-{self.skip}"


class Page(NamedTuple):
    entries: tuple[Entry, ...]
    further: Place | None


def place_of(text: str, *, now: datetime) -> Place:
    """The place that an address names; the newest for anything else."""
    moment, _, skip = text.partition("-")
    try:
        at = datetime.fromtimestamp(float(moment), tz=now.tzinfo)
        return Place(min(at, now), min(max(int(skip), 0), PAGE * 4))
    except (ValueError, OverflowError, OSError):
        return Place(now)


def whose(customer_id: int, lines: dict[int, str]) -> Whose:
    """The customer's lines and numbers, which say whose SMSes came in."""
    contacts = Contact.objects.filter(customer_id=customer_id).exclude(phone="")
    listed = ListEntry.objects.filter(service_id__in=lines, medium=Medium.SMS)
    numbers = {*contacts.values_list("phone", flat=True), *listed.values_list("address", flat=True)}
    return Whose(customer_id, lines, tuple(sorted(numbers)))


def page_of(who: Whose, kind: Kind | None, place: Place) -> Page:
    """The entries from there on, of one kind or of all."""
    wanted = PAGE + place.skip + 1
    found = [
        entry
        for one, source in _SOURCES
        if kind is None or one == kind
        for entry in source(who, place.at, wanted)
    ]
    found.sort(key=lambda entry: (entry.at, entry.key), reverse=True)
    shown, rest = found[place.skip : place.skip + PAGE], found[place.skip + PAGE :]
    further = None
    if rest:
        last = shown[-1].at
        before = place.skip if last == place.at else 0
        further = Place(last, before + sum(entry.at == last for entry in shown))
    return Page(tuple(_together(shown, by_day=kind is not None)), further)


# --- sources ---------------------------------------------------------------------------------------------


def _orders(who: Whose, at: datetime, limit: int) -> Iterator[Entry]:
    formats = settings.FORMATS
    found = Order.objects.filter(service_id__in=who.lines, created_at__lte=at).order_by("-created_at", "-pk")
    for one in found[:limit]:
        state = STATE_WORDS[OrderState(one.state)]
        why = f" – {one.refused_because}" if one.refused_because else ""
        yield Entry(
            one.created_at, f"o{one.pk}", Kind.TOP_UPS, "plus",
            f"Top-up of {formats.size(one.size_bytes)} for {formats.money(one.price_minor)}, "
            f"{CHANNEL_WORDS[Channel(one.channel)]}",
            f"{state}{why}", _asked(one),
            who.lines[one.service_id], links.order(one.pk),
        )  # fmt: skip


def _asked(order: Order) -> str:
    entered = f", entered by {order.actor_name}" if order.channel == Channel.AGENT else ""
    return f"{order.requested_by}{entered}"


def _messages(who: Whose, at: datetime, limit: int) -> Iterator[Entry]:
    subjects = [f"customer:{who.customer_id}", *(f"service:{one}" for one in who.lines)]
    sent = Message.objects.filter(subject__in=subjects, queued_at__lte=at).order_by("-queued_at", "-pk")
    for one in sent[:limit]:
        medium = "SMS" if one.medium == Medium.SMS else "E-mail"
        yield Entry(
            one.queued_at, f"m{one.pk}", Kind.MESSAGES, "send" if one.medium == Medium.SMS else "mail",
            f"{medium} to {one.recipient}: {one.state}", _short(one.text), "", _line_of(one.subject, who),
        )  # fmt: skip


def _inbound(who: Whose, at: datetime, limit: int) -> Iterator[Entry]:
    came = Inbound.objects.filter(sender__in=who.numbers, received_at__lte=at).order_by("-received_at", "-pk")
    for one in came[:limit]:
        yield Entry(
            one.received_at, f"i{one.pk}", Kind.MESSAGES, "message", f"SMS from {one.sender}", f"“{_short(one.text)}”"
            + (f" – {one.outcome}" if one.outcome else ""),
        )  # fmt: skip


def _crossings(who: Whose, at: datetime, limit: int) -> Iterator[Entry]:
    formats = settings.FORMATS
    limits = {Limit.CYCLE: "its data", Limit.DAY: "its day limit", Limit.WEEK: "its week limit"}
    found = ThresholdCrossing.objects.filter(service_id__in=who.lines, recorded_at__lte=at)
    for one in found.order_by("-recorded_at", "-pk")[:limit]:
        yield Entry(
            one.recorded_at, f"c{one.pk}", Kind.DATA, _CROSSED, f"{one.percent} % of {limits[Limit(one.limit)]} used",
            f"{formats.size(max(0, one.remaining_bytes))} left then", "", who.lines[one.service_id], "", one.percent,
        )  # fmt: skip


def _cycles(who: Whose, at: datetime, limit: int) -> Iterator[Entry]:
    formats = settings.FORMATS
    found = Cycle.objects.filter(service_id__in=who.lines, end__lte=at).order_by("-end", "-pk")
    for one in found[:limit]:
        used = formats.size(one.drawn_bytes + one.overage_bytes)
        past = (
            f", {formats.size(one.overshoot_bytes)} between the cap and the cut"
            if one.overshoot_bytes
            else ""
        )
        yield Entry(
            one.end, f"y{one.pk}", Kind.DATA, "calendar", "A new cycle began",
            f"{used} used in the one before{past}", "", who.lines[one.service_id],
        )  # fmt: skip


def _sessions(who: Whose, at: datetime, limit: int) -> Iterator[Entry]:
    formats = settings.FORMATS
    found = RadiusSession.objects.filter(service_id__in=who.lines, started_at__lte=at).select_related("nas")
    for one in found.order_by("-started_at", "-pk")[:limit]:
        assert one.service_id is not None
        moved = formats.size(one.bytes_up + one.bytes_down)
        closed = one.state == SessionState.CLOSED
        ended = f"until {formats.moment(one.stopped_at or one.last_seen_at)}" if closed else "still online"
        yield Entry(
            one.started_at, f"s{one.pk}", Kind.SESSIONS, "login", f"Online on {one.nas.name}, {ended}", f"{moved} moved", "",
            who.lines[one.service_id], f"{_technical(one.service_id)}?session={one.pk}#packets",
            one.bytes_up + one.bytes_down,
        )  # fmt: skip


def _failures(who: Whose, at: datetime, limit: int) -> Iterator[Entry]:
    found = LoginFailure.objects.filter(service_id__in=who.lines, last_at__lte=at).order_by("-last_at", "-pk")
    for one in found[:limit]:
        assert one.service_id is not None
        yield Entry(
            one.last_at, f"f{one.pk}", Kind.SESSIONS, "lock", f"Login refused: {one.reason}",
            f"{count(one.count, 'time')} in that hour" if one.count > 1 else "", "", who.lines[one.service_id],
            f"{_technical(one.service_id)}#failures",
        )  # fmt: skip


def _commands(who: Whose, at: datetime, limit: int) -> Iterator[Entry]:
    found = Command.objects.filter(service_id__in=who.lines, sent_at__lte=at).select_related("nas")
    for one in found.order_by("-sent_at", "-pk")[:limit]:
        kind = COMMAND_WORDS[CommandKind(one.kind)]
        aim = "" if one.kind == CommandKind.DISCONNECT else f" to {ACCESS_WORDS[AccessKind(one.access_kind)]}"
        outcome = OUTCOME_WORDS[CommandState(one.state)].partition(":")[0]
        yield Entry(
            one.sent_at, f"n{one.pk}", Kind.SESSIONS, "network", f"{kind}{aim} on {one.nas.name}: {outcome}", one.cause, "",
            who.lines[one.service_id], f"{_technical(one.service_id)}#commands",
        )  # fmt: skip


def _audited(who: Whose, at: datetime, limit: int, *, notes: bool) -> Iterator[Entry]:
    subjects = [f"customer:{who.customer_id}", *(f"service:{one}" for one in who.lines)]
    found = AuditEntry.objects.filter(subject__in=subjects, at__lte=at)
    found = found.filter(action=NOTE) if notes else found.exclude(HIDDEN | Q(action=NOTE))
    rows = list(found.order_by("-at", "-pk")[:limit])
    names = names_of(one.actor for one in rows)
    for one in rows:
        kind, icon = (Kind.NOTES, "pencil") if notes else (Kind.CHANGES, "settings")
        title, detail = ("Note", one.reason) if notes else deed_words(one)
        line = _line_of(one.subject, who)
        yield Entry(one.at, f"a{one.pk}", kind, icon, title, detail, names[one.actor], line)


def _changes(who: Whose, at: datetime, limit: int) -> Iterator[Entry]:
    return _audited(who, at, limit, notes=False)


def _notes(who: Whose, at: datetime, limit: int) -> Iterator[Entry]:
    return _audited(who, at, limit, notes=True)


_Source = Callable[[Whose, datetime, int], Iterable[Entry]]
_SOURCES: Sequence[tuple[Kind, _Source]] = (
    (Kind.TOP_UPS, _orders),
    (Kind.MESSAGES, _messages),
    (Kind.MESSAGES, _inbound),
    (Kind.DATA, _crossings),
    (Kind.DATA, _cycles),
    (Kind.SESSIONS, _sessions),
    (Kind.SESSIONS, _failures),
    (Kind.SESSIONS, _commands),
    (Kind.CHANGES, _changes),
    (Kind.NOTES, _notes),
)


# --- together --------------------------------------------------------------------------------------------

_ALIKE = 3
"""So many sessions or network events of a line in a row become one entry: a flapping line would fill pages."""

_SUMMARIES = {
    "login": ("session", "past"),
    "lock": ("refused login", "failures"),
    "network": ("command", "commands"),
}


def _together(entries: Collection[Entry], *, by_day: bool) -> Iterator[Entry]:
    """`by_day` keeps those of different days apart."""
    zone = settings.FORMATS.zone

    def group(entry: Entry) -> tuple[object, ...]:
        if entry.icon == _CROSSED:
            return (entry.line, entry.icon, entry.at)
        if entry.kind != Kind.SESSIONS:
            return (entry.key,)
        return (entry.line, entry.icon, entry.at.astimezone(zone).date() if by_day else None)

    for _, alike in groupby(entries, key=group):
        rows = list(alike)
        if rows[0].icon == _CROSSED:
            yield max(rows, key=lambda row: row.amount)  # the others were passed at the same moment
        elif len(rows) < _ALIKE:
            yield from rows
        else:
            yield _summary(rows)


def _summary(rows: list[Entry]) -> Entry:
    """The newest of them, standing for all."""
    formats = settings.FORMATS
    newest, oldest = rows[0], rows[-1]
    noun, anchor = _SUMMARIES[newest.icon]
    is_one_day = formats.date(oldest.at) == formats.date(newest.at)
    since = formats.time(oldest.at) if is_one_day else formats.moment(oldest.at)
    moved = sum(row.amount for row in rows)
    return newest._replace(
        title=f"{count(len(rows), noun)} since {since}",
        detail=f"{formats.size(moved)} moved" if moved else f"the last: {newest.title}",
        url=f"{newest.url.partition('?')[0].partition('#')[0]}#{anchor}",
    )


def _short(text: str) -> str:
    """Its first letters, lines kept and blank ones left out."""
    plain = "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())
    return plain if len(plain) <= _SHORT else plain[: _SHORT - 1].rstrip() + "…"


def _line_of(subject: str, who: Whose) -> str:
    kind, _, number = subject.partition(":")
    return who.lines.get(int(number), "") if kind == "service" and number.isdigit() else ""


def _technical(service_id: int) -> str:
    return f"{links.service(service_id)}technical/"
