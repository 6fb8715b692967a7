"""Finding a line's listed numbers and addresses and a customer's authorisers; each finds at most `limit`."""

from django.db.models import QuerySet
from django.db.models.functions import Lower, Reverse

from capstan.db.text import named
from capstan.topups.models import Authoriser, ListEntry
from capstan.topups.rules.words import EntryState


def entries_at(address: str, *, limit: int) -> list[ListEntry]:
    """Entries with this number (E.164) or e-mail address."""
    return list(_listed().filter(address=address).order_by("pk")[:limit])


def entries_by_end(digits: str, *, limit: int) -> list[ListEntry]:
    """Entries whose number ends in these digits."""
    found = _listed().alias(end=Reverse("address")).filter(end__startswith=digits[::-1])
    return list(found.order_by("pk")[:limit])


def entries_from(start: str, *, limit: int) -> list[ListEntry]:
    """Entries whose e-mail address begins so (small letters), by address."""
    found = _listed().alias(small=Lower("address")).filter(small__startswith=start)
    return list(found.order_by("small", "pk")[:limit])


def entries_named(text: str, *, limit: int) -> list[ListEntry]:
    """Entries of people with such a name: see `db.text.named`."""
    return named(_listed(), text, limit=limit)


def authorisers_at(phone: str, *, limit: int) -> list[Authoriser]:
    """Authorisers with this number (E.164)."""
    return authorisers_by_end(phone, limit=limit)


def authorisers_by_end(digits: str, *, limit: int) -> list[Authoriser]:
    """Authorisers whose number ends in these digits."""
    found = _authorising().alias(end=Reverse("phone")).filter(end__startswith=digits[::-1])
    return list(found.order_by("pk")[:limit])


def authorisers_named(text: str, *, limit: int) -> list[Authoriser]:
    """Authorisers with such a name."""
    return named(_authorising(), text, limit=limit)


def _listed() -> QuerySet[ListEntry]:
    return ListEntry.objects.exclude(state=EntryState.REMOVED).select_related("service__customer")


def _authorising() -> QuerySet[Authoriser]:
    return Authoriser.objects.filter(removed_at=None).select_related("customer")
