"""The cap meter as text: what is left, a bar of the buckets in draw order, and when that changes."""

from datetime import datetime

from capstan.caps.queries import BucketView, Standing
from capstan.caps.rules.cap import CAPPED_BELOW
from capstan.caps.rules.words import NO_EXPIRY, CapState
from capstan.catalog.rules import AtCap, OvershootPolicy
from capstan.operator.layout import Page
from capstan.operator.words import Saying
from capstan.values.period import day_at, week_at

BAR_WIDTH = 40
_USED, _LEFT, _EXPIRED = "\N{FULL BLOCK}", "\N{LIGHT SHADE}", "\N{MEDIUM SHADE}"

_OVERSHOOT_WORDS = {
    OvershootPolicy.FORGIVE: "forgiven",
    OvershootPolicy.CARRY: "the next top-up pays for it",
    OvershootPolicy.BILL: "to be billed",
}

_AT_CAP_WORDS = {
    AtCap.BLOCK: "the line is blocked",
    AtCap.THROTTLE: "the line is slowed down",
    AtCap.WALL: "the line goes to the walled garden",
    AtCap.OPEN: "the line stays open",
    AtCap.OVERAGE: "further data is charged if the customer has agreed, else the line is blocked",
}


def headline(cap: Standing, say: Saying) -> str:
    """The one answer: `13.6 GB left of 20 GB until 1 Dec 2026 00:00`."""
    if cap.is_uncapped:
        used = say.size(cap.drawn + cap.overage)
        return f"{used} used, no cap; the cycle ends {say.in_full(cap.cycle_end)}"
    if cap.waits and not cap.total:
        return f"prepaid: this cycle's data waits for payment; the cycle ends {say.in_full(cap.cycle_end)}"
    held = held_back(cap)
    left = f"{say.size(cap.remaining + held)} left of {say.size(cap.total)}{_lasting(cap, say)}"
    if held < CAPPED_BELOW:
        return left
    return (
        f"{say.size(cap.remaining)} left now, {say.size(held)} more from {say.moment(cap.changes_at)}; {left}"
    )


def _lasting(cap: Standing, say: Saying) -> str:
    """Until when what is left may be used: as its buckets expire; where nothing is left, when the cycle brings more."""
    ends: dict[datetime, int] = {}
    for bucket in cap.buckets:
        if bucket.in_force and bucket.left:
            ends[bucket.expires_at] = ends.get(bucket.expires_at, 0) + bucket.left
    if not ends:
        return f" until {say.in_full(cap.cycle_end)}"
    if len(ends) == 1:
        return f" {until(next(iter(ends)), say)}"
    return ", " + ", ".join(f"{say.size(ends[at])} {until(at, say)}" for at in sorted(ends))


def held_back(cap: Standing) -> int:
    """What is left in buckets in force but may not be drawn now, because of a day or week limit."""
    return sum(bucket.left for bucket in cap.buckets if bucket.in_force) - cap.remaining


def add_meter(page: Page, cap: Standing, say: Saying) -> None:
    """The section about data: bar, buckets, limits, and what comes next."""
    if cap.total:
        page.line(f"{bar(cap.buckets)}  {cap.percent}% used")
    page.table(
        ("drawn", "bucket", "size", "used", "left", "expires", "from"),
        [_row(bucket, say) for bucket in cap.buckets],
        right=(2, 3, 4),
    )
    for name, used, limit, ends in (
        ("Today", cap.day_bytes, cap.terms.day_limit_bytes, day_at(say.zone, say.now).end),
        ("This week", cap.week_bytes, cap.terms.week_limit_bytes, week_at(say.zone, say.now).end),
    ):
        if limit is not None:
            rest = say.size(max(0, limit - used))
            page.pair(
                name, f"{say.size(used)} of {say.size(limit)} drawn, {rest} left until {say.in_full(ends)}"
            )
    if cap.overage:
        page.pair("Beyond", f"{say.size(cap.overage)} this cycle, as the package allows")
    if cap.overshoot:
        policy = _OVERSHOOT_WORDS[cap.terms.overshoot]
        page.pair("Overshoot", f"{say.size(cap.overshoot)} between the cap and the cut: {policy}")
    if cap.terms.free_windows:
        page.pair("Free hours", _free(cap, say))
    if cap.waits:
        page.pair("Allowance", "waits for payment: prepaid, and this cycle isn't paid")
    page.pair("Next", _next(cap, say))


def until(expires_at: datetime, say: Saying) -> str:
    """How long a bucket lasts."""
    return "without expiry" if expires_at == NO_EXPIRY else f"until {say.in_full(expires_at)}"


def bar(buckets: tuple[BucketView, ...]) -> str:
    """A bar of the buckets in the order they are drawn:

    used, left, expired or taken back; never empty for a used byte.
    """
    total = sum(bucket.size for bucket in buckets)
    if not total:
        return ""
    parts = []
    for bucket in buckets:
        gone = bucket.size - bucket.drawn - bucket.left
        for amount, sign in ((bucket.drawn, _USED), (bucket.left, _LEFT), (gone, _EXPIRED)):
            width = round(amount * BAR_WIDTH / total)
            parts.append(sign * (max(width, 1) if amount else 0))
    return "[" + "|".join("".join(parts[at : at + 3]) for at in range(0, len(parts), 3)) + "]"


def _row(bucket: BucketView, say: Saying) -> tuple[str, ...]:
    if bucket.is_sink:
        when = "now"
    elif bucket.starts_at > say.now:
        when = f"from {say.moment(bucket.starts_at)}"
    else:
        when = "" if bucket.in_force else "ended"
    origin = bucket.source if not bucket.reason else f"{bucket.actor}: {bucket.reason}"
    return (
        when,
        f"{bucket.kind} #{bucket.id}",
        say.size(bucket.size),
        say.size(bucket.drawn),
        say.size(bucket.left),
        "no expiry" if bucket.expires_at == NO_EXPIRY else say.in_full(bucket.expires_at),
        origin,
    )


def _free(cap: Standing, say: Saying) -> str:
    edge = cap.free_edge
    if cap.is_free_now:
        return "now: nothing counts" + (f" until {say.moment(edge)}" if edge else "")
    return f"from {say.moment(edge)}" if edge else "never"


def _next(cap: Standing, say: Saying) -> str:
    turn = f"on {say.in_full(cap.cycle_end)} ({say.ago(cap.cycle_end)}) a new cycle begins"
    if following := cap.next_terms.allowance_bytes:
        turn += f" with {say.size(following)}"
    if cap.state == CapState.OPEN and cap.terms.allowance_bytes is not None:
        return f"{turn}; at the cap {_AT_CAP_WORDS[cap.terms.at_cap]}"
    if cap.state == CapState.OPEN:
        return turn
    if (held := held_back(cap)) >= CAPPED_BELOW:
        return f"the day or week limit holds {say.size(held)} back until {say.moment(cap.changes_at)}; {turn}"
    return f"a top-up restores the line at once; {turn}"
