"""A text of messages as its editor shows it: filled in with samples, what it takes, what it costs, and what to mind."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from capstan.console.messages_shown import encoding_words
from capstan.messaging.queries.gateways import route
from capstan.messaging.queries.texts import preview
from capstan.messaging.rules.segments import Encoding, is_gsm, to_gsm
from capstan.messaging.rules.templates import Text
from capstan.messaging.rules.words import Medium
from capstan.values.refused import Refused


class Preview(NamedTuple):
    """How a text would look; `problem` says why it can't be used, and then there is nothing else."""

    title: str = ""
    text: str = ""
    takes: str = ""
    cost: str = ""
    warnings: tuple[str, ...] = ()
    problem: str = ""


def preview_of(code: str, medium: Medium, text: Text, *, now: datetime) -> Preview:
    """The text with sample values."""
    try:
        rendered = preview(code, medium, text)
    except Refused as refusal:
        return Preview(problem=str(refusal))
    taken = rendered.segments
    if taken is None:
        return Preview(rendered.title, rendered.text)
    gateway = route(medium, two_way=True, now=now) or route(medium, two_way=False, now=now)
    cost = (
        settings.FORMATS.money(gateway.cost_minor * taken.count)
        if gateway is not None and gateway.cost_minor
        else ""
    )
    takes = f"{taken.count} SMS, {taken.units} of {_room(taken.encoding, taken.count)} letters, {encoding_words(taken.encoding)}"
    return Preview(
        "", rendered.text, takes, cost, tuple(_warnings(rendered.text, taken.encoding, taken.count))
    )


def _room(encoding: Encoding, count: int) -> int:
    """What so many SMS hold; each of several gives some room away to say which part it is (TS 23.040 §9.2.3.24)."""
    alone, joined = (160, 153) if encoding == Encoding.GSM7 else (70, 67)
    return alone if count == 1 else joined * count


def _warnings(text: str, encoding: Encoding, count: int) -> Sequence[str]:
    found = []
    if encoding == Encoding.UCS2:
        strange = [sign for sign in dict.fromkeys(text) if not is_gsm(sign)]
        named = ", ".join(f"“{sign}”" for sign in strange[:8])
        plain = to_gsm(text)
        instead = f" Written as “{to_gsm(''.join(strange[:8]))}” it stays inside." if is_gsm(plain) else ""
        found.append(
            f"It leaves the GSM alphabet because of {named}: an SMS then holds 70 letters instead of 160.{instead}"
        )
    if count > 1:
        found.append(f"It takes {count} SMS, and each is paid for.")
    return found
