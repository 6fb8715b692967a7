"""To whom a line's login may be sent."""

from typing import NamedTuple

from capstan.customers.models import Contact
from capstan.messaging.rules.words import Medium
from capstan.services.models import Service
from capstan.topups.models import ListEntry
from capstan.topups.rules.words import EntryState
from capstan.values.phone import takes_sms


class Trusted(NamedTuple):
    """A mobile number that is known to be the customer's. `why` says how it is known."""

    number: str  # E.164
    name: str
    language: str
    why: str


def trusted_numbers(service: Service) -> list[Trusted]:
    """The confirmed numbers of the line's notification list, then those of its customer's contacts; each once."""
    confirmed = ListEntry.objects.filter(service=service, medium=Medium.SMS, state=EntryState.CONFIRMED)
    contacts = Contact.objects.filter(customer_id=service.customer_id).exclude(phone="")
    found = [
        Trusted(one.address, one.name, one.language, "notification list") for one in confirmed.order_by("pk")
    ]
    found += [
        Trusted(one.phone, one.name, one.language, f"contact, {one.role}" if one.role else "contact")
        for one in contacts.order_by("pk")
    ]
    by_number: dict[str, Trusted] = {}
    for one in found:
        if takes_sms(one.number):
            by_number.setdefault(one.number, one)
    return list(by_number.values())
