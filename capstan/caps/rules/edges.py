"""Where usage that is spread over a stretch of time has to be cut, because what it draws from changes there."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from capstan.caps.rules.cap import CapRow, Lot, Standpoint
from capstan.catalog.rules import next_edge
from capstan.values.micros import from_micros, to_micros
from capstan.values.period import day_at, week_at


def usage_edges(
    cap: CapRow,
    lots: Sequence[Lot],
    point: Standpoint,
    cycle_starts: Iterable[datetime],
    since: int,
    until: int,
) -> list[int]:
    """Sorted microseconds inside (since, until): cycles, buckets' starts and expiries, free windows, days and weeks."""
    if until - since <= 1:
        return []
    first, last = from_micros(since), from_micros(until)
    found = {cap.cycle_start, *cycle_starts}
    for lot in lots:
        found.update((lot.starts_at, lot.expires_at))
    if point.terms.day_limit_bytes is not None or point.terms.week_limit_bytes is not None:
        found.update((day_at(point.zone, last).start, week_at(point.zone, last).start))
    moment: datetime | None = first
    while moment is not None and moment < last:
        found.add(moment)
        moment = next_edge(point.terms.free_windows, point.zone, moment)
    return sorted(to_micros(edge) for edge in found if first < edge < last)
