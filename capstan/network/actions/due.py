"""The wake-up rows of enforcement: claimed for a while, then cleared if nobody raised them again, or put off."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction

from capstan.db import hot
from capstan.db.claim import claim
from capstan.services.rules import Urgency

LEASE = timedelta(seconds=30)
"""Twice as long as it takes until a command is given up, and half the shortest interim interval: within one, whatever
a dead worker held is taken over (invariant I6)."""

# Whoever raises access due locks rows in id order; so do we, or the two could wait for each other.
_LOCK = "SELECT 1 FROM services_accessdue WHERE service_id = ANY(%s::bigint[]) ORDER BY service_id FOR UPDATE"

_CLEAR = """
    DELETE FROM services_accessdue t
    USING unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS d(service_id, version, raised_at)
    WHERE t.service_id = d.service_id AND t.version = d.version AND t.raised_at = d.raised_at
"""

# Raised again meanwhile: then it is due when whoever raised it said.
_PUT_OFF = """
    UPDATE services_accessdue t SET
        lease_until = NULL,
        due_at = CASE WHEN t.version = d.version THEN d.due_at ELSE t.due_at END,
        attempts = CASE WHEN t.version = d.version THEN d.attempts ELSE t.attempts END
    FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::int[]) AS d(service_id, version, due_at, attempts)
    WHERE t.service_id = d.service_id
"""


class Due(NamedTuple):
    """A claimed row, as it was when it was claimed."""

    service_id: int
    version: int
    cause: str
    raised_at: datetime
    attempts: int
    urgency: int


class Later(NamedTuple):
    due: Due
    due_at: datetime
    attempts: int


def claim_due(*, now: datetime, limit: int, at_least: Urgency = Urgency.CROWD) -> list[Due]:
    """Services whose sessions are to be looked at, held for `LEASE`: the most urgent first, of these the longest due.

    Those less urgent than `at_least` are left alone.
    """
    connection.ensure_connection()
    raw: Any = connection.connection
    rows = claim(
        raw, "services_accessdue", key="service_id", returning=Due._fields, now=now, lease=LEASE, limit=limit,
        rank="urgency", rank_max=None if at_least == Urgency.CROWD else at_least,
    )  # fmt: skip
    return [Due(*row) for row in rows]


def let_go(*, later: Sequence[Later] = (), done: Sequence[Due] = ()) -> None:
    """Have the first looked at again at their time, or earlier if they were raised again; clear those that are done.

    What is done but was raised again meanwhile is due again at once.
    """
    ids = [one.due.service_id for one in later] + [due.service_id for due in done]
    if ids:
        with transaction.atomic():
            hot.execute(_LOCK, [ids])
            if later:
                _put_off(later)
            if done and _clear(done) < len(done):
                _put_off([Later(due, due.raised_at, 0) for due in done])


def _clear(dues: Sequence[Due]) -> int:
    columns = [
        [due.service_id for due in dues], [due.version for due in dues], [due.raised_at for due in dues],
    ]  # fmt: skip
    return hot.execute(_CLEAR, columns).rowcount


def _put_off(laters: Sequence[Later]) -> None:
    columns = [
        [later.due.service_id for later in laters], [later.due.version for later in laters],
        [later.due_at for later in laters], [later.attempts for later in laters],
    ]  # fmt: skip
    hot.execute(_PUT_OFF, columns)
