"""What the cap meter says in words: figures, times, and what happens next."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from capstan.caps.queries import BucketView, Standing
from capstan.caps.rules.cap import CAPPED_BELOW
from capstan.caps.rules.words import NO_EXPIRY
from capstan.catalog.rules import AtCap, OvershootPolicy, Terms
from capstan.network.rules.line_state import LineState
from capstan.operator.words import speed
from capstan.values.formats import Formats
from capstan.values.period import day_at, week_at

_OVERSHOOT_WORDS = {
    OvershootPolicy.FORGIVE: "not counted",
    OvershootPolicy.CARRY: "taken from the next top-up",
    OvershootPolicy.BILL: "on the next invoice",
}


def effective_size(bucket: BucketView) -> int:
    """What it is or was good for on this line: not what was taken back or moved away."""
    return bucket.size - bucket.voided - bucket.moved


class Saying(NamedTuple):
    """Where the service stands, and how that is said."""

    cap: Standing
    state: LineState
    now: datetime
    formats: Formats
    waits_for: str = ""  # what the allowance is held back for, where that is known

    @property
    def in_force(self) -> list[BucketView]:
        return [bucket for bucket in self.cap.buckets if bucket.in_force]

    @property
    def held_back(self) -> int:
        """What is left but may not be drawn now, because of a day or week limit."""
        return 0 if self.cap.is_uncapped else sum(one.left for one in self.in_force) - self.cap.remaining

    @property
    def is_held_back(self) -> bool:
        return self.held_back >= CAPPED_BELOW

    @property
    def is_used_up(self) -> bool:
        return not self.cap.is_uncapped and self.cap.remaining < CAPPED_BELOW

    def size(self, size_bytes: int) -> str:
        return self.formats.size(size_bytes)

    def when(self, at: datetime) -> str:
        """The date; with the time unless it is a midnight; only the time for today and the midnight that ends it."""
        today = day_at(self.formats.zone, self.now)
        if today.start < at <= today.end:
            return "midnight" if at == today.end else self.formats.time(at)
        is_midnight = at == day_at(self.formats.zone, at).start
        return self.formats.date(at) if is_midnight else self.formats.moment(at)

    def figure(self) -> str:
        if self.cap.is_uncapped:
            return self.size(self.cap.drawn + self.cap.overage)
        if self.is_used_up:  # the rest is too little to be lent out
            usual = self.of() or self.cap.terms.allowance_bytes or 0
            return f"0{self.size(usual)[-3:]}" if usual >= CAPPED_BELOW else self.size(0)
        return self.size(self.cap.remaining)

    def of(self) -> int:
        """All that is good for this line now."""
        return sum(map(effective_size, self.in_force))

    def words(self) -> str:
        if self.cap.is_uncapped:
            return f"used since {self.formats.date(self.cap.cycle_start)}, no cap"
        if not self.in_force and self.cap.waits:
            return f"left: the data waits for {self.waits_for or 'payment'}"
        if not self.in_force:
            return "left: there is no data on this line"
        of = f"of {self.size(self.of())}"
        if self.is_held_back:
            return f"left right now, {of}"
        ends = {bucket.expires_at for bucket in self.in_force if bucket.left}
        return (
            f"left {of} until {self.when(ends.pop())}"
            if len(ends) == 1 and NO_EXPIRY not in ends
            else f"left {of}"
        )


# --- what happens next -----------------------------------------------------------------------------------


def next_steps(say: Saying) -> Iterator[str]:
    cap = say.cap
    if say.state == LineState.ENDED:
        yield "The line has ended."
        return
    if say.state == LineState.SUSPENDED:
        yield "On hold: what is left waits. When the payment is in, the line comes back by itself."
    if say.state == LineState.WRONG_DEVICE:
        yield "The line is locked to another device; its data waits."
    yield from _free_hours(say)
    yield from _limits(say)
    if cap.waits:
        yield from _waits(say)
    elif not cap.is_uncapped:
        yield _at_cap(say)
    if cap.overage and not cap.is_uncapped:
        yield f"{say.size(cap.overage)} went beyond the cap, as the package allows."
    if cap.overshoot:
        words = _OVERSHOOT_WORDS[cap.terms.overshoot]
        yield f"{say.size(cap.overshoot)} passed between the cap and the cut: {words}."
    yield _turn(say)


def _waits(say: Saying) -> Iterator[str]:
    """A prepaid line whose cycle isn't paid."""
    size = say.cap.terms.allowance_bytes
    data = f"the whole {say.size(size)}" if size else "all data"
    if say.in_force:
        yield f"This cycle's data waits for {say.waits_for or 'payment'}; what was added before that works."
    yield f"When it is paid, {data} of this cycle comes at once."


def _free_hours(say: Saying) -> Iterator[str]:
    edge = say.cap.free_edge
    if say.cap.is_free_now:
        yield "Free hours: nothing counts" + (f" until {say.when(edge)}." if edge else ".")
    elif edge:
        yield f"Free hours begin {_at(say, edge)}."


def _limits(say: Saying) -> Iterator[str]:
    cap, zone = say.cap, say.formats.zone
    for name, used, limit, ends in (
        ("Today's limit", cap.day_bytes, cap.terms.day_limit_bytes, day_at(zone, say.now).end),
        ("This week's limit", cap.week_bytes, cap.terms.week_limit_bytes, week_at(zone, say.now).end),
    ):
        if limit is not None and not cap.is_uncapped:
            rest = max(0, limit - used)
            if rest < CAPPED_BELOW:
                yield f"{name} of {say.size(limit)} is used up; it starts anew {_at(say, ends)}."
            else:
                yield f"{name}: {say.size(rest)} left of {say.size(limit)} until {say.when(ends)}."


def _at(say: Saying, at: datetime) -> str:
    """With its preposition: `at midnight`, `at 06:00`, `on 1 Dec 2026`."""
    is_today = at <= day_at(say.formats.zone, say.now).end
    return f"{'at' if is_today else 'on'} {say.when(at)}"


def _at_cap(say: Saying) -> str:
    """What the cap does to the line: will do, or has done."""
    terms = say.cap.terms
    if say.state in (LineState.THROTTLED, LineState.WALLED, LineState.BLOCKED):
        done = {
            LineState.THROTTLED: f"slowed to {_speeds(terms)}",
            LineState.WALLED: "led to the top-up page",
            LineState.BLOCKED: "stopped",
        }[say.state]
        return f"The line is {done}. A top-up restores it at once."
    will = {
        AtCap.BLOCK: "the line stops until a top-up or the reset",
        AtCap.THROTTLE: f"the line is slowed to {_speeds(terms)}",
        AtCap.WALL: "only the top-up page opens",
        AtCap.OPEN: "the line stays open",
        AtCap.OVERAGE: "further data is charged if that was agreed, else the line stops",
    }[terms.at_cap]
    return f"When all is used, {will}."


def _speeds(terms: Terms) -> str:
    return f"{speed(terms.throttle_down_kbps)} down, {speed(terms.throttle_up_kbps)} up"


def _turn(say: Saying) -> str:
    """What the next cycle brings."""
    cap, when = say.cap, _at(say, say.cap.cycle_end)
    now, then = cap.terms.allowance_bytes, cap.next_terms.allowance_bytes
    if then is None:
        return (
            f"A new cycle begins {when}."
            if now is None
            else f"No cap from the new cycle, which begins {when}."
        )
    if then == now:
        return f"Resets {when} with {say.size(then)}."
    before = "no cap" if now is None else say.size(now)
    return f"Resets {when} with {say.size(then)} instead of {before}."
