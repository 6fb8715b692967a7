"""Lists of orders for staff, and how long lines took to come back (G1)."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet

from capstan.identity.rules import Actor
from capstan.topups.models import Order
from capstan.topups.queries.orders import visible_to
from capstan.topups.rules.words import Channel, OrderState


class Wanted(NamedTuple):
    """What a list is narrowed to; None: all."""

    before: int | None = None  # orders older than this one
    states: frozenset[OrderState] | None = None
    channel: Channel | None = None
    day: date | None = None  # in the provider's zone


def listed(actor: Actor, wanted: Wanted, zone: ZoneInfo) -> QuerySet[Order]:
    """The orders that this login may see and that are wanted, newest first."""
    found = visible_to(actor)
    if wanted.states is not None:
        found = found.filter(state__in=wanted.states)
    if wanted.channel is not None:
        found = found.filter(channel=wanted.channel)
    if wanted.day is not None:
        start = datetime.combine(wanted.day, time(), zone)
        end = datetime.combine(wanted.day + timedelta(days=1), time(), zone)
        found = found.filter(created_at__gte=start, created_at__lt=end)
    if wanted.before is not None:
        found = found.filter(pk__lt=wanted.before)
    return found.order_by("-pk")


class ProofDay(NamedTuple):
    """How the lines came back that data of one day had to restore. Seconds since the data was added."""

    day: date
    added: int  # top-ups that had a line to bring back
    confirmed: int
    proved: int
    confirmed_half: float | None  # half of the confirmed ones took no longer
    confirmed_most: float | None  # nine of ten took no longer
    proved_half: float | None
    proved_most: float | None


# Lines that were open all along had nothing to bring back; where nobody was logged in it waited for the customer.
_PROOF_DAYS = """
    SELECT (granted_at AT TIME ZONE %(zone)s)::date AS day,
           count(*), count(confirmed_at), count(proved_at),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM confirmed_at - granted_at)::float8),
           percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM confirmed_at - granted_at)::float8),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM proved_at - granted_at)::float8),
           percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM proved_at - granted_at)::float8)
    FROM topups_order
    WHERE created_at >= %(since)s AND granted_at >= %(since)s
      AND restore IN ('pending', 'late', 'done')
    GROUP BY 1 ORDER BY 1
"""


def proof_days(*, since: datetime, zone: ZoneInfo) -> list[ProofDay]:
    """Each local day since then on which data was added to a line that had to be brought back, in order."""
    with connection.cursor() as cursor:
        cursor.execute(_PROOF_DAYS, {"zone": zone.key, "since": since})
        return [ProofDay(*row) for row in cursor.fetchall()]
