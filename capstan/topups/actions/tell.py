"""Messages about a line, in the name of its customer's brand."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from capstan.messaging.actions.send import Draft, send, write_failed
from capstan.messaging.models import Message
from capstan.messaging.queries import texts
from capstan.messaging.rules.words import Lane, Medium
from capstan.services.models import Service
from capstan.topups.models import ListEntry
from capstan.topups.rules.words import EntryState


class To(NamedTuple):
    """Somebody who is told something about a line."""

    service_id: int
    medium: Medium
    address: str
    language: str = "en"


def tell(
    to: To,
    template: str,
    values: Mapping[str, str],
    *,
    cause: str,
    now: datetime,
    lane: Lane = Lane.REPLY,
    two_way: bool = True,
    in_reply_to: int | None = None,
) -> Message:
    """Queue a message within the caller's transaction; told already for the same cause: nothing happens."""
    draft = _draft(to, template, values, cause)
    return send(draft._replace(lane=lane, two_way=two_way, in_reply_to=in_reply_to), now=now)


def note_untold(to: To, template: str, *, cause: str, lane: Lane, why: str, now: datetime) -> Message:
    """What should have been told and can't be written shows as a message that failed."""
    return write_failed(_draft(to, template, {}, cause)._replace(lane=lane), why, now=now)


def _draft(to: To, template: str, values: Mapping[str, str], cause: str) -> Draft:
    service = Service.objects.select_related("customer__brand").get(pk=to.service_id)
    brand = service.customer.brand
    return Draft(
        medium=to.medium, recipient=to.address, template=template,
        values={**_support(template, brand.support_phone), **values},
        language=to.language, brand_id=brand.pk, sender=brand.sms_sender, brand_name=brand.name,
        subject=f"service:{service.pk}", cause=cause, lane=Lane.REPLY,
    )  # fmt: skip


def _support(template: str, phone: str) -> dict[str, str]:
    """The call centre's number, where the text has a place for it."""
    known = {variable.name for variable in texts.template(template).variables}
    return {"support": phone} if "support" in known else {}


def to_entry(entry: ListEntry) -> To:
    return To(entry.service_id, Medium(entry.medium), entry.address, entry.language)


def line_name(service_id: int, address: str) -> str:
    """The line's username where its number is on the lists of several lines, so that one knows which; else empty."""
    lines = ListEntry.objects.filter(address=address).exclude(state=EntryState.REMOVED)
    if lines.values("service_id").distinct().count() < 2:
        return ""
    return str(Service.objects.values_list("username", flat=True).get(pk=service_id))


def language_of(service_id: int, address: str) -> str:
    """The language in which this number or address reads about the line."""
    found = ListEntry.objects.filter(service_id=service_id, address=address).order_by("-pk")
    return found.values_list("language", flat=True).first() or "en"


def plain_date(at: datetime) -> str:
    """A date in an SMS: a no-break space would double its price (it isn't in the GSM alphabet)."""
    return str(settings.FORMATS.date(at)).replace("\N{NO-BREAK SPACE}", " ")
