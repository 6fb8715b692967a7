"""Following a line after its top-up until it is back, and proved to be (G1)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from capstan.db.claim import claim
from capstan.messaging.rules.words import Medium
from capstan.network.queries.state import LiveSession, live
from capstan.topups.actions.events import move_to, note
from capstan.topups.actions.tell import To, language_of, line_name, tell
from capstan.topups.models import ListEntry, Order
from capstan.topups.rules.follow import Followed, SessionFacts, follow, next_look
from capstan.topups.rules.words import ADDED, EntryState, OrderState, Restore

_LEASE = timedelta(seconds=30)
LATE_WORDS = "A minute after the top-up the router hasn't confirmed that the line is back."
"""Why a person has to look; whatever else an order needs one for stays with it when the line is back."""


def follow_due(*, now: datetime, limit: int) -> int:
    """Look after the orders whose time to be looked at has come; returns how many."""
    connection.ensure_connection()
    rows = claim(
        connection.connection, Order._meta.db_table, key="id", returning=["id", "service_id"], now=now, lease=_LEASE,
        limit=limit, due="follow_at", lease_column="follow_lease",
    )  # fmt: skip
    sessions = live({service_id for _, service_id in rows}, now=now)
    for order_id, service_id in rows:
        _follow(order_id, sessions.get(service_id, []), now)
    return len(rows)


@transaction.atomic
def _follow(order_id: int, sessions: list[LiveSession], now: datetime) -> None:
    order = Order.objects.select_for_update(of=("self",)).select_related("service").get(pk=order_id)
    order.follow_lease = None
    if order.state not in ADDED or order.granted_at is None:
        order.follow_at = None
        order.save(update_fields=["follow_at", "follow_lease"])
        return
    facts = [SessionFacts(one.has_right_access, one.confirmed_at, one.last_seen_at) for one in sessions]
    found = follow(Restore(order.restore), order.granted_at, order.confirmed_at, facts, now)
    order.follow_at = None if found.proved_at else next_look(order.granted_at, now)
    _take_over(order, found, now)
    order.save()


def _take_over(order: Order, found: Followed, now: datetime) -> None:
    was_late = order.restore == Restore.LATE
    order.restore = found.restore
    if found.confirmed_at is not None and order.confirmed_at is None:
        order.confirmed_at = found.confirmed_at
        order.needs_person = order.needs_person.replace(LATE_WORDS, "").strip()
        if order.state == OrderState.GRANTED:
            move_to(order, OrderState.CONFIRMED, "network", str(found.restore), now)
    if found.proved_at is not None:
        order.proved_at = found.proved_at
        move_to(order, OrderState.PROVED, "network", "", now)
    if found.restore == Restore.LATE and not was_late:
        order.needs_person = f"{order.needs_person} {LATE_WORDS}".strip()
        note(order, "topups", LATE_WORDS, now)
        _tell_not_back(order, now)


def _tell_not_back(order: Order, now: datetime) -> None:
    """The second message, which is only sent if the line did not come back (J7)."""
    listed = ListEntry.objects.filter(
        service_id=order.service_id, medium=Medium.SMS, state=EntryState.CONFIRMED, is_paused=False
    )
    told = {order.reply_to} if order.reply_to else set(listed.values_list("address", flat=True))
    for address in sorted(told):
        to = To(order.service_id, Medium.SMS, address, language_of(order.service_id, address))
        values = {
            "size": settings.FORMATS.short_size(order.size_bytes),
            "service": line_name(order.service_id, address),
        }
        tell(to, "topup.not_back", values, cause=f"notback:{order.pk}", now=now)
