"""A line's cap in detail: buckets, thresholds and who was told, rules and top-ups, and what the package says."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from capstan.caps.models import Bucket
from capstan.caps.queries import BucketView, Standing
from capstan.caps.rules.words import NO_EXPIRY, BucketKind, Limit
from capstan.catalog.rules import AtCap, Counting, CycleAnchor, CycleKind, OvershootPolicy, Terms
from capstan.console import links
from capstan.console.people import names_of
from capstan.console.shown import order_badge
from capstan.messaging.models import Message
from capstan.operator.words import speed
from capstan.services.models import Service
from capstan.topups.models import AutoTopUp, Notice, Order
from capstan.topups.queries.rules_of import ceiling_of
from capstan.topups.rules.describe import CHANNEL_WORDS
from capstan.topups.rules.words import Channel, NoticeState
from capstan.ui.parts import badge
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table

KIND_WORDS = {
    BucketKind.ALLOWANCE: "Allowance",
    BucketKind.ROLLOVER: "Rolled over",
    BucketKind.BONUS: "Bonus",
    BucketKind.GOODWILL: "Goodwill",
    BucketKind.TOPUP: "Top-up",
}

NOTICE_WORDS = {
    NoticeState.SENT: "told",
    NoticeState.SUPERSEDED: "not told: a higher one was, at the same time",
    NoticeState.NOBODY: "nobody on the notification list wants it",
    NoticeState.LATE: "not told: it was no news any more",
}

_CYCLE_WORDS = {
    CycleKind.DAY: "day",
    CycleKind.WEEK: "week",
    CycleKind.DAYS_30: "30 days",
    CycleKind.MONTH: "month",
    CycleKind.YEAR: "year",
}
_COUNTING_WORDS = {
    Counting.BOTH: "up and down",
    Counting.DOWN: "down only",
    Counting.UP: "up only",
}
_AT_CAP_WORDS = {
    AtCap.BLOCK: "blocked",
    AtCap.WALL: "walled garden",
    AtCap.OPEN: "stays open",
    AtCap.OVERAGE: "charged with consent, else blocked",
}
_OVERSHOOT_WORDS = {
    OvershootPolicy.FORGIVE: "forgiven",
    OvershootPolicy.CARRY: "the next top-up pays for it",
    OvershootPolicy.BILL: "billed",
}


# --- buckets ---------------------------------------------------------------------------------------------

_BUCKET_COLUMNS = (
    Column("Bucket", Place.LEAD),
    Column("Valid", Place.NOTE),
    Column("Size", is_number=True),
    Column("Used", is_number=True),
    Column("Left", Place.AMOUNT, is_number=True),
    Column("Gone", is_number=True),
    Column("From"),
    Column("State", Place.STATE),
)


def buckets_table(held: Standing | None, now: datetime) -> Table:
    """This cycle's buckets in the order they are drawn, ended and taken-back ones included."""
    found = held.buckets if held else ()
    names = names_of(view.actor for view in found)
    rows = tuple(_bucket_row(view, names[view.actor], now) for view in found)
    why = (
        "The line has no cap, so there is nothing to draw from."
        if held and held.is_uncapped
        else "No data was granted in this cycle. A top-up or the next cycle brings a bucket."
    )
    return Table("Buckets in the order they are drawn", _BUCKET_COLUMNS, rows, Empty("No buckets", why))


def _bucket_row(view: BucketView, actor: str, now: datetime) -> Row:
    formats = settings.FORMATS
    gone = view.expired + view.voided + view.moved
    what = [
        f"{formats.size(amount)} {word}"
        for amount, word in ((view.expired, "expired"), (view.voided, "taken back"), (view.moved, "moved"))
        if amount
    ]
    cells = (
        f"{KIND_WORDS[view.kind]} #{view.id}", _valid(view), formats.size(view.size), formats.size(view.drawn),
        formats.size(view.left), ", ".join(what) if gone else "–", _origin(view, actor), _bucket_badge(view, now),
    )  # fmt: skip
    return Row(cells)


def _valid(view: BucketView) -> str:
    formats = settings.FORMATS
    until = "no expiry" if view.expires_at == NO_EXPIRY else f"until {formats.moment(view.expires_at)}"
    return f"{formats.date(view.starts_at)}, {until}"


