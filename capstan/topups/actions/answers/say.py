"""Saying something back to the number that replied."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from capstan.messaging.rules.words import InboundState
from capstan.topups.actions.answers.conversation import Conversation
from capstan.topups.actions.tell import tell, to_entry
from capstan.topups.models import Order


class Outcome(NamedTuple):
    """What was made of a reply: its reading, what staff read about it, and where it ends."""

    reading: str
    words: str
    state: InboundState
    order: Order | None = None


def say(talk: Conversation, template: str, values: Mapping[str, str], reading: str, now: datetime) -> Outcome:
    """Answer in the name of the line that is meant."""
    entry = talk.meant()[0]
    tell(
        to_entry(entry),
        template,
        values,
        cause=f"answer:{talk.inbound.pk}",
        in_reply_to=talk.inbound.pk,
        now=now,
    )
    return Outcome(reading, f"Answered ({reading}).", InboundState.ANSWERED)
