"""What a line should have at this moment, and whether its sessions have it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from capstan.network.models import SessionAccess
from capstan.network.queries.lines import compared
from capstan.network.queries.lines import lines as read_lines
from capstan.network.rules.access import Access, Line, desired_access
from capstan.network.rules.compare import Compared, LineFacts, given
from capstan.network.rules.line_state import LineState, line_state


def should_have(known: LineFacts | None, compared: Sequence[Compared], *, now: datetime) -> Access | None:
    """What the line should have: that of its newest session, since a device may be the wrong one; else of the next.

    None for a line whose metering hasn't begun.
    """
    if known is None:
        return None
    return compared[-1].access if compared else desired_access(idle(known, now))


def idle(known: LineFacts, now: datetime) -> Line:
    """The line as a login from the right device would find it."""
    terms = known.terms
    rates = (terms.rate_up_kbps, terms.rate_down_kbps, terms.throttle_up_kbps, terms.throttle_down_kbps)
    return Line(known.status, known.cap_state, False, *rates, known.in_checkout(now))


def states(service_ids: Collection[int], *, now: datetime) -> dict[int, LineState]:
    """Each line's state; a line without a cap row is unknown."""
    known = read_lines(service_ids)
    cases = compared(service_ids, now=now)
    return {one: line_state(should_have(known.get(one), cases.get(one, []), now=now)) for one in service_ids}


class LiveSession(NamedTuple):
    """A live session on a router that is acted upon, beside what it should have."""

    session_id: int
    has_right_access: bool
    confirmed_at: datetime | None  # when its router acknowledged what it has; at its login if that told it
    last_seen_at: datetime


def live(service_ids: Collection[int], *, now: datetime) -> dict[int, list[LiveSession]]:
    """The live sessions of these lines that enforcement acts upon."""
    found = compared(service_ids, now=now)
    ids = [one.session.id for cases in found.values() for one in cases]
    confirmed = dict(SessionAccess.objects.filter(pk__in=ids).values_list("session_id", "confirmed_at"))
    return {
        service_id: [_live(one, confirmed.get(one.session.id)) for one in cases if one.case is not None]
        for service_id, cases in found.items()
    }


def _live(one: Compared, confirmed_at: datetime | None) -> LiveSession:
    assert one.case is not None
    has = given(one.session)
    return LiveSession(
        one.session.id,
        has is not None and has.access_hash == one.case.access_hash,
        confirmed_at or (one.session.started_at if has else None),
        one.session.last_seen_at,
    )