def _origin(view: BucketView, actor: str) -> str:
    if view.source == "cycle":
        return "the cycle"
    if view.source.startswith("rollover:"):
        return f"bucket #{view.source.partition(':')[2]}"
    if view.source.startswith("order:"):
        return f"top-up {view.source.partition(':')[2]}"
    return f"{actor}: {view.reason}" if view.reason else actor


def _bucket_badge(view: BucketView, now: datetime) -> str:
    if view.starts_at > now:
        return badge("To come", Tone.QUIET, "clock")
    if not view.left and view.voided:
        return badge("Taken back", Tone.QUIET, "arrow-left")
    if not view.in_force:
        return badge("Ended", Tone.QUIET, "hourglass")
    if view.is_sink:
        return badge("Being drawn", Tone.NEWS, "point")
    return badge("Waits", Tone.GOOD, "circle") if view.left else badge("Used up", Tone.QUIET, "circle-x")


# --- thresholds ------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """Somebody who was told of a crossing."""

    recipient: str
    medium: str
    state: str
    at: datetime


class Threshold(NamedTuple):
    """A threshold of this cycle, and what became of it each time it was crossed."""

    percent: int
    limit: str
    crossed_at: datetime | None
    outcome: str
    told: tuple[Told, ...]


_LIMIT_WORDS = {Limit.CYCLE: "", Limit.DAY: "of the day's limit", Limit.WEEK: "of the week's limit"}


def thresholds(held: Standing | None, service_id: int) -> list[Threshold]:
    """Crossings of this cycle, the newest first, then the thresholds that are still ahead."""
    if held is None:
        return []
    notices = {row.pk: row for row in Notice.objects.filter(pk__in=[one.pk for one in held.crossings])}
    told = _told(service_id, held.cycle_start)
    found = []
    for one in held.crossings:
        notice = notices.get(one.pk)
        outcome = NOTICE_WORDS[NoticeState(notice.state)] if notice else "is being told"
        found.append(
            Threshold(
                one.percent, _LIMIT_WORDS[Limit(one.limit)], one.crossed_at, outcome, tuple(told[one.pk])
            )
        )
    reached = {one.percent for one in held.crossings if one.limit == Limit.CYCLE}
    ahead = [percent for percent in held.terms.thresholds if percent > held.percent or percent not in reached]
    if not held.is_uncapped:
        found += [Threshold(percent, "", None, "ahead", ()) for percent in sorted(set(ahead) - reached)]
    return found


def _told(service_id: int, since: datetime) -> defaultdict[int, list[Told]]:
    """By crossing: messages bear it in their cause, `crossing:<crossing>:<entry>`."""
    sent = Message.objects.filter(
        subject=f"service:{service_id}", queued_at__gte=since, cause__startswith="crossing:"
    )
    found: defaultdict[int, list[Told]] = defaultdict(list)
    for one in sent.order_by("queued_at", "pk"):
        number = one.cause.split(":")[1]
        if number.isdigit():
            found[int(number)].append(
                Told(one.recipient, one.medium, one.state, one.sent_at or one.queued_at)
            )
    return found


# --- rules and top-ups (S2, S3) -----------------------------------------------------------------------------

_RULE_COLUMNS = (
    Column("Top-up", Place.LEAD),
    Column("When", Place.NOTE),
    Column("Who asked"),
    Column("Entered by"),
    Column("Why"),
    Column("Price incl. VAT", Place.AMOUNT, is_number=True),
    Column("State", Place.STATE),
)


def rules_table(orders: Sequence[Order], granted: Sequence[Bucket]) -> Table:
    """Orders and what staff granted without one, the newest first."""
    names = names_of(bucket.actor for bucket in granted)
    dated = [(order.created_at, _order_row(order)) for order in orders]
    dated += [(bucket.granted_at, _grant_row(bucket, names[bucket.actor])) for bucket in granted]
    rows = tuple(row for _, row in sorted(dated, key=lambda pair: pair[0], reverse=True))
    nothing = Empty(
        "No top-ups yet",
        "Whatever is added by SMS, on the website, by an agent or by a command is listed here.",
    )
    return Table("Rules and top-ups of this line, the newest first", _RULE_COLUMNS, rows, nothing)


def _order_row(order: Order) -> Row:
    formats = settings.FORMATS
    cells = (
        formats.size(order.size_bytes), f"{formats.moment(order.created_at)} {CHANNEL_WORDS[Channel(order.channel)]}",
        order.requested_by, order.actor_name, order.reason or "–", formats.money(order.price_minor), order_badge(order),
    )  # fmt: skip
    return Row(cells, links.order(order.pk))


