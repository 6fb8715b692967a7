"""A line's notification list, for the pages that show it."""

from datetime import datetime

from capstan.topups.models import ListEntry
from capstan.topups.rules.words import EntryState


def entries_of(service_id: int) -> list[ListEntry]:
    """Who is on the line's list, those to be confirmed as well, in the order in which they came on it."""
    found = ListEntry.objects.filter(service_id=service_id).exclude(state=EntryState.REMOVED)
    return list(found.order_by("added_at", "pk"))


def removed_since(service_id: int, since: datetime, *, limit: int = 20) -> list[ListEntry]:
    """Who was taken off since then, the newest first."""
    found = ListEntry.objects.filter(service_id=service_id, state=EntryState.REMOVED, removed_at__gte=since)
    return list(found.order_by("-removed_at", "-pk")[:limit])


def entry_of(service_id: int, entry_id: int) -> ListEntry | None:
    """This entry of this line, taken off or not."""
    return ListEntry.objects.filter(service_id=service_id, pk=entry_id).first()
