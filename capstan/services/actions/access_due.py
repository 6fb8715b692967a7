"""The wake-up of enforcement."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from capstan.db.wakeup import wake
from capstan.services.rules import Urgency

_UPSERT_DUE = """
    INSERT INTO services_accessdue AS due (service_id, version, cause, raised_at, urgency, due_at, attempts)
    SELECT id, 1, %(cause)s, %(now)s, %(urgency)s, %(due_at)s, 0 FROM unnest(%(ids)s::bigint[]) AS id
    ON CONFLICT (service_id) DO UPDATE SET
        version = due.version + 1, cause = excluded.cause, raised_at = excluded.raised_at,
        urgency = least(due.urgency, excluded.urgency), due_at = least(due.due_at, excluded.due_at), attempts = 0
"""


@transaction.atomic
def raise_access_due(
    service_ids: Collection[int],
    *,
    cause: str,
    now: datetime,
    due_at: datetime | None = None,
    urgency: Urgency = Urgency.AWAITED,
) -> None:
    """Have enforcement compare these services' sessions with what they should have: at `due_at`, or at once.

    Called in the transaction of whatever changed their access; enforcement is woken when that commits.
    Raised again before it was looked at, a row keeps the earlier date and the higher urgency and gets a new version,
    so that a worker clears only what it has seen. Rows are written in id order, so that two writers can't wait for
    each other.
    """
    if service_ids:
        ids = sorted(set(service_ids))
        with connection.cursor() as cursor:
            values: dict[str, Any] = {
                "ids": ids,
                "cause": cause,
                "now": now,
                "due_at": due_at or now,
                "urgency": urgency,
            }
            cursor.execute(_UPSERT_DUE, values)
        wake("enforce")