def _grant_row(bucket: Bucket, actor: str) -> Row:
    formats = settings.FORMATS
    cells = (
        f"{formats.size(bucket.size_bytes)} {KIND_WORDS[BucketKind(bucket.kind)].lower()}",
        f"{formats.moment(bucket.granted_at)} by command", "–", actor, bucket.reason or "–", "free",
        badge("Added", Tone.NEWS, "plus"),
    )  # fmt: skip
    return Row(cells)


def granted_by_staff(service_id: int, *, limit: int) -> list[Bucket]:
    """Buckets that staff granted without an order, the newest first."""
    return list(
        Bucket.objects.filter(service_id=service_id, source="staff").order_by("-granted_at", "-pk")[:limit]
    )


# --- what the package says -----------------------------------------------------------------------------------


def terms_facts(
    service: Service, held: Standing | None, package: str, coming: str
) -> list[tuple[str, object]]:
    """Package, cycle, limits and what happens at the cap, as (term, fact)."""
    if held is None:
        return [("Package", package)]
    terms, formats = held.terms, settings.FORMATS
    facts: list[tuple[str, object]] = [
        ("Package", package),
        ("Planned", coming),
        ("Cycle", f"{formats.date(held.cycle_start)} to {formats.moment(held.cycle_end)} ({_cycle(terms)})"),
        ("Allowance", "no cap" if terms.allowance_bytes is None else formats.size(terms.allowance_bytes)),
        ("Counted", _COUNTING_WORDS[terms.counting]),
        ("Speed", f"{speed(terms.rate_down_kbps)} down, {speed(terms.rate_up_kbps)} up"),
        ("At the cap", _at_cap(terms) if terms.allowance_bytes is not None else ""),
        ("Overshoot", _OVERSHOOT_WORDS[terms.overshoot] if terms.allowance_bytes is not None else ""),
        ("Day limit", _limit(held.day_bytes, terms.day_limit_bytes)),
        ("Week limit", _limit(held.week_bytes, terms.week_limit_bytes)),
        ("Free hours", _free(held)),
        ("Spending ceiling", _ceiling(service.pk)),
        ("Automatic top-up", _auto(service.pk)),
        ("Overage consent", _consent(service) if terms.at_cap == AtCap.OVERAGE else ""),
    ]
    return [(term, fact) for term, fact in facts if fact]


def _cycle(terms: Terms) -> str:
    anchor = "by the calendar" if terms.cycle_anchor == CycleAnchor.CALENDAR else "from the line's own day"
    return f"{_CYCLE_WORDS[terms.cycle_kind]}, {anchor}"


def _at_cap(terms: Terms) -> str:
    if terms.at_cap == AtCap.THROTTLE:
        return f"throttled to {speed(terms.throttle_down_kbps)} down, {speed(terms.throttle_up_kbps)} up"
    return _AT_CAP_WORDS[terms.at_cap]


def _limit(used: int, limit: int | None) -> str:
    formats = settings.FORMATS
    return "" if limit is None else f"{formats.size(used)} of {formats.size(limit)} drawn"


def _free(held: Standing) -> str:
    if not held.terms.free_windows:
        return ""
    edge = settings.FORMATS.moment(held.free_edge) if held.free_edge else ""
    if held.is_free_now:
        return f"now, until {edge}: nothing counts" if edge else "always: nothing counts"
    return f"from {edge}"


def _ceiling(service_id: int) -> str:
    ceiling, formats = ceiling_of(service_id), settings.FORMATS
    parts = [formats.money(ceiling.minor)] if ceiling.minor is not None else []
    parts += [formats.size(ceiling.size_bytes)] if ceiling.size_bytes is not None else []
    return f"{' and '.join(parts)} a cycle" if parts else "none"


def _auto(service_id: int) -> str:
    auto = AutoTopUp.objects.select_related("offer").filter(pk=service_id, is_on=True).first()
    if auto is None:
        return ""
    what = f"{settings.FORMATS.size(auto.offer.size_bytes)} at {auto.from_percent} %, at most {auto.at_most} times a cycle"
    return f"{what}; agreed by {auto.agreed_by} on {settings.FORMATS.date(auto.agreed_at)}"


def _consent(service: Service) -> str:
    consent = service.overage_consent
    return (
        f"given by {consent['by']} by {consent['channel']}, {consent['at'][:10]}" if consent else "not given"
    )
