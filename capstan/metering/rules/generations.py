"""Which session a record belongs to when a router uses an Acct-Session-Id again (RFC 2866 §5.5 asks only that it be unique
until the next reboot).

Each session occupies [start_mark, last_mark] in its router's clock. A record carries its own start (its mark less its session
time). It belongs to the session with the same start; to a new one when it began after the known one's last sign of life, by
the router's clock *and* by ours, so that a clock that was set meanwhile makes no new session; else it is a record of
the known session.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

_EXACT_SLACK = (
    5  # seconds: Event-Timestamp and Acct-Session-Time are each rounded, and taken one after the other
)
_RECEIPT_SLACK = 60  # without Event-Timestamp a mark is our receipt, late by whatever the network took


@dataclass(slots=True, eq=False)
class Generation:
    """The part of a session that tells it from another one with the same id."""

    started: int  # microseconds, our clock
    last_seen: int  # microseconds, receipt
    counted_until: int  # microseconds, our clock: when its last accepted record was made
    start_mark: int  # seconds, router's clock
    last_mark: int
    seconds: int
    bytes_up: int
    bytes_down: int


G = TypeVar("G", bound=Generation)


def pick(
    generations: Sequence[G],
    mark: int,
    seconds: int,
    wall: int,
    sent: int,
    is_start: bool,
    has_event_time: bool,
    bytes_up: int,
    bytes_down: int,
) -> G | None:
    """The generation a record belongs to, or None when it begins one that isn't known yet.

    Without Event-Timestamp a repeat that comes late looks like a later session; one that repeats the last record, as the
    Stop's do, is known by its counters.

    `wall` is when the record was made by our clock, `sent` our receipt less Acct-Delay-Time, both in seconds; the
    generations are in order of their start.
    """
    start = mark - seconds
    slack = _EXACT_SLACK if has_event_time else _RECEIPT_SLACK
    newest = generations[-1]
    if -slack <= start - newest.start_mark <= slack:
        return newest
    for known in reversed(generations):
        if -slack <= start - known.start_mark <= slack:
            return known
    for known in reversed(generations):
        if (
            start > known.last_mark + slack
            and wall - seconds > known.counted_until // 1_000_000 - _EXACT_SLACK
        ):
            repeats = (seconds, bytes_up, bytes_down) == (known.seconds, known.bytes_up, known.bytes_down)
            return known if repeats and not (has_event_time or is_start) else None
        if mark >= known.start_mark - slack or not has_event_time:
            return known
        if abs(sent - seconds - known.started // 1_000_000) <= _RECEIPT_SLACK:
            return known  # the router's clock was set back during the session
    return None
