"""The sweep that makes enforcement forgetful-proof: every live session is compared within one interim interval.

Wake-ups say that something changed; the sweep needs none. It goes through all services in the order of their ids, a batch at
a time, and raises a wake-up for those whose sessions differ from what they should have, so that whatever was lost on the
way – a wake-up, an answer, a worker – heals by the same step as everything else (invariant I6).
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction

from capstan.network.actions import commands
from capstan.network.queries import lines
from capstan.network.rules.enforcement import Step, next_step
from capstan.services.actions.access_due import raise_access_due
from capstan.services.rules import Urgency

CAUSE = "found different by the sweep"

# Beyond every retry and every turn at a router's pace; what is due later is planned, and heals nothing until then.
_SOON = timedelta(hours=1)

_NEXT = """
    SELECT c.service_id FROM caps_cap c
    WHERE c.service_id > %s AND NOT EXISTS (
        SELECT FROM services_accessdue d WHERE d.service_id = c.service_id AND d.due_at <= %s
    )
    ORDER BY c.service_id LIMIT %s
"""


class Swept(NamedTuple):
    last_id: int  # where the next batch begins; 0: it begins anew
    looked_at: int
    raised: int


def sweep(*, after_id: int, limit: int, now: datetime) -> Swept:
    """Compare the next `limit` services after this id; those that are about to be looked at anyway are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [after_id, now + _SOON, limit])
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return Swept(0, 0, 0)
    found = lines.compared(ids, now=now)
    different = [
        service_id
        for service_id, mine in found.items()
        if any(one.case is not None and next_step(one.case, now) != Step.NONE for one in mine)
    ]
    with transaction.atomic():
        # Lines that have logged in again after we disconnected them: that login is their confirmation.
        commands.confirm_logins(
            [one for mine in found.values() for one in mine if one.session.prior_hash is not None]
        )
        raise_access_due(different, cause=CAUSE, now=now, urgency=Urgency.CROWD)
    return Swept(ids[-1] if len(ids) == limit else 0, len(ids), len(different))


def batch_size(services: int, *, interval_seconds: int, every_seconds: float) -> int:
    """How many services a batch has to hold so that all are compared within the interval."""
    return max(200, -(-int(services * every_seconds) // max(interval_seconds, 1)))
