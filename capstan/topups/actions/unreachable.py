"""Numbers and addresses that turned out not to exist leave the lists (J1)."""

from datetime import datetime, timedelta

from capstan.messaging.queries.messages import unknown_subscribers
from capstan.topups.actions.notification_list import remove
from capstan.topups.models import ListEntry
from capstan.topups.rules.words import EntryState, RemovedBecause

_LOOK_BACK = timedelta(days=2)


def drop_unreachable(*, now: datetime) -> int:
    """Take off whoever a receipt said doesn't exist; returns how many. One that was put on the list since stays."""
    dropped = 0
    for found in unknown_subscribers(now - _LOOK_BACK):
        entries = ListEntry.objects.filter(address=found.recipient, added_at__lte=found.at)
        for entry in entries.exclude(state=EntryState.REMOVED):
            remove(entry_id=entry.pk, because=RemovedBecause.UNREACHABLE, actor="messaging", now=now)
            dropped += 1
    return dropped
