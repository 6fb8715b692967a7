"""The one search (J5): whatever the caller says – a name, a number, an address – leads to a customer or a line."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber

from capstan.caps.queries import waiting
from capstan.customers.models import Customer
from capstan.metering.queries.online import connected
from capstan.network.queries.state import states
from capstan.network.rules.line_state import LineState
from capstan.operator.search.hits import OWN_CONTACT, Hit, Rank, Stray, hits_of, open_sessions, strays_of
from capstan.operator.search.reading import Reading, read
from capstan.services.models import Service

RESULTS_SHOWN = 25
LINES_SHOWN = 4
"""Lines of one customer in the list; those that were found come on top of them."""


class FoundLine(NamedTuple):
    service_id: int
    username: str
    state: LineState
    is_connected: bool
    connection_type: str
    waits: bool  # its data isn't used up but waits for payment
    is_meant: bool  # the line itself was found, not only its customer


class Result(NamedTuple):
    """A customer with lines of his, and why he was found."""

    customer: Customer
    rank: Rank
    why: tuple[str, ...]
    lines: tuple[FoundLine, ...]
    lines_beside: int  # lines that aren't listed


class Goal(NamedTuple):
    """Where a search leads that has one answer: to a line if there is `service_id`, else to its customer."""

    account_code: str
    service_id: int | None


class Search(NamedTuple):
    """What was found. `goal` is set when there is one answer; `is_cut` when there are more than are listed."""

    reading: Reading
    results: tuple[Result, ...]
    goal: Goal | None
    is_cut: bool
    strays: tuple[Stray, ...]


class _Found(NamedTuple):
    customer: Customer
    hits: list[Hit]

    @property
    def rank(self) -> Rank:
        return min(hit.rank for hit in self.hits)

    @property
    def service_ids(self) -> set[int]:
        return {hit.service_id for hit in self.hits if hit.service_id is not None}


def search(text: str, *, now: datetime) -> Search:
    """Everybody and every line that the text may mean, the best first."""
    reading = read(text, settings.OPTIONS.country)
    by_customer: dict[int, _Found] = {}
    online = open_sessions(reading)
    for hit in hits_of(reading, online):
        by_customer.setdefault(hit.customer.pk, _Found(hit.customer, [])).hits.append(hit)
    ordered = sorted(by_customer.values(), key=lambda one: (one.rank, one.customer.name, one.customer.pk))
    shown = ordered[:RESULTS_SHOWN]
    lines, beside = _lines(shown, now)
    results = [
        Result(
            one.customer, one.rank, _why(one.hits), lines.get(one.customer.pk, ()), beside[one.customer.pk]
        )
        for one in shown
    ]
    is_cut = len(ordered) > RESULTS_SHOWN
    return Search(reading, tuple(results), _goal(ordered), is_cut, tuple(strays_of(online)))


def _goal(found: list[_Found]) -> Goal | None:
    """The one customer who fits exactly; his line, where all exact hits are that line. A name must be the only hit."""
    exact = [one for one in found if one.rank == Rank.EXACT]
    if not exact and len(found) == 1 and found[0].rank == Rank.WHOLE_NAME:
        return Goal(found[0].customer.account_code, None)
    if len(exact) != 1:
        return None
    meant = {hit.service_id for hit in exact[0].hits if hit.rank == Rank.EXACT}
    only = next(iter(meant)) if len(meant) == 1 else None
    return Goal(exact[0].customer.account_code, only)


def _why(hits: Iterable[Hit]) -> tuple[str, ...]:
    """Each reason once, the best first, and no weaker ones beside an exact one."""
    best = min(hit.rank for hit in hits)
    kept = (hit for hit in sorted(hits, key=lambda hit: hit.rank) if best > Rank.EXACT or hit.rank == best)
    why = dict.fromkeys(hit.why for hit in kept)
    if len(why) > 1:
        why.pop(OWN_CONTACT, None)
    return tuple(why)


def _lines(found: list[_Found], now: datetime) -> tuple[dict[int, tuple[FoundLine, ...]], dict[int, int]]:
    """The lines that are listed of each customer, and how many aren't."""
    meant = {one for customer in found for one in customer.service_ids}
    wanted = [one.customer.pk for one in found]
    rows = (
        Service.objects.filter(customer_id__in=wanted)
        .annotate(
            place=Window(RowNumber(), partition_by=F("customer_id"), order_by=F("id").asc()),
            number=Window(Count("*"), partition_by=F("customer_id")),
        )
        .filter(Q(place__lte=LINES_SHOWN) | Q(pk__in=meant))
        .select_related("connection_type")
        .defer("line_password", "nt_hash")
    )
    listed = sorted(rows, key=lambda row: (row.pk not in meant, row.place))
    ids = [row.pk for row in listed]
    state_of, online, waits = states(ids, now=now), connected(ids), waiting(ids, now=now)
    lines: dict[int, tuple[FoundLine, ...]] = {}
    beside = dict.fromkeys(wanted, 0)
    for row in listed:
        line = FoundLine(
            row.pk,
            row.username,
            state_of[row.pk],
            row.pk in online,
            row.connection_type.name,
            row.pk in waits,
            row.pk in meant,
        )
        lines[row.customer_id] = (*lines.get(row.customer_id, ()), line)
        beside[row.customer_id] = row.number - len(lines[row.customer_id])
    return lines, beside
