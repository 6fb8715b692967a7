"""Granting a bucket by hand, and saying what it did."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from capstan.caps.actions import cap
from capstan.caps.models import Bucket
from capstan.caps.queries import standing
from capstan.caps.rules.words import NO_EXPIRY, BucketKind, CapState
from capstan.operator.find import moment, service_named
from capstan.operator.meter import headline, until
from capstan.operator.words import Saying
from capstan.services.rules import ServiceStatus
from capstan.values.data import parse_bytes
from capstan.values.refused import Refused


class Wanted(NamedTuple):
    """A grant as it was typed."""

    username: str
    size: str
    kind: str
    expires: str | None
    reason: str


def grant(wanted: Wanted, *, reference: str = "", actor: str, say: Saying) -> str:
    """Grant the bucket; returns what it did and what happens next. Raises Refused.

    A line on hold or ended is refused: data would not open it.
    """
    service = service_named(wanted.username)
    if service.status != ServiceStatus.ACTIVE:
        raise Refused(f"{service.username} is {service.status}: data would not open it. Resume it first.")
    if not wanted.reason.strip():
        raise Refused("Say why: the reason stays with the bucket.")
    size_bytes = parse_bytes(wanted.size, say.units)
    known = reference and Bucket.objects.filter(reference=reference).exists()
    bucket = cap.grant(
        service_id=service.pk,
        kind=BucketKind(wanted.kind),
        size_bytes=size_bytes,
        expires_at=None if wanted.expires is None else expiry(wanted.expires, say.zone),
        source="staff",
        reference=reference,
        actor=actor,
        reason=wanted.reason.strip(),
        now=say.now,
    )
    if known:
        return f"Nothing was granted: {reference!r} stands for bucket {bucket.pk} already."
    now_has = standing(service.pk, now=say.now)
    opened = (
        ""
        if now_has.state == CapState.OPEN
        else f" The line is still {now_has.state}: see `capstan explain`."
    )
    return (
        f"Granted {say.size(size_bytes)} ({wanted.kind}, bucket {bucket.pk}) to {service.username},"
        f" {until(bucket.expires_at, say)}.\n{headline(now_has, say)}.{opened}"
    )


def expiry(text: str, zone: ZoneInfo) -> datetime:
    """The instant meant by a day, to its end in the provider's zone, by a date and time, or by "never". Raises Refused."""
    if text == "never":
        return NO_EXPIRY
    return moment(text, zone, to_end=True)
