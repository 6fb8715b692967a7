"""Sending a line's username and password to somebody who is known to be its customer."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from capstan.audit.actions import record
from capstan.customers.models import Contact
from capstan.messaging.models import Message
from capstan.messaging.rules.words import Medium
from capstan.services.models import Service
from capstan.services.rules import LoginBy, ServiceStatus
from capstan.topups.actions.tell import To, tell
from capstan.topups.models import ListEntry
from capstan.topups.queries.logins import trusted_numbers
from capstan.topups.rules.words import EntryState
from capstan.values.refused import Refused

AGAIN_AFTER = timedelta(minutes=2)
"""Until then the same number gets no second one: the first is on its way."""

OWN_WORD_COUNTS_AFTER = timedelta(days=7)


@transaction.atomic
def send_login(*, service_id: int, number: str, actor: str, now: datetime) -> Message:
    """Send it by SMS to one of `queries.logins.trusted_numbers` (E.164). Audited; the message is kept with a mask.

    Raises Refused for any other number, for one that this very actor has vouched for of late – else whoever may not see a
    password could have it sent to himself –, for a line without a password, and for a second one within two minutes.
    """
    service = Service.objects.select_for_update(no_key=True).get(pk=service_id)
    if service.status == ServiceStatus.ENDED:
        raise Refused(f"The service {service.username} has ended.")
    if service.login_by != LoginBy.PASSWORD:
        raise Refused("This line logs in by its device's MAC address: it has no password.")
    to = next((one for one in trusted_numbers(service) if one.number == number), None)
    if to is None:
        raise Refused(
            "A login goes only to a confirmed number of the line's list or to a contact of the customer."
        )
    if _is_own_word(service, number, actor, now):
        raise Refused(
            "You put this number on the list yourself: for the next week let a colleague send the login there."
        )
    about = {"subject": f"service:{service.pk}", "template": "line.login", "recipient": number}
    if Message.objects.filter(**about, queued_at__gt=now - AGAIN_AFTER).exists():
        raise Refused("It was sent there a moment ago. Wait two minutes before you send it again.")
    login = {"username": service.username, "password": service.line_password}
    sent = tell(
        To(service.pk, Medium.SMS, number, to.language), "line.login", login, cause=f"login:{service.pk}:{now.timestamp():.0f}",
        two_way=False, now=now,
    )  # fmt: skip
    record(
        actor=actor, action="service.send_login", subject=f"service:{service.pk}", now=now,
        details={"to": number, "message": sent.pk},
    )  # fmt: skip
    return sent


def _is_own_word(service: Service, number: str, actor: str, now: datetime) -> bool:
    """Whether nobody but the actor says that this is the customer's number, and he only of late."""
    if Contact.objects.filter(customer_id=service.customer_id, phone=number).exists():
        return False
    listed = ListEntry.objects.filter(service=service, address=number, state=EntryState.CONFIRMED)
    of_late = listed.filter(confirmed_at__gt=now - OWN_WORD_COUNTS_AFTER)
    return of_late.filter(Q(added_by=actor) | Q(confirmed_by=actor)).exists()
