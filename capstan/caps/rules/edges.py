"""Where usage that is spread over a stretch of time has to be cut, because what it draws from changes there."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from capstan.caps.rules.cap import CapRow, Lot
from capstan.caps.rules.turn import Contract
from capstan.catalog.rules import next_edge
from capstan.values.micros import from_micros, to_micros
from capstan.values.period import day_at


def usage_edges(
    cap: CapRow,
    lots: Sequence[Lot],
    contract: Contract,
    unsealed: Sequence[tuple[datetime, datetime, int]],
    zone: ZoneInfo,
    since: int,
    until: int,
) -> list[int]:
    """Sorted microseconds inside (since, until): cycles, package changes, buckets' starts and expiries, free windows, and
    days (hence weeks) where a limit asks for them. `unsealed` are the cycles (start, end, version) that ended lately."""
    if until - since <= 1:
        return []
    first, last = from_micros(since), from_micros(until)
    found = {cap.cycle_start, *(start for start, _ in contract.changes), *(start for start, _, _ in unsealed)}
    for lot in lots:
        found.update((lot.starts_at, lot.expires_at))
    versions = {
        cap.version_id,
        *(version for _, _, version in unsealed),
        contract.version_at(cap.cycle_start, first),
    }
    for terms in (contract.terms[version] for version in versions):
        if terms.day_limit_bytes is not None or terms.week_limit_bytes is not None:
            found.update(_repeated(lambda moment: day_at(zone, moment).end, first, last))
        found.update(_repeated(partial(next_edge, terms.free_windows, zone), first, last))
    return sorted(to_micros(edge) for edge in found if first < edge < last)


def _repeated(
    following: Callable[[datetime], datetime | None], first: datetime, last: datetime
) -> list[datetime]:
    found: list[datetime] = []
    moment = following(first)
    while moment is not None and moment < last:
        found.append(moment)
        moment = following(moment)
    return found
