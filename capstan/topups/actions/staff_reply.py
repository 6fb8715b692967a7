"""Staff answer an SMS that nobody understood, in their own words."""

from datetime import datetime, timedelta

from django.db import transaction

from capstan.audit.actions import record
from capstan.catalog.models import Brand
from capstan.messaging.actions.people import handle_inbound
from capstan.messaging.actions.send import Draft, send
from capstan.messaging.models import Inbound, Message
from capstan.messaging.rules.words import InboundState, Lane, Medium
from capstan.topups.queries.numbers import line_of
from capstan.values.refused import Refused

LENGTH_MAX = 600
"""Letters of an answer: about four SMS."""


_ON_BOTH_SCREENS = timedelta(minutes=10)


@transaction.atomic
def reply(*, inbound_id: int, text: str, key: str, actor: str, now: datetime) -> Message:
    """Answer by SMS in the name of the brand whose line the number belongs to; with that it is dealt with.

    The same `key` sends once. Raises Refused for an empty or endless answer, for one to a machine, and when a colleague
    has dealt with it a moment ago: both had it on their screens.
    """
    words = text.strip()
    if not words:
        raise Refused("Write the answer first.")
    if len(words) > LENGTH_MAX:
        raise Refused(f"The answer has {len(words)} letters; {LENGTH_MAX} are the most.")
    inbound = Inbound.objects.select_for_update().get(pk=inbound_id)
    if inbound.is_automatic:
        raise Refused(f"{inbound.sender} is a machine or a short code: nobody would read the answer.")
    if _was_just_handled(inbound, actor, now):
        raise Refused("A colleague has dealt with this SMS meanwhile: your answer was not sent.")
    line = line_of(inbound)
    brand = line.brand if line is not None else Brand.objects.order_by("pk").first()
    if brand is None:
        raise Refused("There is no brand yet in whose name one could answer.")
    message = send(
        Draft(
            medium=Medium.SMS, recipient=inbound.sender, template="staff.reply", values={"text": words},
            language=line.language if line is not None else "en", brand_id=brand.pk, sender=brand.sms_sender,
            brand_name=brand.name, subject=f"service:{line.service_id}" if line is not None else f"number:{inbound.sender}",
            cause=f"staff:{inbound.pk}:{key}", lane=Lane.REPLY, two_way=True, in_reply_to=inbound.pk,
        ),
        now=now,
    )  # fmt: skip
    record(
        actor=actor, action="sms.reply", subject=message.subject, now=now,
        details={"inbound": inbound.pk, "message": message.pk, "to": inbound.sender},
    )  # fmt: skip
    if inbound.state == InboundState.NEEDS_PERSON:
        handle_inbound(
            inbound_id=inbound.pk, note=f"answered with message {message.pk}", actor=actor, now=now
        )
    return message


def _was_just_handled(inbound: Inbound, actor: str, now: datetime) -> bool:
    if inbound.handled_by in ("", actor) or inbound.finished_at is None:
        return False
    return now - inbound.finished_at < _ON_BOTH_SCREENS
