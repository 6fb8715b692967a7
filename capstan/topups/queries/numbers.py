"""Whose line a number is about."""

from collections.abc import Collection
from typing import NamedTuple

from capstan.catalog.models import Brand
from capstan.customers.models import Contact
from capstan.messaging.models import Inbound
from capstan.messaging.queries.messages import answered_message
from capstan.services.models import Service
from capstan.topups.models import ListEntry
from capstan.topups.rules.words import EntryState


class Line(NamedTuple):
    """A line that a number belongs to, with what an answer about it needs."""

    service_id: int
    username: str
    customer: str
    brand: Brand
    language: str


def line_of(inbound: Inbound) -> Line | None:
    """The line of the message that it answers, else the first line whose list the number is on, else its contact's.

    None for a number that nobody knows.
    """
    answered = answered_message(inbound)
    kind, _, key = (answered.subject if answered is not None else "").partition(":")
    if kind == "service" and key.isdigit():
        service = Service.objects.select_related("customer__brand").filter(pk=int(key)).first()
        if service is not None:
            return _line(service, answered.language if answered is not None else "en")
    return lines_of([inbound.sender]).get(inbound.sender)


def lines_of(numbers: Collection[str]) -> dict[str, Line]:
    """The same for several numbers at once, whatever they answered."""
    found: dict[str, Line] = {}
    listed = ListEntry.objects.filter(address__in=numbers).exclude(state=EntryState.REMOVED)
    for entry in listed.select_related("service__customer__brand").order_by("service_id"):
        found.setdefault(entry.address, _line(entry.service, entry.language))
    unknown = [number for number in numbers if number not in found]
    contacts = Contact.objects.filter(phone__in=unknown).order_by("customer_id", "pk") if unknown else []
    languages = {contact.customer_id: contact for contact in contacts}
    lines = (
        Service.objects.filter(customer_id__in=languages).select_related("customer__brand").order_by("-pk")
    )
    by_customer = {line.customer_id: line for line in lines} if languages else {}
    for contact in contacts:
        if contact.customer_id in by_customer:
            found.setdefault(contact.phone, _line(by_customer[contact.customer_id], contact.language))
    return found


def _line(service: Service, language: str) -> Line:
    return Line(service.pk, service.username, service.customer.name, service.customer.brand, language)
